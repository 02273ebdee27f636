//! Operations on all recorded tables of a worker at once, while no incarnation owns them.

use crate::table::Readers;
use crate::worker::Worker;

/// Readers of tables that exist, because another worker passes them on to this one.
pub(crate) fn readers_of<W: Worker>(tables: &mut W::Tables) -> Readers {
    W::recorded(tables).iter().map(crate::table::AnyTable::reader).collect()
}

/// Commits the writes to tables that no incarnation owns: the repairs of a verify hook.
pub(crate) fn commit<W: Worker>(tables: &mut W::Tables) {
    for mut table in W::recorded(tables) {
        table.commit();
    }
}

/// How many messages have written to the tables, added up: a number that changes with every write
/// that is committed.
///
/// `None` if some of the tables are not recorded: writes to them cannot be counted.
pub(crate) fn written<W: Worker>(tables: &mut W::Tables) -> Option<u64> {
    W::ALL_RECORDED.then(|| W::recorded(tables).iter().map(crate::table::AnyTable::written).sum())
}

/// Undoes all writes since the last commit. It may be called again after a panic, and then goes on.
pub(crate) fn rollback<W: Worker>(tables: &mut W::Tables) {
    for mut table in W::recorded(tables) {
        table.rollback();
    }
}

/// Exchanges the tables for `new` ones, under the same readers. The old contents are then in `new`,
/// for the caller to drop.
///
/// If it panics, [`rollback`] undoes its writes.
pub(crate) fn replace<W: Worker>(tables: &mut W::Tables, new: &mut W::Tables) {
    for (mut table, new) in W::recorded(tables).into_iter().zip(W::recorded(new)) {
        table.adopt(&new);
    }
    // The recorded tables stay where they are, because readers read them.
    std::mem::swap(tables, new);
    for (mut table, mut new) in W::recorded(tables).into_iter().zip(W::recorded(new)) {
        table.swap(&mut new);
    }
}
