//! Loading: rows that nobody else can reach are changed at once, with neither an owner nor a lock.

use std::sync::Arc;

use super::core::Core;
use super::index::Index;
use crate::table::drops::drop_quietly;

/// Rows that are loaded.
pub(in crate::table) struct Loading<K, V> {
    core: Arc<Core<K, V>>,
    /// What becomes the rows of `core`.
    rows: Core<K, V>,
}

impl<K: Ord, V> Loading<K, V> {
    /// For these rows, of which there are none.
    pub(in crate::table) fn into(core: &Arc<Core<K, V>>) -> Self {
        Self { core: Arc::clone(core), rows: Core::new(Arc::clone(&core.boundaries)) }
    }

    /// Puts a row.
    pub(in crate::table) fn put(&mut self, key: K, value: V) {
        let index = self.rows.index.get_mut();
        if let Some(slot) = index.slot(&key) {
            drop_quietly(index.replace(slot, Some(value)));
            drop_quietly(key);
        } else {
            let slot = index.insert(key);
            index.replace(slot, Some(value));
        }
    }

    /// Removes a row.
    pub(in crate::table) fn remove(&mut self, key: K) {
        let index = self.rows.index.get_mut();
        if let Some(slot) = index.slot(&key) {
            drop_quietly(index.replace(slot, None));
            drop_quietly(index.take_out(&key));
        }
        drop_quietly(key);
    }

    /// Removes all rows.
    pub(in crate::table) fn clear(&mut self) {
        let mut before = std::mem::replace(self.rows.index.get_mut(), Index::new());
        let (keys, values) = before.drain();
        keys.for_each(drop_quietly);
        values.for_each(drop_quietly);
    }

    /// Puts the rows where they were loaded for.
    pub(in crate::table) fn put_in_place(self) {
        self.core.exchange_rows(&self.rows);
    }
}
