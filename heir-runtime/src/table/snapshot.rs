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

/// The rows, to keep.
impl<R: IntoIterator> IntoIterator for Snapshot<R> {
    type Item = R::Item;
    type IntoIter = R::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

#[expect(clippy::into_iter_without_iter, reason = "`iter` is that of the collection it derefs to")]
impl<'a, R> IntoIterator for &'a Snapshot<R>
where
    &'a R: IntoIterator,
{
    type Item = <&'a R as IntoIterator>::Item;
    type IntoIter = <&'a R as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}
