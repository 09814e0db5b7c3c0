//! Whether a container is well: its health command, run in earnest, and whether somebody listens on its ports.
//!
//! ECS itself looks at no port: a load balancer does, and the rehearsed service rarely has one.
//! Source: Amazon ECS API Reference, `HealthCheck`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::container::list;
use super::program::finish;
use super::way::{Room, Running};
use super::{Container, Floor};

/// The shortest time between two checks: a program is no faster for a fast clock.
const LEAST: Duration = Duration::from_millis(100);
/// So many times as long as a check took nothing is checked: a clock that is fast would have a slow one go on all the time.
const REST: u32 = 4;
/// A check that fails before does not count, as in the document's `startPeriod`, where that is no longer.
const STARTING: Duration = Duration::from_secs(3);
/// So long nobody need listen anywhere, beside `startPeriod`; and so long after somebody listens on another port.
const SILENT: Duration = Duration::from_secs(15);
const ELSEWHERE: Duration = Duration::from_secs(1);

pub(super) struct Probes {
    /// The health command; none where the document has none.
    command: Vec<String>,
    interval: Duration,
    timeout: Duration,
    retries: u64,
    began: Instant,
    /// Failures before it do not count.
    starting: Duration,
    next: Instant,
    failed: u64,
    answers: bool,
    /// The ports that nobody has listened on yet.
    ports: BTreeSet<u16>,
    elsewhere: Option<Instant>,
    told: Option<bool>,
}

/// What the probes found.
pub(super) enum Found {
    Well,
    /// And why.
    Ill(String),
}

impl Probes {
    /// `None` where there is nothing to look at.
    pub fn of(floor: &Floor, definition: &Value) -> Option<Self> {
        let check = &definition["healthCheck"];
        let command = match list(&check["command"]).split_first() {
            Some((kind, rest)) if kind == "CMD" => rest.to_vec(),
            Some((kind, rest)) if kind == "CMD-SHELL" => {
                ["/bin/sh", "-c"].map(str::to_owned).into_iter().chain(rest.iter().cloned()).collect()
            }
            // ECS takes no other, but for `NONE`.
            _ => Vec::new(),
        };
        let ports: BTreeSet<u16> = tcp_ports(definition).collect();
        if command.is_empty() && ports.is_empty() {
            return None;
        }
        let number = |member: &str, default: u64| check[member].as_u64().unwrap_or(default);
        let now = Instant::now();
        Some(Self {
            answers: command.is_empty(),
            command,
            interval: floor.scaled(number("interval", 30)).max(LEAST),
            timeout: Duration::from_secs(number("timeout", 5)),
            retries: number("retries", 3),
            began: now,
            starting: Duration::from_secs(number("startPeriod", 0)).max(STARTING),
            next: now + LEAST,
            failed: 0,
            ports,
            elsewhere: None,
            told: None,
        })
    }

    /// Looks where it is time to; what is to be told, if it is something else than before.
    pub fn look(&mut self, container: &Container, running: &dyn Running, room: &dyn Room) -> Option<Found> {
        if Instant::now() < self.next {
            return None;
        }
        let began = Instant::now();
        let found = self.listens(room).or_else(|| self.is_well(container, running));
        let pause = if self.told == Some(true) { self.interval } else { self.interval.min(LEAST * 3) };
        self.next = Instant::now() + pause.max(began.elapsed() * REST);
        let well = match &found {
            Some(_) => false,
            None if self.answers && self.ports.is_empty() => true,
            None => return None,
        };
        if self.told == Some(well) {
            return None;
        }
        self.told = Some(well);
        Some(found.map_or(Found::Well, Found::Ill))
    }

    /// Whether somebody listens on every port; the answer is what to say where nobody will.
    fn listens(&mut self, room: &dyn Room) -> Option<String> {
        if self.ports.is_empty() {
            return None;
        }
        let found = room.ports();
        self.ports.retain(|port| !found.contains(port));
        let port = self.ports.first()?;
        if found.is_empty() {
            let silent = self.began.elapsed() > self.starting.max(SILENT);
            return silent.then(|| format!("[port {port}] nobody listens on it, or on any other"));
        }
        let since = *self.elsewhere.get_or_insert_with(Instant::now);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        (since.elapsed() > ELSEWHERE)
            .then(|| format!("[port {port}] nobody listens on it, and on {} somebody does", found.join(", ")))
    }

    /// Runs the health command; the answer is what it said where it has failed often enough.
    fn is_well(&mut self, container: &Container, running: &dyn Running) -> Option<String> {
        if self.command.is_empty() {
            return None;
        }
        let line = self.command.join(" ");
        let command = match running.beside(container, &self.command) {
            Ok(command) => command,
            // No later one will find it either.
            Err(why) => return Some(format!("[health command] {line}: {why}")),
        };
        let why = match finish(command, self.timeout) {
            Ok((Some(0), _)) => {
                (self.failed, self.answers) = (0, true);
                return None;
            }
            Ok((Some(code), said)) => match said.last() {
                Some(said) => format!("exited with {code}: {said}"),
                None => format!("exited with {code}"),
            },
            Ok((None, _)) => format!("took longer than {} s", self.timeout.as_secs()),
            Err(error) => error.to_string(),
        };
        if self.began.elapsed() > self.starting {
            self.failed += 1;
        }
        (self.failed >= self.retries).then(|| format!("[health command] {line} {why}"))
    }
}

/// The ports that a container is reached at by TCP.
fn tcp_ports(definition: &Value) -> impl Iterator<Item = u16> {
    let mappings = definition["portMappings"].as_array().into_iter().flatten();
    mappings
        .filter(|mapping| mapping["protocol"] != "udp")
        .filter_map(|mapping| mapping["containerPort"].as_u64().and_then(|port| u16::try_from(port).ok()))
}
