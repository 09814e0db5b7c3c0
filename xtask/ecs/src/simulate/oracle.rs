//! What a command said and did, held against what is true.

#![expect(clippy::cast_precision_loss, reason = "seconds and counts are small")]

use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault};

use super::played::Played;
use super::stage::{OTHER, Stage};
use super::truth::{Rollout, Running, claim};
use super::world::{Happening, Run, Service, World};
use crate::event::{Event, Outcome};
use crate::failure::Ending;

/// How far what is said of a moment may lie behind that moment, in seconds: a look, the longest pause before it, answers
/// that were late or stale.
fn slack(world: &World, service: &Service) -> f64 {
    let poll = service.poll as f64;
    45.0 + 3.5 * poll + world.lag as f64 + if world.hard { 300.0 } else { 60.0 }
}

pub(super) fn judge(world: &World, run: &Run, stage: &Stage, played: &Played) -> Vec<String> {
    let mut judge = Judge { world, run, stage, played, findings: Vec::new() };
    judge.all();
    let words = run.arguments.join(" ");
    judge.findings.into_iter().map(|finding| format!("{words}: {finding}")).collect()
}

struct Judge<'a> {
    world: &'a World,
    run: &'a Run,
    stage: &'a Stage,
    played: &'a Played,
    findings: Vec<String>,
}

impl Judge<'_> {
    fn say(&mut self, finding: impl Into<String>) {
        self.findings.push(finding.into());
    }

    fn all(&mut self) {
        if let Some(stuck) = self.played.stuck {
            self.say(stuck);
            return;
        }
        if let Some(panic) = &self.played.panicked {
            self.say(format!("it panicked: {panic}"));
            return;
        }
        self.others_untouched();
        self.only_ours();
        if self.played.killed {
            return;
        }
        self.exit_code();
        self.way_back();
        self.each_end();
        self.agreement();
        self.deadline();
        self.budget();
        self.serving();
        self.interrupted();
    }

    /// What is said of a rollout that somebody interrupted.
    fn interrupted(&mut self) {
        let Some(Err(failure)) = &self.played.result else { return };
        let started = self.played.events.iter().find_map(|event| match event {
            Event::RolloutStarted { deployment, .. } => Some(deployment),
            _ => None,
        });
        let (Some(started), [service]) = (started, &self.world.services[..]) else { return };
        let Some(rollout) = self.played.after[0].rollout(started) else { return };
        if failure.ending != Ending::Interrupted {
            return;
        }
        let (text, status) = (failure.to_string(), rollout.status.as_str());
        let true_of_it = if text.contains("goes on in ECS") {
            let slack = slack(self.world, service);
            !rollout.is_final() || rollout.finished.is_some_and(|at| self.played.now - at < slack)
        } else if text.contains("was stopped before its end") {
            status == "STOPPED"
        } else if text.contains("was rolled back") {
            status == "ROLLBACK_SUCCESSFUL"
        } else if text.contains("had ended well") {
            status == "SUCCESSFUL"
        } else {
            true
        };
        if !true_of_it {
            self.findings.push(format!("its rollout is {status}, and it says: {text}"));
        }
    }

    fn others_untouched(&mut self) {
        let somebody = self.run.happens.iter().any(|(_, what)| *what == Happening::Elsewhere);
        let (before, after) = &self.played.other;
        if !somebody && (before.rollouts.len(), before.desired) != (after.rollouts.len(), after.desired) {
            self.say("somebody else's service changed");
        }
    }

    /// Every call that changes something names what is ours.
    fn only_ours(&mut self) {
        let ours: Vec<&str> = self.world.services.iter().map(|service| service.name.as_str()).collect();
        let mut updates = vec![0; ours.len()];
        for call in &self.played.calls {
            let input = &call.input;
            match call.operation.as_str() {
                "ecs:UpdateService" => {
                    let name = input["service"].as_str().unwrap_or_default();
                    match ours.iter().position(|our| *our == name) {
                        Some(place) if call.status == 200 => updates[place] += 1,
                        Some(_) => {}
                        None if input.is_null() => {}
                        None => self.findings.push(format!("it updated {name}")),
                    }
                }
                "ecs:RegisterTaskDefinition" if !input.is_null() => {
                    let family = input["family"].as_str().unwrap_or_default();
                    if !ours.contains(&family) {
                        self.findings.push(format!("it registered a revision of {family}"));
                    }
                }
                "ecs:StopServiceDeployment" if input.to_string().contains(OTHER) => {
                    self.findings.push("it stopped somebody else's rollout".to_owned());
                }
                operation if operation.starts_with("ecs:Delete") || operation.starts_with("ecs:Deregister") => {
                    self.findings.push(format!("it called {operation}"));
                }
                _ => {}
            }
        }
        let most = if self.world.on_failure == "roll-back-all" { 2 } else { 1 } + self.asked_twice("ecs:UpdateService");
        for (name, count) in ours.iter().zip(updates) {
            if count > most {
                self.findings.push(format!("it updated {name} {count} times"));
            }
        }
    }

    /// How often a call may have been answered after nobody waited for the answer any more, and was made again: ECS has no token
    /// by which two such are one.
    fn asked_twice(&self, call: &str) -> usize {
        // The SDK gives an exchange in which nothing moves 20 s, and an attempt 30.
        let late = |effect: &Effect| matches!(effect, Effect::Stall { millis: 20_000.. });
        let is_of = |fault: &&Fault| late(&fault.effect) && (fault.call == call || fault.call == "ecs:*");
        self.world.faults.iter().filter(is_of).count()
    }

    fn happened(&self, what: impl Fn(&Happening) -> bool) -> bool {
        // What happens in one run has its effect on the next ones, too.
        self.world.runs.iter().flat_map(|run| &run.happens).any(|(_, happening)| what(happening))
    }

    fn exit_code(&mut self) {
        let Some(code) = self.played.code() else { return };
        let text = match &self.played.result {
            Some(Err(failure)) => failure.to_string(),
            _ => String::new(),
        };
        let verb = self.run.arguments[0].as_str();
        let disturbed = self.happened(|it| matches!(it, Happening::Deregisters { .. } | Happening::Deletes { .. }));
        match code {
            1 if !self.world.hard && self.world.skew == 0 && !disturbed => {
                self.say(format!("exit 1 without a cause: {text}"));
            }
            2 if verb == "deploy" && self.run.arguments.len() == 1 => self.say(format!("exit 2: {text}")),
            9 if self.world.migrate == Some("exit 3") || self.world.migrate.is_some() && disturbed => {}
            3 | 9 => self.say(format!("exit {code}: {text}")),
            8 if !self.happened(|it| matches!(it, Happening::Deletes { .. })) => self.say(format!("exit 8: {text}")),
            10 if !self.run.arguments.contains(&"paused".to_owned()) => self.say(format!("exit 10: {text}")),
            130 if !self.played.interrupted => self.say(format!("exit 130 and nobody interrupted it: {text}")),
            _ => {}
        }
        if self.played.interrupted && ![0, 130, 4, 5, 6, 7, 1, 8, 2, 10, 9].contains(&code) {
            self.say(format!("interrupted, and exit {code}"));
        }
    }

    /// What a rollback says of a rollout that others have stopped.
    fn way_back(&mut self) {
        let Some(Err(failure)) = &self.played.result else { return };
        let [truth] = &self.played.after[..] else { return };
        let aborted = truth.rollouts.first().is_some_and(|newest| newest.status == "STOPPED");
        let text = failure.to_string();
        let true_of_it = match failure.ending {
            Ending::Superseded => !aborted,
            Ending::RollbackFailed if text.contains("no rollback was made") => aborted,
            _ => true,
        };
        if self.run.arguments[0] == "rollback" && !true_of_it {
            let newest = truth.rollouts.first().map(|newest| &newest.status);
            self.findings.push(format!("its newest rollout is {newest:?}, and it says: {text}"));
        }
    }

    /// Each rollout that was said to have ended, against what ECS knows of it.
    fn each_end(&mut self) {
        let events = &self.played.events;
        let mut ids: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
        for event in events {
            match event {
                Event::RolloutStarted { service, deployment, .. } => {
                    ids.insert(service, deployment);
                }
                Event::RolloutEnded { service, outcome, revision, digests, seconds } => {
                    let Some(place) = self.world.services.iter().position(|it| it.name == *service) else { continue };
                    let digests: Vec<String> = digests.iter().map(ToString::to_string).collect();
                    let id = ids.get(service.as_str()).copied().unwrap_or_default();
                    self.end((place, id), *outcome, revision, (&digests, *seconds));
                }
                _ => {}
            }
        }
    }

    fn end(
        &mut self,
        (place, id): (usize, &str),
        outcome: Outcome,
        revision: &str,
        (digests, seconds): (&[String], f64),
    ) {
        let (service, truth) = (&self.world.services[place], &self.played.after[place]);
        let name = &service.name;
        let rollout = truth.rollout(id);
        let status = rollout.map_or("none", |rollout| rollout.status.as_str()).to_owned();
        let slack = slack(self.world, service);
        let newer = |of: &Rollout| {
            truth.rollouts.iter().any(|it| it.created > of.created || (it.created >= of.created && it.id != of.id))
        };
        let back = self.world.on_failure == "roll-back-all";
        let verb = self.run.arguments[0].as_str();
        match outcome {
            Outcome::NothingToDo => {
                if truth.revision != revision
                    && !self.happened(|it| matches!(it, Happening::Deploys { .. } | Happening::Stops { .. }))
                {
                    self.say(format!("{name}: nothing to do on {revision}, and it is on {}", truth.revision));
                }
            }
            Outcome::Deployed => {
                let idle = truth.desired == 0
                    || self.happened(|it| matches!(it, Happening::Scales { .. }))
                    || service.desired_count.is_some();
                // Where no task is to run there is nothing to wait for, and a rollout that is not over yet may still be taken back.
                let taken_back =
                    self.happened(|it| matches!(it, Happening::Stops { service, back: true } if *service == place));
                if status != "SUCCESSFUL" && !(idle && (status != "ROLLBACK_SUCCESSFUL" || taken_back)) {
                    self.say(format!("{name}: said to be deployed, and its rollout is {status}"));
                }
                let expected = self.stage.digest();
                if verb == "deploy" && digests.iter().any(|digest| *digest != expected) {
                    self.say(format!("{name}: {digests:?} are said to run, and {expected} is what was to be deployed"));
                }
                if let Some(rollout) = rollout.filter(|it| verb == "deploy" && it.status == "SUCCESSFUL") {
                    for (container, digest) in rollout.digests.iter().filter(|(container, _)| container == "app") {
                        if *digest != expected {
                            self.say(format!("{name}: deployed, and {container} runs {digest}, not {expected}"));
                        }
                    }
                }
            }
            Outcome::RolledBack => {
                if status != "ROLLBACK_SUCCESSFUL" && !back {
                    self.say(format!("{name}: said to be rolled back, and its rollout is {status}"));
                }
            }
            Outcome::RollbackFailed => {
                let stopped = status == "STOPPED" && rollout.is_some_and(|it| !newer(it));
                if !(status == "ROLLBACK_FAILED" || stopped || back) {
                    self.say(format!("{name}: said to be nowhere good, and its rollout is {status}"));
                }
            }
            Outcome::Superseded => {
                if !rollout.is_some_and(newer) {
                    self.say(format!(
                        "{name}: said to be superseded, and nothing is newer than its rollout, which is {status}"
                    ));
                }
            }
            Outcome::TimedOut => {
                if seconds + 1.0 < service.deadline as f64 {
                    self.say(format!("{name}: timed out after {seconds} s of {}", service.deadline));
                }
                let long_over = rollout.and_then(|it| it.finished).is_some_and(|at| self.played.now - at > slack);
                // The command goes on for the sake of others.
                if long_over && self.world.services.len() == 1 {
                    self.say(format!("{name}: timed out, and its rollout had been {status} for long"));
                }
            }
            Outcome::Reached | Outcome::Paused => {}
        }
        if matches!(outcome, Outcome::RolledBack | Outcome::RollbackFailed | Outcome::TimedOut) {
            self.cause(service);
        }
    }

    /// What a post-mortem names is what was wrong.
    fn cause(&mut self, of: &Service) {
        let name = &of.name;
        let found = self.played.events.iter().find_map(|event| match event {
            Event::PostMortem { service, post_mortem } if service == name => Some(post_mortem),
            _ => None,
        });
        let Some(found) = found else {
            // Who went back because of another one has nothing to explain.
            if self.world.on_failure != "roll-back-all" {
                self.say(format!("{name}: no post-mortem"));
            }
            return;
        };
        let undisturbed = self.world.runs.iter().all(|run| {
            let mild = |what: &Happening| matches!(what, Happening::Elsewhere | Happening::Interrupt | Happening::Kill);
            run.trouble.is_none() && run.happens.iter().all(|(_, what)| mild(what))
        });
        let first = std::ptr::eq(self.run, &raw const self.world.runs[0]);
        let late = matches!(self.run.tasks, Some(Tasks::Exits { after_seconds: 40.., .. }));
        if !undisturbed || !first || late || self.world.hard {
            return;
        }
        let text = format!("{} {}", found.likely_cause, found.fix).to_lowercase();
        let expected: &[&str] = match &self.run.tasks {
            Some(Tasks::Exits { code: 137, .. }) => &["137", "memory"],
            Some(Tasks::Exits { code: 139, .. }) => &["139", "segmentation"],
            Some(Tasks::Exits { code: 101, .. }) => &["101", "panic"],
            Some(Tasks::Exits { code: 1, .. }) => &["exit", "1"],
            // Without anybody who looks at their health they are as good as others.
            Some(Tasks::Unhealthy) if of.health_check || of.balanced => &["health"],
            _ => return,
        };
        // Who is interrupted, or goes back with another one, may do so before a task has failed.
        let early = self.played.interrupted || self.world.on_failure == "roll-back-all";
        let told = found.causes.iter().any(|cause| !early || !cause.reason.starts_with("Scaling activity"));
        if told && !expected.iter().any(|word| text.contains(word)) {
            self.say(format!("{name}: {:?} is why it failed, and the post-mortem says: {text}", self.run.tasks));
        }
    }

    /// The command's exit code is that of the worst of its services.
    fn agreement(&mut self) {
        let mut endings: std::collections::BTreeMap<&str, Outcome> = std::collections::BTreeMap::new();
        for event in &self.played.events {
            if let Event::RolloutEnded { service, outcome, .. } = event {
                endings.insert(service, *outcome);
            }
        }
        let bad = endings.values().any(|outcome| outcome.is_bad());
        let fine = matches!(self.played.result, Some(Ok(())));
        if bad && fine {
            self.say("exit 0, and not every rollout ended well");
        }
        let ending = self.played.result.as_ref().and_then(|it| it.as_ref().err()).map(|failure| failure.ending);
        if let [(_, outcome)] = endings.iter().collect::<Vec<_>>()[..] {
            let expected = match outcome {
                Outcome::RolledBack => vec![Ending::RolledBack, Ending::Interrupted],
                Outcome::RollbackFailed => vec![Ending::RollbackFailed, Ending::World, Ending::Interrupted],
                Outcome::Superseded => vec![Ending::Superseded],
                Outcome::TimedOut => vec![Ending::TimedOut],
                Outcome::Paused => vec![Ending::Paused],
                _ => return,
            };
            if self.world.services.len() == 1 && !ending.is_some_and(|ending| expected.contains(&ending)) {
                self.say(format!("{outcome:?}, and the command ended with {ending:?}"));
            }
        }
    }

    fn deadline(&mut self) {
        let paused = self.world.services.iter().any(|service| !service.deployment["lifecycleHooks"].is_null());
        // Services may wait for each other, and for the way back of all.
        let each = self.world.services.iter().map(|service| service.deadline as f64 + slack(self.world, service));
        let most: f64 = each.sum::<f64>() * if self.world.on_failure == "roll-back-all" { 2.0 } else { 1.0 } + 120.0;
        if !paused && self.played.took.as_secs_f64() > most {
            self.say(format!("it took {:?}, more than {most} s", self.played.took));
        }
    }

    fn budget(&mut self) {
        let poll = self.world.services.iter().map(|service| service.poll).min().unwrap_or(1) as f64;
        // A pause may be a tenth shorter, and after each change the next look comes soon.
        let looks = self.played.took.as_secs_f64() / (poll * 0.9) + 4.0;
        let most = 60.0 + looks * 5.0 * self.world.services.len() as f64 + 40.0 * self.world.faults.len() as f64;
        // A list comes in pages, of which there are as many as there are tasks: ECS's own limit on ListTasks is kept to by `pace`.
        let pages = self.played.calls.iter().filter(|call| call.input["nextToken"].is_string()).count();
        let count = (self.played.calls.len() - pages) as f64;
        if count > most {
            self.say(format!("{count} calls in {:?} at a poll of {poll} s", self.played.took));
        }
        let registered = self.played.called("ecs:RegisterTaskDefinition").filter(|call| call.status == 200).count();
        if registered > self.world.services.len() + self.asked_twice("ecs:RegisterTaskDefinition") {
            self.say(format!("{registered} revisions were registered"));
        }
    }

    /// What is said to serve now served when the command looked last.
    fn serving(&mut self) {
        let Some(Err(failure)) = &self.played.result else { return };
        let text = failure.to_string();
        if self.world.services.len() != 1 || self.world.lag > 0 {
            return;
        }
        let Some(claim) = claim(&text) else { return };
        let looks: Vec<&Running> = self.played.seen.iter().rev().take(3).collect();
        if !looks.is_empty() && !looks.iter().any(|seen| **seen == claim) {
            self.say(format!("said to serve: {claim:?}; true: {looks:?}"));
        }
    }
}

#[cfg(test)]
mod tests;
