//! What the file looks like: `docs/decisions/a-store-has-three-verbs.md` has it as a table.
//!
//! Each value ends with the CRC-32 of its key and its bytes. Numbers are little-endian.

use redb::TableDefinition;

use super::fault::damaged;
use crate::store::StoreError;
use crate::store::catalog::Base;
use crate::store::engine::{TableId, WorkerId};
use crate::store::record::{len_32, number_32, number_64};
use crate::table::TableKind;

pub(super) const VERSION: u32 = 1;

type Values<K> = TableDefinition<'static, K, &'static [u8]>;

/// The format: its only row has the version.
pub(super) const FORMAT: Values<u64> = TableDefinition::new("heir");
/// Workers, by their number.
pub(super) const WORKERS: Values<u64> = TableDefinition::new("workers");
/// Tables, by their number.
pub(super) const TABLES: Values<u64> = TableDefinition::new("tables");
/// The records of each batch, by its number, and [`HEAD`].
pub(super) const JOURNAL: Values<u64> = TableDefinition::new("journal");
/// Parts of bases: table and generation in one number, and the part.
pub(super) const BASE: Values<(u64, u64)> = TableDefinition::new("base");
/// Changes behind bases: the table, and the number of the last record of a chunk.
pub(super) const SINCE: Values<(u64, u64)> = TableDefinition::new("since");

/// Behind the last batch of the journal, so in the page that each batch writes anyway.
pub(super) const HEAD: u64 = u64::MAX;

/// What stands at the end of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The number of the first batch.
    pub(super) first: u64,
    /// The number of the next batch.
    pub(super) next: u64,
}

/// The key of a base's parts.
pub(super) fn base_key(table: TableId, generation: u32) -> u64 {
    u64::from(table.0) << 32 | u64::from(generation)
}

/// The generation in such a key.
pub(super) fn generation_of(key: u64) -> u32 {
    u32::try_from(key & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// Ends a value with its checksum.
pub(super) fn seal(place: &str, key: (u64, u64), mut value: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(place, key, &value);
    value.extend(checksum.to_le_bytes());
    value
}

/// The value without its checksum, which is right.
pub(super) fn unseal<'v>(place: &str, key: (u64, u64), value: &'v [u8]) -> Result<&'v [u8], StoreError> {
    match value.split_last_chunk() {
        Some((value, found)) if *found == checksum(place, key, value).to_le_bytes() => Ok(value),
        _ => Err(StoreError::Damaged(format!("{key:?} in `{place}` is not what was written"))),
    }
}

fn checksum(place: &str, key: (u64, u64), value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(place.as_bytes());
    hasher.update(&key.0.to_le_bytes());
    hasher.update(&key.1.to_le_bytes());
    hasher.update(value);
    hasher.finalize()
}

impl Head {
    pub(super) fn write(self) -> Vec<u8> {
        [self.first.to_le_bytes(), self.next.to_le_bytes()].concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let (first, bytes) = number_64(bytes)?;
            let (next, bytes) = number_64(bytes)?;
            (bytes.is_empty() && first <= next).then_some(Self { first, next })
        };
        read().ok_or_else(|| damaged("the head of the journal is no such"))
    }
}

/// A worker's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkerRow {
    pub(super) incarnations: u64,
    /// The number of its last record that has left the journal.
    pub(super) swept: u64,
    pub(super) identity: String,
}

impl WorkerRow {
    pub(super) fn write(&self) -> Vec<u8> {
        let numbers = [self.incarnations.to_le_bytes(), self.swept.to_le_bytes()].concat();
        [&numbers[..], self.identity.as_bytes()].concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let (incarnations, bytes) = number_64(bytes)?;
            let (swept, bytes) = number_64(bytes)?;
            let identity = String::from_utf8(bytes.to_vec()).ok()?;
            Some(Self { incarnations, swept, identity })
        };
        read().ok_or_else(|| damaged("the row of a worker is no such"))
    }
}

/// What of a table has left the journal, and stands behind the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// The number of the last record.
    pub(super) last: u64,
    pub(super) bytes: u64,
}

/// A table's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableRow {
    pub(super) worker: WorkerId,
    pub(super) kind: TableKind,
    pub(super) is_created: bool,
    pub(super) base: Base,
    pub(super) swept: Swept,
    pub(super) name: String,
    pub(super) ty: String,
}

impl TableRow {
    pub(super) fn write(&self) -> Vec<u8> {
        let Self { worker, kind, is_created, base, swept, name, ty } = self;
        let mut out = Vec::new();
        let is_created = u32::from(*is_created);
        for number in [worker.0, *kind as u32, is_created, base.generation, base.parts, len_32(name.len())] {
            out.extend(number.to_le_bytes());
        }
        for number in [base.bytes, base.at, swept.last, swept.bytes] {
            out.extend(number.to_le_bytes());
        }
        out.extend(name.as_bytes());
        out.extend(ty.as_bytes());
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let (worker, bytes) = number_32(bytes)?;
            let (kind, bytes) = number_32(bytes)?;
            let (is_created, bytes) = number_32(bytes)?;
            let (generation, bytes) = number_32(bytes)?;
            let (parts, bytes) = number_32(bytes)?;
            let (name, bytes) = number_32(bytes)?;
            let (base, bytes) = number_64(bytes)?;
            let (at, bytes) = number_64(bytes)?;
            let (last, bytes) = number_64(bytes)?;
            let (since, bytes) = number_64(bytes)?;
            let (name, ty) = bytes.split_at_checked(name as usize)?;
            let kind = [TableKind::Table, TableKind::Ordered, TableKind::Bag, TableKind::Value]
                .into_iter()
                .find(|known| *known as u32 == kind)?;
            Some(Self {
                worker: WorkerId(worker),
                kind,
                is_created: is_created != 0,
                base: Base { generation, parts, bytes: base, at },
                swept: Swept { last, bytes: since },
                name: String::from_utf8(name.to_vec()).ok()?,
                ty: String::from_utf8(ty.to_vec()).ok()?,
            })
        };
        read().ok_or_else(|| damaged("the row of a table is no such"))
    }
}

/// Changes to a table that have left the journal, before they are a value.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The number of the last record in it.
    pub(super) last: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    /// Begins a chunk behind the one that ends with the record `after`.
    pub(super) fn new(after: u64) -> Self {
        Self { last: after, bytes: after.to_le_bytes().to_vec() }
    }

    pub(super) fn push(&mut self, number: u64, changes: &[u8]) {
        self.last = number;
        self.bytes.extend(number.to_le_bytes());
        self.bytes.extend(len_32(changes.len()).to_le_bytes());
        self.bytes.extend(changes);
    }

    /// How many bytes it has with so many bytes of changes more.
    pub(super) fn len_with(&self, changes: usize) -> usize {
        self.bytes.len() + 8 + 4 + changes + 4
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == 8
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The changes of each record in a chunk, with its number.
type Changes<'c> = Vec<(u64, &'c [u8])>;

/// The chunk of these bytes: the record after which it comes, and what is in it.
pub(super) fn read_chunk(bytes: &[u8], last: u64) -> Result<(u64, Changes<'_>), StoreError> {
    let read = || {
        let (after, mut bytes) = number_64(bytes)?;
        let (mut before, mut all) = (after, Vec::new());
        while !bytes.is_empty() {
            let (number, rest) = number_64(bytes)?;
            let (len, rest) = number_32(rest)?;
            let (changes, rest) = rest.split_at_checked(len as usize)?;
            if number <= before {
                return None;
            }
            all.push((number, changes));
            (before, bytes) = (number, rest);
        }
        (before == last && !all.is_empty()).then_some((after, all))
    };
    read().ok_or_else(|| damaged("a chunk of changes is no such"))
}
