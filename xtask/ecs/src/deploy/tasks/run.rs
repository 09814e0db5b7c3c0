//! One task on its way: joined or started, watched to its end, judged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::super::cadence::{self, Pace};
use super::super::plan::Plan;
use super::super::post_mortem::log::Masks;
use super::order::{self, Decision};
use super::output::Output;
use super::report::{RunReport, TaskReport};
use super::{Means, containers, verdict};
use crate::aws::AwsError;
use crate::aws::ecs::{Task as Seen, Unplaced, short};
use crate::cause::Pinned;
use crate::config::{Abandoned, Task};
use crate::event::{Event, Step, TaskOutcome};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather as _;
use crate::stage::Ended;
use crate::text::program;
use crate::time::{self, Backoff, chance};

/// How long ECS may take to show a task that it has just started: its answers are eventually consistent.
const UNSEEN: Duration = Duration::from_secs(60);

/// A task, and what was planned of it.
pub(in crate::deploy) struct Job<'a> {
    pub task: &'a Task,
    pub plan: &'a Plan,
    pub document: &'a Value,
    pub launch: Map<String, Value>,
    pub arguments: &'a [String],
    pub again: bool,
    /// The ARN of the revision, where it is registered already.
    pub revision: Option<String>,
}

impl<'a> Job<'a> {
    pub(super) fn of(task: &'a Task, plan: &'a Plan) -> Self {
        Self {
            task,
            plan,
            document: plan.document.value(),
            launch: plan.live.launch.clone(),
            arguments: &[],
            again: false,
            revision: plan.revision(),
        }
    }

    fn name(&self) -> &str {
        &self.task.name
    }

    /// What its watched container sees: the document with the variables that are laid over it.
    fn effective(&self) -> Value {
        let mut document = self.document.clone();
        for container in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
            if container["name"] != self.task.container.as_str() {
                continue;
            }
            let mut environment = container["environment"].as_array().cloned().unwrap_or_default();
            environment.extend(self.task.env.iter().map(|(name, value)| json!({ "name": name, "value": value })));
            container["environment"] = environment.into();
        }
        document
    }
}

/// Runs it to its end.
pub(in crate::deploy) fn run(means: &Means<'_>, job: &Job<'_>) -> Ended<TaskReport> {
    let mut report = TaskReport::planned(job.task, job.revision.clone(), job.document);
    let began = time::instant();
    let result = means.events.step(Step::Run, job.name(), || follow(means, job, &mut report));
    report.seconds = time::since(began).as_secs_f64();
    if let Err(failure) = &result {
        report.failure = Some(failure.to_string());
        report.outcome = TaskOutcome::of(failure);
    }
    Ended { done: report, result }
}

fn follow(means: &Means<'_>, job: &Job<'_>, report: &mut TaskReport) -> Result<()> {
    let (cluster, container) = (&job.task.cluster, &job.task.container);
    if means.interrupt.is_set() {
        return Err(Failure::interrupted(format_args!("interrupted before task {} was started", job.name())));
    }
    let revision = revision(means, job)?;
    report.revision = Some(revision.clone());
    let known = means.ecs.tasks_started_by(cluster, &order::started_by(job))?;
    let decision = if job.again {
        Decision::Start { failed: known.len() }
    } else {
        order::decide(&known, container, job.task.once_per_digest)
    };
    let (arns, joined) = match decision {
        Decision::Done => {
            report.outcome = TaskOutcome::RanBefore;
            report.runs = known.iter().map(|task| ran(task, job, String::new())).gather();
            let digest = report.image.rsplit_once('@').map_or(report.image.as_str(), |(_, digest)| digest);
            let message = format!("task {} ran for {digest} already, and ended well: it is not run again", job.name());
            means.events.note("Fresh", message);
            return Ok(());
        }
        Decision::Join(arns) => (arns, true),
        Decision::Start { failed } => {
            if job.task.once_per_digest && known.is_empty() {
                let message = format!(
                    "whether task {} ran for this digest before is more than ECS remembers (a task that stopped is \
                     forgotten after an hour): it is run",
                    job.name()
                );
                means.events.note("Unknown", message);
            }
            let arns = start(means, job, &revision, failed)?;
            let joined = arns.iter().all(|arn| known.iter().any(|task| task.arn == *arn));
            (arns, joined)
        }
    };
    let document = job.effective();
    let masks = Masks::of(Some(&document));
    let names = (job.name(), container.as_str());
    let mut outputs: Vec<Output<'_>> =
        arns.iter().map(|arn| Output::of(names, arn, &document, &masks, &means.config.region)).gather();
    for (arn, output) in arns.iter().zip(&outputs) {
        means.events.emit(Event::TaskStarted {
            task: job.name().to_owned(),
            arn: arn.clone(),
            revision: short(&revision).to_owned(),
            log: output.source(),
            joined,
        });
    }
    if let Some(why) = outputs.first().and_then(Output::elsewhere) {
        means.events.note("Silent", format!("the log of container {container} is not shown: {why}"));
    }
    let watch = Watch { means, job, arns: &arns, began: time::instant() };
    let tasks = watch.to_the_end(&mut outputs)?;
    conclude(&watch, &tasks, &outputs, report)
}

/// The revision that is to run, registered where there is none yet.
fn revision(means: &Means<'_>, job: &Job<'_>) -> Result<String> {
    if let Some(revision) = &job.revision {
        return Ok(revision.clone());
    }
    let document = &job.plan.document;
    let (revision, new) = means.registered.revision(document, || {
        means
            .events
            .step(Step::Register, &job.plan.service.name, || Ok(means.ecs.register_task_definition(document)?))
    })?;
    let (service, short) = (job.plan.service.name.clone(), short(&revision).to_owned());
    means.events.emit(Event::RevisionRegistered { service, revision: short, new });
    Ok(revision)
}

/// RunTask, until as many tasks are placed as are wanted.
fn start(means: &Means<'_>, job: &Job<'_>, revision: &str, failed: usize) -> Result<Vec<String>> {
    let mut request = order::request(job, revision);
    let run = if job.again { format!("{}/again/{}", means.run, chance()) } else { means.run.to_owned() };
    let backoff = Backoff { attempts: 9, first: poll(job), longest: Duration::from_secs(30), ..Backoff::default() };
    let wanted = usize::try_from(job.task.count).unwrap_or(1);
    let (mut placed, mut attempt) = (Vec::new(), 1);
    loop {
        request.insert("count".to_owned(), (wanted - placed.len()).into());
        let token = order::token(&request, &run, failed, attempt);
        let mut asked = request.clone();
        asked.insert("clientToken".to_owned(), token.into());
        let answer = means.ecs.run_task(&Value::Object(asked))?;
        placed.extend(answer.tasks);
        if placed.len() >= wanted {
            return Ok(placed);
        }
        let pause = backoff.pause(attempt, None).filter(|_| answer.failures.iter().all(order::passes));
        let Some(pause) = pause else { return Err(unplaced(job, &answer.failures, &placed)) };
        means.events.emit(Event::Retrying {
            what: format!("task {} was not placed", job.name()),
            error: reasons(&answer.failures).join("; "),
            attempt,
            seconds: pause.as_secs_f64(),
        });
        if means.interrupt.wait(pause) {
            let failure = Failure::interrupted(format_args!("interrupted before task {} was placed", job.name()));
            return Err(also(failure, &placed));
        }
        attempt += 1;
    }
}

/// In words, each once.
fn reasons(failures: &[Unplaced]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for Unplaced { reason, detail } in failures {
        let words = if detail.is_empty() { reason.clone() } else { format!("{reason}: {detail}") };
        if !told.contains(&words) {
            told.push(words);
        }
    }
    if told.is_empty() { vec!["ECS does not say why".to_owned()] } else { told }
}

fn unplaced(job: &Job<'_>, failures: &[Unplaced], placed: &[String]) -> Failure {
    let help = match failures.first().map(|failure| failure.reason.as_str()) {
        Some("ATTRIBUTE") => {
            "no instance has what the task definition asks for, such as its architecture or a free port"
        }
        Some("LOCATION") => "no instance is in a zone of the subnets",
        Some("EMPTY CAPACITY PROVIDER" | "INACTIVE" | "MISSING") => {
            "look at the cluster's capacity providers and instances"
        }
        Some(reason) if reason.starts_with("RESOURCE:") => {
            "the cluster has no room for it: add instances, or ask for less"
        }
        _ => "",
    };
    let failure =
        Failure::world(format_args!("task {} could not be placed in cluster {}", job.name(), job.task.cluster));
    also(failure.said(reasons(failures)).help(help), placed)
}

/// With the tasks that were placed all the same.
fn also(failure: Failure, placed: &[String]) -> Failure {
    if placed.is_empty() { failure } else { failure.and(format_args!("started all the same: {}", placed.join(", "))) }
}

/// The shortest time between two looks.
fn poll(job: &Job<'_>) -> Duration {
    job.plan.service.rollout.poll
}

/// Tasks that are watched.
struct Watch<'a> {
    means: &'a Means<'a>,
    job: &'a Job<'a>,
    arns: &'a [String],
    began: Instant,
}

impl Watch<'_> {
    /// Looks until all have stopped; RUNNING is nothing that is waited for, so one that ended before the first look is
    /// as good as any.
    fn to_the_end(&self, outputs: &mut [Output<'_>]) -> Result<Vec<Seen>> {
        let (cluster, container) = (&self.job.task.cluster, &self.job.task.container);
        let mut pace = Pace::default();
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        let mut stopping: Vec<String> = Vec::new();
        loop {
            let tasks = self.means.ecs.tasks(cluster, self.arns).map_err(|error| self.lost(error))?;
            for output in outputs.iter_mut() {
                output.read(self.means);
            }
            let left_over = |task: &&Seen| verdict::is_left_over(task, container) && !stopping.contains(&task.arn);
            for task in tasks.iter().filter(left_over).cloned().gather::<Vec<_>>() {
                let reason = format!("container {container} has ended, and it is what was to be run");
                self.means.ecs.stop_task(cluster, &task.arn, &reason)?;
                stopping.push(task.arn);
            }
            if tasks.len() == self.arns.len() && tasks.iter().all(|task| task.status == "STOPPED") {
                for output in outputs.iter_mut() {
                    output.drain(self.means, poll(self.job));
                }
                return Ok(tasks);
            }
            if tasks.len() < self.arns.len() && time::since(self.began) > UNSEEN {
                return Err(self.failure(Ending::World, "ECS does not know it any more", "how it ended is not known"));
            }
            if time::since(self.began) > self.job.task.timeout {
                let states: Vec<&str> = tasks.iter().map(|task| task.status.as_str()).gather();
                let timeout = crate::text::quantity::duration(self.job.task.timeout.as_secs_f64());
                return Err(self.abandon(Ending::TimedOut, &format!("still {} after {timeout}", states.join(", "))));
            }
            let now: BTreeMap<_, _> = tasks.iter().map(|task| (task.arn.clone(), task.status.clone())).gather();
            pace.unchanged = if now == told { pace.unchanged + 1 } else { 0 };
            if now != told {
                let (task, status) = (self.job.name().to_owned(), now.values().cloned().gather());
                self.means.events.emit(Event::TaskProgress { task, status });
            }
            told = now;
            if self.means.interrupt.wait(cadence::pause(poll(self.job), pace, chance())) {
                return Err(self.abandon(Ending::Interrupted, "interrupted"));
            }
        }
    }

    fn lost(&self, error: AwsError) -> Failure {
        let (name, arns) = (self.job.name(), self.arns.join(", "));
        Failure::from(error)
            .during(format_args!("task {name} ({arns}) goes on in ECS, but cannot be followed any more"))
    }

    /// Leaves them or stops them, as the configuration says.
    fn abandon(&self, ending: Ending, why: &str) -> Failure {
        let Job { task, .. } = self.job;
        if task.on_interrupt == Abandoned::Leave {
            let failure = self.failure(ending, why, "it goes on in ECS");
            let again = self.means.config.command(&format!("run {}", task.name));
            return failure.help(format!("`{again}` joins it while it runs"));
        }
        let reason = format!("{}: {why}", program());
        let stopped: Vec<String> = self
            .arns
            .iter()
            .filter_map(|arn| self.means.ecs.stop_task(&task.cluster, arn, &reason).err())
            .map(|error| error.to_string().replace('\n', "; "))
            .gather();
        match stopped.first() {
            None => self.failure(ending, why, "ECS was told to stop it, as `on-interrupt` says"),
            Some(error) => self.failure(ending, why, &format!("it could not be stopped: {error}")),
        }
    }

    fn failure(&self, ending: Ending, why: &str, now: &str) -> Failure {
        let (name, arns) = (self.job.name(), self.arns.join(", "));
        Failure::new(ending, format_args!("task {name} ({arns}): {why}; {now}"))
    }
}

fn ran(task: &Seen, job: &Job<'_>, log: String) -> RunReport {
    RunReport {
        arn: task.arn.clone(),
        log,
        exit_code: order::exit_code(task, &job.task.container),
        stop_code: task.stop_code.clone(),
        reason: task.stopped_reason.clone(),
        containers: verdict::exits(task),
    }
}

/// Tells how each ended; the failure is that of the first that did not end well.
fn conclude(watch: &Watch<'_>, tasks: &[Seen], outputs: &[Output<'_>], report: &mut TaskReport) -> Result<()> {
    let Watch { means, job, .. } = watch;
    let container = &job.task.container;
    let pinned: Vec<Pinned> = containers(job.document)
        .filter_map(|it| Some(Pinned { container: it["name"].as_str()?.to_owned(), ..Pinned::default() }))
        .filter(|pinned| job.plan.service.containers.contains_key(&pinned.container))
        .gather();
    let mut failures = Vec::new();
    for (task, output) in tasks.iter().zip(outputs) {
        let failure = verdict::failure(job.name(), container, task, (job.document, &pinned));
        let run = ran(task, job, output.source());
        means.events.emit(Event::TaskEnded {
            task: job.name().to_owned(),
            arn: run.arn.clone(),
            outcome: if failure.is_none() { TaskOutcome::Succeeded } else { TaskOutcome::Failed },
            exit_code: run.exit_code,
            stop_code: run.stop_code.clone(),
            reason: run.reason.clone(),
            exit_codes: run.containers.clone(),
            seconds: task.ran.as_secs_f64(),
        });
        report.runs.push(run);
        failures.extend(failure);
    }
    report.outcome = TaskOutcome::Succeeded;
    let (count, all) = (failures.len(), tasks.len());
    match failures.into_iter().next() {
        None => Ok(()),
        Some(failure) if all > 1 => Err(failure.and(format_args!("{count} of {all} did not end well"))),
        Some(failure) => Err(failure),
    }
}
