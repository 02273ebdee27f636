//! The commits of an ordered table that its owner sees, and that are not shown to readers yet.

use std::borrow::Borrow;
use std::ops::Bound;

use super::index::{Index, Slot};
use crate::table::drops::drop_quietly;

/// From how many keys on it is worth looking for those that can go.
const FEW: usize = 8;

/// What commits leave of the rows that they have written to: it lies over the committed rows, until
/// they are shown. A key is put in before its commit, over a vacant slot.
///
/// A row may stay for a while after its commits have been shown, because it then is what is shown.
pub(super) struct Ahead<K, V> {
    rows: Index<K, Left<V>>,
    /// The last commit that has removed all rows, while it is not shown.
    cleared: Option<u64>,
    /// How many rows there are: `None` if as many as are shown.
    len: Option<usize>,
    /// The last commit.
    last: u64,
    /// How many keys make it worth looking for those that can go.
    many: usize,
}

/// What is left of a row.
pub(super) struct Left<V> {
    /// `None` if there is no row.
    value: Option<V>,
    /// The last commit that has written to it.
    commit: u64,
}

/// What lies over the rows no more.
pub(super) struct Outdated<K, V>(Option<K>, Option<V>);

impl<K, V> Ahead<K, V> {
    pub(super) fn new() -> Self {
        Self { rows: Index::new(), cleared: None, len: None, last: 0, many: FEW }
    }

    /// Whether nothing is left of the rows that are shown.
    pub(super) fn hides_all(&self) -> bool {
        self.cleared.is_some()
    }

    /// How many rows there are: `None` if as many as are shown.
    pub(super) fn len(&self) -> Option<usize> {
        self.len
    }

    /// Whether all commits have been shown, and none of them lies over the rows.
    pub(super) fn is_empty(&self) -> bool {
        self.len.is_none()
    }

    /// Puts the values of a commit into their slots. Only moves.
    pub(super) fn add(
        &mut self,
        commit: u64,
        clears: bool,
        values: Vec<(Slot, Option<V>)>,
        len: usize,
        outdated: &mut Vec<Outdated<K, V>>,
    ) {
        if clears {
            self.cleared = Some(commit);
            let mut from = 0;
            while let Some((emptied, next)) = self.rows.empty(from) {
                for (slot, left) in emptied {
                    outdated.push(Outdated(None, left.value));
                    // Its key stays: a commit before this one is still to fill the row.
                    self.rows.replace(slot, Some(Left { value: None, commit }));
                }
                from = next;
            }
        }
        for (slot, value) in values {
            let before = self.rows.replace(slot, Some(Left { value, commit }));
            outdated.extend(before.map(|left| Outdated(None, left.value)));
        }
        self.len = Some(len);
        self.last = commit;
    }
}

impl<K: Ord, V> Ahead<K, V> {
    /// The slot of a key, if it has one.
    pub(super) fn slot(&self, key: &K) -> Option<Slot> {
        self.rows.get(key).map(|(_, slot)| slot)
    }

    /// Puts a key in that is not there, for a commit that is being prepared.
    pub(super) fn insert(&mut self, key: K) -> Slot {
        self.rows.insert(key)
    }

    /// Whether a commit may still put a value to this key.
    pub(super) fn has<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.rows.get(key).is_some()
    }

    /// What commits leave of a row: `None` if they have not written to it.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<(&K, Option<&V>)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (key, slot) = self.rows.get(key)?;
        Some((key, self.rows.value(slot)?.value.as_ref()))
    }

    /// What commits leave of the rows of a range, in order.
    pub(super) fn range<Q>(
        &self,
        bounds: (Bound<&Q>, Bound<&Q>),
    ) -> impl DoubleEndedIterator<Item = (&K, Option<&V>)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.rows.range(bounds).filter_map(|(key, _, left)| Some((key, left?.value.as_ref())))
    }

    /// Takes off what has been shown, all commits up to this one: all of it, or now and then some.
    /// Returns whether it did.
    pub(super) fn take_off(&mut self, shown: u64, outdated: &mut Vec<Outdated<K, V>>) -> bool {
        self.cleared = self.cleared.filter(|commit| *commit > shown);
        let is_all = self.last <= shown;
        if is_all {
            self.len = None;
        }
        if !is_all && self.rows.keys() < self.many {
            return false;
        }
        let is_shown = |left: Option<&Left<V>>| left.is_none_or(|left| left.commit <= shown);
        let gone = self.rows.take_out_if(is_shown).into_iter();
        outdated.extend(gone.map(|(key, left)| Outdated(Some(key), left.and_then(|left| left.value))));
        self.many = FEW.max(2 * self.rows.keys());
        true
    }
}

impl<K, V> Outdated<K, V> {
    pub(super) fn drop_values(self) {
        drop_quietly(self.0);
        drop_quietly(self.1);
    }
}

impl<K, V> Drop for Ahead<K, V> {
    fn drop(&mut self) {
        let (keys, values) = self.rows.drain();
        keys.for_each(drop_quietly);
        values.for_each(|left| drop_quietly(left.value));
    }
}
