//! What rollouts of the services usually take: asked for beside them, one service after another, and waited for by nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Observation, Observe, Target, Until, Usual, goes_back};
use crate::aws::ecs::{Ecs, ServiceDeployment};
use crate::deploy::history;
use crate::net;
use crate::sorted::SortedMap;

/// What is left is told in steps of so many seconds.
const STEP: u32 = 10;

/// One for all rollouts of a deploy.
pub(super) struct Usually {
    ecs: Ecs,
    found: Arc<Mutex<Found>>,
}

/// Cluster and service.
type Name = (String, String);

#[derive(Default)]
struct Found {
    /// Of each that was asked for; none as long as there is no answer.
    known: SortedMap<Name, Option<f64>>,
    open: VecDeque<Name>,
    asking: Option<JoinHandle<()>>,
}

impl Usually {
    pub(super) fn new(ecs: &Ecs) -> Self {
        Self { ecs: ecs.clone(), found: Arc::default() }
    }

    /// In seconds, once that is known; the first who wants to know has it asked for.
    pub(super) fn of(&self, cluster: &str, service: &str) -> Option<f64> {
        let name = (cluster.to_owned(), service.to_owned());
        let mut found = lock(&self.found);
        if let Some(known) = found.known.get(&name) {
            return *known;
        }
        found.known.insert(name.clone(), None);
        found.open.push_back(name);
        if found.asking.as_ref().is_none_or(JoinHandle::is_finished) {
            found.asking = Some(net::runtime().spawn(net::boxed(ask(self.ecs.clone(), Arc::clone(&self.found)))));
        }
        None
    }
}

impl Drop for Usually {
    fn drop(&mut self) {
        if let Some(asking) = lock(&self.found).asking.take() {
            asking.abort();
        }
    }
}

async fn ask(ecs: Ecs, found: Arc<Mutex<Found>>) {
    loop {
        let next = lock(&found).open.pop_front();
        let Some((cluster, service)) = next else { return };
        let usual = history::usual_of(&ecs.successful(&cluster, &service).await);
        lock(&found).known.insert((cluster, service), usual);
    }
}

fn lock(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is told of it at this look; none where it says nothing of this rollout.
pub(super) fn of<O: Observe>(observe: &mut O, target: &Target, seen: &Observation) -> Option<Usual> {
    let Target { only_scaled, joined, until, rollout, .. } = target;
    let waits = seen.rollout.as_ref().and_then(ServiceDeployment::pause).is_some();
    // The time of a rehearsal is not that of its clock.
    if *only_scaled || *until != Until::Done || rollout.speed > 1 || waits || goes_back(seen) {
        return None;
    }
    let seconds = observe.usual()?;
    Some(Usual { seconds, left_seconds: (!joined).then(|| left(seconds, seen.elapsed)) })
}

fn left(usual: f64, elapsed: Duration) -> u32 {
    let usual = Duration::try_from_secs_f64(usual).unwrap_or_default();
    let left = usual.saturating_sub(elapsed).as_millis().div_ceil(1000 * u128::from(STEP));
    u32::try_from(left).unwrap_or(u32::MAX).saturating_mul(STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_whole_tens_and_nothing_once_it_takes_longer() {
        for (usual, elapsed, expected) in
            [(130.0, 0, 130), (130.0, 1, 130), (130.0, 51, 80), (9.0, 0, 10), (130.0, 130, 0), (130.0, 4000, 0)]
        {
            assert_eq!(left(usual, Duration::from_secs(elapsed)), expected, "{usual} {elapsed}");
        }
        assert_eq!(left(f64::INFINITY, Duration::ZERO), 0);
    }
}
