//! A batch, in one transaction: its records go to the journal, and some other work is done beside.
//!
//! Beside are two things. When the journal has grown beyond its bound, its older half is *swept*: its
//! changes are sorted by table. And some of what is needed no more is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use redb::{ReadableTable as _, Table, WriteTransaction};

use super::Bounds;
use super::fault::{Fault, damaged};
use super::format::{BASE, Chunk, HEAD, JOURNAL, SINCE, TABLES, WORKERS, base_key, seal, unseal};
use super::kept::{Garbage, Kept};
use crate::store::StoreError;
use crate::store::catalog::Claim;
use crate::store::engine::{Entry, Record, TableId, WorkerId};
use crate::store::record::{Framed, Frames, frame, framed_len};

/// How many bytes a record has at most. A value of redb 4.6 has at most three times as many.
const LONGEST: usize = 1 << 30;

/// Writes what a claim changes.
pub(super) fn claim(tx: &WriteTransaction, kept: &mut Kept, claim: Claim) -> Result<(), Fault> {
    let new = claim.new_tables.iter().map(|(id, _)| *id);
    let changed = new.chain(claim.renamed.iter().map(|(id, _)| *id)).collect();
    let worker = claim.claimed.worker;
    if kept.catalog.worker(worker).is_err() {
        // No batch has records of a new worker. Of a worker that has appended some it is not known which.
        kept.batches.insert(worker, Vec::new());
    }
    kept.catalog.enter(claim);
    write_rows(tx, kept, &BTreeSet::from([worker]), &changed)
}

/// What of a batch is not a record.
#[derive(Default)]
struct Rows {
    workers: BTreeSet<WorkerId>,
    tables: BTreeSet<TableId>,
}

/// Writes a batch.
pub(super) fn append(
    tx: &WriteTransaction,
    kept: &mut Kept,
    bounds: Bounds,
    batch: &[Entry],
) -> Result<(), Fault> {
    let mut journal = tx.open_table(JOURNAL)?;
    let mut rows = Rows::default();
    let len = batch.iter().map(|entry| match entry {
        Entry::Record(record) => framed_len(record),
        _ => 0,
    });
    let len = len.sum::<usize>();
    let mut records = Vec::with_capacity(len + 4);
    for entry in batch {
        match entry {
            Entry::Record(record) => {
                kept.enter(record)?;
                frame(record, &mut records);
            }
            Entry::Base { table, generation, part, bytes } => {
                write_part(tx, kept, *table, (*generation, *part), bytes)?;
            }
            Entry::Flip { table, generation, parts, at } => {
                kept.flip(*table, *generation, *parts, *at)?;
                rows.tables.insert(*table);
            }
            Entry::Created { worker, tables } => {
                kept.catalog.create(*worker, tables)?;
                rows.tables.extend(tables);
            }
            Entry::Incarnations { worker, up_to } => {
                let known = kept.catalog.worker_mut(*worker)?;
                known.incarnations = known.incarnations.max(*up_to);
                rows.workers.insert(*worker);
            }
        }
    }
    let before = kept.head;
    if !records.is_empty() {
        let number = kept.head.next;
        let sealed = seal("journal", (number, 0), records);
        journal.insert(number, &*sealed)?;
        kept.journal += sealed.len() as u64;
        kept.head.next += 1;
    }
    if kept.journal > bounds.journal(kept.catalog.tables.len()) {
        sweep(tx, &mut journal, kept, bounds, &mut rows)?;
    }
    if kept.head != before {
        journal.insert(HEAD, &*seal("journal", (HEAD, 0), kept.head.write()))?;
    }
    collect(tx, kept, bounds, bounds.step.max(8 * len))?;
    write_rows(tx, kept, &rows.workers, &rows.tables)
}

fn write_part(
    tx: &WriteTransaction,
    kept: &mut Kept,
    id: TableId,
    (generation, part): (u32, u32),
    bytes: &[u8],
) -> Result<(), Fault> {
    let table = kept.catalog.table_mut(id)?;
    let before = table.written.generation;
    table.write_part(generation, part, bytes.len())?;
    if part == 0 && before > table.base.generation {
        kept.give_up(id, before);
    }
    let key = (base_key(id, generation), u64::from(part));
    tx.open_table(BASE)?.insert(key, &*seal("base", key, bytes.to_vec()))?;
    Ok(())
}

fn write_rows(
    tx: &WriteTransaction,
    kept: &Kept,
    workers: &BTreeSet<WorkerId>,
    tables: &BTreeSet<TableId>,
) -> Result<(), Fault> {
    if !workers.is_empty() {
        let mut rows = tx.open_table(WORKERS)?;
        for id in workers {
            rows.insert(u64::from(id.0), &*kept.worker_row(*id)?)?;
        }
    }
    if !tables.is_empty() {
        let mut rows = tx.open_table(TABLES)?;
        for id in tables {
            rows.insert(u64::from(id.0), &*kept.table_row(*id)?)?;
        }
    }
    Ok(())
}

impl Kept {
    /// Enters a record that follows the one before it.
    fn enter(&mut self, record: &Record) -> Result<(), StoreError> {
        let worker = record.worker;
        if record.bytes.len() > LONGEST {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "a message has written more than 1 GiB");
            return Err(StoreError::Io(Arc::new(error)));
        }
        self.catalog.enter_record(record)?;
        // What was counted for the load is not needed any more.
        self.batches.remove(&worker);
        Ok(())
    }

    fn flip(&mut self, id: TableId, generation: u32, parts: u32, at: u64) -> Result<(), StoreError> {
        let table = self.catalog.table_mut(id)?;
        let before = table.base.generation;
        let written = table.written.generation;
        table.flip(generation, parts, at)?;
        if written > before && written < generation {
            self.give_up(id, written);
        }
        if before > 0 {
            self.give_up(id, before);
        }
        if let Some(swept) = self.tables_swept.get_mut(&id) {
            swept.bytes = 0;
        }
        self.garbage.push_back(Garbage::Since { table: id, up_to: at });
        Ok(())
    }

    fn give_up(&mut self, table: TableId, generation: u32) {
        let garbage = Garbage::Base { table, generation };
        if !self.garbage.contains(&garbage) {
            self.garbage.push_back(garbage);
        }
    }
}

/// Takes the oldest batches out of the journal, until it is half as large as it may be, and appends their
/// changes to those of each table. It reads no rows.
fn sweep(
    tx: &WriteTransaction,
    journal: &mut Table<'_, u64, &'static [u8]>,
    kept: &mut Kept,
    bounds: Bounds,
    rows: &mut Rows,
) -> Result<(), Fault> {
    let mut chunks: BTreeMap<TableId, Vec<Chunk>> = BTreeMap::new();
    let half = bounds.journal(kept.catalog.tables.len()) / 2;
    while kept.journal > half && kept.head.first < kept.head.next {
        let number = kept.head.first;
        let removed = journal.remove(number)?.ok_or_else(|| damaged("a batch is missing in the journal"))?;
        for framed in Frames(unseal("journal", (number, 0), removed.value())?) {
            let framed = framed.map_err(|bad| StoreError::Damaged(bad.to_string()))?;
            sweep_record(kept, framed, bounds, &mut chunks)?;
            rows.workers.insert(framed.worker);
        }
        kept.journal -= removed.value().len() as u64;
        kept.head.first += 1;
    }
    let mut since = tx.open_table(SINCE)?;
    for (id, chunks) in chunks {
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            let key = (u64::from(id.0), chunk.last);
            since.insert(key, &*seal("since", key, chunk.into_bytes()))?;
        }
        rows.tables.insert(id);
    }
    Ok(())
}

fn sweep_record(
    kept: &mut Kept,
    framed: Framed<'_>,
    bounds: Bounds,
    chunks: &mut BTreeMap<TableId, Vec<Chunk>>,
) -> Result<(), StoreError> {
    kept.workers_swept.insert(framed.worker, framed.number);
    for (id, changes) in framed.tables() {
        let base = kept.catalog.table_of(framed.worker, id)?.base;
        if framed.number <= base.at {
            continue;
        }
        let swept = kept.tables_swept.entry(id).or_default();
        let chunks = chunks.entry(id).or_default();
        match chunks.last_mut() {
            Some(chunk) if chunk.len_with(changes.len()) <= bounds.chunk => {
                chunk.push(framed.number, changes);
            }
            _ => {
                let mut chunk = Chunk::new(swept.last);
                chunk.push(framed.number, changes);
                chunks.push(chunk);
            }
        }
        swept.last = framed.number;
        swept.bytes += changes.len() as u64;
    }
    Ok(())
}

/// Deletes some of what is needed no more: so much that it does not hold up the batch.
fn collect(tx: &WriteTransaction, kept: &mut Kept, bounds: Bounds, step: usize) -> Result<(), Fault> {
    if kept.garbage.is_empty() {
        return Ok(());
    }
    let (mut base, mut since) = (tx.open_table(BASE)?, tx.open_table(SINCE)?);
    let mut left = step;
    while let Some(garbage) = kept.garbage.front() {
        let (from, range) = match *garbage {
            Garbage::Base { table, generation } => {
                let key = base_key(table, generation);
                (&mut base, (key, 0)..=(key, u64::MAX))
            }
            Garbage::Since { table, up_to } => {
                let key = u64::from(table.0);
                (&mut since, (key, 0)..=(key, up_to))
            }
        };
        let mut keys = Vec::new();
        let mut rows = from.range(range)?;
        while left > 0
            && let Some(row) = rows.next()
        {
            let (key, value) = row?;
            keys.push(key.value());
            left = left.saturating_sub(value.value().len().max(bounds.step / 256).max(1));
        }
        drop(rows);
        for key in &keys {
            from.remove(*key)?;
        }
        if left == 0 {
            return Ok(());
        }
        kept.garbage.pop_front();
    }
    Ok(())
}
