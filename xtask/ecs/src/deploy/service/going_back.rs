//! A service that was deployed well, and goes back because another one failed.

use std::time::Duration;

use super::super::back::{Lost, found_whole, good_before};
use super::super::history::remembered;
use super::super::outcome::{Conclusion, serving};
use super::super::plan::Plan;
use super::super::report::Became;
use super::super::rollout::{self, Target};
use super::{Stage, Until};
use crate::aws::ecs::{Update, short};
use crate::config::{FailFast, Rollout};
use crate::event::{Outcome, ServiceAction, Step};
use crate::failure::{Ending, Failure, Result};

/// How many of those that were well are looked at, from the newest.
const MOST: usize = 5;

impl Stage<'_> {
    /// Takes the service back to what it was before this deploy, because another one failed.
    pub(in crate::deploy) fn go_back(&mut self, why: &str) -> Result<()> {
        let Plan { service, live, settings, creates, .. } = self.plan;
        let name = self.name().to_owned();
        let stays = |why: String| {
            self.shared.events.note("Staying", format!("{name}, {why}"));
            Ok(())
        };
        if creates.is_some() {
            return stays("which this deploy created: there is nothing to go back to".to_owned());
        }
        let only_scaled = matches!(self.plan.service_action(), ServiceAction::Scale | ServiceAction::Settings);
        // What it was on may never have come up: a rollout that still went on, or that was stopped.
        let before = if only_scaled { Some(live.task_definition.as_str()) } else { live.last_good() };
        let Some(before) = before.map(str::to_owned).or_else(|| self.was_good()) else {
            let before = short(&live.task_definition);
            return stays(format!(
                "for {before}, which it was on before, had not come up: there is nothing good to go back to"
            ));
        };
        self.shared.events.note("Returning", format!("{name} to {}, for {why}", short(&before)));
        let target = self.step(Step::Update, || {
            let update = Update {
                cluster: service.cluster.clone(),
                service: service.service.clone(),
                task_definition: before.clone(),
                desired_count: service.desired_count.map(|_| live.desired),
                force_new_deployment: false,
                members: settings.before.clone(),
            };
            let after = self.shared.looks.ecs.update_service(&update, live)?;
            let target = self.target(&after, &before, self.report.revision.as_deref().unwrap_or(&before))?;
            let rollout = Rollout { fail_fast: FailFast::Off, ..target.rollout };
            Ok(Target { only_scaled, until: Until::Done, rollout, ..target })
        })?;
        let mut live = self.live().returning();
        let end = self.follow(&mut live, &target)?;
        let now = serving(&end.seen.service);
        if matches!(end.ended, rollout::Ended::With(Conclusion::Deployed)) {
            let reason = why.to_owned();
            self.tell_end(&Conclusion::RolledBack { reason }, &before, end.seen.elapsed.as_secs_f64());
            return Ok(());
        }
        let (outcome, failure) = not_back(&end.ended, (&name, short(&before)), &now, target.rollout.deadline);
        self.report.outcome = Became::Ended(outcome);
        Err(failure)
    }

    /// What had come up before, as ECS remembers it, and can still run: a deployment without tasks is not shown any more.
    fn was_good(&self) -> Option<String> {
        self.found_good().unwrap_or_else(|failure| {
            let name = self.name();
            self.shared.events.warn(format!("what service {name} was well on before is not known: {failure}"));
            None
        })
    }

    fn found_good(&self) -> Result<Option<String>> {
        let (looks, service) = (&self.shared.looks, &self.plan.service);
        let entries = remembered(looks.ecs, service)?;
        let now = self.report.revision.as_deref().unwrap_or_default();
        for entry in good_before(&entries, now).into_iter().take(MOST) {
            match found_whole(looks.ecs, looks.ecr, self.shared.config, service, entry)? {
                Ok(_) => return Ok(Some(entry.task_definition.clone())),
                Err(Lost { why, .. }) => {
                    let (name, revision) = (self.name(), &entry.revision);
                    self.shared.events.warn(format!("service {name} cannot go back to {revision}: {why}"));
                }
            }
        }
        Ok(None)
    }
}

/// Of a service that is not back on a revision, or not yet.
fn not_back(ended: &rollout::Ended, (name, back): (&str, &str), now: &str, deadline: Duration) -> (Outcome, Failure) {
    if let rollout::Ended::With(Conclusion::TimedOut { waiting_for }) = ended {
        let message = format_args!(
            "service {name} was not back on {back} within {} s, still waiting for {waiting_for}; that goes on in ECS, and {now}",
            deadline.as_secs()
        );
        return (Outcome::TimedOut, Failure::new(Ending::TimedOut, message));
    }
    let message = format_args!("service {name} did not get back to {back}; {now}");
    (Outcome::RollbackFailed, Failure::new(Ending::RollbackFailed, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_that_takes_longer_than_its_deadline_goes_on_and_has_not_failed() {
        let ended = |conclusion| {
            let ended = rollout::Ended::With(conclusion);
            not_back(&ended, ("app", "app:4"), "app:4 (2 tasks) serves now", Duration::from_secs(60))
        };
        let (outcome, failure) = ended(Conclusion::TimedOut { waiting_for: "ECS to call it complete".into() });
        assert_eq!((outcome, failure.exit_code()), (Outcome::TimedOut, 7));
        assert_eq!(
            failure.to_string(),
            "service app was not back on app:4 within 60 s, still waiting for ECS to call it complete; that goes on in ECS, \
             and app:4 (2 tasks) serves now"
        );
        let (outcome, failure) = ended(Conclusion::RollbackFailed { reason: "no".into() });
        assert_eq!((outcome, failure.exit_code()), (Outcome::RollbackFailed, 5));
    }
}
