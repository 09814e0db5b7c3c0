//! What a post-mortem found beside the tasks, for people.

use super::{LogTail, TargetGroup, TargetHealth};

impl LogTail {
    /// `log of app in task 0123456789abcdef (/ecs/app ecs/app/0123456789abcdef): may be incomplete`
    pub fn heading(&self) -> String {
        let Self { container, task, source, note, .. } = self;
        let source = if source.is_empty() { String::new() } else { format!(" ({source})") };
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        format!("log of {container} in task {task}{source}{note}")
    }
}

impl TargetGroup {
    /// `target group green checks HTTP /healthz on traffic-port for 200-299`
    pub fn sentence(&self) -> String {
        let Self { name, protocol, path, port, matcher, .. } = self;
        let path = if path.is_empty() { String::new() } else { format!(" {path}") };
        let codes = if matcher.is_empty() { String::new() } else { format!(" for {matcher}") };
        format!("target group {name} checks {protocol}{path} on {port}{codes}")
    }
}

impl TargetHealth {
    /// `10.0.1.7, container port 8080: unhealthy, Target.ResponseCodeMismatch: Health checks failed with these codes: [404]`
    pub fn sentence(&self) -> String {
        let Self { target, port, state, reason, description } = self;
        let port = port.map_or(String::new(), |port| format!(", container port {port}"));
        let reason = if reason.is_empty() { String::new() } else { format!(", {reason}") };
        let description = if description.is_empty() { String::new() } else { format!(": {description}") };
        format!("{target}{port}: {state}{reason}{description}")
    }
}
