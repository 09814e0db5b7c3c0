//! The end of a rollout that cannot succeed, before ECS ends it.

use super::{AwsError, Conclusion, Events, Kind, Observation, Observe, Status, Target, Watch, may_pass, short};
use crate::config;
use crate::deploy::hopeless::{Signs, hopeless};

/// How often ECS may say that the rollout has ended meanwhile, without its showing that.
const CONFLICTS: u32 = 3;

pub(super) struct FailFast<'a> {
    target: &'a Target,
    events: &'a Events,
    /// Nothing is to be stopped, or it cannot be.
    over: bool,
    conflicts: u32,
    /// Something did before this rollout.
    came_up: bool,
    /// How many tasks and messages have been judged, and what came of it.
    judged: (usize, usize),
    verdict: Option<String>,
    /// Why ECS was asked to roll back.
    cause: Option<String>,
}

impl<'a> FailFast<'a> {
    pub(super) fn new(target: &'a Target, events: &'a Events) -> Self {
        let off = target.rollout.fail_fast == config::FailFast::Off || target.only_scaled;
        Self { target, events, over: off, conflicts: 0, came_up: false, judged: (0, 0), verdict: None, cause: None }
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.cause.is_some()
    }

    /// Stops the rollout with a rollback as soon as a look shows that it cannot succeed. Where there is nothing to go back
    /// to it is left, and the watch ends with the outcome that is returned.
    pub(super) fn act<O: Observe>(
        &mut self,
        observe: &mut O,
        arn: Option<&str>,
        seen: &Observation,
        watch: &Watch<'_>,
    ) -> Option<Conclusion> {
        if self.over || !goes_forward(seen) {
            return None;
        }
        let cause = self.judge(watch)?;
        let revision = short(&self.target.revision);
        if !self.way_back(observe)? {
            return Some(Conclusion::RollbackFailed { reason: format!("{cause}; {NOTHING_BEFORE}") });
        } else if let Some(arn) = arn {
            self.stop(observe, arn, cause);
        } else if seen.unlisted {
            let why = "it cannot be stopped, because its service deployment cannot be looked at";
            self.give_up(&format!("the rollout of {revision} cannot succeed: {cause}; {why}"));
        }
        None
    }

    /// Whether a revision came up before this one; none where the next look is to ask again. Among the deployments of a service are
    /// those alone that still have tasks, and what came up before may have none left.
    fn way_back<O: Observe>(&mut self, observe: &mut O) -> Option<bool> {
        if !self.target.way_back && !self.came_up {
            match observe.listed(0) {
                Ok(listed) => self.came_up = listed.iter().any(|it| it.status == Status::Successful),
                Err(error) if may_pass(&error) => return None,
                Err(_) => {}
            }
        }
        Some(self.target.way_back || self.came_up)
    }

    /// Why it cannot succeed. A rollout that goes on for a day has many tasks and messages, which do not change any more.
    fn judge(&mut self, watch: &Watch<'_>) -> Option<String> {
        let signs = Signs {
            tasks: &watch.stopped,
            messages: &watch.told.texts,
            document: &self.target.document,
            pinned: &self.target.pinned,
            exits: self.target.rollout.exits.0,
        };
        let known = (signs.tasks.len(), signs.messages.len());
        if self.verdict.is_none() && self.judged != known {
            self.verdict = hopeless(&signs, self.judged);
            self.judged = known;
        }
        self.verdict.clone()
    }

    fn stop<O: Observe>(&mut self, observe: &mut O, arn: &str, cause: String) {
        let revision = short(&self.target.revision);
        match observe.roll_back(arn) {
            Ok(()) => {
                let note = format!("the rollout of {revision} and rolling back, for it cannot succeed: {cause}");
                self.events.note("Stopping", note);
                self.over = true;
                self.cause = Some(cause);
            }
            // It ended meanwhile, which the next look shows.
            Err(error) if error.code == "ConflictException" && self.conflicts < CONFLICTS => self.conflicts += 1,
            Err(error) if may_pass(&error) => {
                self.events.warn(format!("could not stop the rollout, which cannot succeed; trying again: {error}"));
            }
            Err(error) => self.give_up(&left(revision, &cause, &error)),
        }
    }

    fn give_up(&mut self, warning: &str) {
        self.over = true;
        self.events.warn(warning);
    }

    /// The end of a rollout that was stopped, with the cause instead of ECS's word for that it was asked to.
    pub(super) fn because(&self, outcome: Conclusion) -> Conclusion {
        match (&self.cause, outcome) {
            (Some(cause), Conclusion::RolledBack { .. }) => {
                Conclusion::RolledBack { reason: format!("{cause}; it was stopped at once") }
            }
            (Some(cause), Conclusion::RollbackFailed { reason }) => {
                Conclusion::RollbackFailed { reason: format!("{cause}; {reason}") }
            }
            (_, outcome) => outcome,
        }
    }
}

const NOTHING_BEFORE: &str = "no revision has completed before it, so there is nothing to go back to, and ECS goes on \
                              trying: put it right and deploy again";

fn left(revision: &str, cause: &str, error: &AwsError) -> String {
    let why = if error.kind == Kind::Denied { "this identity may not stop it" } else { "it could not be stopped" };
    format!("the rollout of {revision} cannot succeed: {cause}; {why}, so it goes on until ECS ends it: {error}")
}

/// Neither ended, nor on its way back, nor displaced by another.
fn goes_forward(seen: &Observation) -> bool {
    let ours = seen.service.primary().is_some_and(|primary| primary.id == seen.deployment);
    let status = seen.rollout.as_ref().map(|rollout| &rollout.status);
    ours && seen.newer.is_none() && matches!(status, None | Some(Status::Pending | Status::InProgress))
}
