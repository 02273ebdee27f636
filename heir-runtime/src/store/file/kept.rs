//! What is known of the file without reading rows: made when the file is opened, by one pass.

use std::collections::{BTreeMap, VecDeque};

use redb::{Database, ReadTransaction, ReadableTable};

use super::fault::{Fault, damaged};
use super::format::{
    BASE, FORMAT, HEAD, Head, JOURNAL, SINCE, Swept, TABLES, TableRow, VERSION, WORKERS, WorkerRow, base_key,
    generation_of, seal, unseal,
};
use crate::store::StoreError;
use crate::store::catalog::{Base, Catalog, KnownTable, KnownWorker};
use crate::store::engine::{TableId, WorkerId};
use crate::store::record::{Framed, Frames, number_32};

/// What is known of the file.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) catalog: Catalog,
    /// How far the records of a worker have left the journal.
    pub(super) workers_swept: BTreeMap<WorkerId, u64>,
    /// How far the changes to a table have left the journal.
    pub(super) tables_swept: BTreeMap<TableId, Swept>,
    pub(super) head: Head,
    /// How many bytes the journal has.
    pub(super) journal: u64,
    /// The batches that have records of a worker, until it appends its first.
    pub(super) batches: BTreeMap<WorkerId, Vec<u64>>,
    pub(super) garbage: VecDeque<Garbage>,
}

/// What is needed no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Garbage {
    Base { table: TableId, generation: u32 },
    Since { table: TableId, up_to: u64 },
}

/// Makes the tables of a file that has none.
pub(super) fn create(db: &Database) -> Result<(), Fault> {
    let tx = db.begin_write()?;
    {
        let version = seal("heir", (0, 0), VERSION.to_le_bytes().to_vec());
        tx.open_table(FORMAT)?.insert(0, &*version)?;
        for table in [WORKERS, TABLES] {
            tx.open_table(table)?;
        }
        for table in [BASE, SINCE] {
            tx.open_table(table)?;
        }
        let head = seal("journal", (HEAD, 0), Head::default().write());
        tx.open_table(JOURNAL)?.insert(HEAD, &*head)?;
    }
    Ok(tx.commit()?)
}

/// Checks that the file has a store in it, of a version that is known here.
pub(super) fn check_format(tx: &ReadTransaction) -> Result<(), Fault> {
    let foreign = || StoreError::Foreign("it is a file of redb with other tables".to_owned());
    let format = match tx.open_table(FORMAT) {
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        format => format.map_err(|_| foreign())?,
    };
    let version = format.get(0)?.ok_or_else(foreign)?;
    let (found, _) = number_32(unseal("heir", (0, 0), version.value())?).ok_or_else(foreign)?;
    match found {
        VERSION => Ok(()),
        found if found > VERSION => Err(StoreError::Newer { found, known: VERSION }.into()),
        _ => Err(foreign().into()),
    }
}

impl Kept {
    /// Reads what there is but for rows, and checks the journal.
    pub(super) fn read(tx: &ReadTransaction) -> Result<Self, Fault> {
        let mut kept = Self::default();
        for row in tx.open_table(WORKERS)?.range::<u64>(..)? {
            let (key, value) = row?;
            kept.read_worker(key.value(), unseal("workers", (key.value(), 0), value.value())?)?;
        }
        for row in tx.open_table(TABLES)?.range::<u64>(..)? {
            let (key, value) = row?;
            kept.read_table(key.value(), unseal("tables", (key.value(), 0), value.value())?)?;
        }
        kept.read_journal(&tx.open_table(JOURNAL)?)?;
        kept.find_garbage(tx)?;
        Ok(kept)
    }

    fn read_worker(&mut self, id: u64, row: &[u8]) -> Result<(), StoreError> {
        let WorkerRow { incarnations, swept, identity } = WorkerRow::read(row)?;
        let id = WorkerId(u32::try_from(id).map_err(|_| damaged("a worker has no number"))?);
        let (last, tables, is_claimed) = (swept, Vec::new(), false);
        self.catalog.add_worker(id, KnownWorker { identity, incarnations, last, tables, is_claimed });
        self.workers_swept.insert(id, swept);
        self.batches.insert(id, Vec::new());
        Ok(())
    }

    fn read_table(&mut self, id: u64, row: &[u8]) -> Result<(), StoreError> {
        let TableRow { worker, kind, is_created, base, swept, name, ty } = TableRow::read(row)?;
        let id = TableId(u32::try_from(id).map_err(|_| damaged("a table has no number"))?);
        let (since, written) = (swept.bytes, base);
        let table = KnownTable { worker, name, kind, ty, is_created, base, since, written };
        if !self.catalog.add_table(id, table) {
            return Err(damaged("a table has no worker"));
        }
        self.tables_swept.insert(id, swept);
        Ok(())
    }

    fn read_journal(&mut self, journal: &impl ReadableTable<u64, &'static [u8]>) -> Result<(), Fault> {
        let head = journal.get(HEAD)?.ok_or_else(|| damaged("the journal has no head"))?;
        self.head = Head::read(unseal("journal", (HEAD, 0), head.value())?)?;
        let mut expected = self.head.first;
        for row in journal.range(..HEAD)? {
            let (key, value) = row?;
            if key.value() != expected {
                return Err(damaged("a batch is missing in the journal").into());
            }
            let batch = unseal("journal", (expected, 0), value.value())?;
            for framed in Frames(batch) {
                let framed = framed.map_err(|bad| StoreError::Damaged(bad.to_string()))?;
                self.read_record(framed, expected)?;
            }
            self.journal += value.value().len() as u64;
            expected += 1;
        }
        if expected == self.head.next { Ok(()) } else { Err(damaged("the journal ends too early").into()) }
    }

    fn read_record(&mut self, framed: Framed<'_>, batch: u64) -> Result<(), StoreError> {
        let Framed { worker, number, after, .. } = framed;
        self.catalog.check(worker, number, after)?;
        for (id, changes) in framed.tables() {
            let table = self.catalog.table_of_mut(worker, id)?;
            if number > table.base.at {
                table.since += changes.len() as u64;
            }
        }
        self.catalog.worker_mut(worker)?.last = number;
        let batches = self.batches.entry(worker).or_default();
        if batches.last() != Some(&batch) {
            batches.push(batch);
        }
        Ok(())
    }

    /// Finds bases that were not finished, or not yet deleted, and changes that a base has made needless.
    fn find_garbage(&mut self, tx: &ReadTransaction) -> Result<(), Fault> {
        let (base, since) = (tx.open_table(BASE)?, tx.open_table(SINCE)?);
        for (&id, table) in &mut self.catalog.tables {
            let mut from = Some(0);
            while let Some(generation) = from {
                let first =
                    base.range((base_key(id, generation), 0)..=(base_key(id, u32::MAX), u64::MAX))?.next();
                let Some(row) = first else { break };
                let generation = generation_of(row?.0.value().0);
                if generation != table.base.generation {
                    self.garbage.push_back(Garbage::Base { table: id, generation });
                    // It can be followed by a later one only.
                    let generation = generation.max(table.written.generation);
                    table.written = Base { generation, parts: u32::MAX, ..Base::default() };
                }
                from = generation.checked_add(1);
            }
            let key = u64::from(id.0);
            if since.range((key, 0)..=(key, table.base.at))?.next().is_some() {
                self.garbage.push_back(Garbage::Since { table: id, up_to: table.base.at });
            }
        }
        Ok(())
    }

    /// The row of a worker, with its checksum.
    pub(super) fn worker_row(&self, id: WorkerId) -> Result<Vec<u8>, StoreError> {
        let KnownWorker { incarnations, identity, .. } = self.catalog.worker(id)?.clone();
        let swept = self.workers_swept.get(&id).copied().unwrap_or(0);
        Ok(seal("workers", (id.0.into(), 0), WorkerRow { incarnations, swept, identity }.write()))
    }

    /// The row of a table, with its checksum.
    pub(super) fn table_row(&self, id: TableId) -> Result<Vec<u8>, StoreError> {
        let KnownTable { worker, name, kind, ty, is_created, base, .. } = self.catalog.table(id)?.clone();
        let swept = self.tables_swept.get(&id).copied().unwrap_or_default();
        Ok(seal(
            "tables",
            (id.0.into(), 0),
            TableRow { worker, kind, is_created, base, swept, name, ty }.write(),
        ))
    }
}

impl Kept {
    /// Takes the place of what was known before the file was opened again: claims stay, and what was
    /// acknowledged must be there.
    pub(super) fn take_over(mut self, before: &mut Self) -> Result<(), StoreError> {
        for (id, worker) in &before.catalog.workers {
            if self.catalog.last(*id) < worker.last {
                return Err(damaged("records are gone since it was opened"));
            }
        }
        self.catalog.keep_claims_of(&before.catalog);
        *before = self;
        Ok(())
    }
}
