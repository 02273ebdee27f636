//! The commit of a message: all or nothing, over all recorded tables of a worker.
//!
//! ```text
//! write sets ──prepare──▶ room for all of them ──apply──▶ committed rows ──sweep──▶ (dropped)
//!     │         may fail        │                 only moves
//!     └──────── the message dies: discard ────────┘
//! ```

use std::sync::Arc;

use super::boundary::{Boundaries, Prepared};
use super::erased::{AnyTable, Readers, any};
use super::journal::Written;
use super::recorded::Recorded;
use super::unshown::Unshown;

/// The commit of a message, to be made over all recorded tables of a worker together.
#[derive(Debug)]
#[must_use = "a message has not committed before its tables have"]
pub struct Commit<'r>(&'r Readers);

impl<'r> Commit<'r> {
    pub(crate) fn of(readers: &'r Readers) -> Self {
        Self(readers)
    }

    /// Makes what has been written to these tables visible. They are all recorded tables of the
    /// worker, in the order of [`Worker::readers`](crate::by_hand::Worker::readers).
    ///
    /// # Panics
    /// If a table was taken out of its place, or if the code of a user that runs in the preparation
    /// panics. Then nothing has changed.
    #[inline]
    pub fn all(self, tables: &mut [AnyTable<'_>]) {
        let mut is_dirty = false;
        for (place, table) in tables.iter_mut().enumerate() {
            assert!(
                self.0.are_of(place, table),
                "a recorded table was swapped with another, or replaced: write to the table that is there"
            );
            if table.is_dirty() {
                is_dirty = true;
                table.prepare();
            }
        }
        let boundaries = self.0.boundaries();
        let unshown = boundaries.unshown();
        if is_dirty {
            if let Some(unshown) = unshown {
                append(tables, unshown, boundaries);
            } else {
                let passing = boundaries.pass();
                for table in tables.iter_mut() {
                    table.apply(&passing);
                }
                passing.finish();
            }
        }
        // What a journal has shown may have replaced something at any time.
        if is_dirty || unshown.is_some() {
            tables.iter_mut().for_each(AnyTable::sweep);
        }
    }
}

/// Has a journal keep what has been written to these tables, which are prepared. The owner goes on to
/// see it; others see it when the journal shows it.
///
/// # Panics
/// If the journal cannot encode it. Then nothing has changed.
#[cold]
fn append(tables: &mut [AnyTable<'_>], unshown: &Unshown<Prepared>, boundaries: &Boundaries) {
    let commit = boundaries.last_commit() + 1;
    let written = Written { tables: tables.iter().map(AnyTable::as_any).collect(), commit };
    let encoded = unshown.journal.encode(&written);
    let written = tables.iter_mut().filter(|table| table.is_dirty());
    unshown.push(commit, written.map(|table| table.hand_over(commit)).collect());
    unshown.journal.append(commit, encoded);
}

/// Commits what has been written to one table that no worker owns.
pub(super) fn one<T: Recorded>(table: &mut T) {
    if table.is_dirty() {
        table.prepare();
        if table.boundaries().unshown().is_some() {
            append_one(table);
        } else {
            table.commit_alone();
        }
        table.sweep();
    }
}

#[cold]
fn append_one<T: Recorded>(table: &mut T) {
    let boundaries = Arc::clone(table.boundaries());
    if let Some(unshown) = boundaries.unshown() {
        append(&mut [any(table)], unshown, &boundaries);
    }
}

/// Exchanges the rows of tables for those of `others`, which were made anew, between two
/// boundaries; and then the tables themselves, because the caller does so with all that is beside
/// them. What has been written to either and not committed is dropped. Runs no user code, but for
/// destructors, caught.
pub(crate) fn exchange(readers: &Readers, tables: Vec<AnyTable<'_>>, others: Vec<AnyTable<'_>>) {
    let mut pairs: Vec<_> = tables.into_iter().zip(others).collect();
    for (table, other) in &mut pairs {
        table.discard();
        other.discard();
    }
    if !pairs.is_empty() {
        let mut passing = readers.boundaries().pass();
        for (table, other) in &mut pairs {
            other.boundaries().go_on_after(passing.number() - 1);
            table.exchange(other, &mut passing);
        }
        passing.finish();
        for (table, other) in &mut pairs {
            table.swap(other);
        }
    }
}
