//! One command, as it went.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use xtask_sandbox::Call;

use super::truth::{Running, Truth};
use crate::event::Event;
use crate::failure::Failure;

/// What a command said, did and left behind.
pub(super) struct Played {
    /// None where it was killed, panicked or never ended.
    pub result: Option<Result<(), Failure>>,
    pub panicked: Option<String>,
    pub stuck: Option<&'static str>,
    pub killed: bool,
    pub interrupted: bool,
    pub events: Vec<Event>,
    pub took: Duration,
    /// Of each service of the world.
    pub after: Vec<Truth>,
    pub other: (Truth, Truth),
    /// What the only service of a world ran, at each look that the command took at it.
    pub seen: Vec<Running>,
    pub calls: Vec<Call>,
    /// AWS's time at the end, in seconds since the Unix epoch.
    pub now: f64,
}

impl Played {
    pub(super) fn code(&self) -> Option<u8> {
        let result = self.result.as_ref()?;
        Some(result.as_ref().err().map_or(0, Failure::exit_code))
    }

    /// For who reads along.
    pub(super) fn told(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            let json = serde_json::to_string(event).unwrap_or_default();
            text.push_str(&json);
            text.push('\n');
        }
        for call in &self.calls {
            let _ = writeln!(text, "  {} {} {}", call.operation, call.status, brief(&call.input));
        }
        let end = match (&self.result, self.killed, &self.panicked, self.stuck) {
            (_, _, _, Some(stuck)) => stuck.to_owned(),
            (_, _, Some(panic), _) => format!("panicked: {panic}"),
            (Some(Ok(())), ..) => "ended well".to_owned(),
            (Some(Err(failure)), ..) => format!("exit {}: {failure}", failure.exit_code()),
            _ => "killed".to_owned(),
        };
        let _ = writeln!(text, "{end} after {:?}", self.took);
        for truth in &self.after {
            let _ = writeln!(text, "  truth {truth:?}");
        }
        text
    }

    pub(super) fn called<'a>(&'a self, operation: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.operation == operation)
    }
}

fn brief(input: &Value) -> String {
    let text = input.to_string();
    text.chars().take(300).collect()
}
