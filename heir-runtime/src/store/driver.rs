//! Random work with a place where records are kept, beside a naive model of it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::store::StoreError;
use crate::store::engine::{
    AppendError, Claimed, Declared, DeclaredTable, Engine, Entry, Record, TableId, WorkerId,
};
use crate::store::record::RecordWriter;
use crate::table::TableKind;

/// What is in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    /// The number of the last record of each worker.
    last: BTreeMap<WorkerId, u64>,
    tables: BTreeMap<TableId, Content>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Content {
    base: Vec<u8>,
    at: u64,
    since: BTreeMap<u64, Vec<u8>>,
}

impl Content {
    /// What a load shows.
    fn bytes(&self) -> Vec<u8> {
        self.since.values().fold(self.base.clone(), |mut bytes, changes| {
            bytes.extend(changes);
            bytes
        })
    }
}

/// A base that is being written.
#[derive(Clone, Debug)]
struct Writing {
    generation: u32,
    at: u64,
    parts: Vec<Vec<u8>>,
    written: usize,
}

/// How a run went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Batches that were acknowledged.
    pub(super) acknowledged: u64,
    /// Batches that failed, and were there.
    pub(super) unknown_there: u64,
    /// Batches that failed, and were not there.
    pub(super) unknown_lost: u64,
    pub(super) flips: u64,
    pub(super) records: u64,
}

/// Who works with a place.
#[derive(Clone)]
pub(super) struct Driver {
    pub(super) rng: fastrand::Rng,
    model: Model,
    /// What is there if the batch is that failed.
    unknown: Option<Model>,
    claimed: Vec<Claimed>,
    writing: BTreeMap<TableId, Writing>,
    generations: BTreeMap<TableId, u32>,
    /// The incarnations that have been allowed.
    allowed: BTreeMap<WorkerId, u64>,
    pub(super) counts: Counts,
}

const WORKERS: usize = 4;
const TABLES: usize = 3;

pub(super) fn declared(worker: usize) -> Declared {
    let kinds = [TableKind::Table, TableKind::Ordered, TableKind::Bag];
    let table = |number: usize| DeclaredTable {
        formerly: Vec::new(),
        name: format!("table_{number}"),
        kind: kinds[number % 3],
        ty: format!("Table<u64, Row{number}>"),
    };
    Declared { identity: format!("app/worker-{worker}"), tables: (0..TABLES).map(table).collect() }
}

pub(super) fn write_table(writer: &mut RecordWriter, table: TableId, changes: &[u8]) {
    let written = writer.table(table, |out| {
        out.extend(changes);
        Ok::<_, Infallible>(())
    });
    written.unwrap();
}

impl Driver {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            model: Model::default(),
            unknown: None,
            claimed: Vec::new(),
            writing: BTreeMap::new(),
            generations: BTreeMap::new(),
            allowed: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Begins as a program does that starts: claims all, loads all, and compares. An error is that of
    /// the place; what is not right is a panic.
    pub(super) fn start(&mut self, place: &dyn Engine) -> Result<(), StoreError> {
        self.claimed.clear();
        self.generations.clear();
        for worker in 0..WORKERS {
            let claimed = place.claim(&declared(worker))?;
            let allowed = self.allowed.entry(claimed.worker).or_default();
            assert!(claimed.token > *allowed, "the token {} was given before", claimed.token);
            *allowed = claimed.token;
            for table in &claimed.tables {
                self.generations.insert(table.id, table.generation);
            }
            assert_eq!(claimed.last, place.last(claimed.worker));
            self.claimed.push(claimed);
        }
        self.compare(place)
    }

    /// Compares after the place was opened again, with its claims.
    pub(super) fn compare(&mut self, place: &dyn Engine) -> Result<(), StoreError> {
        self.writing.clear();
        let mut loaded = BTreeMap::<TableId, Vec<u8>>::new();
        let mut last = BTreeMap::new();
        for claimed in &self.claimed {
            place.load(claimed.worker, &mut |shown| {
                assert!(claimed.tables.iter().any(|table| table.id == shown.table));
                loaded.entry(shown.table).or_default().extend(shown.changes);
                Ok(())
            })?;
            last.insert(claimed.worker, place.last(claimed.worker));
        }
        let is = |model: &Model| {
            let tables = self.claimed.iter().flat_map(|claimed| &claimed.tables).all(|table| {
                let expected = model.tables.get(&table.id).map(Content::bytes).unwrap_or_default();
                loaded.get(&table.id).cloned().unwrap_or_default() == expected
            });
            tables && last.iter().all(|(id, last)| model.last.get(id).copied().unwrap_or(0) == *last)
        };
        match self.unknown.take() {
            Some(unknown) if is(&unknown) && !is(&self.model) => {
                self.model = unknown;
                self.counts.unknown_there += 1;
            }
            Some(_) if is(&self.model) => self.counts.unknown_lost += 1,
            None if is(&self.model) => {}
            unknown => panic!(
                "it is neither what was acknowledged nor that and the last batch (unknown: {}): {last:?} for {:?}",
                unknown.is_some(),
                self.model.last
            ),
        }
        Ok(())
    }

    /// Appends a random batch.
    pub(super) fn step(&mut self, place: &dyn Engine) -> Result<(), AppendError> {
        let mut after = self.model.clone();
        let batch: Vec<_> = (0..self.rng.usize(1..8)).filter_map(|_| self.entry(&mut after)).collect();
        match place.append(&batch) {
            Ok(()) => {
                self.counts.acknowledged += 1;
                self.counts.records +=
                    batch.iter().filter(|entry| matches!(entry, Entry::Record(_))).count() as u64;
                self.counts.flips +=
                    batch.iter().filter(|entry| matches!(entry, Entry::Flip { .. })).count() as u64;
                self.model = after;
                for entry in &batch {
                    if let Entry::Incarnations { worker, up_to } = entry {
                        self.allowed.insert(*worker, *up_to);
                    }
                }
                Ok(())
            }
            Err(error) => {
                self.unknown = Some(after);
                Err(error)
            }
        }
    }

    fn entry(&mut self, model: &mut Model) -> Option<Entry> {
        let claimed = self.claimed[self.rng.usize(..self.claimed.len())].clone();
        let table = claimed.tables[self.rng.usize(..claimed.tables.len())].id;
        match self.rng.u8(..20) {
            0 => {
                let up_to = self.allowed.get(&claimed.worker).copied().unwrap_or(0) + self.rng.u64(1..100);
                Some(Entry::Incarnations { worker: claimed.worker, up_to })
            }
            1..=4 => self.base(model, claimed.worker, table),
            _ => Some(self.record(model, &claimed)),
        }
    }

    fn record(&mut self, model: &mut Model, claimed: &Claimed) -> Entry {
        let worker = claimed.worker;
        let last = model.last.entry(worker).or_default();
        let (after, number) = (*last, *last + self.rng.u64(1..3));
        *last = number;
        let mut writer = RecordWriter::new(Vec::new());
        for table in &claimed.tables {
            if self.rng.bool() {
                continue;
            }
            let changes = self.bytes();
            write_table(&mut writer, table.id, &changes);
            model.tables.entry(table.id).or_default().since.insert(number, changes);
        }
        Entry::Record(Record { worker, number, after, bytes: writer.finish() })
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.rng.u8(..40) {
            0 => 9_000,
            1..=3 => 900,
            _ => 120,
        };
        let mut bytes = vec![0; self.rng.usize(1..len)];
        self.rng.fill(&mut bytes);
        bytes
    }

    /// A part of a base, or its flip.
    fn base(&mut self, model: &mut Model, worker: WorkerId, table: TableId) -> Option<Entry> {
        let Some(writing) = self.writing.get_mut(&table) else {
            let generation = self.generations.entry(table).or_default();
            *generation += 1;
            let (generation, at) = (*generation, model.last.get(&worker).copied().unwrap_or(0));
            let parts = (0..self.rng.usize(..5)).map(|_| self.bytes()).collect();
            self.writing.insert(table, Writing { generation, at, parts, written: 0 });
            return None;
        };
        let generation = writing.generation;
        if let Some(bytes) = writing.parts.get(writing.written).cloned() {
            let part = u32::try_from(writing.written).unwrap();
            writing.written += 1;
            // Some are given up.
            if self.rng.u8(..8) == 0 {
                self.writing.remove(&table);
            }
            return Some(Entry::Base { table, generation, part, bytes });
        }
        let Writing { at, parts, .. } = self.writing.remove(&table)?;
        let content = model.tables.entry(table).or_default();
        content.base = parts.concat();
        content.at = at;
        content.since = content.since.split_off(&(at + 1));
        Some(Entry::Flip { table, generation, parts: u32::try_from(parts.len()).unwrap(), at })
    }
}
