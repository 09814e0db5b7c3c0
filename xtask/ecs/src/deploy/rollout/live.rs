//! ECS itself, and real time.

use std::time::{Duration, Instant};

use super::looks::Looks;
use super::{
    Answer, AwsError, Digest, ListedDeployment, Observe, Pause, Pinned, Service, ServiceDeployment, ServiceRevision,
    Task, Woken,
};
use crate::deploy::cadence;
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::sorted::SortedSet;
use crate::time;

/// One of the rollouts that are followed. Where nothing has changed, it takes what it knows for true a little longer the more
/// others there are.
pub(crate) struct Live<'a> {
    looks: &'a Looks<'a>,
    cluster: &'a str,
    service: &'a str,
    poll: Duration,
    interrupt: &'a Interrupt,
    started: Instant,
    rollout: Option<ServiceDeployment>,
    /// The service, and when it was looked at.
    known: Option<(Instant, Service)>,
    /// The last look at the rollout found it as the one before.
    calm: bool,
    /// When the stopped tasks of this service alone were listed.
    listed: Option<Instant>,
    /// It is on its way back already.
    returns: bool,
}

impl<'a> Live<'a> {
    /// The rollout's time begins now.
    pub(crate) fn new(
        looks: &'a Looks<'a>,
        cluster: &'a str,
        service: &'a str,
        poll: Duration,
        interrupt: &'a Interrupt,
    ) -> Self {
        looks.count(true);
        let (started, rollout, known, calm, listed) = (time::instant(), None, None, false, None);
        Self { looks, cluster, service, poll, interrupt, started, rollout, known, calm, listed, returns: false }
    }

    /// That is recalled no more.
    #[must_use]
    pub(crate) fn returning(mut self) -> Self {
        self.returns = true;
        self
    }

    /// How long others are waited for, who ask the same.
    fn moment(&self) -> Duration {
        (self.poll / 20).min(Duration::from_millis(50))
    }

    /// Stopped tasks of this service alone, in a cluster with very many.
    fn own_stopped(&mut self, known: &SortedSet<String>) -> Result<Vec<Task>, AwsError> {
        let patience = cadence::patience(self.poll, self.looks.followed()) * 4;
        if self.calm && self.listed.is_some_and(|at| time::since(at) < patience) {
            return Ok(Vec::new());
        }
        self.listed = Some(time::instant());
        self.listed_tasks(true, known)
    }

    fn listed_tasks(&self, stopped: bool, known: &SortedSet<String>) -> Result<Vec<Task>, AwsError> {
        let mut arns = self.looks.ecs.list_tasks(self.cluster, self.service, stopped)?;
        arns.retain(|arn| !known.contains(arn));
        self.looks.ecs.tasks(self.cluster, &arns)
    }
}

impl Observe for Live<'_> {
    fn service(&mut self) -> Result<Service, AwsError> {
        let patience = cadence::patience(self.poll, self.looks.followed());
        if let Some((at, known)) = &self.known
            && self.calm
            && time::since(*at) < patience
        {
            return Ok(known.clone());
        }
        let at = time::instant();
        let found = self.looks.service(self.cluster, self.service, self.moment())?;
        self.known = Some((at, found.clone()));
        Ok(found)
    }

    fn listed(&mut self, after: i64) -> Result<Vec<ListedDeployment>, AwsError> {
        self.looks.ecs.service_deployments(self.cluster, self.service, after)
    }

    fn service_deployment(&mut self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        self.calm = false;
        let found = self.looks.rollout(arn, self.moment())?;
        self.calm = found.is_some() && found == self.rollout;
        self.rollout.clone_from(&found);
        Ok(found)
    }

    fn revisions(&mut self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        let found: Result<Vec<_>, _> = arns.iter().map(|arn| self.looks.revision(arn, self.moment())).try_gather();
        Ok(found?.into_iter().flatten().gather())
    }

    fn tasks(&mut self, stopped: bool, known: &SortedSet<String>) -> Result<Vec<Task>, AwsError> {
        let followed = self.looks.followed();
        if !stopped || followed < 2 {
            return self.listed_tasks(stopped, known);
        }
        let now = time::instant();
        let patience = if self.calm { cadence::patience(self.poll, followed) } else { Duration::ZERO };
        match self.looks.stopped(self.cluster, now.checked_sub(patience).unwrap_or(now))? {
            Some(tasks) => Ok(tasks.into_iter().filter(|task| !known.contains(&task.arn)).gather()),
            None => self.own_stopped(known),
        }
    }

    fn children(&mut self, pinned: &Pinned) -> Result<Vec<Digest>, AwsError> {
        self.looks.ecr.children(&pinned.repository, &pinned.digest)
    }

    fn registered_by(&mut self, revision: &str) -> Result<String, AwsError> {
        let found = self.looks.ecs.task_definitions(&[revision.to_owned()]).pop().transpose()?.flatten();
        Ok(found.map(|revision| revision.registered_by).unwrap_or_default())
    }

    fn usual(&mut self) -> Option<f64> {
        self.looks.usual.of(self.cluster, self.service)
    }

    fn roll_back(&mut self, arn: &str) -> Result<(), AwsError> {
        self.looks.ecs.roll_back(arn)
    }

    fn check(&mut self, pause: &Pause) -> Option<Answer> {
        if self.returns { None } else { self.looks.check(pause) }
    }

    fn answer(&mut self, arn: &str, hook: &str, go_on: bool) -> Result<(), AwsError> {
        self.looks.ecs.continue_service_deployment(arn, hook, go_on)
    }

    fn elapsed(&self) -> Duration {
        time::since(self.started)
    }

    fn pause(&mut self, pause: Duration, deaf: bool) -> Woken {
        let nobody = Interrupt::default();
        let interrupt = if deaf { &nobody } else { self.interrupt };
        let mut left = self.looks.in_step(pause, self.poll);
        loop {
            let followed = self.looks.followed();
            let part = left.min(self.poll);
            match (interrupt.wait(part), self.looks.recalled().filter(|_| !deaf && !self.returns)) {
                (true, _) => return Woken::Interrupted,
                (false, Some(why)) => return Woken::Recalled(why.clone()),
                (false, None) => left = left.saturating_sub(part),
            }
            if left.is_zero() {
                return Woken::No;
            }
            // Where others have come to their end, those that are left look as often as so few may.
            if self.looks.followed() < followed {
                left = left.min(self.looks.in_step(self.poll / 2, self.poll));
            }
        }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.looks.count(false);
    }
}
