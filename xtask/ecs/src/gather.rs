//! What an iterator gives, put into a collection piece by piece.

use std::collections::{BTreeMap, BTreeSet};

/// For every iterator, in the place of `collect`.
///
/// Each place that collects has its own copy compiled of what asks for the length, allocates, folds, and sorts before a
/// map is built: together that was a fifth of what the compiler made of this crate. These loops are small.
pub(crate) trait Gather: Iterator + Sized {
    #[expect(
        clippy::while_let_on_iterator,
        reason = "`for` asks each iterator for itself first: a function more for each"
    )]
    fn gather<C: Put<Self::Item>>(mut self) -> C {
        let mut all = C::default();
        while let Some(piece) = self.next() {
            all.put(piece);
        }
        all
    }

    /// All that were well, or the first failure.
    fn try_gather<C: Put<T>, T, E>(self) -> Result<C, E>
    where
        Self: Iterator<Item = Result<T, E>>,
    {
        let mut all = C::default();
        for piece in self {
            all.put(piece?);
        }
        Ok(all)
    }
}

impl<I: Iterator> Gather for I {}

/// A collection that takes one piece after the other.
pub(crate) trait Put<T>: Default {
    fn put(&mut self, piece: T);
}

impl<T> Put<T> for Vec<T> {
    fn put(&mut self, piece: T) {
        self.push(piece);
    }
}

impl<K: Ord, V> Put<(K, V)> for BTreeMap<K, V> {
    fn put(&mut self, (key, value): (K, V)) {
        self.insert(key, value);
    }
}

impl<T: Ord> Put<T> for BTreeSet<T> {
    fn put(&mut self, piece: T) {
        self.insert(piece);
    }
}
