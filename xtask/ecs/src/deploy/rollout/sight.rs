//! One look at a rollout: which service deployment is ours, and what took its place.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    AwsError, Events, Kind, ListedDeployment, Newer, Observation, Observe, Service, ServiceDeployment, Status, Target,
};

/// Clocks of ECS's own parts may differ by this much, in milliseconds.
const SLACK: i64 = 60_000;
/// How long a service deployment may take to be listed before `deployments` is believed instead.
const LISTED_WITHIN: Duration = Duration::from_secs(20);
/// Looks that may fail to get at service deployments while the service itself can be seen.
const REFUSED: u32 = 3;

/// What earlier looks have found out.
pub struct Sight<'a> {
    target: &'a Target,
    events: &'a Events,
    /// The ARN of our service deployment, once it is listed.
    pub arn: Option<String>,
    unlisted: bool,
    seen_failed: bool,
    refused: u32,
    /// This look failed on service deployments, whatever the service would say.
    half_blind: bool,
    newer: Option<Newer>,
    /// Service revision → task definition revision; both never change.
    revisions: BTreeMap<String, String>,
}

impl<'a> Sight<'a> {
    pub fn new(target: &'a Target, events: &'a Events) -> Self {
        Self {
            target,
            events,
            arn: None,
            unlisted: false,
            seen_failed: false,
            refused: 0,
            half_blind: false,
            newer: None,
            revisions: BTreeMap::new(),
        }
    }

    pub fn look<O: Observe>(&mut self, observe: &mut O) -> Result<Observation, AwsError> {
        let seen = self.try_to_look(observe);
        // Emulators answer calls that they lack in ways of their own; a network that is down spares no call.
        if seen.is_err() && std::mem::take(&mut self.half_blind) && observe.service().is_ok() {
            self.refused += 1;
        }
        seen
    }

    fn try_to_look<O: Observe>(&mut self, observe: &mut O) -> Result<Observation, AwsError> {
        if self.arn.is_none() && !self.unlisted && !self.target.only_scaled {
            let found = self.find(observe);
            self.arn = self.or_unlisted(found)?.flatten();
            if self.arn.is_none() && !self.unlisted && observe.elapsed() >= LISTED_WITHIN {
                self.give_up("ECS does not list that of this update");
            }
        }
        // The service is looked at after the rollout: whatever stopped the rollout shows in it then.
        let rollout = match self.arn.clone() {
            Some(arn) => {
                let described = observe.service_deployment(&arn);
                self.or_unlisted(described)?.flatten()
            }
            None => None,
        };
        let service = observe.service()?;
        let displaced = service.primary().is_some_and(|primary| primary.id != self.target.deployment);
        if let (Some(rollout), None) = (&rollout, &self.newer) {
            let stopping = matches!(rollout.status, Status::StopRequested | Status::Stopped);
            let over = rollout.status.is_final() && rollout.status != Status::Stopped;
            if (displaced || stopping) && !over {
                let newer = self.newer_than(observe, &rollout.arn, rollout.created_at);
                self.newer = self.or_unlisted(newer)?.flatten();
            }
        }
        let ours = service.deployment(&self.target.deployment);
        self.seen_failed |= ours.is_some_and(|ours| ours.rollout_state == "FAILED");
        Ok(self.observation(observe, service, rollout))
    }

    pub fn observation<O: Observe>(
        &self,
        observe: &O,
        service: Service,
        rollout: Option<ServiceDeployment>,
    ) -> Observation {
        Observation {
            elapsed: observe.elapsed(),
            deadline: self.target.rollout.deadline,
            revision: self.target.revision.clone(),
            previous: self.target.previous.clone(),
            deployment: self.target.deployment.clone(),
            only_scaled: self.target.only_scaled,
            service,
            rollout,
            newer: self.newer.clone(),
            unlisted: self.unlisted,
            seen_failed: self.seen_failed,
        }
    }

    /// Our service deployment: of those that lead to our revision, the one created nearest to our entry in
    /// `deployments`. Both times are ECS's own; this machine's clock is not asked.
    fn find<O: Observe>(&mut self, observe: &mut O) -> Result<Option<String>, AwsError> {
        let listed = observe.listed(self.target.since - SLACK)?;
        let mut ours = Vec::new();
        for deployment in &listed {
            if self.task_definition(observe, deployment)? == self.target.revision {
                ours.push(deployment);
            }
        }
        // Of two created at one moment ours is the older, which is listed later: the other was made after it.
        let nearest = ours.into_iter().rev().min_by_key(|deployment| (deployment.created_at - self.target.since).abs());
        Ok(nearest.map(|deployment| deployment.arn.clone()))
    }

    fn newer_than<O: Observe>(
        &mut self,
        observe: &mut O,
        arn: &str,
        created_at: i64,
    ) -> Result<Option<Newer>, AwsError> {
        let listed = observe.listed(created_at)?;
        let newest = listed.first().filter(|newest| newest.arn != arn && newest.created_at >= created_at);
        let Some(newest) = newest else { return Ok(None) };
        let revision = self.task_definition(observe, newest)?;
        if revision == self.target.revision {
            return Ok(Some(Newer { revision, who: String::new() }));
        }
        // Who it was is worth knowing, and not worth failing for.
        let who = observe.registered_by(&revision).unwrap_or_default();
        Ok(Some(Newer { revision, who }))
    }

    fn task_definition<O: Observe>(
        &mut self,
        observe: &mut O,
        deployment: &ListedDeployment,
    ) -> Result<String, AwsError> {
        if let Some(known) = self.revisions.get(&deployment.target) {
            return Ok(known.clone());
        }
        let found = observe.revisions(std::slice::from_ref(&deployment.target))?.pop();
        let revision = found.map(|revision| revision.task_definition).unwrap_or_default();
        if !revision.is_empty() {
            self.revisions.insert(deployment.target.clone(), revision.clone());
        }
        Ok(revision)
    }

    /// `None` where service deployments cannot be looked at here, which is said once and remembered.
    fn or_unlisted<T>(&mut self, answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_not_to_be_had(&error) || self.refused == REFUSED => {
                self.give_up(&error.to_string());
                Ok(None)
            }
            Err(error) => {
                self.half_blind = true;
                Err(error)
            }
        }
    }

    fn give_up(&mut self, why: &str) {
        self.unlisted = true;
        self.arn = None;
        self.events.warn(format!(
            "service deployments cannot be looked at, so the outcome is read from the service's own list of \
             deployments, which tells less: {why}"
        ));
    }
}

/// Older IAM policies lack the action, and emulators the call.
fn is_not_to_be_had(error: &AwsError) -> bool {
    let unknown = ["UnknownOperation", "InvalidAction", "NotImplemented", "Unsupported", "UnsupportedFeature"];
    error.kind == Kind::Denied
        || error.code == "an error without a code"
        || unknown.iter().any(|code| error.code.starts_with(code))
}
