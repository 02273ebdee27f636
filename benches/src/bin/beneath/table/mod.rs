//! The runtime's own sharded map, as its source stands: it is private there.

#[path = "../../../../../heir-runtime/src/table/lock.rs"]
#[allow(dead_code)]
mod lock;

mod drops {
    /// Clones a row.
    pub(super) fn cloned<K: Clone, V: Clone>(key: &K, value: &V) -> (K, V) {
        (key.clone(), value.clone())
    }
}

pub mod hashed;
