//! How often ECS lets itself be asked.
//! Source: Amazon ECS API Reference, "Request throttling for the Amazon ECS API". Real time: whoever waits, waits in it.

use std::time::Instant;

/// So many calls at once, and so many more a second, of these operations together.
struct Limit {
    operations: &'static [&'static str],
    burst: f64,
    refill: f64,
}

const fn limit(operations: &'static [&'static str], burst: f64, refill: f64) -> Limit {
    Limit { operations, burst, refill }
}

const LIMITS: [Limit; 9] = [
    limit(&["RegisterTaskDefinition", "DeregisterTaskDefinition"], 20.0, 1.0),
    limit(&["CreateService", "UpdateService", "DeleteService"], 50.0, 5.0),
    limit(&["DescribeServices", "ListServices"], 100.0, 20.0),
    limit(
        &[
            "ListServiceDeployments",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "StopServiceDeployment",
            "ContinueServiceDeployment",
        ],
        50.0,
        20.0,
    ),
    limit(&["DescribeTasks", "ListTasks"], 100.0, 20.0),
    limit(&["RunTask", "StopTask"], 100.0, 40.0),
    limit(&["DescribeTaskDefinition", "ListTaskDefinitions"], 50.0, 20.0),
    limit(&["DescribeClusters", "ListClusters"], 50.0, 20.0),
    limit(&["TagResource", "UntagResource"], 20.0, 10.0),
];

/// A bucket for each limit; none where nothing is limited.
#[derive(Debug, Default)]
pub(crate) struct Limits(Vec<Bucket>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Limits {
    /// All of ECS's, none of it used.
    pub fn of_ecs(now: Instant) -> Self {
        Self(LIMITS.iter().map(|limit| Bucket { tokens: limit.burst, at: now }).collect())
    }

    /// Counts a call such as `ecs:ListTasks`; false where it is one too many, and then it costs nothing.
    pub fn allow(&mut self, call: &str, now: Instant) -> bool {
        let Some(operation) = call.strip_prefix("ecs:") else { return true };
        let limited = self.0.iter_mut().zip(&LIMITS).find(|(_, limit)| limit.operations.contains(&operation));
        let Some((bucket, limit)) = limited else { return true };
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * limit.refill).min(limit.burst);
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        bucket.tokens -= f64::from(u8::from(allowed));
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_one_a_second() {
        let start = Instant::now();
        let mut limits = Limits::of_ecs(start);
        let mut allowed = |at: u64, calls: u32| {
            let now = start + Duration::from_secs(at);
            (0..calls).filter(|_| limits.allow("ecs:RegisterTaskDefinition", now)).count()
        };
        assert_eq!((allowed(0, 25), allowed(1, 3), allowed(3600, 25)), (20, 1, 20));
    }

    #[test]
    fn operations_of_one_limit_share_it_and_others_have_their_own() {
        let now = Instant::now();
        let mut limits = Limits::of_ecs(now);
        assert!((0..50).all(|_| limits.allow("ecs:DescribeServiceDeployments", now)));
        assert!(!limits.allow("ecs:DescribeServiceRevisions", now));
        assert!(limits.allow("ecs:DescribeServices", now) && limits.allow("ecr:DescribeImages", now));
        assert!((0..1000).all(|_| Limits::default().allow("ecs:UpdateService", now)));
    }
}
