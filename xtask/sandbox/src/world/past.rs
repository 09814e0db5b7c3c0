//! How things were, for those whose answers are not consistent yet.

use std::collections::VecDeque;

use crate::clock::Instant;
use crate::ecs::Ecs;
use crate::home::Home;

/// How many changes are remembered.
const MOST: usize = 64;
/// An hour, in milliseconds: further back nobody looks.
const LONG: u64 = 3_600_000;

/// ECS after each of the last calls that changed something; between two of them it goes its own way.
#[derive(Debug, Default)]
pub(crate) struct Past(VecDeque<(Home, Instant, Ecs)>);

impl Past {
    /// As it was before the first of them.
    pub fn begin(&mut self, home: &Home, at: Instant, ecs: &Ecs) {
        if !self.0.iter().any(|(whose, _, _)| whose == home) {
            let long_ago = Instant(at.0.saturating_sub(LONG));
            self.keep(home, long_ago, ecs);
        }
    }

    pub fn keep(&mut self, home: &Home, at: Instant, ecs: &Ecs) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((home.clone(), at, ecs.clone()));
    }

    /// As it was at this moment or the last change before it; None where that is more than is remembered.
    pub fn at(&self, home: &Home, moment: Instant) -> Option<Ecs> {
        let found = self.0.iter().rev().find(|(whose, at, _)| whose == home && *at <= moment);
        found.map(|(_, _, ecs)| ecs.clone())
    }
}
