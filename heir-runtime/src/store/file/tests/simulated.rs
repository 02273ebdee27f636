//! A disk that loses power, fails, or is full.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use redb::StorageBackend;

use super::super::disk::{Opened, Place};
use crate::store::StoreError;
use crate::util::sync::Lock;

/// A disk. Clones are one disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Simulated(Arc<Lock<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    /// What is read.
    live: Vec<u8>,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// What has been written since the last sync.
    pending: Vec<Change>,
    /// The operation that fails, counted from now, and how.
    failing: Option<(u64, Failing)>,
    operations: u64,
    /// Whether the file is in its place: a file that is not is gone after power was lost.
    is_made: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Len(usize),
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    /// This one and all after it.
    Power,
    /// This sync, and all operations after it: the number is that of the sync.
    PowerAtSync,
    /// This write: the number is that of the write.
    Write,
    /// This sync: the number is that of the sync.
    Sync,
    /// This write, and those after it, until there is [room](Simulated::make_room).
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Write,
    Sync,
}

impl Simulated {
    pub(super) fn with_bytes(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Lock::new(Bytes {
            live: bytes.clone(),
            durable: bytes,
            is_made: true,
            ..Bytes::default()
        })))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().live.clone()
    }

    /// The operation of this number fails, counted from now.
    pub(super) fn fail_at(&self, operation: u64, failing: Failing) {
        let mut bytes = self.0.lock();
        (bytes.failing, bytes.operations) = (Some((operation, failing)), 0);
    }

    /// Nothing fails any more.
    pub(super) fn make_room(&self) {
        self.0.lock().failing = None;
    }

    /// How many operations of the kind that may fail there were.
    pub(super) fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Whether the failure that was to come has come.
    pub(super) fn has_failed(&self) -> bool {
        let bytes = self.0.lock();
        bytes.failing.is_none_or(|(at, _)| bytes.operations > at)
    }

    /// The disk after power was lost: of what was not synced, random sectors of 512 bytes are there.
    pub(super) fn after_power_loss(&self, rng: &mut fastrand::Rng) -> Self {
        let bytes = self.0.lock();
        if !bytes.is_made {
            return Self::default();
        }
        let mut image = bytes.durable.clone();
        let survives = [0, 10, 50, 90, 100][rng.usize(..5)];
        for change in &bytes.pending {
            match change {
                Change::Len(len) if rng.u8(..100) < survives => image.resize(*len, 0),
                Change::Len(_) => {}
                Change::Write(at, data) => {
                    let mut done = 0;
                    while done < data.len() {
                        let from = at + done;
                        let len = (512 - from % 512).min(data.len() - done);
                        if rng.u8(..100) < survives && from + len <= image.len() {
                            image[from..from + len].copy_from_slice(&data[done..done + len]);
                        }
                        done += len;
                    }
                }
            }
        }
        Self::with_bytes(image)
    }
}

impl Bytes {
    fn begin(&mut self, operation: Operation) -> io::Result<()> {
        let Some((at, failing)) = self.failing else { return Ok(()) };
        let counts = match failing {
            Failing::Power => true,
            Failing::PowerAtSync => operation == Operation::Sync || self.operations > at,
            Failing::Write | Failing::Full => operation == Operation::Write,
            Failing::Sync => operation == Operation::Sync,
        };
        if !counts {
            return Ok(());
        }
        let now = self.operations;
        self.operations += 1;
        match failing {
            Failing::Power | Failing::PowerAtSync if now >= at => Err(io::Error::other("power is lost")),
            Failing::Write | Failing::Sync if now == at => Err(io::Error::other("it fails")),
            Failing::Full if now >= at => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Change {
    fn apply(self, to: &mut Vec<u8>) {
        match self {
            Self::Len(len) => to.resize(len, 0),
            Self::Write(at, data) => to[at..at + data.len()].copy_from_slice(&data),
        }
    }
}

fn place(offset: u64) -> usize {
    offset.try_into().unwrap()
}

impl StorageBackend for Simulated {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut bytes = self.0.lock();
        bytes.begin(Operation::Read)?;
        let from = bytes.live.get(place(offset)..).and_then(|bytes| bytes.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.0.lock();
        bytes.begin(Operation::Write)?;
        bytes.live.resize(place(len), 0);
        bytes.pending.push(Change::Len(place(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut bytes = self.0.lock();
        bytes.begin(Operation::Sync)?;
        let pending = std::mem::take(&mut bytes.pending);
        for change in pending {
            change.apply(&mut bytes.durable);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.0.lock();
        bytes.begin(Operation::Write)?;
        let change = Change::Write(place(offset), data.to_vec());
        if place(offset) + data.len() > bytes.live.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        change.clone().apply(&mut bytes.live);
        bytes.pending.push(change);
        Ok(())
    }
}

impl Place for Simulated {
    fn open(&self, may_create: bool) -> Result<Opened, StoreError> {
        let disk = self.clone();
        let mut bytes = self.0.lock();
        let is_new = !bytes.is_made && may_create;
        if is_new {
            bytes.live.clear();
            bytes.durable.clear();
            bytes.pending.clear();
        }
        let made = move || {
            let mut bytes = disk.0.lock();
            bytes.begin(Operation::Sync)?;
            bytes.is_made = true;
            Ok(())
        };
        Ok(Opened { backend: Box::new(self.clone()), made: is_new.then(|| Box::new(made) as _) })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("simulated")
    }
}
