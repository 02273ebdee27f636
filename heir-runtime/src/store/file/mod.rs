//! Records in a file of redb.
//!
//! ```text
//! a batch ──▶ journal ──sweep──▶ since (by table) ──base, flip──▶ base (by table)
//! ```
//!
//! `format.rs` has what the file looks like, and `docs/decisions/a-store-has-three-verbs.md` why.

mod append;
mod disk;
mod fault;
mod format;
mod kept;
mod load;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use redb::{Builder, Database, ReadTransaction, ReadableDatabase as _, WriteTransaction};

pub use self::disk::SyncTo;
use self::disk::{Disk, Health, Opened, Place};
use self::fault::{Fault, damaged};
use self::kept::Kept;
use self::load::{View, Wanted};
use crate::store::StoreError;
use crate::store::engine::{AppendError, Claimed, Declared, Engine, Entry, Loaded, WorkerId};
use crate::util::sync::Lock;

/// How many bytes a part of a base should have at most. redb rounds large values up to a power of two of
/// pages.
pub(crate) const PART: usize = (64 << 10) - 512;

/// How many bytes redb may keep in memory: what it has read, and what it is about to write.
const CACHE: usize = 16 << 20;

/// A file of redb in which records are kept.
pub(crate) struct File {
    place: Box<dyn Place>,
    sync: SyncTo,
    bounds: Bounds,
    health: Health,
    /// Locked to begin a transaction only.
    state: Lock<State>,
    /// Locked while a batch is prepared, but not while it is synced.
    kept: Lock<Kept>,
}

enum State {
    Open(Database),
    /// A batch has failed: nothing is appended until the file has been opened again.
    Unknown(Option<Database>, StoreError),
    Closed,
}

/// How much of what is in the file.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// How many bytes the journal has before it is swept, or, if that is more, so many for each table:
    /// what a sweep costs goes with the tables, more than with the bytes.
    journal: u64,
    per_table: u64,
    most: u64,
    /// How many bytes a chunk has at most, if it is more than one record.
    chunk: usize,
    /// About how many bytes that are needed no more are deleted beside a batch.
    step: usize,
}

const BOUNDS: Bounds =
    Bounds { journal: 2 << 20, per_table: 8 << 10, most: 32 << 20, chunk: PART, step: 512 << 10 };

impl Bounds {
    fn journal(&self, tables: usize) -> u64 {
        self.journal.max(self.per_table.saturating_mul(tables as u64).min(self.most))
    }
}

impl File {
    /// Opens a file, or makes it.
    pub(crate) fn open(path: PathBuf, sync: SyncTo) -> Result<Self, StoreError> {
        // What is relative is relative to the folder of now, also when it is opened again.
        let path = std::path::absolute(&path).unwrap_or(path);
        Self::open_in(Box::new(path), sync, BOUNDS)
    }

    /// Opens what a test makes: a simulated disk.
    pub(crate) fn open_on(
        backend: impl redb::StorageBackend + Clone,
        room: Box<dyn Fn() -> Option<u64> + Send + Sync>,
        sync: SyncTo,
    ) -> Result<Self, StoreError> {
        Self::open_in(Box::new(disk::Given(backend, room)), sync, BOUNDS)
    }

    fn open_in(place: Box<dyn Place>, sync: SyncTo, bounds: Bounds) -> Result<Self, StoreError> {
        let health = Health::default();
        let (db, kept) = open(&*place, sync, &health, true)?;
        let (state, kept) = (Lock::new(State::Open(db)), Lock::new(kept));
        Ok(Self { place, sync, bounds, health, state, kept })
    }

    fn begin_write(&self) -> Result<WriteTransaction, Fault> {
        self.state.with(|state| match state {
            State::Open(db) => Ok(db.begin_write()?),
            State::Unknown(_, error) => Err(error.clone().into()),
            State::Closed => Err(StoreError::Closed.into()),
        })
    }

    fn begin_read(&self) -> Result<ReadTransaction, Fault> {
        self.state.with(|state| match state {
            State::Open(db) | State::Unknown(Some(db), _) => Ok(db.begin_read()?),
            State::Unknown(None, error) => Err(error.clone().into()),
            State::Closed => Err(StoreError::Closed.into()),
        })
    }

    /// Writes in a transaction. After an error it is unknown whether it was written.
    fn write(
        &self,
        work: impl FnOnce(&WriteTransaction, &mut Kept) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        self.health.check()?;
        let written = self.health.typed(|| {
            let tx = self.begin_write()?;
            self.kept.with(|kept| work(&tx, kept))?;
            Ok(tx.commit()?)
        });
        written.inspect_err(|error| {
            self.state.with(|state| {
                *state = match std::mem::replace(state, State::Closed) {
                    State::Open(db) => State::Unknown(Some(db), error.clone()),
                    state => state,
                };
            });
        })
    }
}

/// Opens a place, and reads all but the rows.
fn open(
    place: &dyn Place,
    sync: SyncTo,
    health: &Health,
    may_create: bool,
) -> Result<(Database, Kept), StoreError> {
    health.check()?;
    health.begin();
    let Opened { backend, made } = place.open(may_create)?;
    health.typed(|| {
        if made.is_none() && backend.len().map_err(redb::StorageError::from)? == 0 {
            return Err(damaged("it is empty").into());
        }
        let disk = Disk::new(backend, sync, health.clone());
        let mut builder = Builder::new();
        // Without this a changed file of redb 4.6 may be read as an older state of it.
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        let db = builder.create_with_backend(disk).map_err(|error| opening(place, error))?;
        if let Some(made) = made {
            kept::create(&db)?;
            made().map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => StoreError::Open(place.path()),
                _ => disk::failure(Arc::new(error)),
            })?;
        }
        kept::check_format(&db.begin_read()?)?;
        let kept = Kept::read(&db.begin_read()?)?;
        Ok((db, kept))
    })
}

/// Errors that mean something else when a file is opened.
fn opening(place: &dyn Place, error: redb::DatabaseError) -> Fault {
    use redb::{DatabaseError, StorageError};
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::Open(place.path()).into()
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            StoreError::Foreign(error.to_string()).into()
        }
        error => error.into(),
    }
}

impl Engine for File {
    fn claim_all(&self, declared: &[Declared]) -> Vec<Result<Claimed, StoreError>> {
        let mut outcomes = Vec::new();
        let written = self.write(|tx, kept| {
            for declared in declared {
                let claim = kept.catalog.claim(declared);
                outcomes.push(claim.as_ref().map(|claim| claim.claimed.clone()).map_err(StoreError::clone));
                if let Ok(claim) = claim {
                    append::claim(tx, kept, claim)?;
                }
            }
            Ok(())
        });
        let Err(error) = written else { return outcomes };
        // Nobody has them, so they can be claimed when the file is open again.
        self.kept.with(|kept| {
            for claimed in outcomes.iter().flatten() {
                if let Ok(worker) = kept.catalog.worker_mut(claimed.worker) {
                    worker.is_claimed = false;
                }
            }
        });
        outcomes.resize_with(declared.len(), || Err(error.clone()));
        outcomes.into_iter().map(|outcome| outcome.and(Err(error.clone()))).collect()
    }

    fn append(&self, batch: &[Entry]) -> Result<(), AppendError> {
        let workers = batch.iter().filter_map(|entry| match entry {
            Entry::Record(record) => Some(record.worker),
            _ => None,
        });
        let before: Vec<_> = self.kept.with(|kept| workers.map(|id| (id, kept.catalog.last(id))).collect());
        self.write(|tx, kept| append::append(tx, kept, self.bounds, batch)).map_err(|error| {
            // It is what was acknowledged that must be there when the file is opened again.
            self.kept.with(|kept| {
                for (id, last) in before {
                    if let Ok(worker) = kept.catalog.worker_mut(id) {
                        worker.last = last;
                    }
                }
            });
            let may_reopen = self.health.check().is_ok() && !matches!(error, StoreError::Closed);
            AppendError { error, may_reopen }
        })
    }

    fn load(
        &self,
        worker: WorkerId,
        show: &mut dyn FnMut(Loaded<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.health.check()?;
        let wanted = self.kept.with(|kept| {
            let known = kept.catalog.worker(worker)?;
            let (tables, last) = (known.tables.clone(), known.last);
            Ok::<_, StoreError>(Wanted { worker, tables, last, batches: kept.batches.get(&worker).cloned() })
        })?;
        let tx = self.health.typed(|| self.begin_read())?;
        View { tx, health: &self.health }.load(&wanted, show)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        self.health.check()?;
        let before = self.state.with(|state| {
            let unknown = State::Unknown(None, damaged("it is being opened"));
            match std::mem::replace(state, unknown) {
                State::Open(db) | State::Unknown(Some(db), _) => Ok(Some(db)),
                State::Unknown(None, _) => Ok(None),
                State::Closed => {
                    *state = State::Closed;
                    Err(StoreError::Closed)
                }
            }
        })?;
        if let Some(db) = before {
            // What it says now is known: it has failed.
            let _ = self.health.typed(|| Ok(db.close()?));
        }
        let opened = open(&*self.place, self.sync, &self.health, false).and_then(|(db, kept)| {
            self.kept.with(|before| kept.take_over(before))?;
            Ok(db)
        });
        let (state, result) = match opened {
            Ok(db) => (State::Open(db), Ok(())),
            Err(error) => (State::Unknown(None, error.clone()), Err(error)),
        };
        self.state.set(state);
        result
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

    fn size(&self) -> u64 {
        self.health.size()
    }

    fn room(&self) -> Option<u64> {
        self.place.room()
    }

    fn orphans(&self) -> Vec<(String, Vec<String>)> {
        self.kept.with(|kept| kept.catalog.orphans())
    }

    fn close(&self) -> Result<(), StoreError> {
        match self.state.replace(State::Closed) {
            State::Open(db) => {
                self.health.check()?;
                self.health.typed(|| Ok(db.close()?))
            }
            State::Unknown(db, error) => {
                let _ = self.health.typed(|| Ok(db.map_or(Ok(()), Database::close)?));
                Err(error)
            }
            State::Closed => Err(StoreError::Closed),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let state = self.state.replace(State::Closed);
        let _ = self.health.typed(|| {
            drop(state);
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests;
