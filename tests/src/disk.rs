//! A disk in memory whose power can be cut: of what was not synced, some sectors survive.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::Random;

const SECTOR: usize = 512;

/// A disk. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is read.
    live: Vec<u8>,
    /// What a sync has made sure of.
    synced: Vec<u8>,
    /// What was done since.
    unsynced: Vec<Change>,
    /// How many operations there are until the power is cut.
    left: Option<u64>,
    /// How many syncs there were.
    syncs: u64,
    /// Whether syncs wait.
    holds_syncs: bool,
    /// What the next operations of a kind end with.
    fails: Option<(Operation, io::ErrorKind)>,
    /// After how many further writes all fail, and whether the first of them is done all the same.
    fails_after: Option<(u64, bool)>,
    /// How many bytes the disk has.
    room: Option<usize>,
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A write, or a change of the length.
    Write,
    /// A sync.
    Sync,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl Disk {
    /// A disk with these contents.
    pub fn with(image: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.state().live.clone_from(&image);
        disk.state().synced = image;
        disk
    }

    /// Cuts the power after so many further operations.
    pub fn cut_after(&self, operations: u64) {
        self.state().left = Some(operations);
    }

    /// Whether the power has been cut.
    pub fn is_cut(&self) -> bool {
        self.state().left == Some(0)
    }

    /// What is on the disk when the power comes back: of what was not synced, each sector has survived, or
    /// not, whatever came before it.
    pub fn survivors(&self, random: &mut Random) -> Vec<u8> {
        let state = self.state();
        let mut image = state.synced.clone();
        let percent = [10, 50, 90][random.below(3) as usize];
        for change in &state.unsynced {
            match change {
                Change::Length(length) => {
                    if random.below(100) < percent {
                        image.resize(*length, 0);
                    }
                }
                Change::Bytes(offset, bytes) => {
                    let mut at = 0;
                    while at < bytes.len() {
                        let place = offset + at;
                        let many = (SECTOR - place % SECTOR).min(bytes.len() - at);
                        if random.below(100) < percent && place + many <= image.len() {
                            image[place..place + many].copy_from_slice(&bytes[at..at + many]);
                        }
                        at += many;
                    }
                }
            }
        }
        image
    }

    /// What is read from it now: what a process finds after a process that was killed.
    pub fn contents(&self) -> Vec<u8> {
        self.state().live.clone()
    }

    /// How many syncs there were.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Has syncs wait until they are [released](Self::release).
    pub fn hold_syncs(&self) {
        self.state().holds_syncs = true;
    }

    /// Lets syncs go on.
    pub fn release(&self) {
        self.state().holds_syncs = false;
        self.0.changed.notify_all();
    }

    /// Has operations of a kind fail from here on, until it is [well](Self::is_well).
    pub fn fail(&self, operation: Operation, error: io::ErrorKind) {
        self.state().fails = Some((operation, error));
    }

    /// Has writes fail after so many further ones, until it is [well](Self::is_well). The first of them is
    /// done all the same, if it `is_done`.
    pub fn fail_after(&self, writes: u64, is_done: bool) {
        self.state().fails_after = Some((writes, is_done));
    }

    /// No operation fails any more.
    pub fn is_well(&self) {
        let mut state = self.state();
        (state.fails, state.room, state.fails_after) = (None, None, None);
    }

    /// The disk has no room beyond what is used, but for so many bytes.
    pub fn leave_room(&self, bytes: usize) {
        let mut state = self.state();
        state.room = Some(state.live.len() + bytes);
    }

    /// For a store to be opened on.
    pub fn backend(&self) -> impl StorageBackend + Clone + use<> {
        self.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A write has been done: it may be the first that fails.
    fn done(&mut self) -> io::Result<()> {
        match &mut self.fails_after {
            Some((left @ 1.., _)) => *left -= 1,
            Some((0, is_done @ true)) => {
                *is_done = false;
                return Err(io::Error::other("it is done, and fails"));
            }
            Some((0, false)) | None => {}
        }
        Ok(())
    }

    fn step(&mut self, operation: Operation) -> io::Result<()> {
        match &mut self.left {
            Some(0) => return Err(io::Error::other("the power is cut")),
            Some(left) => *left -= 1,
            None => {}
        }
        if operation == Operation::Write
            && let Some((0, false)) = self.fails_after
        {
            return Err(io::Error::other("it fails from here on"));
        }
        match self.fails {
            Some((fails, error)) if fails == operation => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.state().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let state = self.state();
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = state.live.get(from..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        let mut state = self.state();
        state.step(Operation::Write)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if state.room.is_some_and(|room| length > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.live.resize(length, 0);
        state.unsynced.push(Change::Length(length));
        state.done()
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut state = self.state();
        while state.holds_syncs {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.step(Operation::Sync)?;
        let State { synced, unsynced, .. } = &mut *state;
        for change in unsynced.drain(..) {
            match change {
                Change::Length(length) => synced.resize(length, 0),
                Change::Bytes(offset, bytes) => synced[offset..offset + bytes.len()].copy_from_slice(&bytes),
            }
        }
        state.syncs += 1;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut state = self.state();
        state.step(Operation::Write)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let place = state.live.get_mut(from..).and_then(|rest| rest.get_mut(..data.len()));
        place.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        state.unsynced.push(Change::Bytes(from, data.to_vec()));
        state.done()
    }
}
