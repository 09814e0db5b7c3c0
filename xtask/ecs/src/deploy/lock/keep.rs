//! Taking locks, giving them back, and waiting for those of others.

use std::time::{Duration, Instant};

use super::super::plan::{Action, Plan};
use super::super::report::{Became, Report, ServiceReport};
use super::super::{DeployPlan, Deploys};
use super::{Holder, Kept, Way, in_the_way, locks, refusal, written};
use crate::aws::AwsError;
use crate::aws::ecs::{Ecs, Service as Live};
use crate::aws::tags::Tags;
use crate::config::{Service, WhenLocked};
use crate::event::{Lock, LockKind, Outcome};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::sorted::SortedMap;
use crate::time;

/// How often a lock is tried that somebody else tries at the same moment.
const TRIES: u32 = 5;

/// The services as they are, with their tags, in the order asked.
pub(crate) fn live(ecs: &Ecs, services: &[&Service]) -> Result<Vec<Live>, AwsError> {
    let mut clusters: SortedMap<&str, Vec<&str>> = SortedMap::new();
    for service in services {
        clusters.or_default(&service.cluster).push(&service.service);
    }
    let mut found = SortedMap::new();
    for (cluster, names) in &clusters {
        for (name, live) in names.iter().zip(ecs.tagged_services(cluster, names)?) {
            found.insert((*cluster, *name), live.ok_or_else(|| Ecs::gone(cluster, name))?);
        }
    }
    let of = |service: &&Service| found[&(service.cluster.as_str(), service.service.as_str())].clone();
    Ok(services.iter().map(of).gather())
}

/// Writes a lock, and takes those away that have ended.
pub(crate) fn write(tags: &Tags, service: &Live, key: &str, lock: &Lock) -> Result<(), AwsError> {
    tags.put(&service.arn, key, &written(lock))?;
    let over = locks(service).into_iter().filter(|kept| kept.has_ended(time::now()) && kept.key != key);
    let over: Vec<String> = over.map(|kept| kept.key).gather();
    let over: Vec<&str> = over.iter().map(String::as_str).gather();
    if over.is_empty() { Ok(()) } else { tags.remove(&service.arn, &over) }
}

/// A deploy that nobody's lock keeps out, and what it has locked itself.
pub(in super::super) struct Admitted<'p> {
    given: &'p DeployPlan,
    /// Where what was planned before is not true any more.
    again: Option<DeployPlan>,
    locked: Vec<usize>,
}

impl Admitted<'_> {
    /// The plan that is true now.
    pub(in super::super) fn plan(&self) -> &DeployPlan {
        self.again.as_ref().unwrap_or(self.given)
    }
}

/// The locks of one deploy.
pub(in super::super) struct Locks<'a> {
    deploys: &'a Deploys<'a>,
    holder: &'a Holder,
    way: Way,
}

/// How it went to lock what a plan changes.
enum Tried {
    /// The places of what is locked from now on.
    Locked(Vec<usize>),
    /// Somebody else was faster.
    Refused(Failure),
    /// Somebody else has been there since the plan was made, which is true no more.
    Late,
}

fn late() -> Failure {
    let message = "another deployment has changed what was to be rolled back, since that was planned; nothing was done";
    Failure::new(Ending::Superseded, message).help("run it again")
}

/// Whether anything was done to a service: a rollout begun, or a task run.
fn begun(report: &ServiceReport) -> bool {
    !report.deployment.is_empty() || !report.tasks.is_empty()
}

/// Whether a service is still what it was.
fn rests_as(now: &Live, before: &Live) -> bool {
    let facts = |live: &Live| (live.task_definition.clone(), live.desired, live.primary().map(|it| it.id.clone()));
    facts(now) == facts(before)
}

/// Those of a plan that do something to their service, and do not merely look, with their places.
fn acting(plan: &DeployPlan) -> impl Iterator<Item = (usize, &Plan)> {
    let acts = |one: &Plan| {
        // A service that is not there yet has no tags, and those of a daemon ECS tells nobody.
        if one.creates.is_some() || one.service.is_daemon() {
            return false;
        }
        let looks = matches!(one.action, Action::NothingToDo { .. } | Action::Follow { .. });
        let tasks = one.tasks_before(plan.run_tasks).len() + one.tasks_after(plan.run_tasks).len();
        !looks || tasks > 0 && !matches!(one.action, Action::Follow { .. })
    };
    plan.services.iter().enumerate().filter(move |(_, one)| acts(one))
}

impl<'a> Locks<'a> {
    pub(in super::super) fn new(deploys: &'a Deploys<'a>, holder: &'a Holder, way: Way) -> Self {
        Self { deploys, holder, way }
    }

    /// Lets a deploy begin: refuses it, or has it wait, while others have locked what it is to change, and locks that
    /// where the configuration says so.
    pub(in super::super) fn admit<'p>(&self, given: &'p DeployPlan) -> Result<Admitted<'p>> {
        let begun = time::instant();
        let mut again: Option<DeployPlan> = None;
        loop {
            let plan = again.as_ref().unwrap_or(given);
            let found: Vec<&Live> = acting(plan).map(|(_, plan)| &plan.live).gather();
            let refused = match self.blocked(plan, &found) {
                None => match self.lock(plan)? {
                    Tried::Locked(locked) => return Ok(Admitted { given, again, locked }),
                    Tried::Late if self.way == Way::Back => return Err(late()),
                    Tried::Late => None,
                    Tried::Refused(refused) => Some(refused),
                },
                refused => refused,
            };
            if let Some(refused) = refused {
                if self.way == Way::Back || self.deploys.config.lock.when_locked == WhenLocked::Refuse {
                    return Err(refused);
                }
                self.wait(plan, &refused, begun)?;
            }
            let names: Vec<String> = plan.services.iter().map(|plan| plan.service.name.clone()).gather();
            again = Some(self.deploys.plan(&names)?);
        }
    }

    /// Why this plan must not begin, with these services as they are now; all locks at once.
    fn blocked(&self, plan: &DeployPlan, found: &[&Live]) -> Option<Failure> {
        let refuse = |((_, plan), live): ((usize, &Plan), &&Live)| {
            let kept = in_the_way(live, self.holder, self.way);
            refusal(self.deploys.config, &plan.service.name, &kept)
        };
        let problems: Vec<Failure> = acting(plan).zip(found).filter_map(refuse).gather();
        (!problems.is_empty()).then(|| Failure::together(problems))
    }

    /// Locks all that the plan changes, or nothing.
    fn lock(&self, plan: &DeployPlan) -> Result<Tried> {
        let Deploys { config, session, .. } = self.deploys;
        let places: Vec<usize> = acting(plan).map(|(place, _)| place).gather();
        if !config.lock.deploys || places.is_empty() {
            return Ok(Tried::Locked(Vec::new()));
        }
        let services: Vec<&Service> = places.iter().map(|place| &plan.services[*place].service).gather();
        let ecs = session.ecs();
        for tried in 1.. {
            if let Err(failure) = self.write_all(plan, &places) {
                self.unlock(plan, &places);
                return Err(failure.into());
            }
            let found = live(&ecs, &services).map_err(Failure::from).inspect_err(|_| self.unlock(plan, &places))?;
            let found: Vec<&Live> = found.iter().gather();
            let Some(refused) = self.blocked(plan, &found) else {
                let as_planned = |(place, live): (&usize, &&Live)| rests_as(live, &plan.services[*place].live);
                if places.iter().zip(&found).all(as_planned) {
                    self.tell(plan, &places);
                    return Ok(Tried::Locked(places));
                }
                self.unlock(plan, &places);
                return Ok(Tried::Late);
            };
            self.unlock(plan, &places);
            // Both may have seen each other, and both have given way: one of them comes back first.
            let pause = Duration::from_millis(100 + 100 * u64::from(tried)).mul_f64(time::chance());
            if tried == TRIES || self.deploys.interrupt.wait(pause) {
                return Ok(Tried::Refused(refused));
            }
            let found = live(&ecs, &services)?;
            let found: Vec<&Live> = found.iter().gather();
            if let Some(refused) = self.blocked(plan, &found) {
                return Ok(Tried::Refused(refused));
            }
        }
        unreachable!("the last try has returned")
    }

    fn write_all(&self, plan: &DeployPlan, places: &[usize]) -> Result<(), AwsError> {
        let key = self.holder.key(LockKind::Deploy);
        places.iter().try_for_each(|place| {
            let Plan { service, live, .. } = &plan.services[*place];
            let lasts = self.deploys.config.lock.expires.max(service.rollout.deadline);
            write(&self.deploys.session.tags(), live, &key, &self.holder.lock(LockKind::Deploy, "", lasts))
        })
    }

    fn tell(&self, plan: &DeployPlan, places: &[usize]) {
        let names: Vec<&str> = places.iter().map(|place| plan.services[*place].service.name.as_str()).gather();
        self.deploys.events.note("Locked", format!("{} against other deploys", names.join(", ")));
    }

    /// Takes this deploy's own locks away.
    fn unlock(&self, plan: &DeployPlan, places: &[usize]) {
        let key = self.holder.key(LockKind::Deploy);
        for place in places {
            self.untag(&plan.services[*place], &[&key]);
        }
    }

    /// A lock that cannot be taken away ends by itself.
    fn untag(&self, plan: &Plan, keys: &[&str]) {
        let Deploys { config, session, events, .. } = self.deploys;
        if let Err(error) = session.tags().remove(&plan.live.arn, keys) {
            let (name, error) = (&plan.service.name, error.to_string().replace('\n', "; "));
            let unlock = config.command(&format!("unlock {name}"));
            events.warn(format!("service {name} stays locked: {error}; `{unlock}` unlocks it"));
        }
    }

    /// Waits until the services may be free. Fails (exit 7) where that takes longer than a lock lasts.
    fn wait(&self, plan: &DeployPlan, refused: &Failure, begun: Instant) -> Result<()> {
        let Deploys { config, session, events, interrupt, .. } = self.deploys;
        let services: Vec<&Service> = acting(plan).map(|(_, plan)| &plan.service).gather();
        let poll = services.iter().map(|service| service.rollout.poll).max().unwrap_or_default();
        events.note("Waiting", refused.message().trim_end_matches("; nothing was done"));
        let ecs = session.ecs();
        loop {
            if interrupt.wait(poll.mul_f64(4.0 + 2.0 * time::chance())) {
                return Err(Failure::interrupted(
                    "interrupted while others had locked what is to be deployed: nothing was done",
                ));
            }
            let found = live(&ecs, &services)?;
            let found: Vec<&Live> = found.iter().gather();
            let Some(mut refused) = self.blocked(plan, &found) else { return Ok(()) };
            if time::since(begun) > config.lock.expires {
                refused.ending = Ending::TimedOut;
                return Err(refused);
            }
        }
    }

    /// Unlocks what ended well or was not begun. What failed stays locked, and the failure says how that ends.
    pub(in super::super) fn release(
        &self,
        admitted: &Admitted<'_>,
        done: &Report,
        mut result: Result<()>,
    ) -> Result<()> {
        let plan = admitted.plan();
        for (place, (one, report)) in plan.services.iter().zip(&done.services).enumerate() {
            let well = matches!(report.outcome, Became::Ended(Outcome::Deployed | Outcome::NothingToDo));
            let (well, begun) = (well && report.failure.is_none(), begun(report));
            if !admitted.locked.contains(&place) {
                match one.action {
                    Action::Follow { .. } if well => self.take_over(one),
                    // An attempt of this very run that ended too soon to unlock it.
                    Action::NothingToDo { .. } if well && self.has_own(one) => self.unlock(plan, &[place]),
                    _ => {}
                }
            } else if well || !begun {
                self.unlock(plan, &[place]);
            } else {
                let stays = self.keep(one, report);
                match &mut result {
                    Ok(()) => self.deploys.events.note("Locked", stays),
                    Err(failure) => failure.help.push(stays),
                }
            }
        }
        result
    }

    fn has_own(&self, plan: &Plan) -> bool {
        let key = self.holder.key(LockKind::Deploy);
        locks(&plan.live).iter().any(|kept| kept.key == key && kept.lock.kind == LockKind::Deploy)
    }

    /// What the run that began a rollout has locked for it is over with it.
    fn take_over(&self, plan: &Plan) {
        let of_deploys = |kept: &Kept| kept.lock.kind == LockKind::Deploy;
        let keys: Vec<String> = locks(&plan.live).into_iter().filter(of_deploys).map(|kept| kept.key).gather();
        let keys: Vec<&str> = keys.iter().map(String::as_str).gather();
        if !keys.is_empty() {
            self.untag(plan, &keys);
        }
    }

    /// How a service stays locked, for people.
    fn keep(&self, plan: &Plan, report: &ServiceReport) -> String {
        let Deploys { config, session, events, .. } = self.deploys;
        let name = &plan.service.name;
        let left = matches!(
            report.outcome,
            Became::Interrupted | Became::NotAttempted | Became::Ended(Outcome::Reached | Outcome::Paused)
        );
        let (unlock, rollback) =
            (config.command(&format!("unlock {name}")), config.command(&format!("rollback {name}")));
        if left && !report.deployment.is_empty() {
            return format!("service {name} stays locked while that goes on; `{unlock}` lets others deploy");
        }
        let of_task = report.deployment.is_empty() || report.outcome == Became::Ended(Outcome::Deployed);
        let reason = if of_task { "a task failed".to_owned() } else { report.outcome.words() };
        let lock = self.holder.lock(LockKind::Failed, &reason, config.lock.expires);
        if let Err(error) = session.tags().put(&plan.live.arn, &self.holder.key(LockKind::Failed), &written(&lock)) {
            events.warn(format!(
                "the lock of service {name} could not be renewed: {}",
                error.to_string().replace('\n', "; ")
            ));
        }
        format!(
            "service {name} stays locked until {}, so that nothing covers this up: `{rollback}` may go on, \
             and `{unlock}` lets others deploy",
            lock.until
        )
    }
}
