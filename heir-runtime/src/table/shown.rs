//! Rows in `Debug`.

use std::fmt;

/// How many rows of a table `Debug` shows.
pub(super) const SHOWN: usize = 16;

/// Rows that `Debug` shows as a map.
pub(super) struct Shown<K, V>(pub(super) Vec<(K, V)>);

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Shown<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}
