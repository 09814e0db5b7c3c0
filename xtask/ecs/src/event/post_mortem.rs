//! What is told of a rollout that failed.

use serde::Serialize;

use super::ContainerExit;

/// Why a rollout failed, from what was observed of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PostMortem {
    /// Stopped tasks grouped by cause, the most frequent first.
    pub causes: Vec<Cause>,
    /// The ends of the logs of those that are to blame, of at most two tasks a cause.
    pub logs: Vec<LogTail>,
    /// The target groups in use, and what they find.
    pub targets: Vec<TargetGroup>,
    /// The circuit breaker's count and threshold.
    pub breaker: Option<(u32, u32)>,
    /// What serves now, as `FAMILY:REVISION`.
    pub serving: String,
    /// One sentence, without a line break.
    pub likely_cause: String,
    /// What to do about it; may be empty.
    pub fix: String,
    /// The command to run next.
    pub next: String,
}

/// One group of stopped tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cause {
    /// How many they are.
    pub tasks: usize,
    /// ECS's word, such as `EssentialContainerExited`; may be empty.
    pub stop_code: String,
    /// ECS's `stoppedReason`, with `…` for what differs from task to task.
    pub reason: String,
    /// How the containers of each of them ended.
    pub containers: Vec<ContainerExit>,
}

/// The end of one container's log. Known values of the environment, and what follows a secret's name, are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogTail {
    /// Its name in the task definition.
    pub container: String,
    /// The task's id.
    pub task: String,
    /// Log group and stream; empty where the log is not in CloudWatch.
    pub source: String,
    /// The oldest first.
    pub lines: Vec<String>,
    /// Why there are none, or why some may be missing; may be empty.
    pub note: String,
}

/// A target group, how it checks, and its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetGroup {
    /// As Elastic Load Balancing has it, without the ARN around it.
    pub name: String,
    /// Such as `HTTP`.
    pub protocol: String,
    /// Empty where the protocol has none.
    pub path: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// The codes that count as healthy.
    pub matcher: String,
    /// What is registered there; may be none.
    pub targets: Vec<TargetHealth>,
}

/// What a load balancer says of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetHealth {
    /// An address or an instance.
    pub target: String,
    /// The port of the container that traffic goes to.
    pub port: Option<u16>,
    /// Such as `unhealthy`.
    pub state: String,
    /// Such as `Target.ResponseCodeMismatch`.
    pub reason: String,
    /// Elastic Load Balancing's own words; may be empty.
    pub description: String,
}
