//! A rollout, followed from UpdateService to its end. Looks, tells what changed, and leaves every decision to
//! [`outcome`].

mod at_pause;
mod fail_fast;
mod line;
mod live;
mod looks;
mod sight;
mod usual;

use std::time::Duration;

use serde_json::Value;

use at_pause::AtPause;
use fail_fast::FailFast;
pub(super) use live::Live;
pub(super) use looks::Looks;
use sight::Sight;

use super::cadence::{self, Pace};
use super::outcome::{Conclusion, Decision, Newer, Observation, outcome};
use super::pause::{Answer, Pause};
use super::post_mortem::exit;
use super::until::Until;
use crate::aws::ecs::{Deployment, ListedDeployment, Service, ServiceDeployment, ServiceRevision, Status, Task, short};
use crate::aws::{AwsError, Kind};
use crate::cause::Pinned as OurImage;
use crate::config::{self, OnInterrupt, Rollout};
use crate::digest::Digest;
use crate::event::{Event, Events, Progress, Usual};
use crate::gather::Gather;
use crate::reference::Pinned;
use crate::sorted::SortedSet;
use crate::text::quantity;
use crate::time::chance;

/// Looks in a row that may fail because AWS cannot be reached, before the watch is given up.
const BLIND: u32 = 10;
/// Stopped tasks are looked for at each change, and otherwise every so many looks.
const TASKS_EVERY: u32 = 5;
/// How long a rollout without news may look as if nobody watched it.
const SILENCE: Duration = Duration::from_secs(60);

/// What following a rollout asks of ECS, and of time.
pub(super) trait Observe {
    fn service(&mut self) -> Result<Service, AwsError>;
    /// The service deployments created at this time or later, the newest first.
    fn listed(&mut self, after: i64) -> Result<Vec<ListedDeployment>, AwsError>;
    fn service_deployment(&mut self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError>;
    fn revisions(&mut self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError>;
    /// The service's tasks that run, or those that stopped, without the ones known already.
    fn tasks(&mut self, stopped: bool, known: &SortedSet<String>) -> Result<Vec<Task>, AwsError>;
    /// The images that an index in ECR names; none where the digest is that of one image.
    fn children(&mut self, pinned: &Pinned) -> Result<Vec<Digest>, AwsError>;
    /// Who registered a revision.
    fn registered_by(&mut self, revision: &str) -> Result<String, AwsError>;
    /// What rollouts of the service usually take, in seconds, once that is known.
    fn usual(&mut self) -> Option<f64> {
        None
    }
    fn roll_back(&mut self, arn: &str) -> Result<(), AwsError>;
    /// What this repository's own check decides; none where it has none for this stage.
    fn check(&mut self, _: &Pause) -> Option<Answer> {
        None
    }
    /// Answers a hook that waits: the rollout goes on, or is rolled back.
    fn answer(&mut self, arn: &str, hook: &str, go_on: bool) -> Result<(), AwsError>;
    /// Since UpdateService was answered.
    fn elapsed(&self) -> Duration;
    /// Waits. Once `deaf`, it is never interrupted again.
    fn pause(&mut self, pause: Duration, deaf: bool) -> Woken;
}

/// How a pause ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Its time was over.
    No,
    /// Somebody wants the command to end.
    Interrupted,
    /// Another service of this deploy failed, so all are to go back; the text says which.
    Recalled(String),
}

/// The rollout to follow.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The service's name in the configuration, for events.
    pub service: String,
    /// The ARN of the revision that is rolled out.
    pub revision: String,
    /// The ARN of the revision that the service was on before.
    pub previous: String,
    /// The service as UpdateService answered it.
    pub start: Service,
    /// The id of its entry in `deployments`.
    pub deployment: String,
    /// When that entry was created.
    pub since: i64,
    pub only_scaled: bool,
    /// Another run began it, earlier.
    pub joined: bool,
    /// Whether there is a revision that completed, to go back to.
    pub way_back: bool,
    pub rollout: Rollout,
    pub until: Until,
    /// The document that is rolled out.
    pub document: Value,
    /// Containers of the document whose image is one of ours.
    pub pinned: Vec<OurImage>,
}

/// The end of the watch.
#[derive(Debug)]
pub(super) struct End {
    pub ended: Ended,
    /// The last look.
    pub seen: Observation,
    /// The tasks of this rollout that stopped.
    pub stopped: Vec<Task>,
    /// ECS's words since the rollout began, the newest first.
    pub messages: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    With(Conclusion),
    /// Rolled back because of another service.
    Recalled {
        why: String,
    },
    /// Interrupted; `asked` where ECS was asked to roll back, and then how that ended.
    Interrupted {
        asked: Option<Conclusion>,
    },
}

/// Follows the rollout to its end. An error means that sight of it was lost; it goes on in ECS.
pub(super) fn follow<O: Observe>(observe: &mut O, target: &Target, events: &Events) -> Result<End, AwsError> {
    let mut sight = Sight::new(target, events);
    let mut watch = Watch { target, events, told: Told::default(), pace: Pace::default(), stopped: Vec::new() };
    let mut fail_fast = FailFast::new(target, events);
    let mut at_pause = AtPause::new(target, events);
    let mut seen = sight.observation(observe, target.start.clone(), None);
    let (mut blind, mut asked) = (0, Woken::No);
    loop {
        let mut pause = target.rollout.poll * 2;
        match sight.look(observe) {
            Ok(found) => {
                (seen, blind) = (found, 0);
                let decision = outcome(&seen);
                watch.tell(observe, &seen, matches!(decision, Decision::Ended(_)));
                match decision {
                    Decision::Ended(outcome) => {
                        let outcome = at_pause.because(fail_fast.because(outcome));
                        return Ok(watch.end(asked.end(outcome), seen));
                    }
                    Decision::Watch(waiting_for) => watch.tell_wait(&seen, &waiting_for),
                }
                let arn = sight.arn.as_deref().filter(|_| asked == Woken::No);
                if let Some(outcome) = fail_fast.act(observe, arn, &seen, &watch) {
                    return Ok(watch.end(Ended::With(outcome), seen));
                }
                if asked == Woken::No && !fail_fast.has_stopped() {
                    at_pause.act(observe, &seen);
                }
                pause = cadence::pause(target.rollout.poll, watch.pace, chance());
            }
            Err(error) if may_pass(&error) && blind < BLIND && observe.elapsed() < target.rollout.deadline => {
                blind += 1;
                let service = &target.service;
                events
                    .warn(format!("could not look at the rollout of {service}, which goes on; looking again: {error}"));
            }
            Err(error) => return Err(error),
        }
        let woken = observe.pause(pause, asked != Woken::No);
        match &woken {
            Woken::No => continue,
            // It goes back already.
            Woken::Recalled(_) if fail_fast.has_stopped() => {}
            Woken::Recalled(why) => {
                let noted = format!("{} and rolling back, for {why}", target.service);
                ask_for_rollback(observe, &sight, events, noted);
            }
            Woken::Interrupted => {
                let noted =
                    format!("the rollout of {} and rolling back; interrupt again to leave", short(&seen.revision));
                let rolls_back = target.rollout.on_interrupt == OnInterrupt::Rollback && !fail_fast.has_stopped();
                if !rolls_back || !ask_for_rollback(observe, &sight, events, noted) {
                    return Ok(watch.end(Ended::Interrupted { asked: None }, seen));
                }
            }
        }
        asked = woken;
    }
}

impl Woken {
    /// The end of a rollout that was to go back for this.
    fn end(self, outcome: Conclusion) -> Ended {
        match (self, outcome) {
            (Self::Interrupted, outcome) => Ended::Interrupted { asked: Some(outcome) },
            (Self::Recalled(why), Conclusion::RolledBack { .. }) => Ended::Recalled { why },
            (_, outcome) => Ended::With(outcome),
        }
    }
}

/// Whether it is worth looking again.
fn may_pass(error: &AwsError) -> bool {
    matches!(error.kind, Kind::Unreachable | Kind::Throttled | Kind::Unavailable)
}

/// Asks ECS to stop the rollout and go back; whether there is something to follow then.
fn ask_for_rollback<O: Observe>(observe: &mut O, sight: &Sight<'_>, events: &Events, noted: String) -> bool {
    let Some(arn) = &sight.arn else {
        events.warn("the rollout cannot be rolled back, because its service deployment is not listed; it goes on");
        return false;
    };
    if let Err(error) = observe.roll_back(arn) {
        events.warn(format!("the rollout could not be rolled back: {error}"));
        return false;
    }
    events.note("Stopping", noted);
    true
}

/// What has been told of a rollout so far.
#[derive(Default)]
struct Told {
    progress: Option<Progress>,
    usual: Option<Usual>,
    messages: SortedSet<String>,
    texts: Vec<String>,
    tasks: SortedSet<String>,
    tasks_denied: bool,
    flapping: bool,
    /// When something was told last, counted from UpdateService.
    at: Duration,
}

struct Watch<'a> {
    target: &'a Target,
    events: &'a Events,
    told: Told,
    pace: Pace,
    stopped: Vec<Task>,
}

impl Watch<'_> {
    /// Emits what is new in this look.
    fn tell<O: Observe>(&mut self, observe: &mut O, seen: &Observation, last: bool) {
        let service = &self.target.service;
        let mut changed = false;
        for message in seen.service.messages.iter().rev().filter(|message| message.at >= self.target.since) {
            if self.told.messages.insert(message.id.clone()) {
                changed = true;
                self.told.texts.push(message.text.clone());
                self.events.emit(Event::ServiceMessage { service: service.clone(), message: message.text.clone() });
            }
        }
        let progress = progress(seen);
        let news = self.told.progress.as_ref() != Some(&progress);
        changed |= news;
        let usual = if last { None } else { usual::of(observe, self.target, seen) };
        if news || usual != self.told.usual {
            let (service, progress) = (service.clone(), Progress { usual: usual.clone(), ..progress.clone() });
            self.events.emit(Event::RolloutProgress { service, progress });
        }
        self.told.usual = usual;
        self.tell_flapping(&progress);
        self.pace = Pace {
            unchanged: if changed { 0 } else { self.pace.unchanged + 1 },
            all_started: progress.running + progress.pending >= progress.desired,
            all_running: progress.running >= progress.desired && progress.pending == 0,
        };
        self.told.progress = Some(progress);
        // A task that failed may be replaced between two looks, and then no number shows it.
        let starts = !self.pace.all_running && self.target.rollout.fail_fast == config::FailFast::Decisive;
        let due = changed || last || starts || self.pace.unchanged.is_multiple_of(TASKS_EVERY);
        if !self.target.only_scaled && due {
            self.tell_stopped(observe, seen, last);
        }
    }

    /// A breaker whose count goes back because one task was healthy for a while never trips on tasks that flap.
    fn tell_flapping(&mut self, progress: &Progress) {
        let count = |progress: &Progress| progress.breaker.as_ref().map_or(0, |breaker| breaker.count);
        let before = self.told.progress.as_ref().map_or(0, count);
        let resets = progress.breaker.as_ref().is_some_and(|breaker| breaker.resets && breaker.count < before);
        if resets && progress.status == Status::InProgress.name() && !std::mem::replace(&mut self.told.flapping, true) {
            self.events.warn(format!(
                "the circuit breaker of service {} counts from 0 again after {before} failed tasks, because one got healthy: \
                 tasks that fail later never trip it, unless `resetOnHealthyTask` is false",
                self.target.service
            ));
        }
    }

    /// After a minute without news, what is waited for; and again after each further one.
    fn tell_wait(&mut self, seen: &Observation, waiting_for: &str) {
        if self.pace.unchanged == 0 {
            self.told.at = seen.elapsed;
        }
        if seen.elapsed.saturating_sub(self.told.at) >= SILENCE {
            self.told.at = seen.elapsed;
            let (service, so_far) = (&self.target.service, quantity::duration(seen.elapsed.as_secs_f64()));
            let usually = self.told.usual.as_ref().map(|usual| quantity::duration(usual.seconds));
            let usually = usually.map_or(String::new(), |it| format!(", usually {it}"));
            self.events.note("Waiting", format!("{service}: for {waiting_for}; {so_far} so far{usually}"));
        }
    }

    /// The tasks of this rollout, and of its rollback.
    fn tell_stopped<O: Observe>(&mut self, observe: &mut O, seen: &Observation, last: bool) {
        if self.told.tasks_denied {
            return;
        }
        let tasks = match observe.tasks(true, &self.told.tasks) {
            Ok(tasks) => tasks,
            Err(error) => {
                self.told.tasks_denied = !may_pass(&error);
                self.events.warn(format!("stopped tasks cannot be looked at: {error}"));
                return;
            }
        };
        for task in tasks.into_iter().filter(|task| last || task.tells_its_end()) {
            self.told.tasks.insert(task.arn.clone());
            let primary = seen.service.primary().filter(|_| goes_back(seen));
            let of_rollback = primary.is_some_and(|it| task.is_of(&it.id, &it.task_definition));
            let ours = task.is_of(&self.target.deployment, &self.target.revision);
            let earlier = task.started_by != self.target.deployment && task.created_at < self.target.since;
            if earlier || !(ours || of_rollback) {
                continue;
            }
            self.events.emit(Event::TaskStopped {
                service: self.target.service.clone(),
                task: task.id().to_owned(),
                stop_code: task.stop_code.clone(),
                reason: task.stopped_reason.clone(),
                exit_codes: task.containers.iter().map(exit).gather(),
            });
            self.stopped.push(task);
        }
    }

    fn end(self, ended: Ended, seen: Observation) -> End {
        End { ended, seen, stopped: self.stopped, messages: self.told.texts.into_iter().rev().gather() }
    }
}

/// ECS is going back to the revision before, has gone, or has failed to.
fn goes_back(seen: &Observation) -> bool {
    seen.rollout.as_ref().is_some_and(ServiceDeployment::goes_back)
}

/// Our entry's numbers; once ECS goes back, those of what it goes back to.
fn progress(seen: &Observation) -> Progress {
    let ours = seen.service.deployment(&seen.deployment);
    let shown = if goes_back(seen) || ours.is_none() { seen.service.primary().or(ours) } else { ours };
    let none = Deployment::default();
    let Deployment { desired, pending, running, .. } = *shown.unwrap_or(&none);
    let failed = ours.map_or(0, |ours| ours.failed);
    let Some(rollout) = seen.rollout.clone() else {
        let status = shown.map(|deployment| deployment.rollout_state.clone()).unwrap_or_default();
        let revisions = seen.service.current_revisions.clone();
        return Progress { status, desired, pending, running, failed, revisions, ..Progress::default() };
    };
    let bakes = (rollout.stage == "BAKE_TIME" && rollout.status == Status::InProgress)
        .then(|| rollout.bake.saturating_sub(seen.in_stage).as_secs().div_ceil(60));
    Progress {
        status: rollout.status.name().to_owned(),
        desired,
        pending,
        running,
        failed: failed.max(rollout.breaker.as_ref().map_or(0, |breaker| breaker.count)),
        stage: rollout.stage,
        revisions: rollout.revisions,
        hooks: rollout.hooks,
        alarms: rollout.watched,
        triggered: rollout.alarms,
        breaker: rollout.breaker,
        bake_minutes: bakes.map(|minutes| u32::try_from(minutes).unwrap_or(u32::MAX)),
        early_success: rollout.early_success,
        usual: None,
    }
}

#[cfg(test)]
mod tests;
