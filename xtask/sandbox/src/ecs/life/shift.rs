//! What happens to a rollout that shifts traffic: stage by stage forward, and at once back.

use super::judge::Failure;
use crate::clock::Instant;
use crate::ecs::state::Ecs;
use crate::ecs::state::behaviour::Trouble;
use crate::ecs::state::rollout::Progress;
use crate::ecs::state::service::Service;
use crate::ecs::state::shift::{Action, Answer, Hook, Shift, Stage, WHOLE, Waits};
use crate::ecs::timing::{self, after};

/// Of the PRIMARY so many tasks are healthy, and so many of other deployments are still there.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) healthy: u64,
    pub(super) others: u64,
}

impl Ecs {
    /// Lets a shifted rollout go on, if it can.
    pub(super) fn shift(&mut self, service: &mut Service, counts: Counts, at: Instant) {
        let Some(current) = service.current_rollout() else { return };
        if service.rollouts[current].shift.is_none() {
            return;
        }
        match service.rollouts[current].progress {
            Progress::Ongoing => self.go_on(service, current, counts, at),
            Progress::RollingBack => go_back(service, current, counts, at),
            _ => {}
        }
    }

    fn go_on(&mut self, service: &mut Service, current: usize, counts: Counts, at: Instant) {
        let desired = service.desired;
        let rollout = &mut service.rollouts[current];
        let fails = rollout.troubles.contains(&Trouble::HookFails);
        let Some(shift) = &mut rollout.shift else { return };
        hear(shift, fails, at);
        if let Some(why) = shift.hooks.iter().find_map(refusal) {
            let failure =
                Failure { why: &why, by: "ECS deployment", state: "lifecycle hook failed.", rolls_back: true };
            return self.give_up(service, current, &failure, at);
        }
        if let Some(next) = shift.hooks.iter().filter_map(Hook::next).min() {
            return service.look_by(next);
        }
        let Some(over) = shift.over(desired, counts, at) else { return };
        if over > at {
            return service.look_by(over);
        }
        match shift.following() {
            None => service.complete(at),
            Some(stage) => {
                shift.enter(stage, at);
                rollout.updated_at = at;
                self.open_hooks(service, current, at);
                service.look_by(after(at, timing::SCHEDULER));
            }
        }
    }

    /// Invokes the hooks of the stage that a rollout is in.
    pub(super) fn open_hooks(&mut self, service: &mut Service, current: usize, at: Instant) {
        let Some(stage) = service.rollouts[current].shift.as_ref().map(|shift| shift.stage) else { return };
        let hangs = service.rollouts[current].troubles.contains(&Trouble::HookHangs);
        for (waits, patience, timeout) in Shift::hooks_of(&service.rollouts[current].configuration, stage) {
            let (kind, answers_at) = match waits {
                Waits::Pause => ("pause", None),
                Waits::Lambda(_) => ("lambda", (!hangs).then(|| after(at, timing::LAMBDA))),
            };
            let id = format!("ecs-{kind}-{}", &self.long_hex()[..30]);
            let hook = Hook {
                id,
                waits,
                stage,
                answer: Answer::Awaited,
                answers_at,
                expires_at: after(at, patience),
                timeout,
            };
            if let Some(shift) = &mut service.rollouts[current].shift {
                shift.hooks.push(hook);
            }
        }
    }
}

impl Shift {
    /// When the work of this stage is done; None: when something else happens.
    fn over(&self, desired: u64, counts: Counts, at: Instant) -> Option<Instant> {
        let millis = match self.stage {
            Stage::ScaleUp => return (counts.healthy >= desired).then_some(at),
            Stage::CleanUp => return (counts.others == 0).then_some(at),
            Stage::ProductionTrafficShift if self.production_weight < WHOLE => timing::SHIFTING + self.step_bake,
            Stage::TestTrafficShift | Stage::ProductionTrafficShift => timing::SHIFTING,
            Stage::BakeTime => self.bake,
            _ => timing::SCHEDULER,
        };
        Some(after(self.entered_at, millis))
    }

    /// Turns around: all traffic goes back to the old revision, which still runs, and then the new one goes.
    pub(super) fn turn_back(&mut self, at: Instant) {
        let shifted = self.production_weight > 0 || self.test_weight > 0;
        self.stage = if shifted { Stage::ProductionTrafficShift } else { Stage::CleanUp };
        self.entered_at = at;
        (self.test_weight, self.production_weight) = (0, 0);
        // Nobody waits for them any more.
        self.hooks.retain(|hook| hook.answer != Answer::Awaited);
    }
}

fn go_back(service: &mut Service, current: usize, counts: Counts, at: Instant) {
    let desired = service.desired;
    let Some(shift) = &mut service.rollouts[current].shift else { return };
    if shift.stage != Stage::CleanUp {
        let over = after(shift.entered_at, timing::SHIFTING);
        if over <= at {
            (shift.stage, shift.entered_at) = (Stage::CleanUp, at);
        }
        return service.look_by(over.max(after(at, timing::SCHEDULER)));
    }
    if counts.others == 0 && counts.healthy >= desired {
        service.complete(at);
    }
}

/// Takes what Lambda functions answer, and what nobody answered in time.
fn hear(shift: &mut Shift, fails: bool, at: Instant) {
    for hook in shift.awaited() {
        if hook.answers_at.is_some_and(|answers| answers <= at) {
            hook.answer = if fails { Answer::Failed } else { Answer::Succeeded };
        } else if hook.expires_at <= at {
            hook.answer = Answer::TimedOut;
        }
    }
}

/// Why a deployment goes back, if this hook says so. Source: ECS Developer Guide, "Troubleshooting Amazon ECS blue/green
/// deployments".
fn refusal(hook: &Hook) -> Option<String> {
    let stage = hook.stage.word();
    match (hook.answer, &hook.waits) {
        (Answer::Failed, Waits::Lambda(arn)) => {
            Some(format!("{stage} lifecycle hook(s) failed. Lifecycle hook target {arn} returned FAILED status."))
        }
        (Answer::Failed, Waits::Pause) => Some(format!("{stage} pause hook was answered with ROLLBACK.")),
        (Answer::TimedOut, _) if hook.timeout == Action::Continue => None,
        (Answer::TimedOut, Waits::Lambda(arn)) => {
            Some(format!("{stage} lifecycle hook(s) failed. Lifecycle hook target {arn} timed out."))
        }
        (Answer::TimedOut, Waits::Pause) => Some(format!("{stage} pause hook timed out.")),
        (Answer::Awaited | Answer::Succeeded, _) => None,
    }
}
