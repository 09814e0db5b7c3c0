//! What containers write: a few lines as they start, and some that tell why they end.

use crate::clock::Instant;
use crate::ecs::state::log::Line;
use crate::ecs::state::task::{Container, Task};

impl Task {
    /// Has the containers that are meant write lines, each into its stream.
    pub(crate) fn write(&mut self, at: Instant, lines: impl Fn(&Container) -> Vec<String>) {
        // What runs in earnest speaks for itself.
        for container in self.containers.iter().filter(|container| container.earnest.is_none()) {
            let Some(sink) = &container.log else { continue };
            let lines = lines(container).into_iter();
            self.written.extend(lines.map(|message| Line { sink: sink.clone(), at, message }));
        }
    }
}

pub(crate) fn started(container: &Container) -> Vec<String> {
    let name = &container.name;
    let ready = match (container.port, &container.runs) {
        (None, Some(line)) => format!("INFO {name}: running {line}"),
        (Some(port), _) => format!("INFO {name}: listening on 0.0.0.0:{port}"),
        (None, None) => format!("INFO {name}: ready"),
    };
    let mut lines = vec![format!("INFO {name}: starting"), ready];
    lines.extend(container.says.iter().cloned());
    lines
}

/// What is written last by a program that ends so.
pub(crate) fn ended(container: &Container, code: i32) -> Vec<String> {
    let name = &container.name;
    match code {
        0 => vec![format!("INFO {name}: done")],
        // What a program in Rust writes that panics, and its code then.
        101 => [
            "thread 'main' panicked at src/main.rs:42:52:",
            "called `Result::unwrap()` on an `Err` value: Os { code: 111, kind: ConnectionRefused, message: \"Connection refused\" }",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        ]
        .map(str::to_owned)
        .into(),
        // Nobody who is killed writes a last word.
        137 | 139 | 143 => Vec::new(),
        _ => vec![format!("ERROR {name}: DATABASE_URL is not set"), format!("ERROR {name}: exit code {code}")],
    }
}

pub(crate) fn unhealthy(container: &Container) -> Vec<String> {
    vec![format!("ERROR {}: 503 for the health check: the database does not answer", container.name)]
}

pub(crate) fn terminated(container: &Container) -> Vec<String> {
    if container.exit_code.is_some() {
        return Vec::new();
    }
    vec![format!("INFO {}: SIGTERM, connections are closed, good-bye", container.name)]
}
