//! Consistent copies.

use std::ops::Deref;

/// A copy of a table as it was at a message boundary, never in the middle of a message.
///
/// It derefs to the collection it holds: a `HashMap` for a `Table`, a `BTreeMap` for an `OrderedTable`, a `HashMap` of
/// vectors for a `BagTable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot<R> {
    rows: R,
    boundary: u64,
}

impl<R> Snapshot<R> {
    pub(super) fn new(rows: R, boundary: u64) -> Self {
        Self { rows, boundary }
    }

    /// The number of the boundary: how many messages that wrote to the table had been committed by then.
    pub fn boundary(&self) -> u64 {
        self.boundary
    }

    /// The rows, to keep.
    pub fn into_rows(self) -> R {
        self.rows
    }
}

impl<R> Deref for Snapshot<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.rows
    }
}
