//! Things by name, and when the next of them has something to do: found without a look at each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use crate::clock::Instant;

/// Something that happens by itself.
pub(crate) trait Timed {
    /// When it has something to do next.
    fn next(&self) -> Option<Instant>;
}

/// As a map to whoever reads. What changes goes through [`Agenda::change`], or out and in again, so that its time is known.
#[derive(Clone, Debug)]
pub(crate) struct Agenda<K, V> {
    all: BTreeMap<K, V>,
    times: BTreeSet<(Instant, K)>,
}

impl<K, V> Default for Agenda<K, V> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), times: BTreeSet::new() }
    }
}

impl<K, V> Deref for Agenda<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<K: Ord + Clone, V: Timed> Agenda<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        drop(self.remove(&key));
        if let Some(at) = value.next() {
            self.times.insert((at, key.clone()));
        }
        self.all.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (key, value) = self.all.remove_entry(key)?;
        if let Some(at) = value.next() {
            self.times.remove(&(at, key));
        }
        Some(value)
    }

    /// None where there is none of this name.
    pub(crate) fn change<T>(&mut self, key: &K, change: impl FnOnce(&mut V) -> T) -> Option<T> {
        let value = self.all.get_mut(key)?;
        let before = value.next();
        let done = change(value);
        let after = value.next();
        if before != after {
            if let Some(at) = before {
                self.times.remove(&(at, key.clone()));
            }
            if let Some(at) = after {
                self.times.insert((at, key.clone()));
            }
        }
        Some(done)
    }

    /// When the first of them has something to do.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.times.first().map(|(at, _)| *at)
    }

    /// Those that have something to do at this moment, if nothing is to be done before it, in their order.
    pub(crate) fn due(&self, at: Instant) -> Vec<K> {
        self.times.iter().take_while(|(time, _)| *time <= at).map(|(_, key)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Timed for Option<u64> {
        fn next(&self) -> Option<Instant> {
            self.map(Instant)
        }
    }

    #[test]
    fn whatever_changes_is_found_by_its_new_time_and_by_no_other() {
        let mut agenda = Agenda::default();
        for (name, at) in [("a", Some(3)), ("b", Some(2)), ("c", None), ("d", Some(2))] {
            agenda.insert(name, at);
        }
        let now = |agenda: &Agenda<&'static str, Option<u64>>| {
            let at = agenda.first()?;
            Some((at.0, agenda.due(at)))
        };
        assert_eq!(now(&agenda), Some((2, vec!["b", "d"])));
        agenda.change(&"b", |at| *at = Some(1));
        assert_eq!(now(&agenda), Some((1, vec!["b"])));
        agenda.insert("b", None);
        assert_eq!(now(&agenda), Some((2, vec!["d"])));
        assert_eq!(agenda.remove(&"d"), Some(Some(2)));
        assert_eq!(now(&agenda), Some((3, vec!["a"])));
        agenda.change(&"a", |at| *at = None);
        assert_eq!(now(&agenda), None);
        assert_eq!(agenda.len(), 3);
        assert_eq!(agenda.change(&"x", |_| ()), None);
    }
}
