//! The decisions that a rollout waits for, where this repository makes them itself.

use super::{Conclusion, Events, Observation, Observe, Target, may_pass, short};
use crate::deploy::{Answer, Pause};
use crate::sorted::SortedSet;

pub(super) struct AtPause<'a> {
    target: &'a Target,
    events: &'a Events,
    /// The hooks that were answered, or cannot be.
    over: SortedSet<String>,
    /// Why ECS was asked to roll back.
    refused: Option<String>,
}

impl<'a> AtPause<'a> {
    pub(super) fn new(target: &'a Target, events: &'a Events) -> Self {
        Self { target, events, over: SortedSet::new(), refused: None }
    }

    /// Where the rollout waits and there is a check for that, makes it and tells ECS.
    pub(super) fn act<O: Observe>(&mut self, observe: &mut O, seen: &Observation) {
        let Some((rollout, hook)) = seen.rollout.as_ref().and_then(|rollout| Some((rollout, rollout.pause()?))) else {
            return;
        };
        if self.over.contains(&hook.id) {
            return;
        }
        let target = rollout.revisions.first();
        let pause = Pause {
            service: self.target.service.clone(),
            revision: short(&self.target.revision).to_owned(),
            stage: rollout.stage.clone(),
            hook: hook.id.clone(),
            production_weight: target.and_then(|target| target.production_weight),
            test_weight: target.and_then(|target| target.test_weight),
            target_groups: target.map(|target| target.target_groups.clone()).unwrap_or_default(),
        };
        let Some(answer) = observe.check(&pause) else { return };
        let Pause { service, stage, hook, .. } = &pause;
        match observe.answer(&rollout.arn, hook, answer == Answer::Continue) {
            Err(error) if may_pass(&error) => {
                let warning = format!("could not answer hook {hook} of service {service}; checking again: {error}");
                self.events.warn(warning);
                return;
            }
            Err(error) => self.events.warn(format!("could not answer hook {hook} of service {service}: {error}")),
            Ok(()) => match answer {
                Answer::Continue => {
                    self.events.note("Continued", format!("{service} at {stage}: its check found nothing wrong"));
                }
                Answer::RollBack(why) => {
                    self.events.note("Refused", format!("{service} at {stage}, which is rolled back: {why}"));
                    self.refused = Some(format!("its check at {stage} said no: {why}"));
                }
            },
        }
        self.over.insert(hook.clone());
    }

    /// The end of a rollout that was refused, with the reason instead of ECS's word for that it was asked to.
    pub(super) fn because(&self, outcome: Conclusion) -> Conclusion {
        match (&self.refused, outcome) {
            (Some(why), Conclusion::RolledBack { .. }) => Conclusion::RolledBack { reason: why.clone() },
            (Some(why), Conclusion::RollbackFailed { reason }) => {
                Conclusion::RollbackFailed { reason: format!("{why}; {reason}") }
            }
            (_, outcome) => outcome,
        }
    }
}
