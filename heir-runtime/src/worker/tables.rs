//! What is done with all recorded tables of a worker at once, while they are no worker's.

use crate::table::Readers;
use crate::worker::Worker;

/// Readers of tables that exist: those of another worker, which passes them on to this one.
pub(crate) fn readers_of<W: Worker>(tables: &mut W::Tables) -> Readers {
    W::recorded(tables).iter().map(crate::table::AnyTable::reader).collect()
}

/// What has been written to tables that nobody owns stays: what a verify hook repaired.
pub(crate) fn commit<W: Worker>(tables: &mut W::Tables) {
    for mut table in W::recorded(tables) {
        table.commit();
    }
}

/// How many messages have written to them, all in all: a number that changes with every write that
/// stays.
///
/// `None` if some of them are not recorded: of those nobody knows.
pub(crate) fn written<W: Worker>(tables: &mut W::Tables) -> Option<u64> {
    W::ALL_RECORDED.then(|| W::recorded(tables).iter().map(crate::table::AnyTable::written).sum())
}

/// Undoes what has been recorded since the last message ended. It may be called again after a panic, and then goes on.
pub(crate) fn rollback<W: Worker>(tables: &mut W::Tables) {
    for mut table in W::recorded(tables) {
        table.rollback();
    }
}

/// Puts `new` tables in the place of those that are there, under the same readers; what is to be dropped is then in `new`.
///
/// If it panics, what it has done so far is there to be undone.
pub(crate) fn replace<W: Worker>(tables: &mut W::Tables, new: &mut W::Tables) {
    for (mut table, new) in W::recorded(tables).into_iter().zip(W::recorded(new)) {
        table.adopt(&new);
    }
    // The recorded ones stay, because they are read.
    std::mem::swap(tables, new);
    for (mut table, mut new) in W::recorded(tables).into_iter().zip(W::recorded(new)) {
        table.swap(&mut new);
    }
}
