//! How often ECS may be asked, kept to by all calls of this process together, so that none is throttled.
//!
//! Source: Amazon ECS API Reference, "Request throttling for the Amazon ECS API". The limits are an account's in one
//! region, so a tenth of each rate is left to others, and of what may be asked at once a few.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::calls::{self, Call};
use crate::time;

/// What of a limit's rate is ours, and what of its burst, which is there again a moment later.
const SHARE: f64 = 0.9;
const BURST: f64 = 0.96;

/// One limit, on a few actions together: so many at once, and so many more a second.
struct Limit {
    actions: &'static [&'static Call],
    burst: f64,
    refill: f64,
}

const LIMITS: [Limit; 9] = [
    // Those of Express services and of daemons are documented nowhere, and taken to be like others.
    Limit {
        actions: &[&calls::REGISTER_TASK_DEFINITION, &calls::REGISTER_DAEMON_TASK_DEFINITION],
        burst: 20.0,
        refill: 1.0,
    },
    Limit {
        actions: &[&calls::DESCRIBE_TASK_DEFINITION, &calls::DESCRIBE_DAEMON_TASK_DEFINITION],
        burst: 50.0,
        refill: 20.0,
    },
    Limit {
        actions: &[
            &calls::UPDATE_SERVICE,
            &calls::CREATE_SERVICE,
            &calls::UPDATE_EXPRESS_GATEWAY_SERVICE,
            &calls::UPDATE_DAEMON,
            &calls::CREATE_DAEMON,
        ],
        burst: 50.0,
        refill: 5.0,
    },
    Limit {
        actions: &[&calls::DESCRIBE_SERVICES, &calls::DESCRIBE_EXPRESS_GATEWAY_SERVICE, &calls::DESCRIBE_DAEMON],
        burst: 100.0,
        refill: 20.0,
    },
    Limit { actions: &[&calls::RUN_TASK, &calls::STOP_TASK], burst: 100.0, refill: 40.0 },
    Limit {
        actions: &[
            &calls::LIST_TASKS,
            &calls::DESCRIBE_TASKS,
            &calls::DESCRIBE_CAPACITY_PROVIDERS,
            &calls::LIST_CONTAINER_INSTANCES,
            &calls::DESCRIBE_CONTAINER_INSTANCES,
        ],
        burst: 100.0,
        refill: 20.0,
    },
    Limit {
        actions: &[
            &calls::LIST_SERVICE_DEPLOYMENTS,
            &calls::DESCRIBE_SERVICE_DEPLOYMENTS,
            &calls::DESCRIBE_SERVICE_REVISIONS,
            &calls::LIST_DAEMON_DEPLOYMENTS,
            &calls::DESCRIBE_DAEMON_DEPLOYMENTS,
            &calls::DESCRIBE_DAEMON_REVISIONS,
        ],
        burst: 50.0,
        refill: 20.0,
    },
    Limit {
        actions: &[&calls::STOP_SERVICE_DEPLOYMENT, &calls::CONTINUE_SERVICE_DEPLOYMENT],
        burst: 50.0,
        refill: 5.0,
    },
    Limit { actions: &[&calls::TAG_RESOURCE, &calls::UNTAG_RESOURCE], burst: 20.0, refill: 10.0 },
];

/// A bucket of tokens: full at first, refilled steadily, and in debt to those who wait.
#[derive(Debug)]
struct Bucket {
    burst: f64,
    refill: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn of(limit: &Limit, now: Instant) -> Self {
        let burst = (limit.burst * BURST).floor();
        Self { burst, refill: limit.refill * SHARE, tokens: burst, at: now }
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.refill).min(self.burst);
        self.at = now;
    }

    /// Takes one token; how long it is until that is there.
    fn take(&mut self, now: Instant) -> Duration {
        self.refill(now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens).max(0.0) / self.refill)
    }

    /// Takes one token where more than half of all are there, which is none that anybody waits for.
    fn spare(&mut self, now: Instant) -> bool {
        self.refill(now);
        let spare = self.tokens > self.burst / 2.0;
        self.tokens -= if spare { 1.0 } else { 0.0 };
        spare
    }
}

/// The buckets of one account and region.
#[derive(Debug)]
pub(super) struct Pace(Mutex<[Bucket; LIMITS.len()]>);

impl Pace {
    pub(super) fn new() -> Self {
        let now = time::instant();
        Self(Mutex::new(LIMITS.each_ref().map(|limit| Bucket::of(limit, now))))
    }

    /// Waits until such a call may be made.
    pub(super) async fn turn(&self, action: &str) {
        let Some(place) = place(action) else { return };
        let wait = self.0.lock().unwrap_or_else(PoisonError::into_inner)[place].take(time::instant());
        if !wait.is_zero() {
            time::sleep(wait).await;
        }
    }

    /// Waits until such a call takes nobody's turn.
    pub(super) async fn spare(&self, action: &str) {
        let Some(place) = place(action) else { return };
        while !self.0.lock().unwrap_or_else(PoisonError::into_inner)[place].spare(time::instant()) {
            time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn place(action: &str) -> Option<usize> {
    LIMITS.iter().position(|limit| limit.actions.iter().any(|call| call.action == action))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of so many calls that all come at once is made, in seconds.
    fn turns(call: &Call, count: usize) -> Vec<f64> {
        let limit = LIMITS.iter().find(|limit| limit.actions.iter().any(|it| it.action == call.action));
        let now = Instant::now();
        let mut bucket = Bucket::of(limit.expect("it is limited"), now);
        (0..count).map(|_| bucket.take(now).as_secs_f64()).collect()
    }

    #[test]
    fn revisions_are_registered_nineteen_at_once_and_then_one_by_one() {
        let turns = turns(&calls::REGISTER_TASK_DEFINITION, 21);
        assert!(turns[..19].iter().all(|turn| *turn == 0.0), "{turns:?}");
        assert!((turns[19] - 1.0 / 0.9).abs() < 1e-9 && (turns[20] - 2.0 / 0.9).abs() < 1e-9, "{turns:?}");
    }

    #[test]
    fn no_limit_of_ecs_is_met_by_any_number_of_calls() {
        for limit in &LIMITS {
            let turns = turns(limit.actions[0], 500);
            for (count, turn) in turns.iter().enumerate() {
                let allowed = limit.burst + limit.refill * turn;
                assert!(f64::from(u32::try_from(count + 1).expect("few")) <= allowed, "{} at {turn}", count + 1);
            }
        }
    }

    #[test]
    fn what_was_not_used_is_there_again_and_never_more_than_all() {
        let start = Instant::now();
        let mut bucket = Bucket::of(&LIMITS[0], start);
        for _ in 0..19 {
            assert!(bucket.take(start).is_zero());
        }
        let later = start + Duration::from_secs(3600);
        assert!((0..19).all(|_| bucket.take(later).is_zero()) && !bucket.take(later).is_zero());
    }

    #[test]
    fn what_nobody_waits_for_leaves_half_of_what_may_be_asked_at_once_to_the_others() {
        let start = Instant::now();
        let mut bucket = Bucket::of(&LIMITS[0], start);
        let spared = (0..19).filter(|_| bucket.spare(start)).count();
        assert_eq!(spared, 10);
        assert!((0..9).all(|_| bucket.take(start).is_zero()), "the others need not wait for it");
        assert!(!bucket.spare(start + Duration::from_secs(10)) && bucket.spare(start + Duration::from_secs(11)));
    }

    #[test]
    fn every_call_to_ecs_has_a_limit() {
        let limited: Vec<_> = LIMITS.iter().flat_map(|limit| limit.actions).map(|call| call.action).collect();
        // A session is started by a person, once.
        let paced = calls::CALLS.iter().filter(|call| call.action != calls::EXECUTE_COMMAND.action);
        for call in paced.filter(|call| call.action.starts_with("ecs:")) {
            assert!(limited.contains(&call.action), "{}", call.action);
        }
    }
}
