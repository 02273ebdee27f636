//! Records in memory: for tests of workers that a program keeps in a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::store::StoreError;
use crate::store::catalog::Catalog;
use crate::store::engine::{
    AppendError, Claimed, Declared, Engine, Entry, Loaded, Record, TableId, WorkerId,
};
use crate::store::record::Tables;
use crate::util::sync::Lock;

/// A place in memory where records are kept.
///
/// Clones are one place, opened once. [`again`](Self::again) is the same place as a program finds it
/// that has been started again.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    kept: Arc<Lock<Kept>>,
    /// Who has opened it. A later one shuts out this one.
    session: u64,
}

#[derive(Debug, Default)]
struct Kept {
    catalog: Catalog,
    rows: BTreeMap<TableId, Rows>,
    session: u64,
    is_closed: bool,
}

/// The rows of a table, as changes.
#[derive(Debug, Default)]
struct Rows {
    base: Vec<Vec<u8>>,
    /// Parts of the base that is being written.
    written: Vec<Vec<u8>>,
    /// The changes of each record, by its number.
    since: BTreeMap<u64, Vec<u8>>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { kept: Arc::default(), session: 0 }
    }

    /// The place as the next start of the program finds it: with all records, and no table claimed. What
    /// still runs over the old place is told that it is closed, as if its process had been killed.
    pub(crate) fn again(&self) -> Self {
        let session = self.kept.with(|kept| {
            kept.is_closed = false;
            kept.catalog.keep_claims_of(&Catalog::default());
            kept.session += 1;
            kept.session
        });
        Self { kept: Arc::clone(&self.kept), session }
    }

    /// Runs `work`, if the place is still this one's.
    fn with<R>(&self, work: impl FnOnce(&mut Kept) -> Result<R, StoreError>) -> Result<R, StoreError> {
        self.kept.with(|kept| {
            if kept.is_closed || kept.session != self.session {
                return Err(StoreError::Closed);
            }
            work(kept)
        })
    }
}

impl Engine for Memory {
    fn claim_all(&self, declared: &[Declared]) -> Vec<Result<Claimed, StoreError>> {
        let claim = |declared| {
            self.with(|kept| {
                let claim = kept.catalog.claim(declared)?;
                Ok(kept.catalog.enter(claim))
            })
        };
        declared.iter().map(claim).collect()
    }

    fn append(&self, batch: &[Entry]) -> Result<(), AppendError> {
        let appended = self.with(|kept| {
            batch.iter().try_for_each(|entry| {
                enter(&mut kept.catalog, entry)?;
                kept.keep(entry);
                Ok(())
            })
        });
        appended.map_err(|error| AppendError { error, may_reopen: false })
    }

    fn load(
        &self,
        worker: WorkerId,
        show: &mut dyn FnMut(Loaded<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Decoding is a user's code, and runs when the lock is free.
        let found = self.with(|kept| {
            let tables = &kept.catalog.worker(worker)?.tables;
            let found = tables.iter().filter_map(|id| {
                let rows = kept.rows.get(id)?;
                let changes = rows.base.iter().chain(rows.since.values()).cloned();
                Some((*id, changes.collect::<Vec<_>>()))
            });
            Ok(found.collect::<Vec<_>>())
        })?;
        for (table, all) in &found {
            all.iter().try_for_each(|changes| show(Loaded { table: *table, changes }))?;
        }
        Ok(())
    }

    fn reopen(&self) -> Result<(), StoreError> {
        self.with(|_| Ok(()))
    }

    fn last(&self, worker: WorkerId) -> u64 {
        self.kept.with(|kept| kept.catalog.last(worker))
    }

    fn release(&self, worker: WorkerId) {
        self.kept.with(|kept| kept.catalog.release(worker));
    }

    fn last_incarnation(&self, identity: &str) -> u64 {
        self.kept.with(|kept| kept.catalog.last_incarnation(identity))
    }

    fn orphans(&self) -> Vec<(String, Vec<String>)> {
        self.kept.with(|kept| kept.catalog.orphans())
    }

    fn close(&self) -> Result<(), StoreError> {
        self.with(|kept| {
            kept.is_closed = true;
            Ok(())
        })
    }
}

/// Checks an entry, and enters it in the catalog.
fn enter(catalog: &mut Catalog, entry: &Entry) -> Result<(), StoreError> {
    match entry {
        Entry::Record(record) => catalog.enter_record(record)?,
        Entry::Base { table, generation, part, bytes } => {
            catalog.table_mut(*table)?.write_part(*generation, *part, bytes.len())?;
        }
        Entry::Flip { table, generation, parts, at } => {
            catalog.table_mut(*table)?.flip(*generation, *parts, *at)?;
        }
        Entry::Created { worker, tables } => catalog.create(*worker, tables)?,
        Entry::Incarnations { worker, up_to } => {
            let worker = catalog.worker_mut(*worker)?;
            worker.incarnations = worker.incarnations.max(*up_to);
        }
    }
    Ok(())
}

impl Kept {
    /// Keeps the rows of an entry that has been entered.
    fn keep(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Record { number, bytes, .. }) => {
                for (table, changes) in Tables(bytes) {
                    let rows = self.rows.entry(table).or_default();
                    rows.since.entry(*number).or_default().extend(changes);
                }
            }
            Entry::Base { table, part, bytes, .. } => {
                let written = &mut self.rows.entry(*table).or_default().written;
                if *part == 0 {
                    written.clear();
                }
                written.push(bytes.clone());
            }
            Entry::Flip { table, parts, at, .. } => {
                let rows = self.rows.entry(*table).or_default();
                let written = std::mem::take(&mut rows.written);
                rows.base = if *parts == 0 { Vec::new() } else { written };
                rows.since = rows.since.split_off(&(at + 1));
                let since = rows.since.values().map(|changes| changes.len() as u64).sum();
                if let Ok(table) = self.catalog.table_mut(*table) {
                    table.since = since;
                }
            }
            Entry::Created { .. } | Entry::Incarnations { .. } => {}
        }
    }
}
