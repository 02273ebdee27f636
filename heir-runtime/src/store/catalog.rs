//! What a place knows of its workers and their tables, but for the rows.

use std::collections::BTreeMap;

use crate::store::StoreError;
use crate::store::engine::{
    Claimed, ClaimedTable, Declared, DeclaredTable, INCARNATIONS, Record, TableId, WorkerId,
};
use crate::store::record::{self, Tables};
use crate::table::TableKind;

/// The workers of a store, and their tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    ids: BTreeMap<String, WorkerId>,
    pub(super) workers: BTreeMap<WorkerId, KnownWorker>,
    pub(super) tables: BTreeMap<TableId, KnownTable>,
}

/// A worker that the store knows.
#[derive(Clone, Debug)]
pub(super) struct KnownWorker {
    pub(super) identity: String,
    /// The highest number that an incarnation may have.
    pub(super) incarnations: u64,
    /// The number of its last record.
    pub(super) last: u64,
    pub(super) tables: Vec<TableId>,
    pub(super) is_claimed: bool,
}

/// A table that the store knows.
#[derive(Clone, Debug)]
pub(super) struct KnownTable {
    pub(super) worker: WorkerId,
    pub(super) name: String,
    pub(super) kind: TableKind,
    pub(super) ty: String,
    /// Whether it has been created, so far as no record tells.
    pub(super) is_created: bool,
    pub(super) base: Base,
    /// How many bytes the changes behind the base have, as far as the place counts them.
    pub(super) since: u64,
    /// The base that is being written, or the last of which a part is there.
    pub(super) written: Base,
}

/// The rows of a table as of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// 0 if there is none.
    pub(super) generation: u32,
    pub(super) parts: u32,
    pub(super) bytes: u64,
    /// The number of the record.
    pub(super) at: u64,
}

/// A claim that is allowed, and not yet entered.
pub(super) struct Claim {
    pub(super) claimed: Claimed,
    pub(super) worker: KnownWorker,
    pub(super) new_tables: Vec<(TableId, KnownTable)>,
    /// The tables whose types have other names now.
    pub(super) renamed: Vec<(TableId, String)>,
}

impl Catalog {
    /// Enters a worker that a file names.
    pub(super) fn add_worker(&mut self, id: WorkerId, worker: KnownWorker) {
        self.ids.insert(worker.identity.clone(), id);
        self.workers.insert(id, worker);
    }

    /// Enters a table that a file names. Whether its worker is there.
    pub(super) fn add_table(&mut self, id: TableId, table: KnownTable) -> bool {
        let Some(worker) = self.workers.get_mut(&table.worker) else { return false };
        worker.tables.push(id);
        self.tables.insert(id, table);
        true
    }

    /// Looks whether a worker may have the tables that it declares.
    pub(super) fn claim(&self, declared: &Declared) -> Result<Claim, StoreError> {
        let (id, known) = match self.ids.get(&declared.identity) {
            Some(id) => (*id, self.workers[id].clone()),
            None => (WorkerId(next(self.workers.keys().map(|id| id.0))), KnownWorker::new(declared)),
        };
        if known.is_claimed {
            return Err(StoreError::Claimed(declared.identity.clone()));
        }
        let (mut tables, mut new_tables, mut renamed) = (Vec::new(), Vec::new(), Vec::new());
        let mut next_table = next(self.tables.keys().map(|id| id.0));
        for table in &declared.tables {
            let is_it = |id: &&TableId| self.tables[*id].name == table.name;
            let claimed = if let Some(&id) = known.tables.iter().find(is_it) {
                if self.tables[&id].ty != table.ty {
                    renamed.push((id, table.ty.clone()));
                }
                self.tables[&id].claimed(id, &declared.identity, table)?
            } else {
                let new = TableId(next_table);
                next_table += 1;
                new_tables.push((new, KnownTable::new(id, table)));
                ClaimedTable { id: new, is_new: true, generation: 0, base: 0, since: 0 }
            };
            tables.push(claimed);
        }
        let token = known.incarnations + 1;
        let worker =
            KnownWorker { incarnations: known.incarnations + INCARNATIONS, is_claimed: true, ..known };
        let claimed = Claimed { worker: id, token, last: worker.last, tables };
        Ok(Claim { claimed, worker, new_tables, renamed })
    }

    /// Enters a claim.
    pub(super) fn enter(&mut self, claim: Claim) -> Claimed {
        self.add_worker(claim.claimed.worker, claim.worker);
        for (id, table) in claim.new_tables {
            self.add_table(id, table);
        }
        for (id, ty) in claim.renamed {
            if let Some(table) = self.tables.get_mut(&id) {
                table.ty = ty;
            }
        }
        claim.claimed
    }

    /// Looks whether a record follows the last one of its worker.
    pub(super) fn check(&self, worker: WorkerId, number: u64, after: u64) -> Result<(), StoreError> {
        let worker = self.worker(worker)?;
        if after != worker.last || number <= after {
            return Err(StoreError::Damaged(format!(
                "record {number} of `{}` says that it follows {after}, and the last one is {}",
                worker.identity, worker.last
            )));
        }
        Ok(())
    }

    /// Enters a record that is appended.
    pub(super) fn enter_record(&mut self, record: &Record) -> Result<(), StoreError> {
        self.check(record.worker, record.number, record.after)?;
        record::check_tables(&record.bytes)
            .map_err(|bad| StoreError::Damaged(format!("record {}: {bad}", record.number)))?;
        for (table, changes) in Tables(&record.bytes) {
            self.table_of_mut(record.worker, table)?.since += changes.len() as u64;
        }
        self.worker_mut(record.worker)?.last = record.number;
        Ok(())
    }

    pub(super) fn worker(&self, id: WorkerId) -> Result<&KnownWorker, StoreError> {
        self.workers.get(&id).ok_or_else(|| StoreError::Damaged(format!("there is no worker {}", id.0)))
    }

    pub(super) fn worker_mut(&mut self, id: WorkerId) -> Result<&mut KnownWorker, StoreError> {
        self.workers.get_mut(&id).ok_or_else(|| StoreError::Damaged(format!("there is no worker {}", id.0)))
    }

    pub(super) fn table(&self, id: TableId) -> Result<&KnownTable, StoreError> {
        self.tables.get(&id).ok_or_else(|| StoreError::Damaged(format!("there is no table {}", id.0)))
    }

    pub(super) fn table_mut(&mut self, id: TableId) -> Result<&mut KnownTable, StoreError> {
        self.tables.get_mut(&id).ok_or_else(|| StoreError::Damaged(format!("there is no table {}", id.0)))
    }

    /// The table of this number, if it belongs to this worker.
    pub(super) fn table_of(&self, worker: WorkerId, id: TableId) -> Result<&KnownTable, StoreError> {
        let table = self.table(id)?;
        if table.worker == worker { Ok(table) } else { Err(not_of(worker, id)) }
    }

    /// The table of this number, if it belongs to this worker.
    pub(super) fn table_of_mut(
        &mut self,
        worker: WorkerId,
        id: TableId,
    ) -> Result<&mut KnownTable, StoreError> {
        let table = self.table_mut(id)?;
        if table.worker == worker { Ok(table) } else { Err(not_of(worker, id)) }
    }

    /// The number of the last record of a worker; 0 if there is none.
    pub(super) fn last(&self, worker: WorkerId) -> u64 {
        self.workers.get(&worker).map_or(0, |worker| worker.last)
    }

    /// Enters that these tables, which were new, have been created.
    pub(super) fn create(&mut self, worker: WorkerId, tables: &[TableId]) -> Result<(), StoreError> {
        for id in tables {
            self.table_of_mut(worker, *id)?.is_created = true;
        }
        Ok(())
    }

    /// Gives up a claim.
    pub(super) fn release(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.is_claimed = false;
        }
    }

    /// The highest number that an incarnation of this worker may have had.
    pub(super) fn last_incarnation(&self, identity: &str) -> u64 {
        let worker = self.ids.get(identity).and_then(|id| self.workers.get(id));
        worker.map_or(0, |worker| worker.incarnations)
    }

    /// The workers that are not claimed, and the names of their tables.
    pub(super) fn orphans(&self) -> Vec<(String, Vec<String>)> {
        let unclaimed = self.workers.values().filter(|worker| !worker.is_claimed);
        let named = unclaimed.map(|worker| {
            let names = worker.tables.iter().map(|id| self.tables[id].name.clone());
            (worker.identity.clone(), names.collect())
        });
        named.collect()
    }

    /// Counts the worker as claimed again that was claimed before the place was opened again.
    pub(super) fn keep_claims_of(&mut self, before: &Self) {
        for (id, worker) in &mut self.workers {
            worker.is_claimed = before.workers.get(id).is_some_and(|before| before.is_claimed);
        }
    }
}

impl KnownWorker {
    fn new(declared: &Declared) -> Self {
        let identity = declared.identity.clone();
        Self { identity, incarnations: 0, last: 0, tables: Vec::new(), is_claimed: false }
    }
}

impl KnownTable {
    fn new(worker: WorkerId, declared: &DeclaredTable) -> Self {
        let DeclaredTable { name, kind, ty, formerly: _ } = declared.clone();
        Self {
            worker,
            name,
            kind,
            ty,
            is_created: false,
            base: Base::default(),
            since: 0,
            written: Base::default(),
        }
    }

    fn claimed(
        &self,
        id: TableId,
        identity: &str,
        declared: &DeclaredTable,
    ) -> Result<ClaimedTable, StoreError> {
        let (worker, table) = (identity.to_owned(), self.name.clone());
        if self.kind != declared.kind {
            return Err(StoreError::OtherKind { worker, table, found: self.kind });
        }
        if self.ty != declared.ty && !declared.formerly.contains(&self.ty) {
            let (found, declared) = (self.ty.clone(), declared.ty.clone());
            return Err(StoreError::OtherType { worker, table, found, declared });
        }
        let generation = self.written.generation.max(self.base.generation);
        let is_new = !self.is_created && self.since == 0 && self.base.generation == 0;
        Ok(ClaimedTable { id, is_new, generation, base: self.base.bytes, since: self.since })
    }

    /// Takes up the next part of a base: of the one that is being written, or the first of a later one.
    pub(super) fn write_part(&mut self, generation: u32, part: u32, bytes: usize) -> Result<(), StoreError> {
        let latest = self.written.generation.max(self.base.generation);
        if generation > latest && part == 0 {
            self.written = Base { generation, ..Base::default() };
        } else if generation != self.written.generation
            || generation <= self.base.generation
            || part != self.written.parts
        {
            return Err(StoreError::Damaged(format!(
                "part {part} of base {generation} of `{}` is out of order",
                self.name
            )));
        }
        self.written.parts += 1;
        self.written.bytes += bytes as u64;
        Ok(())
    }

    /// Makes the base that has been written the base.
    pub(super) fn flip(&mut self, generation: u32, parts: u32, at: u64) -> Result<(), StoreError> {
        // A table without rows has a base without parts.
        if parts == 0 && generation > self.written.generation.max(self.base.generation) {
            self.written = Base { generation, ..Base::default() };
        }
        let Base { generation: written, parts: there, .. } = self.written;
        if written != generation || there != parts || generation <= self.base.generation || at < self.base.at
        {
            return Err(StoreError::Damaged(format!(
                "base {generation} of `{}` is not the one that has been written",
                self.name
            )));
        }
        self.base = Base { at, ..self.written };
        self.since = 0;
        Ok(())
    }
}

fn not_of(worker: WorkerId, id: TableId) -> StoreError {
    StoreError::Damaged(format!("worker {} has no table {}", worker.0, id.0))
}

/// The number after all of these; numbers begin at 1.
fn next(mut numbers: impl DoubleEndedIterator<Item = u32>) -> u32 {
    numbers.next_back().unwrap_or(0) + 1
}
