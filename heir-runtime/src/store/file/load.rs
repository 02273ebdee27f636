//! Loading the tables of a worker, with a look at whether anything is missing.

use redb::{AccessGuard, ReadOnlyTable, ReadTransaction};

use super::disk::Health;
use super::fault::damaged;
use super::format::{
    BASE, HEAD, Head, JOURNAL, SINCE, TABLES, TableRow, WORKERS, WorkerRow, base_key, read_chunk, unseal,
};
use crate::store::StoreError;
use crate::store::engine::{Loaded, TableId, WorkerId};
use crate::store::record::Frames;

type Show<'s> = &'s mut dyn FnMut(Loaded<'_>) -> Result<(), StoreError>;

/// What is loaded.
pub(super) struct Wanted {
    pub(super) worker: WorkerId,
    pub(super) tables: Vec<TableId>,
    /// The number of its last record.
    pub(super) last: u64,
    /// The batches that have records of this worker, and more; all of them if it is not known.
    pub(super) batches: Option<Vec<u64>>,
}

/// A view of the file, as of one batch. It is read a value at a time, and redb is left before the value
/// is shown: showing runs a user's code.
pub(super) struct View<'v> {
    pub(super) tx: ReadTransaction,
    pub(super) health: &'v Health,
}

type Value = AccessGuard<'static, &'static [u8]>;

impl View<'_> {
    pub(super) fn load(&self, wanted: &Wanted, show: Show<'_>) -> Result<(), StoreError> {
        let id = u64::from(wanted.worker.0);
        let workers = self.health.typed(|| Ok(self.tx.open_table(WORKERS)?))?;
        let worker = self.row(&workers, id, "workers")?;
        let worker = WorkerRow::read(unseal("workers", (id, 0), worker.value())?)?;
        let tables = self.health.typed(|| Ok(self.tx.open_table(TABLES)?))?;
        let mut rows = Vec::new();
        for table in &wanted.tables {
            let id = u64::from(table.0);
            let row = self.row(&tables, id, "tables")?;
            let row = TableRow::read(unseal("tables", (id, 0), row.value())?)?;
            self.load_base(*table, &row, show)?;
            self.load_since(*table, &row, show)?;
            rows.push((*table, row.base.at));
        }
        self.load_journal(wanted, worker.swept, &rows, show)
    }

    fn row(
        &self,
        table: &ReadOnlyTable<u64, &'static [u8]>,
        key: u64,
        place: &str,
    ) -> Result<Value, StoreError> {
        let value = self.health.typed(|| Ok(table.get(key)?))?;
        value.ok_or_else(|| StoreError::Damaged(format!("{key} is missing in `{place}`")))
    }

    fn load_base(&self, table: TableId, row: &TableRow, show: Show<'_>) -> Result<(), StoreError> {
        let parts = self.health.typed(|| Ok(self.tx.open_table(BASE)?))?;
        let mut bytes = 0;
        for part in 0..row.base.parts {
            let key = (base_key(table, row.base.generation), u64::from(part));
            let value = self.health.typed(|| Ok(parts.get(key)?))?;
            let value = value.ok_or_else(|| damaged("a part of a base is missing"))?;
            let changes = unseal("base", key, value.value())?;
            bytes += changes.len() as u64;
            show(Loaded { table, changes })?;
        }
        if bytes == row.base.bytes { Ok(()) } else { Err(damaged("a base has other parts than it had")) }
    }

    fn load_since(&self, table: TableId, row: &TableRow, show: Show<'_>) -> Result<(), StoreError> {
        let id = u64::from(table.0);
        let mut chunks = self.health.typed(|| {
            let since = self.tx.open_table(SINCE)?;
            Ok(since.range((id, row.base.at.saturating_add(1))..=(id, u64::MAX))?)
        })?;
        let mut before = None;
        while let Some((key, value)) = self.health.typed(|| Ok(chunks.next().transpose()?))? {
            let last = key.value().1;
            let (after, changes) = read_chunk(unseal("since", (id, last), value.value())?, last)?;
            // The first one comes after one that the base has made needless.
            if before.map_or(after > row.base.at, |before| after != before) {
                return Err(damaged("a chunk of changes is missing"));
            }
            for (_, changes) in changes.into_iter().filter(|(number, _)| *number > row.base.at) {
                show(Loaded { table, changes })?;
            }
            before = Some(last);
        }
        let is_whole = before.map_or(row.swept.last <= row.base.at, |last| last == row.swept.last);
        if is_whole { Ok(()) } else { Err(damaged("the last chunk of changes is missing")) }
    }

    fn load_journal(
        &self,
        wanted: &Wanted,
        swept: u64,
        rows: &[(TableId, u64)],
        show: Show<'_>,
    ) -> Result<(), StoreError> {
        let journal = self.health.typed(|| Ok(self.tx.open_table(JOURNAL)?))?;
        let head = self.row(&journal, HEAD, "journal")?;
        let head = Head::read(unseal("journal", (HEAD, 0), head.value())?)?;
        let batches = wanted.batches.clone().unwrap_or_else(|| (head.first..head.next).collect());
        let mut last = swept;
        for batch in batches.into_iter().filter(|batch| *batch >= head.first) {
            let value = self.row(&journal, batch, "journal")?;
            for framed in Frames(unseal("journal", (batch, 0), value.value())?) {
                let framed = framed.map_err(|bad| StoreError::Damaged(bad.to_string()))?;
                if framed.worker != wanted.worker {
                    continue;
                }
                if framed.after != last {
                    return Err(damaged("a record is missing"));
                }
                last = framed.number;
                for (table, changes) in framed.tables() {
                    let known = rows.iter().find(|(id, _)| *id == table);
                    let (_, at) = known.ok_or_else(|| damaged("a record is of a table of another worker"))?;
                    if framed.number > *at {
                        show(Loaded { table, changes })?;
                    }
                }
            }
        }
        if last == wanted.last { Ok(()) } else { Err(damaged("the last record is missing")) }
    }
}
