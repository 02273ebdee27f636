//! The worker of the demonstration: it counts in a table, looks into it, and dies on request.

use std::collections::BTreeMap;

use heir_runtime::prelude::*;

/// Counts. Its table outlives it.
#[heir(name = "counter")]
pub(crate) struct Counter {
    /// Handed to the manager when this worker dies, and on to the next one.
    #[table(keep)]
    table: BTreeMap<&'static str, u64>,
}

#[handlers]
impl Counter {
    /// Adds one, and returns the new count.
    pub(crate) fn count(&mut self) -> u64 {
        let counter = self.table.entry("counter").or_default();
        *counter += 1;
        *counter
    }

    /// The rows of the table.
    pub(crate) fn rows(&mut self) -> Vec<(&'static str, u64)> {
        self.table.iter().map(|(key, value)| (*key, *value)).collect()
    }

    /// Panics.
    #[cast]
    pub(crate) fn die(&mut self) {
        panic!("asked to die, with rows: {}", self.table.len());
    }
}
