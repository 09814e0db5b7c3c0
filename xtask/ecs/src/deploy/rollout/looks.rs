//! What all rollouts that are followed at once ask of ECS, asked together and not more often than it takes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::line::{Asked, Line};
use super::usual::Usually;
use super::{Answer, AwsError, Pause, Service, ServiceDeployment, ServiceRevision, Task};
use crate::aws::ecr::Ecr;
use crate::aws::ecs::Ecs;
use crate::deploy::cadence;
use crate::gather::Gather;
use crate::sorted::SortedMap;
use crate::time;

/// In so many hundreds of tasks of a cluster, those of one service are looked for; in more, each service asks for its own.
const HUNDREDS: usize = 5;

/// One for each deploy.
pub(in crate::deploy) struct Looks<'a> {
    pub ecs: &'a Ecs,
    pub ecr: &'a Ecr,
    started: Instant,
    followed: AtomicUsize,
    services: Line<Option<Service>>,
    rollouts: Line<Option<ServiceDeployment>>,
    revisions: Line<Option<ServiceRevision>>,
    pub(super) usual: Usually,
    /// By cluster.
    stopped: Mutex<SortedMap<String, Stopped>>,
    /// Why every rollout is to go back.
    recalled: OnceLock<String>,
    checks: OnceLock<(Vec<&'static str>, Box<Check>)>,
}

/// Has a check made, and waits for what it decides.
type Check = dyn Fn(&Pause) -> Answer + Send + Sync;

/// The tasks that stopped in a cluster.
#[derive(Default)]
struct Stopped {
    /// When they were listed last.
    at: Option<Instant>,
    /// By ARN; a task that has said how it ended changes no more.
    tasks: SortedMap<String, Task>,
    too_many: bool,
}

impl<'a> Looks<'a> {
    pub(in crate::deploy) fn new(ecs: &'a Ecs, ecr: &'a Ecr) -> Self {
        Self {
            ecs,
            ecr,
            started: time::instant(),
            followed: AtomicUsize::new(0),
            services: Line::new(10),
            rollouts: Line::new(20),
            revisions: Line::new(20),
            usual: Usually::new(ecs),
            stopped: Mutex::default(),
            recalled: OnceLock::new(),
            checks: OnceLock::new(),
        }
    }

    /// From now on pauses at these stages are checked like this.
    pub(in crate::deploy) fn check_at(&self, stages: Vec<&'static str>, check: Box<Check>) {
        self.checks.get_or_init(|| (stages, check));
    }

    pub(super) fn check(&self, pause: &Pause) -> Option<Answer> {
        let (stages, check) = self.checks.get()?;
        stages.contains(&pause.stage.as_str()).then(|| check(pause))
    }

    /// Has every rollout under way go back; the first reason stays.
    pub(in crate::deploy) fn recall(&self, why: String) {
        self.recalled.get_or_init(|| why);
    }

    pub(in crate::deploy) fn recalled(&self) -> Option<&String> {
        self.recalled.get()
    }

    /// One more rollout is followed, or one fewer.
    pub(super) fn count(&self, more: bool) {
        if more {
            self.followed.fetch_add(1, Ordering::SeqCst);
        } else {
            self.followed.fetch_sub(1, Ordering::SeqCst);
        }
    }

    pub(super) fn followed(&self) -> usize {
        self.followed.load(Ordering::SeqCst)
    }

    /// Where all of them look in step, the pause until the step after this one.
    pub(super) fn in_step(&self, pause: Duration, poll: Duration) -> Duration {
        cadence::in_step(pause, poll, self.followed(), time::since(self.started))
    }

    pub(super) fn service(&self, cluster: &str, name: &str, moment: Duration) -> Result<Service, AwsError> {
        let asked = Asked { group: cluster.to_owned(), name: name.to_owned() };
        let found = self.services.ask(asked, self.moment(moment), |cluster, names| {
            self.ecs.services(cluster, &names.iter().map(String::as_str).gather::<Vec<_>>())
        })?;
        found.ok_or_else(|| Ecs::gone(cluster, name))
    }

    pub(super) fn rollout(&self, arn: &str, moment: Duration) -> Result<Option<ServiceDeployment>, AwsError> {
        let asked = Asked { group: String::new(), name: arn.to_owned() };
        self.rollouts.ask(asked, self.moment(moment), |_, arns| self.ecs.service_deployments_of(arns))
    }

    pub(in crate::deploy) fn revision(&self, arn: &str, moment: Duration) -> Result<Option<ServiceRevision>, AwsError> {
        let asked = Asked { group: String::new(), name: arn.to_owned() };
        self.revisions.ask(asked, self.moment(moment), |_, arns| {
            let found = self.ecs.service_revisions(arns)?;
            let of = |arn: &String| found.iter().find(|revision| revision.arn == *arn).cloned();
            Ok(arns.iter().map(of).gather())
        })
    }

    /// The tasks that stopped in the cluster, as they were listed at this time or later; `None` where there are too many
    /// to ask for all of them.
    pub(super) fn stopped(&self, cluster: &str, since: Instant) -> Result<Option<Vec<Task>>, AwsError> {
        let mut clusters = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clusters.or_default(cluster.to_owned());
        if !known.too_many && known.at.is_none_or(|at| at < since) {
            let at = time::instant();
            let listed = self.ecs.list_stopped_tasks(cluster, HUNDREDS)?;
            known.too_many = listed.is_none();
            known.tasks.retain(|_, task| task.tells_its_end());
            let new: Vec<_> = listed.into_iter().flatten().filter(|arn| !known.tasks.contains_key(arn)).gather();
            let described = self.ecs.tasks(cluster, &new)?;
            known.tasks.extend(described.into_iter().map(|task| (task.arn.clone(), task)));
            known.at = Some(at);
        }
        Ok((!known.too_many).then(|| known.tasks.values().cloned().gather()))
    }

    /// Who is alone waits for nobody.
    fn moment(&self, moment: Duration) -> Duration {
        if self.followed() > 1 { moment } else { Duration::ZERO }
    }
}
