//! Consistent copies.

use std::ops::Deref;
use std::sync::Arc;

use super::boundary::{Boundaries, Taking};

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
    /// Takes a snapshot of the last boundary: what `copy` makes of the tables that pass these
    /// boundaries, as [`at_a_boundary`] lets it.
    pub(super) fn take(
        boundaries: &Arc<Boundaries>,
        copy: impl FnMut(&Taking) -> Option<R>,
        give_up: impl Fn(),
    ) -> Self {
        let (boundary, rows) = at_a_boundary(boundaries, copy, give_up);
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

/// Lets `work` see the tables that pass these boundaries as of the last one, whose number is
/// returned. It begins again, at another boundary, if `work` says that all rows have been exchanged
/// meanwhile. In the end, also if `work` panics, `give_up` lets the tables drop what no snapshot needs.
pub(super) fn at_a_boundary<R>(
    boundaries: &Arc<Boundaries>,
    mut work: impl FnMut(&Taking) -> Option<R>,
    give_up: impl Fn(),
) -> (u64, R) {
    loop {
        let under_way = UnderWay { taking: Some(boundaries.snapshot()), give_up: &give_up };
        if let Some(taking) = &under_way.taking
            && let Some(done) = work(taking)
        {
            return (taking.boundary(), done);
        }
    }
}

/// A snapshot that is being taken, until it ends.
struct UnderWay<'g, F: Fn()> {
    // `None` only while it ends: only then the tables can tell what no snapshot needs.
    taking: Option<Taking>,
    give_up: &'g F,
}

impl<F: Fn()> Drop for UnderWay<'_, F> {
    fn drop(&mut self) {
        drop(self.taking.take());
        (self.give_up)();
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
