//! What commands say at their end that look at services, or change what no deploy changes.

use super::Line;
use crate::event::Event;

pub(super) fn line(event: &Event) -> Option<Line> {
    let (verb, text) = match event {
        Event::StatusShown { services, under_way } => {
            let rollouts = if *under_way == 0 { String::new() } else { format!(", {under_way} on the way") };
            ("Status", format!("{}{rollouts}", counted(*services, "service")))
        }
        Event::Verified { things, untold, .. } => {
            let told =
                if *untold == 0 { String::new() } else { format!(", {untold} that this identity may not look at") };
            ("Verified", format!("{things} things{told}"))
        }
        Event::LogsRead { lines, tasks } => {
            ("Read", format!("{} of {}", counted(*lines, "line"), counted(*tasks, "task")))
        }
        Event::SessionStarted { service, task, container, command, forwards } => {
            let of = format!("container {container} of task {task} of service {service}");
            match forwards.as_str() {
                "" => ("Executing", format!("{command} in {of}")),
                host if host.contains(" of ") => ("Forwarding", format!("{host} by way of {of}")),
                port => ("Forwarding", format!("{port} of {of}")),
            }
        }
        Event::ServiceScaled { service, before, after } if before == after => {
            ("Scaled", format!("{service}: {after} already"))
        }
        Event::ServiceScaled { service, before, after } => ("Scaled", format!("{service}: {before} -> {after}")),
        _ => return None,
    };
    Some(Line::status(verb, &text))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
