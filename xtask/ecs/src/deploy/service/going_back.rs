//! A service that was deployed well, and goes back because another one failed.

use super::super::outcome::{Conclusion, serving};
use super::super::plan::Plan;
use super::super::report::Became;
use super::super::rollout::{self, Target};
use super::{Stage, Until};
use crate::aws::ecs::{Update, short};
use crate::config::{FailFast, Rollout};
use crate::event::{Outcome, ServiceAction, Step};
use crate::failure::{Ending, Failure, Result};

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
        let Some(before) = before.map(str::to_owned) else {
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
        self.report.outcome = Became::Ended(Outcome::RollbackFailed);
        let message = format!("service {name} did not get back to {}; {now}", short(&before));
        Err(Failure::new(Ending::RollbackFailed, message))
    }
}
