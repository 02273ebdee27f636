//! Loading: rows that nobody else can reach are changed at once, with neither an owner nor a lock. What a
//! lock costs is not the lock, but that the processor waits there for the row before.

use std::hash::Hash;
use std::sync::Arc;

use super::core::{Core, change_row};
use super::kind::Kind;
use super::many::{Edits, List};
use super::shards::{Row, add_numbers, first_free, spread};

/// Why a change cannot be made to rows that are loaded: those before it are not the ones it was made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchChange {
    /// Only a bag has values with numbers, and only the others put rows.
    #[error("a table of this kind has no such change")]
    OtherKind,
    /// The values of a key have numbers that grow.
    #[error("a value has a number that is not above the one before it")]
    OutOfOrder,
    /// The key has no value of this number.
    #[error("a value was taken that is not there")]
    NotThere,
}

/// Rows that are loaded.
pub(in crate::table) struct Loading<K, D: Kind> {
    core: Arc<Core<K, D>>,
    /// What becomes the rows of `core`.
    rows: Core<K, D>,
}

impl<K: Hash + Eq, D: Kind> Loading<K, D> {
    /// For these rows, of which there are none.
    pub(in crate::table) fn into(core: &Arc<Core<K, D>>) -> Self {
        let rows = Core::with(core.hasher.clone(), Arc::clone(&core.boundaries));
        Self { core: Arc::clone(core), rows }
    }

    /// Makes the change that `make` makes of what the row of a key holds.
    #[inline]
    pub(in crate::table) fn write(
        &mut self,
        key: K,
        make: impl FnOnce(Option<&D::Value>) -> Result<D::Change, NoSuchChange>,
    ) -> Result<(), NoSuchChange> {
        let hash = self.rows.hash(&key);
        let rows = self.rows.shards.rows_mut(hash);
        let is_it = |row: &Row<K, D::Value>| row.place.hash == hash && row.key == key;
        let (place, change) = if let Some(row) = rows.find(spread(hash), is_it) {
            (row.place, make(Some(&row.value))?)
        } else {
            let mut numbers = Vec::new();
            add_numbers(hash, rows, &mut numbers);
            (first_free(hash, &mut numbers), make(None)?)
        };
        let (undo, more) = change_row::<K, D>(rows, place, key, change);
        self.rows.count(more);
        undo.drop_values();
        Ok(())
    }

    /// Removes all rows.
    pub(in crate::table) fn clear(&mut self) {
        self.rows.clear().drop_values();
    }

    /// The next value of a list has a number above this one.
    pub(in crate::table) fn numbers_go_on_after(&mut self, number: u64) {
        let next = self.rows.next_value.get_mut();
        *next = (number + 1).max(*next);
    }

    /// Puts the rows where they were loaded for.
    pub(in crate::table) fn put_in_place(self) {
        self.core.exchange_rows(&self.rows);
    }
}

/// Edits of a list that is loaded: `None` if there is none.
impl<V> Edits<V> {
    /// One value more.
    pub(in crate::table) fn with(
        list: Option<&List<V>>,
        number: u64,
        value: V,
    ) -> Result<Self, NoSuchChange> {
        let before = list.and_then(|values| values.0.last()).map(|(last, _)| *last);
        if before >= Some(number) || number == u64::MAX {
            return Err(NoSuchChange::OutOfOrder);
        }
        let mut edits = Self::of(list.map_or(0, |list| list.0.len()));
        edits.push(number, value);
        Ok(edits)
    }

    /// One value less.
    pub(in crate::table) fn without(list: Option<&List<V>>, number: u64) -> Result<Self, NoSuchChange> {
        let list = list.ok_or(NoSuchChange::NotThere)?;
        list.0.binary_search_by_key(&number, |(other, _)| *other).map_err(|_| NoSuchChange::NotThere)?;
        let mut edits = Self::of(list.0.len());
        edits.remove(&[number]);
        Ok(edits)
    }

    /// No value.
    pub(in crate::table) fn without_all(list: Option<&List<V>>) -> Self {
        let mut edits = Self::of(list.map_or(0, |list| list.0.len()));
        edits.clear();
        edits
    }
}
