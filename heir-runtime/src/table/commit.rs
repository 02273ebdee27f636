//! The commit of a message: all or nothing, over all recorded tables of a worker.
//!
//! ```text
//! write sets ──prepare──▶ room for all of them ──apply──▶ committed rows ──sweep──▶ (dropped)
//!     │         may fail        │                 only moves
//!     └──────── the message dies: discard ────────┘
//! ```

use std::any::Any;
use std::sync::Arc;

use super::any::{AnyOwner, AnyTable};
use super::boundary::{Boundaries, Prepared};
use super::journal::{Owners, Written};
use super::readers::Readers;
use super::unshown::Unshown;

/// The commit of a message, to be made over all recorded tables of a worker together.
#[derive(Debug)]
#[must_use = "a message has not committed before its tables have"]
pub struct Commit<'r>(&'r Readers);

impl<'r> Commit<'r> {
    pub(crate) fn of(readers: &'r Readers) -> Self {
        Self(readers)
    }

    #[cfg(feature = "store")]
    pub(super) fn readers(&self) -> &'r Readers {
        self.0
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
            if table.0.is_dirty() {
                is_dirty = true;
                table.0.prepare();
            }
        }
        let boundaries = self.0.boundaries();
        let unshown = boundaries.unshown();
        if is_dirty {
            if let Some(unshown) = unshown {
                append(tables, Some(self.0), unshown, boundaries);
            } else {
                let passing = boundaries.pass();
                for table in tables.iter_mut() {
                    table.0.apply(&passing);
                }
                passing.finish();
            }
        }
        // What a journal has shown may have replaced something at any time.
        if is_dirty || unshown.is_some() {
            for table in tables {
                table.0.sweep();
            }
        }
    }
}

/// Has a journal keep what has been written to these tables, which are prepared. The owner goes on to
/// see it; others see it when the journal shows it.
///
/// # Panics
/// If the journal cannot encode it, or in a user's code that runs under the lock of rows. Then nothing
/// has changed.
#[cold]
fn append(
    tables: &mut [AnyTable<'_>],
    #[cfg_attr(not(feature = "store"), expect(unused, reason = "only a store has values beside"))]
    readers: Option<&Readers>,
    unshown: &Unshown<Prepared>,
    boundaries: &Boundaries,
) {
    Boundaries::refuse_under_a_lock();
    let commit = boundaries.last_commit() + 1;
    let written = Written {
        owners: &Listed(tables),
        #[cfg(feature = "store")]
        values: readers.map(|readers| readers.names_of_values(tables.len())).unwrap_or_default(),
        commit,
    };
    let encoded = unshown.journal.encode(&written);
    let written = tables.iter_mut().filter(|table| table.0.is_dirty());
    unshown.push(commit, written.map(|table| table.0.hand_over(commit)).collect());
    unshown.journal.append(commit, encoded);
}

/// The tables of a commit, as a journal looks at them.
struct Listed<'l, 't>(&'l [AnyTable<'t>]);

impl Owners for Listed<'_, '_> {
    fn owner(&self, place: usize) -> &dyn Any {
        &*self.0[place].0
    }

    #[cfg(feature = "store")]
    fn count(&self) -> usize {
        self.0.len()
    }
}

/// Commits what has been written to one table that no worker owns.
///
/// # Panics
/// If another was opened over its rows, which may write since then; and as [`Commit::all`].
pub(super) fn one(table: &mut impl AnyOwner) {
    if table.is_dirty() {
        assert!(table.may_write(), "this table was opened anew elsewhere: it commits no more");
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
fn append_one(table: &mut impl AnyOwner) {
    let boundaries = Arc::clone(table.boundaries());
    if let Some(unshown) = boundaries.unshown() {
        append(&mut [AnyTable(table)], None, unshown, &boundaries);
    }
}

/// Exchanges the rows of tables for those of `others`, which were made anew, between two boundaries; and then the tables themselves, because the caller does so with all that is beside
/// them. What has been written to either and not committed is dropped. Runs no user code, but for
/// destructors, caught.
pub(crate) fn exchange(readers: &Readers, tables: Vec<AnyTable<'_>>, others: Vec<AnyTable<'_>>) {
    let mut pairs: Vec<_> = tables.into_iter().zip(others).collect();
    for (table, other) in &mut pairs {
        table.0.discard();
        other.0.discard();
    }
    if !pairs.is_empty() {
        let mut passing = readers.boundaries().pass();
        for (table, other) in &mut pairs {
            other.0.boundaries().go_on_after(passing.number() - 1);
            table.0.exchange(other.0, &mut passing);
        }
        passing.finish();
        for (table, other) in &mut pairs {
            table.0.swap(other.0);
        }
    }
}
