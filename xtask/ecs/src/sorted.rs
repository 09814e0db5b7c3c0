//! Small maps and sets in the order of their keys.
//!
//! What is public is a `BTreeMap`, and so are all maps of texts by texts. Everything else here holds a handful, and is held
//! in a list: of a tree each pair of types has its own copy compiled, which was a sixth of what the compiler made of this crate.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Index;
use std::{slice, vec};

use crate::gather::Put;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Where `key` is, or belongs.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        let (mut low, mut high) = (0, self.0.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.0[middle].0.borrow().cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match self.place(key) {
            Ok(place) => Some(&self.0[place].1),
            Err(_) => None,
        }
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// What was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// The value of `key`, which is the default where there was none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, V::default()));
                place
            }
        };
        &mut self.0[place].1
    }
}

impl<K, V> SortedMap<K, V> {
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Ord, V> Put<(K, V)> for SortedMap<K, V> {
    fn put(&mut self, (key, value): (K, V)) {
        self.insert(key, value);
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pieces: I) {
        for (key, value) in pieces {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for SortedMap<K, V> {
    fn from(pieces: [(K, V); N]) -> Self {
        let mut all = Self::new();
        all.extend(pieces);
        all
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for SortedMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("a key of this map")
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

type Pairs<'a, K, V> = std::iter::Map<slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>;

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Pairs<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortedSet<T>(SortedMap<T, ()>);

impl<T: Ord> SortedSet<T> {
    pub(crate) const fn new() -> Self {
        Self(SortedMap::new())
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, piece: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.contains_key(piece)
    }

    /// Whether it was not there.
    pub(crate) fn insert(&mut self, piece: T) -> bool {
        self.0.insert(piece, ()).is_none()
    }

    /// Leaves what is before `piece` and gives the rest.
    pub(crate) fn split_off(&mut self, piece: &T) -> Self {
        let (Ok(place) | Err(place)) = self.0.place(piece);
        Self(SortedMap(self.0.0.split_off(place)))
    }
}

impl<T> SortedSet<T> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.0.0.iter().map(|(piece, ())| piece)
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.iter().next()
    }
}

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self(SortedMap::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for SortedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Ord> Put<T> for SortedSet<T> {
    fn put(&mut self, piece: T) {
        self.insert(piece);
    }
}

impl<T: Ord> Extend<T> for SortedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, pieces: I) {
        for piece in pieces {
            self.insert(piece);
        }
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = std::iter::Map<vec::IntoIter<(T, ())>, fn((T, ())) -> T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.0.into_iter().map(|(piece, ())| piece)
    }
}

impl<'a, T> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = std::iter::Map<slice::Iter<'a, (T, ())>, fn(&'a (T, ())) -> &'a T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.0.iter().map(|(piece, ())| piece)
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for SortedSet<T> {
    fn from(pieces: [T; N]) -> Self {
        let mut all = Self::new();
        all.extend(pieces);
        all
    }
}

/// Puts a list into an order, in the place of `sort_by`, whose copy for each place is ten times as large. Equal ones stay
/// in their order. For lists of at most some thousands.
pub(crate) trait Arrange<T> {
    fn arrange_by(&mut self, compare: impl Fn(&T, &T) -> Ordering);

    fn arrange_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        self.arrange_by(|one, other| key(one).cmp(&key(other)));
    }
}

impl<T> Arrange<T> for Vec<T> {
    fn arrange_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        for next in 1..self.len() {
            let (mut low, mut high) = (0, next);
            while low < high {
                let middle = usize::midpoint(low, high);
                match compare(&self[middle], &self[next]) {
                    Ordering::Greater => high = middle,
                    _ => low = middle + 1,
                }
            }
            if low < next {
                let moved = self.remove(next);
                self.insert(low, moved);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::Gather;

    #[test]
    fn what_is_arranged_is_in_order_and_equal_ones_stay_as_they_were() {
        let mut list: Vec<(u8, usize)> = [3, 1, 2, 3, 1, 0, 3, 2].into_iter().zip(0..).collect();
        let mut sorted = list.clone();
        list.arrange_by_key(|(key, _)| *key);
        sorted.sort_by_key(|(key, _)| *key);
        assert_eq!(list, sorted);
        list.arrange_by(|(one, _), (other, _)| other.cmp(one));
        sorted.sort_by(|(one, _), (other, _)| other.cmp(one));
        assert_eq!(list, sorted);
    }

    #[test]
    fn a_map_holds_the_last_value_of_each_key_in_the_order_of_the_keys() {
        let mut map: SortedMap<String, u8> =
            [("b", 1), ("c", 2), ("a", 3), ("b", 4)].map(|(key, value)| (key.to_owned(), value)).into_iter().gather();
        assert_eq!(format!("{map:?}"), r#"{"a": 3, "b": 4, "c": 2}"#);
        assert_eq!((map.get("b"), map.get("d"), map.contains_key("a")), (Some(&4), None, true));
        *map.or_default("d".to_owned()) += 7;
        assert_eq!((map.insert("a".to_owned(), 5), map.insert("e".to_owned(), 6)), (Some(3), None));
        map.retain(|key, _| key != "c");
        assert_eq!(map.into_iter().collect::<Vec<_>>().len(), 4);
    }

    #[test]
    fn a_set_holds_each_piece_once_and_is_parted_at_one() {
        let mut set = SortedSet::from([5, 1, 3, 1, 9]);
        assert_eq!((set.insert(3), set.insert(4), set.contains(&9)), (false, true, true));
        let rest = set.split_off(&4);
        assert_eq!((format!("{set:?}"), format!("{rest:?}")), ("{1, 3}".to_owned(), "{4, 5, 9}".to_owned()));
    }
}
