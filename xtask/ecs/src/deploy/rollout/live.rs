//! ECS itself, and real time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{AwsError, Digest, ListedDeployment, Observe, Pinned, Service, ServiceDeployment, ServiceRevision, Task};
use crate::aws::ecr::Ecr;
use crate::aws::ecs::Ecs;
use crate::interrupt::Interrupt;

pub(crate) struct Live<'a> {
    ecs: &'a Ecs,
    ecr: &'a Ecr,
    cluster: &'a str,
    service: &'a str,
    interrupt: &'a Interrupt,
    started: Instant,
}

impl<'a> Live<'a> {
    /// The rollout's time begins now.
    pub(crate) fn new(
        ecs: &'a Ecs,
        ecr: &'a Ecr,
        cluster: &'a str,
        service: &'a str,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self { ecs, ecr, cluster, service, interrupt, started: Instant::now() }
    }
}

impl Observe for Live<'_> {
    fn service(&mut self) -> Result<Service, AwsError> {
        self.ecs.service(self.cluster, self.service)
    }

    fn listed(&mut self, after: i64) -> Result<Vec<ListedDeployment>, AwsError> {
        self.ecs.service_deployments(self.cluster, self.service, after)
    }

    fn service_deployment(&mut self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        self.ecs.service_deployment(arn)
    }

    fn revisions(&mut self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        self.ecs.service_revisions(arns)
    }

    fn tasks(&mut self, stopped: bool, known: &BTreeSet<String>) -> Result<Vec<Task>, AwsError> {
        let mut arns = self.ecs.list_tasks(self.cluster, self.service, stopped)?;
        arns.retain(|arn| !known.contains(arn));
        self.ecs.tasks(self.cluster, &arns)
    }

    fn children(&mut self, pinned: &Pinned) -> Result<Vec<Digest>, AwsError> {
        self.ecr.children(&pinned.repository, &pinned.digest)
    }

    fn registered_by(&mut self, revision: &str) -> Result<String, AwsError> {
        let found = self.ecs.task_definitions(&[revision.to_owned()]).pop().transpose()?.flatten();
        Ok(found.map(|revision| revision.registered_by).unwrap_or_default())
    }

    fn roll_back(&mut self, arn: &str) -> Result<(), AwsError> {
        self.ecs.roll_back(arn)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn pause(&mut self, pause: Duration, deaf: bool) -> bool {
        if deaf { Interrupt::default().wait(pause) } else { self.interrupt.wait(pause) }
    }
}
