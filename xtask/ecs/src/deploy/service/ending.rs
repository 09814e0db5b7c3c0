//! How a service's rollout ended: what is told of it, and what that is for the command.

use std::time::Duration;

use super::super::outcome::{self, Conclusion, serving, serving_revisions};
use super::super::plan::Action;
use super::super::post_mortem::sources::{Found, gather};
use super::super::post_mortem::{self, Evidence};
use super::super::report::Became;
use super::super::rollout::{self, End, Target};
use super::Stage;
use crate::aws::ecs::short;
use crate::event::{Event, ImageSource};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;

impl Stage<'_> {
    /// Tells the end, and turns it into this stage's result. `proof` is that of the running digests.
    pub(super) fn conclude(&mut self, target: &Target, end: &End, proof: Result<()>) -> Result<()> {
        self.report.seconds = end.seen.elapsed.as_secs_f64();
        if let Some(rollout) = &end.seen.rollout {
            self.report.deployment.clone_from(&rollout.arn);
        }
        match &end.ended {
            rollout::Ended::With(conclusion) => self.ended(target, end, conclusion, proof),
            rollout::Ended::Interrupted { asked: Some(conclusion) } => {
                let ended = self.ended(target, end, conclusion, proof);
                self.as_interrupted(target, end, ended)
            }
            rollout::Ended::Interrupted { asked: None } => {
                self.report.outcome = Became::Interrupted;
                Err(self.left(target, end))
            }
            rollout::Ended::Recalled { why } => {
                self.tell_end(&Conclusion::RolledBack { reason: why.clone() }, &target.revision, self.report.seconds);
                Ok(())
            }
        }
    }

    fn ended(&mut self, target: &Target, end: &End, conclusion: &Conclusion, proof: Result<()>) -> Result<()> {
        let name = self.name().to_owned();
        let conclusion = match &proof {
            Ok(()) => conclusion.clone(),
            Err(failure) => Conclusion::RollbackFailed { reason: failure.message().to_owned() },
        };
        self.tell_end(&conclusion, &target.revision, self.report.seconds);
        if let Conclusion::Reached { stage } = &conclusion {
            let next = format!("`{}` follows it to its end", self.again());
            self.shared.events.note("Leaving", format!("{name} at {stage}: the rollout goes on in ECS; {next}"));
        }
        if let Some(left) = outcome::still_serving(&conclusion, &end.seen) {
            self.shared.events.note("Early", format!("{name}: {left}"));
        }
        if matches!(
            conclusion,
            Conclusion::RolledBack { .. } | Conclusion::RollbackFailed { .. } | Conclusion::TimedOut { .. }
        ) {
            self.post_mortem(target, end, proof.as_ref().err().map(Failure::message));
        }
        proof?;
        match conclusion.failure(&name, &target.revision, &serves(end), target.rollout.deadline) {
            None => Ok(()),
            Some(failure) => Err(self.with_what_helps(failure, is_over(end))),
        }
    }

    /// The end of a rollout that was asked to go back when the command was interrupted.
    fn as_interrupted(&self, target: &Target, end: &End, ended: Result<()>) -> Result<()> {
        let (name, revision, now) = (self.name(), short(&target.revision), serves(end));
        match ended {
            Ok(()) => Err(Failure::interrupted(format_args!(
                "interrupted, but the rollout of {revision} on service {name} had ended well by then; {now}"
            ))),
            Err(failure) if failure.ending == Ending::RolledBack => Err(Failure::interrupted(format_args!(
                "interrupted: the rollout of {revision} on service {name} was rolled back, as `on-interrupt` says; {now}"
            ))),
            otherwise => otherwise,
        }
    }

    /// Of a rollout that is followed no more.
    fn left(&self, target: &Target, end: &End) -> Failure {
        // ECS had not told yet what took its place.
        let (became, tells) = if end.seen.rollout.is_some() && is_over(end) {
            ("was stopped before its end", "tells what took its place")
        } else {
            ("goes on in ECS", "follows it to its end")
        };
        let (name, revision, now) = (self.name(), short(&target.revision), serves(end));
        Failure::interrupted(format_args!(
            "interrupted: {now}, and the rollout of {revision} on service {name} {became}"
        ))
        .help(format!("`{}` {tells}", self.again()))
    }

    fn with_what_helps(&self, failure: Failure, over: bool) -> Failure {
        match (failure.ending, &self.plan.action) {
            (Ending::RollbackFailed, Action::Follow { .. }) if over => failure
                .help("ECS does not try it again by itself: change something, or set `force-new-deployment = true`"),
            (Ending::Paused, _) => {
                let command = |words: &str| self.shared.config.command(&format!("continue {}{words}", self.name()));
                let failure = failure.help(format!("`{}` lets it go on", command("")));
                failure.help(format!("`{}` takes it back", command(" --roll-back")))
            }
            _ => failure,
        }
    }

    /// `mismatch` is what is said of bytes that run and are not the released ones.
    fn post_mortem(&mut self, target: &Target, end: &End, mismatch: Option<&str>) {
        let ours = end.seen.service.deployment(&end.seen.deployment);
        let evidence = Evidence {
            cluster: &self.plan.service.cluster,
            service: &self.plan.service.service,
            region: &self.shared.config.region,
            environment: self.shared.config.environment.as_deref(),
            tasks: &end.stopped,
            rollout: end.seen.rollout.as_ref(),
            serving: serving_revisions(&end.seen.service),
            messages: &end.messages,
            running: ours.map_or((0, end.seen.service.desired), |ours| (ours.running, ours.desired)),
            document: Some(self.plan.document.value()),
            pinned: &target.pinned,
            mismatch,
        };
        let mut post_mortem = post_mortem::post_mortem(&evidence);
        let lines = self.plan.service.rollout.log_lines;
        let Found { logs, targets } = gather(&self.shared.sources, &evidence, &self.target_groups(end), lines);
        (post_mortem.logs, post_mortem.targets) = (logs, targets);
        self.report.post_mortem = Some(post_mortem.clone());
        self.shared.events.emit(Event::PostMortem { service: self.name().to_owned(), post_mortem });
    }

    /// Those in use, which after a swap are not those that the service names.
    fn target_groups(&self, end: &End) -> Vec<String> {
        let Some(rollout) = &end.seen.rollout else { return Vec::new() };
        let found = self.shared.looks.revision(&rollout.target, Duration::ZERO);
        found.ok().flatten().map(|revision| revision.target_groups).unwrap_or_default()
    }

    pub(super) fn tell_end(&mut self, conclusion: &Conclusion, revision: &str, seconds: f64) {
        let outcome = conclusion.outcome();
        self.report.outcome = Became::Ended(outcome);
        let digests = self.plan.pins.iter().filter(|_| outcome.is_good()).map(|pin| pin.pinned.digest.clone()).gather();
        self.shared.events.emit(Event::RolloutEnded {
            service: self.name().to_owned(),
            outcome,
            revision: short(revision).to_owned(),
            digests,
            seconds,
        });
    }

    /// The command that deploys the same bytes again, and so follows a rollout of them. Nothing that goes back is deployed
    /// again, and another rollback would stop it: that is looked at.
    fn again(&self) -> String {
        if self.shared.back {
            return self.shared.config.command(&format!("status {} --watch", self.name()));
        }
        let named = |source: &ImageSource| Some(format!(" --digest {}={}", source.image, source.digest.as_ref()?));
        let named: String = self.plan.sources.iter().filter_map(named).collect();
        self.shared.config.command(&format!("deploy {}{named}", self.name()))
    }
}

/// What serves at the end, as a phrase.
fn serves(end: &End) -> String {
    outcome::traffic(&end.seen).unwrap_or_else(|| serving(&end.seen.service))
}

/// Whether ECS does nothing any more of this rollout, as far as it was seen.
fn is_over(end: &End) -> bool {
    end.seen.rollout.as_ref().is_none_or(|rollout| rollout.status.is_final())
}
