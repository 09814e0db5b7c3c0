//! How long things take, in simulated milliseconds. Plausible for Fargate; none of it is promised by AWS.

use crate::clock::Instant;

/// PROVISIONING: the network interface is made and attached. About ten seconds on Fargate, as events of real rollouts
/// show between "has started 1 tasks" and the pull.
pub(crate) const PROVISIONING: u64 = 10_000;
/// PENDING: the image is pulled. `pullStartedAt` to `pullStoppedAt` of an image of some 100 MB.
pub(crate) const PULL: u64 = 5_000;
/// ACTIVATING: the container has been started and the targets are registered.
pub(crate) const ACTIVATING: u64 = 2_000;
/// From RUNNING to the end of a command that does nothing: long enough to be seen running.
pub(crate) const COMMAND: u64 = 2_000;
/// From SIGTERM to the exit of a program that listens to it. (One that does not is killed after `stopTimeout`, 30 s.)
pub(crate) const STOPPING: u64 = 2_000;
/// From a request for traffic to be shifted to its being so.
pub(crate) const SHIFTING: u64 = 10_000;
/// From the invocation of a hook's Lambda function to its answer.
pub(crate) const LAMBDA: u64 = 5_000;
/// From the beginning of a deployment, or of a stage, to an alarm that is to go off in it.
pub(crate) const ALARM: u64 = 20_000;
/// DEPROVISIONING: the network interface is detached and deleted.
pub(crate) const DEPROVISIONING: u64 = 10_000;
/// DEACTIVATING: `deregistration_delay.timeout_seconds` of a target group, default 300 s (Elastic Load Balancing,
/// "Target group attributes").
pub(crate) const DRAINING: u64 = 300_000;
/// From a change to the service scheduler's look at it.
pub(crate) const SCHEDULER: u64 = 1_000;
/// How long the counts must hold before a service "has reached a steady state".
pub(crate) const STEADY: u64 = 20_000;
/// `HealthCheckIntervalSeconds` of a target group, default 30 s (Elastic Load Balancing, "Health checks").
pub(crate) const TARGET_INTERVAL: u64 = 30_000;
/// `HealthyThresholdCount`, default 5.
pub(crate) const TARGET_HEALTHY: u64 = 5;
/// `UnhealthyThresholdCount`, default 2.
pub(crate) const TARGET_UNHEALTHY: u64 = 2;
/// A stopped task can be described for an hour (ECS, "Viewing stopped task errors").
pub(crate) const STOPPED_VISIBLE: u64 = 3_600_000;
/// Starts that failed before the scheduler slows down, its first pause, and its longest (ECS, "Service throttle
/// logic": tasks that never reach RUNNING are started again more and more slowly, 15 minutes at most).
pub(crate) const PATIENCE: u64 = 5;
pub(crate) const FIRST_PAUSE: u64 = 10_000;
pub(crate) const LONGEST_PAUSE: u64 = 900_000;
/// Service events that are kept (ECS, "Service event messages").
pub(crate) const EVENTS: usize = 100;

/// Container health checks, where the task definition leaves them out (ECS API reference, `HealthCheck`), in seconds.
pub(crate) const CHECK_INTERVAL: u64 = 30;
pub(crate) const CHECK_TIMEOUT: u64 = 5;
pub(crate) const CHECK_RETRIES: u64 = 3;

/// So many milliseconds later.
pub(crate) fn after(at: Instant, millis: u64) -> Instant {
    Instant(at.0 + millis)
}
