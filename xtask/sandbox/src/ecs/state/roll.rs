//! Which tasks there are, found without a look at each of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::key::Key;
use crate::clock::Instant;
use crate::ecs::timing;

/// Tasks by their ids, and those of them that have not stopped, by the services that have them. Numbers go up by the order of start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roll {
    ids: HashMap<String, u64>,
    alive: BTreeSet<u64>,
    of: BTreeMap<Key, BTreeSet<u64>>,
    /// Those that have stopped, by when, and by the services that had them.
    stopped: BTreeSet<(Instant, u64)>,
    had: BTreeMap<Key, BTreeSet<u64>>,
}

impl Roll {
    pub(crate) fn enter(&mut self, number: u64, id: &str, service: Option<&Key>) {
        self.ids.insert(id.to_owned(), number);
        self.alive.insert(number);
        if let Some(key) = service {
            self.of.entry(key.clone()).or_default().insert(number);
        }
    }

    /// It has stopped, and nothing happens to it any more.
    pub(crate) fn stopped(&mut self, number: u64, service: Option<&Key>, at: Instant) {
        self.alive.remove(&number);
        self.stopped.insert((at, number));
        if let Some(key) = service
            && let Some(own) = self.of.get_mut(key)
        {
            own.remove(&number);
            if own.is_empty() {
                self.of.remove(key);
            }
            self.had.entry(key.clone()).or_default().insert(number);
        }
    }

    /// One that nobody is shown any more; it is not named again.
    pub(crate) fn seen_last(&mut self, now: Instant) -> Option<u64> {
        let (at, number) = *self.stopped.first()?;
        (at.0 + timing::STOPPED_VISIBLE <= now.0).then(|| {
            self.stopped.pop_first();
            number
        })
    }

    /// Nobody is shown it any more.
    pub(crate) fn forget(&mut self, number: u64, id: &str, service: Option<&Key>) {
        self.ids.remove(id);
        if let Some(key) = service
            && let Some(had) = self.had.get_mut(key)
        {
            had.remove(&number);
            if had.is_empty() {
                self.had.remove(key);
            }
        }
    }

    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        self.ids.get(id).copied()
    }

    pub(crate) fn alive(&self) -> impl Iterator<Item = u64> {
        self.alive.iter().copied()
    }

    /// Those that a service had, and that are still shown.
    pub(crate) fn had(&self, service: &Key) -> impl Iterator<Item = u64> {
        self.had.get(service).into_iter().flatten().copied()
    }

    pub(crate) fn of(&self, service: &Key) -> impl Iterator<Item = u64> {
        self.of.get(service).into_iter().flatten().copied()
    }
}
