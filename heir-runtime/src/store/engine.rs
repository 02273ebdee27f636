//! What the store asks of the place where records are kept: three verbs.
//!
//! ```text
//! claim:  the tables of a worker ──▶ a token, and the number of its last record
//! append: a batch of entries, each behind what is there ──▶ durable, or unknown
//! load:   the tables of a worker, in the order in which they were written
//! ```

use crate::store::StoreError;
use crate::table::TableKind;

/// A worker's number in one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkerId(pub(crate) u32);

/// A table's number in one store: the tables of all workers are numbered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableId(pub(crate) u32);

/// The tables that a worker declares.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// What the worker is known by in the store: its path in the tree.
    pub(crate) identity: String,
    /// In the order of its fields.
    pub(crate) tables: Vec<DeclaredTable>,
}

/// A table that a worker declares.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredTable {
    /// The name of its field.
    pub(crate) name: String,
    pub(crate) kind: TableKind,
    /// Its type, as it is written.
    pub(crate) ty: String,
    /// By which other texts the store may have it: it is remembered under this one from then on.
    pub(crate) formerly: Vec<String>,
}

/// A worker whose tables have been claimed.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) worker: WorkerId,
    /// Higher than the number of every incarnation that an earlier claim allows: incarnations go on from
    /// here, and [`INCARNATIONS`] of them may be started.
    pub(crate) token: u64,
    /// The number of its last record; 0 if there is none.
    pub(crate) last: u64,
    /// In the order in which they were declared.
    pub(crate) tables: Vec<ClaimedTable>,
}

/// A table that has been claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimedTable {
    pub(crate) id: TableId,
    /// Whether it has never been created: neither a record tells of it, nor an [`Entry::Created`].
    pub(crate) is_new: bool,
    /// The highest generation of which a part, or a whole base, may be there: the next base that is
    /// written has a higher one.
    pub(crate) generation: u32,
    /// How many bytes its base has.
    pub(crate) base: u64,
    /// How many bytes the changes since then have.
    pub(crate) since: u64,
}

/// What is appended.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// What a message has written: bytes that [`record`](super::record) writes.
    Record(Record),
    /// A part of the rows of a table, as changes that make them, for a base that is being written. Parts
    /// are numbered from 0, and come in order; the first part of a higher generation gives up a base that
    /// was not finished.
    Base { table: TableId, generation: u32, part: u32, bytes: Vec<u8> },
    /// The base of this generation, of so many parts, holds the rows of a table as of the record of this
    /// number: what was before it is needed no more. A table without rows has a base without parts.
    Flip { table: TableId, generation: u32, parts: u32, at: u64 },
    /// These tables, which were new, have been created: they are new no more.
    Created { worker: WorkerId, tables: Vec<TableId> },
    /// Incarnations up to this number may be started.
    Incarnations { worker: WorkerId, up_to: u64 },
}

impl Entry {
    /// How many bytes it brings.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.bytes.len(),
            Self::Base { bytes, .. } => bytes.len(),
            Self::Flip { .. } | Self::Created { .. } | Self::Incarnations { .. } => 0,
        }
    }
}

/// What a message has written to the tables of a worker.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) worker: WorkerId,
    /// Its number: that of the worker's commit, greater than that of the record before.
    pub(crate) number: u64,
    /// The number of the worker's record before it; 0 if there is none.
    pub(crate) after: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What a load shows of a table. First its base, part by part, then the changes since, oldest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded<'l> {
    pub(crate) table: TableId,
    /// Encoded changes, for [`rows`](super::rows) to read.
    pub(crate) changes: &'l [u8],
}

/// Why a batch was not appended. It is unknown whether it is there.
#[derive(Debug)]
pub(crate) struct AppendError {
    pub(crate) error: StoreError,
    /// Whether the place may be opened again: not after a sync has failed, because the system may count
    /// pages as written that are not.
    pub(crate) may_reopen: bool,
}

/// For how many incarnations a claim is good, before [`Entry::Incarnations`] says more.
pub(crate) const INCARNATIONS: u64 = 1_000;

/// A place where records are kept.
pub(crate) trait Engine: Send + Sync {
    /// Claims the tables of these workers, each by itself. What it changes is durable when it returns.
    /// Called by the writer.
    fn claim_all(&self, declared: &[Declared]) -> Vec<Result<Claimed, StoreError>>;

    /// Appends a batch, in order: all of it is durable then, or the rest is unknown. Called by the
    /// writer.
    fn append(&self, batch: &[Entry]) -> Result<(), AppendError>;

    /// Shows what is kept of the tables of a worker, in order, and checks that nothing is missing. An
    /// error of `show` ends it. Called in any thread, between the claim and the first append of this
    /// worker.
    fn load(
        &self,
        worker: WorkerId,
        show: &mut dyn FnMut(Loaded<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Opens the place again after a failed append or claim, if that may be: until then it appends
    /// nothing. Claims stay. A load that is under way meanwhile fails. Called by the writer.
    fn reopen(&self) -> Result<(), StoreError>;

    /// The number of the last record of a worker. Called by the writer.
    fn last(&self, worker: WorkerId) -> u64;

    /// Gives up a claim. Called by the writer.
    fn release(&self, worker: WorkerId);

    /// The highest number that an incarnation of this worker may have had: 0 if the place does not know
    /// it. Called in any thread.
    fn last_incarnation(&self, identity: &str) -> u64;

    /// The workers whose tables nobody has claimed since the place was opened: their identities, and
    /// the names of their tables.
    fn orphans(&self) -> Vec<(String, Vec<String>)>;

    /// How many bytes the place has. Cheap. Called by the writer.
    fn size(&self) -> u64 {
        0
    }

    /// For how many more bytes there is room: `None` if that is not known. Called by the writer.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Closes the place; nothing is called after it.
    fn close(&self) -> Result<(), StoreError>;

    /// Claims the tables of one worker.
    #[cfg(test)]
    fn claim(&self, declared: &Declared) -> Result<Claimed, StoreError> {
        self.claim_all(std::slice::from_ref(declared)).remove(0)
    }
}
