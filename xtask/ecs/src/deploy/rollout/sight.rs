//! One look at a rollout: which service deployment is ours, and what took its place.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AwsError, Events, Kind, Newer, Observation, Observe, Service, ServiceDeployment, Status, Target};

/// Clocks of ECS's own parts may differ by this much, in milliseconds.
const SLACK: i64 = 60_000;
/// How long a service deployment may take to be listed before `deployments` is believed instead.
const LISTED_WITHIN: Duration = Duration::from_secs(20);
/// A service deployment of our revision that was created this near to our entry in `deployments` is ours, in milliseconds.
const NEAR: i64 = 10_000;
/// Looks that may fail to get at service deployments while the service itself can be seen.
const REFUSED: u32 = 3;

/// What earlier looks have found out.
pub(super) struct Sight<'a> {
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
    /// When the first look saw ours stopped.
    stopped: Option<Duration>,
    /// Service revision → task definition revision; both never change.
    revisions: BTreeMap<String, String>,
    shifting: Shifting,
}

/// What is remembered of a rollout that shifts traffic.
#[derive(Default)]
struct Shifting {
    /// The stage that the last look saw, since when, and the target groups that ECS uses in it.
    stage: String,
    since: Duration,
    target_groups: Vec<String>,
    /// How long ECS has waited for a decision so far, and when the last look saw it wait.
    paused: Duration,
    waiting: Option<Duration>,
}

impl<'a> Sight<'a> {
    pub(super) fn new(target: &'a Target, events: &'a Events) -> Self {
        Self {
            target,
            events,
            arn: None,
            unlisted: false,
            seen_failed: false,
            refused: 0,
            half_blind: false,
            newer: None,
            stopped: None,
            revisions: BTreeMap::new(),
            shifting: Shifting::default(),
        }
    }

    pub(super) fn look<O: Observe>(&mut self, observe: &mut O) -> Result<Observation, AwsError> {
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
        let mut rollout = match self.arn.clone() {
            Some(arn) => {
                let described = observe.service_deployment(&arn);
                self.or_unlisted(described)?.flatten()
            }
            None => None,
        };
        if let Some(rollout) = rollout.as_mut().filter(|rollout| !rollout.stage.is_empty()) {
            self.shifting.note(observe, rollout);
        }
        let service = observe.service()?;
        let displaced = service.primary().is_some_and(|primary| primary.id != self.target.deployment);
        if let (Some(rollout), None) = (&rollout, &self.newer) {
            let stopping = matches!(rollout.status, Status::StopRequested | Status::Stopped);
            let over = rollout.status.is_final() && rollout.status != Status::Stopped;
            if (displaced || stopping) && !over {
                let newer = self.newer_than(observe, rollout, &service);
                self.newer = self.or_unlisted(newer)?.flatten();
            }
        }
        if rollout.as_ref().is_some_and(|rollout| rollout.status == Status::Stopped) {
            self.stopped.get_or_insert(observe.elapsed());
        }
        let ours = service.deployment(&self.target.deployment);
        self.seen_failed |= ours.is_some_and(|ours| ours.rollout_state == "FAILED");
        Ok(self.observation(observe, service, rollout))
    }

    pub(super) fn observation<O: Observe>(
        &self,
        observe: &O,
        service: Service,
        rollout: Option<ServiceDeployment>,
    ) -> Observation {
        let elapsed = observe.elapsed();
        Observation {
            elapsed,
            deadline: self.target.rollout.deadline + self.shifting.paused,
            in_stage: elapsed.saturating_sub(self.shifting.since),
            revision: self.target.revision.clone(),
            previous: self.target.previous.clone(),
            deployment: self.target.deployment.clone(),
            since: self.target.since,
            only_scaled: self.target.only_scaled,
            until: self.target.until,
            service,
            rollout,
            newer: self.newer.clone(),
            stopped_for: elapsed.saturating_sub(self.stopped.unwrap_or(elapsed)),
            unlisted: self.unlisted,
            seen_failed: self.seen_failed,
        }
    }

    /// Our service deployment: the one that the service names, or else one of those that are listed.
    fn find<O: Observe>(&mut self, observe: &mut O) -> Result<Option<String>, AwsError> {
        match self.current(observe)? {
            Some(arn) => Ok(Some(arn)),
            None => self.listed(observe),
        }
    }

    /// The service deployment that the service is on, where it is certainly ours. What UpdateService answered may still
    /// name the one before.
    fn current<O: Observe>(&mut self, observe: &mut O) -> Result<Option<String>, AwsError> {
        let first = self.target.start.current_deployment.clone();
        let named = if first.is_none() || !self.is_ours(observe, first.as_deref())? {
            observe.service()?.current_deployment.filter(|named| Some(named) != first.as_ref())
        } else {
            return Ok(first);
        };
        Ok(if self.is_ours(observe, named.as_deref())? { named } else { None })
    }

    fn is_ours<O: Observe>(&mut self, observe: &mut O, arn: Option<&str>) -> Result<bool, AwsError> {
        let Some(arn) = arn else { return Ok(false) };
        let Some(found) = observe.service_deployment(arn)? else { return Ok(false) };
        let near = (found.created_at - self.target.since).abs() <= NEAR;
        Ok(near && self.task_definition(observe, &found.target)? == self.target.revision)
    }

    /// Of the service deployments that lead to our revision, the one created nearest to our entry in `deployments`. Both
    /// times are ECS's own; this machine's clock is not asked.
    fn listed<O: Observe>(&mut self, observe: &mut O) -> Result<Option<String>, AwsError> {
        let listed = observe.listed(self.target.since - SLACK)?;
        let mut ours = Vec::new();
        // At first an older one of the same revision may be all that is listed.
        let within = if observe.elapsed() < LISTED_WITHIN { NEAR } else { SLACK };
        for deployment in &listed {
            if (deployment.created_at - self.target.since).abs() <= within
                && self.task_definition(observe, &deployment.target)? == self.target.revision
            {
                ours.push(deployment);
            }
        }
        // Of two created at one moment ours is the older, which is listed later: the other was made after it.
        let nearest = ours.into_iter().rev().min_by_key(|deployment| (deployment.created_at - self.target.since).abs());
        Ok(nearest.map(|deployment| deployment.arn.clone()))
    }

    /// What took the place of ours: the service deployment that the service names, or else the newest that is listed.
    fn newer_than<O: Observe>(
        &mut self,
        observe: &mut O,
        ours: &ServiceDeployment,
        service: &Service,
    ) -> Result<Option<Newer>, AwsError> {
        let is_newer = |arn: &str, created_at: i64| arn != ours.arn && created_at >= ours.created_at;
        let current = match service.current_deployment.as_deref() {
            // Of one that is stopped it may be an old answer.
            Some(arn) if arn == ours.arn && ours.status != Status::Stopped => return Ok(None),
            Some(arn) if arn != ours.arn => {
                observe.service_deployment(arn)?.filter(|it| is_newer(&it.arn, it.created_at))
            }
            _ => None,
        };
        let target = if let Some(current) = current {
            Some(current.target)
        } else {
            let newest = observe.listed(ours.created_at)?.into_iter().next();
            newest.filter(|newest| is_newer(&newest.arn, newest.created_at)).map(|newest| newest.target)
        };
        let Some(target) = target else { return Ok(None) };
        let mut revision = self.task_definition(observe, &target)?;
        if revision.is_empty() {
            // What was made a moment ago may not be told of yet.
            let primary = service.primary().filter(|primary| primary.id != self.target.deployment);
            revision = primary.map(|primary| primary.task_definition.clone()).unwrap_or_default();
        }
        if revision == self.target.revision {
            return Ok(Some(Newer { revision, who: String::new() }));
        }
        // Who it was is worth knowing, and not worth failing for.
        let who = observe.registered_by(&revision).unwrap_or_default();
        Ok(Some(Newer { revision, who }))
    }

    /// The task definition's revision of a service revision.
    fn task_definition<O: Observe>(&mut self, observe: &mut O, of: &String) -> Result<String, AwsError> {
        if let Some(known) = self.revisions.get(of) {
            return Ok(known.clone());
        }
        let found = observe.revisions(std::slice::from_ref(of))?.pop();
        let revision = found.map(|revision| revision.task_definition).unwrap_or_default();
        if !revision.is_empty() {
            self.revisions.insert(of.clone(), revision.clone());
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

impl Shifting {
    fn note<O: Observe>(&mut self, observe: &mut O, rollout: &mut ServiceDeployment) {
        let now = observe.elapsed();
        if self.stage != rollout.stage {
            self.stage.clone_from(&rollout.stage);
            self.since = now;
            // Which target groups are in use is worth knowing, and not worth failing for.
            let found = observe.revisions(std::slice::from_ref(&rollout.target)).ok().and_then(|mut found| found.pop());
            self.target_groups = found.map(|revision| revision.target_groups).unwrap_or_default();
        }
        if let Some(target) = rollout.revisions.first_mut() {
            target.target_groups.clone_from(&self.target_groups);
        }
        let waits = rollout.pause().is_some();
        // It may have been answered since, after a check that took its time.
        if let Some(before) = self.waiting {
            self.paused += now.saturating_sub(before);
        }
        self.waiting = waits.then_some(now);
    }
}

/// Older IAM policies lack the action, and emulators the call.
fn is_not_to_be_had(error: &AwsError) -> bool {
    let unknown = ["UnknownOperation", "InvalidAction", "NotImplemented", "Unsupported", "UnsupportedFeature"];
    error.kind == Kind::Denied
        || error.code == "an error without a code"
        || unknown.iter().any(|code| error.code.starts_with(code))
}
