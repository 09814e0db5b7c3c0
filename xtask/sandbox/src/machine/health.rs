//! The health command of a container, run in earnest.
//! Source: Amazon ECS API Reference, `HealthCheck`.

use std::time::{Duration, Instant};

use super::container::list;
use super::program::finish;
use super::{Container, Floor};
use crate::ecs::earnest::News;

/// The shortest time between two checks, and the shortest that a check may take: a program is no faster for a fast clock.
const LEAST: Duration = Duration::from_millis(250);

pub(super) struct Checks {
    words: Vec<String>,
    interval: Duration,
    timeout: Duration,
    retries: u64,
    /// Failures before this do not count.
    counts_from: Instant,
    next: Instant,
    failed: u64,
    told: Option<bool>,
}

impl Checks {
    /// `None` where the container has none.
    pub fn of(floor: &Floor, container: &Container) -> Option<Self> {
        let check = &container.launch.definition["healthCheck"];
        let command = list(&check["command"]);
        let words = match command.split_first()? {
            (kind, rest) if kind == "CMD" => rest.to_vec(),
            (kind, rest) if kind == "CMD-SHELL" => {
                ["/bin/sh", "-c"].map(str::to_owned).into_iter().chain(rest.iter().cloned()).collect()
            }
            // ECS takes no other, but for `NONE`.
            _ => return None,
        };
        let number = |member: &str, default: u64| check[member].as_u64().unwrap_or(default);
        let interval = floor.scaled(number("interval", 30)).max(LEAST);
        let now = Instant::now();
        Some(Self {
            words,
            interval,
            timeout: Duration::from_secs(number("timeout", 5)),
            retries: number("retries", 3),
            counts_from: now + floor.scaled(number("startPeriod", 0)).max(LEAST * 2),
            next: now + LEAST,
            failed: 0,
            told: None,
        })
    }

    /// Checks where it is time to; what is to be told, if it is something else than before.
    pub fn look(&mut self, floor: &Floor, container: &Container) -> Option<bool> {
        if Instant::now() < self.next {
            return None;
        }
        let done = floor
            .runs
            .beside(container, &self.words)
            .and_then(|command| finish(command, self.timeout).map_err(|error| error.to_string()));
        self.next = Instant::now() + self.interval;
        let well = match done {
            Ok((Some(0), _)) => {
                self.failed = 0;
                true
            }
            Ok((code, lines)) => {
                self.fail(
                    floor,
                    container,
                    code.map_or_else(
                        || "took too long".to_owned(),
                        |code| {
                            let said = lines.last().map(|line| format!(": {line}")).unwrap_or_default();
                            format!("exited with {code}{said}")
                        },
                    ),
                );
                false
            }
            Err(error) => {
                self.fail(floor, container, error);
                false
            }
        };
        let verdict = if well { Some(true) } else { (self.failed >= self.retries).then_some(false) };
        if verdict.is_none() || verdict == self.told {
            return None;
        }
        self.told = verdict;
        verdict
    }

    /// A check that failed says why where people look for it: ECS itself keeps it on the instance.
    fn fail(&mut self, floor: &Floor, container: &Container, why: String) {
        if Instant::now() < self.counts_from {
            return;
        }
        self.failed += 1;
        floor.tell(&container.launch, News::Wrote(format!("[health command] {} {why}", self.words.join(" "))));
    }
}
