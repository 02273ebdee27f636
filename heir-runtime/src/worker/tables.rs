//! Operations on all recorded tables of a worker at once, while no incarnation owns them.

#[cfg(feature = "store")]
use crate::store::values;
#[cfg(feature = "store")]
use crate::table::beside;
use crate::table::commit;
use crate::table::{Commit, Readers};
use crate::util::caught::{PanicMessage, caught};
use crate::worker::Worker;

/// Readers of tables that exist, because another worker passes them on to this one.
pub(crate) fn readers_of<W: Worker>(tables: &mut W::Tables) -> Readers {
    Readers::of(&W::recorded(tables))
}

/// Commits the writes to tables that no incarnation owns: the repairs of a verify hook.
pub(crate) fn commit<W: Worker>(readers: &Readers, tables: &mut W::Tables) {
    #[cfg(feature = "store")]
    if W::IS_STORED {
        let values = values::encoded(&W::values(tables));
        return Commit::of(readers).all_beside(&mut W::recorded(tables), &values);
    }
    Commit::of(readers).all(&mut W::recorded(tables));
}

/// Drops all writes since the last commit. A table that was taken out of its place is there again.
/// It fails if the list of tables panics, which is a user's code if the worker is written by hand.
pub(crate) fn discard<W: Worker>(readers: &Readers, tables: &mut W::Tables) -> Result<(), PanicMessage> {
    caught(|| {
        readers.mend(W::recorded(tables));
        for mut table in W::recorded(tables) {
            table.discard();
        }
    })
}

/// Exchanges the tables for `new` ones, under the same readers. The old contents are then in `new`.
/// They were made for the readers `anew`, which are [`Readers::anew`].
pub(crate) fn exchange<W: Worker>(
    readers: &Readers,
    #[cfg_attr(not(feature = "store"), expect(unused, reason = "only a store has values beside"))]
    anew: &Readers,
    tables: &mut W::Tables,
    new: &mut W::Tables,
) {
    // The recorded tables stay where they are, because readers read them: they are swapped twice.
    #[cfg(feature = "store")]
    {
        let (mut values, mut others) = (readers.open_values(), anew.open_values());
        let new = beside(W::recorded(new), &mut others);
        commit::exchange(readers, beside(W::recorded(tables), &mut values), new);
    }
    #[cfg(not(feature = "store"))]
    commit::exchange(readers, W::recorded(tables), W::recorded(new));
    std::mem::swap(tables, new);
}
