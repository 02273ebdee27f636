//! Claiming the tables of a worker, and loading what the store has of them, aside.

use tokio::task::{JoinSet, spawn_blocking};

use super::engine::{Claimed, Declared, DeclaredTable};
use super::rows::Loader;
use super::{Store, StoreError, StoredTable};
use crate::table::Readers;
use crate::util::caught::{PanicMessage, caught};

/// Tables that have been claimed and loaded: nobody reads them yet. Dropped, they are given up.
pub(crate) struct LoadedTables {
    claim: Claim,
    readers: Readers,
    stored: Vec<StoredTable>,
}

/// Why tables are not loaded. They are not claimed then.
pub(crate) enum NotLoaded {
    Failed(StoreError),
    /// A user's code has panicked that decodes rows.
    Panicked(PanicMessage),
    /// The runtime ends.
    Ended,
}

/// Tables that are being claimed and loaded beside. Dropped, it ends that.
pub(crate) struct LoadingBeside(JoinSet<Option<LoadedTables>>);

struct Claim {
    store: Store,
    /// `None` once somebody keeps it.
    claimed: Option<Claimed>,
}

/// What a worker of this identity declares.
pub(crate) fn declared(identity: String, stored: &[StoredTable]) -> Declared {
    let table = |table: &StoredTable| DeclaredTable {
        name: table.name.to_owned(),
        kind: table.kind,
        ty: table.ty.to_owned(),
        formerly: Vec::new(),
    };
    Declared { identity, tables: stored.iter().map(table).collect() }
}

/// Claims tables, and loads their rows into those that `readers`, which are made anew, read. It blocks a thread of
/// its own, unless the store has none.
///
/// Cancel safe: then nothing is claimed.
pub(crate) async fn claim_and_load(
    store: &Store,
    identity: String,
    stored: Vec<StoredTable>,
    readers: Readers,
) -> Result<LoadedTables, NotLoaded> {
    let claimed = store.claim(declared(identity, &stored)).await.map_err(NotLoaded::Failed)?;
    let claim = Claim { store: store.clone(), claimed: Some(claimed) };
    let loaded = LoadedTables { claim, readers, stored };
    let load = move || caught(move || loaded.read_rows().map(|()| loaded));
    let outcome = if store.is_inline() {
        load()
    } else {
        spawn_blocking(load).await.map_err(|_ended| NotLoaded::Ended)?
    };
    outcome.map_err(NotLoaded::Panicked)?.map_err(NotLoaded::Failed)
}

/// Begins to claim tables and load them, for somebody who will ask for them later.
pub(crate) fn claim_and_load_beside(
    store: Store,
    identity: String,
    stored: Vec<StoredTable>,
    readers: Readers,
) -> LoadingBeside {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { claim_and_load(&store, identity, stored, readers).await.ok() });
    LoadingBeside(tasks)
}

impl LoadingBeside {
    /// Waits for the tables. `None`: it has not worked, and trying again says why.
    pub(crate) async fn wait(mut self) -> Option<LoadedTables> {
        self.0.join_next().await?.ok()?
    }
}

impl LoadedTables {
    /// They are not given up any more.
    pub(crate) fn keep(mut self) -> (Claimed, Readers, Vec<StoredTable>) {
        let claimed = self.claim.claimed.take().expect(CLAIMED);
        (claimed, self.readers, self.stored)
    }

    fn read_rows(&self) -> Result<(), StoreError> {
        let claimed = self.claim.claimed();
        let mut loaders: Vec<_> = self.stored.iter().map(|table| table.loader(&self.readers)).collect();
        self.claim.store.load(claimed.worker, &mut |loaded| {
            let Some(at) = claimed.tables.iter().position(|table| table.id == loaded.table) else {
                return Ok(());
            };
            Ok(loaders[at].changes(loaded.changes)?)
        })?;
        loaders.iter().try_for_each(|loader| loader.check())?;
        loaders.into_iter().for_each(Loader::finish);
        Ok(())
    }
}

const CLAIMED: &str = "they are claimed until they are kept";

impl Claim {
    fn claimed(&self) -> &Claimed {
        self.claimed.as_ref().expect(CLAIMED)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(claimed) = &self.claimed {
            self.store.release(claimed.worker);
        }
    }
}
