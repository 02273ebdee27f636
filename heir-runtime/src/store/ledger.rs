//! The records of one worker, from the claim of its tables on: their numbers, and what has become of them.
//!
//! ```text
//!  encode ── append ──▶ queued ──▶ durable ──▶ the gates of the worker open
//!                          └──▶ unknown ──▶ known: up to here they are durable, the others are forgotten
//! ```

use std::collections::VecDeque;
use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Context;

use tokio::sync::oneshot;

use super::engine::{Claimed, Entry, INCARNATIONS, Record, TableId, WorkerId};
use super::record::RecordWriter;
use super::rewriter::Rewrites;
use super::rows::BasePage;
use super::warnings::Warning;
use super::writer::AwaitsRecords;
use super::{Store, StoreError, StoredTable};
use crate::table::{Encoded, Journal, Readers, Written};
use crate::util::caught::{PanicMessage, caught};
use crate::util::sync::{Lock, WatchMany};

/// So many bytes of records of a worker need no new bases.
const SMALL: u64 = 1 << 20;

/// How many bytes of bases are written for each byte of records that comes meanwhile.
const BASES: usize = 8;
/// How many bytes of a base are queued at most.
const MOST_UNDER_WAY: usize = 8 << 20;

/// For how many bytes there is room at once in a record, at most.
const MOST_ROOM: usize = 1 << 10;

/// What waits for the records of a worker. On the writer's thread it runs nothing of a user's but wakers,
/// and comparisons of keys.
pub(crate) trait OpensGates: Send + Sync {
    /// The records up to this number are durable: shows them, and opens the gates that wait for them.
    fn durable(&self, number: u64);

    /// Those beyond are unknown: tells the callers, and asks for the worker's restart, if it is to `restart`.
    fn unknown(&self, restart: bool);

    /// The gates of those beyond will not open; the worker may start again.
    fn known(&self);

    /// Has the rows of the worker's tables written anew, in a thread where a user's code may run.
    fn rewrite(&self, write: &mut dyn FnMut(&Readers) -> Result<u64, NotRewritten>);

    /// How the store is, for the owner of the tables to tell: telling runs a user's code.
    fn warn(&self, warnings: Vec<Warning>);

    /// Whether nothing waits here.
    fn is_empty(&self) -> bool;

    /// After [`known`](Self::known): what waits for records that are not there waits no more.
    fn give_up_unknown(&self);

    /// Finishes what has been opened, and drops what is not there. Returns the panics of a user's code.
    fn finish(&self) -> Vec<PanicMessage>;

    /// Gives up this reference. It may be the last: what is left is then dropped in a thread in which a
    /// user's code may run.
    fn give_up(self: Arc<Self>);
}

/// Why the rows of a worker's tables have not been written anew.
pub(crate) enum NotRewritten {
    Failed(StoreError),
    Panicked(PanicMessage),
}

/// The records of one worker. It stays while incarnations come and go, and when another worker takes
/// over the tables.
pub(crate) struct Ledger {
    me: Weak<Self>,
    place: OnceLock<Place>,
    /// The number of the last record. Only the owner of the tables appends one.
    last: AtomicU64,
    /// How many bytes it had: there is room for as many in the next one at once.
    last_len: AtomicUsize,
    state: Lock<State>,
    gates: Lock<Gates>,
    /// Told when something has become durable, or unknown, or known.
    changed: WatchMany<()>,
}

/// Where the records go.
struct Place {
    store: Store,
    worker: WorkerId,
    /// The tables that are stored, each with its number in the store.
    tables: Vec<(StoredTable, TableId)>,
    /// Whether the store had any of them when they were claimed.
    is_loaded: bool,
}

struct State {
    /// Records up to this number are durable.
    durable: u64,
    /// How many bytes are not.
    bytes: usize,
    failure: Failure,
    /// How often the store has failed: what was queued before a failure is not appended after it.
    failures: u64,
    /// The record of an exchange of all rows that is being kept.
    exchange: Option<u64>,
    /// Whether the rows of an exchange are there that was not made.
    is_ahead: bool,
    /// The number of the last record when they were claimed.
    claimed_at: u64,
    /// The new tables of which no record tells yet.
    unborn: Vec<TableId>,
    /// Whether the tables have been created: until then no incarnation has them.
    are_created: bool,
    /// The store keeps that incarnations up to this number may be started.
    numbers: u64,
    /// How many bytes the last bases of the tables have, and the records since then.
    base: u64,
    since: u64,
    /// Whether new bases are being written.
    is_rewritten: bool,
    /// The numbers of the last bases, in the order of the tables.
    generations: Vec<u32>,
}

/// Whether records are unknown.
#[derive(Clone, Debug)]
enum Failure {
    None,
    /// Those that are not durable are, for this reason.
    Unknown(StoreError),
    /// Those up to the last durable one are there, the others are not. The tables still have them.
    Known(StoreError),
    /// It will not be known before the process ends.
    ForGood(StoreError),
}

/// Who waits for records: the worker that has the tables, and those that had them before while anything of
/// theirs waits.
#[derive(Default)]
struct Gates {
    current: Option<Weak<dyn OpensGates>>,
    before: Vec<Arc<dyn OpensGates>>,
    /// How often the worker has changed that has the tables.
    changes: u64,
}

impl Place {
    /// Appends an entry, and waits until it is durable.
    async fn keep(&self, entry: Entry) -> Result<(), StoreError> {
        self.store.append_entries(vec![entry]).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Appends an entry, and waits in this thread until it is durable.
    fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.store.append_entries(vec![entry]).blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

/// Parts of a base that are queued: so many that bases are written faster than records come.
struct UnderWay {
    parts: VecDeque<(usize, oneshot::Receiver<Result<(), StoreError>>)>,
    bytes: usize,
    bound: usize,
    /// How many bytes of records had come when the bound was set.
    since: u64,
}

impl UnderWay {
    fn new(since: u64) -> Self {
        Self { parts: VecDeque::new(), bytes: 0, bound: 0, since }
    }

    fn push(&mut self, place: &Place, part: Entry, since: impl Fn() -> u64) -> Result<(), StoreError> {
        let bytes = part.bytes();
        self.bytes += bytes;
        self.parts.push_back((bytes, place.store.append_entries(vec![part])));
        while self.bytes > self.bound {
            let Some((bytes, part)) = self.parts.pop_front() else { break };
            part.blocking_recv().unwrap_or(Err(StoreError::Closed))?;
            self.bytes -= bytes;
            let since = since();
            if since > self.since {
                // Those of one batch have become durable together.
                let came = usize::try_from(since - self.since).unwrap_or(usize::MAX);
                self.bound = came.saturating_mul(BASES).min(MOST_UNDER_WAY);
                self.since = since;
            }
        }
        Ok(())
    }

    fn wait(self) -> Result<(), StoreError> {
        for (_, part) in self.parts {
            part.blocking_recv().unwrap_or(Err(StoreError::Closed))?;
        }
        Ok(())
    }
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            durable: 0,
            bytes: 0,
            failure: Failure::None,
            failures: 0,
            exchange: None,
            is_ahead: false,
            claimed_at: 0,
            unborn: Vec::new(),
            are_created: false,
            numbers: 0,
            base: 0,
            since: 0,
            is_rewritten: false,
            generations: Vec::new(),
        };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            place: OnceLock::new(),
            last: AtomicU64::new(0),
            last_len: AtomicUsize::new(0),
            state: Lock::new(state),
            gates: Lock::default(),
            changed: WatchMany::new(()),
        })
    }

    /// These gates wait for the records from here on; those before as long as anything waits there.
    pub(crate) fn open_at(&self, gates: Weak<dyn OpensGates>) {
        let before = self.gates.with(|known| {
            known.changes += 1;
            let before = known.current.replace(gates);
            known.before.extend(before.as_ref().and_then(Weak::upgrade));
            before
        });
        drop(before);
    }

    /// Whether the tables have been claimed.
    pub(crate) fn has_place(&self) -> bool {
        self.place.get().is_some()
    }

    /// Whether the store had any of the tables when they were claimed.
    pub(crate) fn is_loaded(&self) -> bool {
        self.place.get().is_some_and(|place| place.is_loaded)
    }

    /// The tables have been claimed, in this store.
    pub(crate) fn is_claimed(&self, store: Store, claimed: &Claimed, stored: Vec<StoredTable>) {
        let tables = stored.into_iter().zip(&claimed.tables).map(|(table, claimed)| (table, claimed.id));
        let is_loaded = claimed.tables.iter().any(|table| !table.is_new);
        let place = Place { store, worker: claimed.worker, tables: tables.collect(), is_loaded };
        let _claimed_once = self.place.set(place);
        self.last.store(claimed.last, Ordering::Release);
        self.state.with(|state| {
            (state.durable, state.claimed_at) = (claimed.last, claimed.last);
            state.unborn = claimed.tables.iter().filter(|table| table.is_new).map(|table| table.id).collect();
            state.numbers = claimed.token - 1 + INCARNATIONS;
            state.generations = claimed.tables.iter().map(|table| table.generation).collect();
            state.base = claimed.tables.iter().map(|table| table.base).sum();
            state.since = claimed.tables.iter().map(|table| table.since).sum();
        });
    }

    /// The tables that are new have been created, and filled: waits until that is kept, with their first
    /// rows, or by itself if there are none. So readers see the first rows from the start on.
    ///
    /// # Errors
    /// The store has failed.
    pub(crate) async fn are_created(&self) -> Result<(), StoreError> {
        let Some(place) = self.place.get() else { return Ok(()) };
        let unborn = self.state.with(|state| state.unborn.clone());
        if !unborn.is_empty() {
            place.keep(Entry::Created { worker: place.worker, tables: unborn }).await?;
        }
        self.until_even().await;
        if let Some(error) = self.failed() {
            return Err(error);
        }
        self.state.with(|state| {
            state.unborn.clear();
            state.are_created = true;
        });
        Ok(())
    }

    /// Whether the first rows of the tables that were new when they were claimed are there: they are one
    /// record.
    pub(crate) fn has_first_rows(&self) -> bool {
        self.state.with(|state| state.durable > state.claimed_at)
    }

    /// Whether the store keeps that an incarnation of this number may be started.
    pub(crate) fn keeps_number(&self, incarnation: u64) -> bool {
        self.state.with(|state| state.numbers) >= incarnation
    }

    /// Has the store keep that incarnations up to this one may be started, and more.
    ///
    /// # Errors
    /// The store has failed.
    pub(crate) async fn keep_number(&self, incarnation: u64) -> Result<(), StoreError> {
        let Some(place) = self.place.get() else { return Ok(()) };
        let up_to = incarnation + INCARNATIONS;
        place.keep(Entry::Incarnations { worker: place.worker, up_to }).await?;
        self.state.with(|state| state.numbers = up_to);
        Ok(())
    }

    /// Keeps that all rows are exchanged for those of `new`, as the next record, and waits until that is
    /// durable. If it fails, and the record turns out to be there, the ledger [is ahead](Self::is_ahead).
    ///
    /// # Errors
    /// The store has failed, or a row cannot be stored.
    ///
    /// # Panics
    /// In a user's code that encodes rows.
    pub(crate) async fn exchange(&self, new: &Readers) -> Result<(), StoreError> {
        let (Some(place), Some(me)) = (self.place.get(), self.me.upgrade()) else { return Ok(()) };
        let after = self.last();
        let number = after + 1;
        let mut record = RecordWriter::new(Vec::new());
        for (table, id) in &place.tables {
            record.table(*id, |out| table.replacement(new, out))?;
        }
        let record = Record { worker: place.worker, number, after, bytes: record.finish() };
        self.last.store(number, Ordering::Release);
        self.state.with(|state| state.exchange = Some(number));
        self.queue(place, me, record);
        self.until_even().await;
        if let Some(error) = self.failed() {
            return Err(error);
        }
        self.state.with(|state| (state.exchange, state.is_ahead) = (None, false));
        Ok(())
    }

    /// Whether an exchange of all rows is being kept, or nobody knows yet that it was.
    pub(crate) fn is_exchanging(&self) -> bool {
        self.state.with(|state| state.exchange.is_some())
    }

    /// Whether the store has kept an exchange of rows that was not made, because it seemed to fail, or
    /// because the manager has died over it. The rows that are there are then to be kept again, by
    /// [another exchange](Self::exchange).
    pub(crate) fn is_ahead(&self) -> bool {
        self.state.with(|state| {
            let durable = state.durable;
            state.is_ahead |= state.exchange.take_if(|number| *number <= durable).is_some();
            state.is_ahead
        })
    }

    /// Queues a record, unless the store has failed: then the tables go back to what is there.
    fn queue(&self, place: &Place, me: Arc<Self>, record: Record) {
        let before = self.state.with(|state| {
            let is_open = matches!(state.failure, Failure::None);
            is_open.then(|| {
                state.bytes += record.bytes.len();
                state.failures
            })
        });
        if let Some(failures) = before {
            place.store.append(record, me, failures);
        }
    }

    /// The number of the last record.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Whether all records are durable.
    pub(crate) fn is_even(&self) -> bool {
        self.state.with(|state| matches!(state.failure, Failure::None) && state.durable == self.last())
    }

    /// Why the store has failed, if records are unknown for that, or were until now.
    pub(crate) fn failed(&self) -> Option<StoreError> {
        self.state.with(|state| match &state.failure {
            Failure::None => None,
            Failure::Unknown(error) | Failure::Known(error) | Failure::ForGood(error) => Some(error.clone()),
        })
    }

    /// Whether the worker may serve no message now: too much waits for the disk, or the store has failed.
    /// Its task is woken when that changes: by its gates, or by the store.
    pub(crate) fn is_full(&self, cx: &Context<'_>) -> bool {
        let Some(Place { store, .. }) = self.place.get() else { return false };
        let is_full = self.state.with(|state| {
            let is_full = state.bytes > store.waiting_per_worker() || (state.bytes > 0 && store.is_full());
            is_full || !matches!(state.failure, Failure::None)
        });
        is_full || store.is_failed(cx)
    }

    /// Waits until all records are durable, and nothing waits at the gates; or until the store has failed.
    ///
    /// Cancel safe.
    pub(crate) async fn until_even(&self) {
        let is_over =
            || self.failed().is_some() || (self.is_even() && self.gates().iter().all(|at| at.is_empty()));
        self.changed.until(|()| is_over().then_some(())).await;
    }

    /// Waits until it is known which records are there, if the store has failed.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// Why it will not be known before the process ends.
    pub(crate) async fn until_known(&self) -> Result<(), StoreError> {
        let is_known = || {
            self.state.with(|state| match &state.failure {
                Failure::None | Failure::Known(_) => Some(Ok(())),
                Failure::Unknown(_) => None,
                Failure::ForGood(error) => Some(Err(error.clone())),
            })
        };
        self.changed.until(|()| is_known()).await
    }

    /// The tables do not have any more what is not there: the worker goes on after the last durable record.
    pub(crate) fn goes_on(&self) {
        let durable = self.state.with(|state| {
            state.failure = Failure::None;
            // What is still queued is not appended.
            state.bytes = 0;
            state.exchange = state.exchange.filter(|number| *number <= state.durable);
            state.durable
        });
        self.last.store(durable, Ordering::Release);
    }

    /// The number of the last record that is durable.
    pub(crate) fn durable_up_to(&self) -> u64 {
        self.state.with(|state| state.durable)
    }

    /// The gates of the worker that has the tables.
    fn current(&self) -> Option<Arc<dyn OpensGates>> {
        self.gates.with(|gates| gates.current.as_ref().and_then(Weak::upgrade))
    }

    /// The gates of workers that had the tables before, where something may wait.
    pub(crate) fn before(&self) -> Vec<Arc<dyn OpensGates>> {
        self.gates.with(|gates| gates.before.clone())
    }

    /// Shows the records up to this number, opens the gates that wait for them, and then notes that with
    /// `note`: also to a worker that gets the tables meanwhile.
    fn open_up_to(&self, number: u64, note: impl Fn(&mut State)) {
        let changes = || self.gates.with(|gates| gates.changes);
        loop {
            let before = changes();
            self.each_gate(|gates| gates.durable(number));
            // Only now: a message that finds everything even is answered at once.
            self.state.with(&note);
            if changes() == before {
                return;
            }
        }
    }

    /// A gate has opened.
    pub(crate) fn has_opened(&self) {
        self.changed.update(|()| ());
    }

    /// All gates that may have something waiting. Those of earlier workers that have nothing are given up.
    fn gates(&self) -> Vec<Arc<dyn OpensGates>> {
        let (gates, done) = self.gates.with(|gates| {
            let done: Vec<_> = gates.before.extract_if(.., |before| before.is_empty()).collect();
            let current = gates.current.as_ref().and_then(Weak::upgrade);
            (gates.before.iter().cloned().chain(current).collect(), done)
        });
        done.into_iter().for_each(OpensGates::give_up);
        gates
    }

    fn each_gate(&self, mut look: impl FnMut(&dyn OpensGates)) {
        for gates in self.gates() {
            look(&*gates);
            gates.give_up();
        }
    }

    /// Has new bases written if there is much that has been overwritten.
    fn rewrite_if_large(&self) {
        let (Some(place), Some(me)) = (self.place.get(), self.me.upgrade()) else { return };
        let is_large = self.state.with(|state| {
            let is_large = state.since > SMALL.max(state.base / 2) && !state.is_rewritten;
            state.is_rewritten |= is_large;
            is_large
        });
        if is_large && !place.store.is_inline() {
            // If there is no thread to be had, the file grows.
            let _ = place.store.rewrite(me);
        }
    }

    /// Writes the rows of all tables as they are, as their new bases. Returns how many bytes.
    fn write_bases(&self, readers: &Readers) -> Result<u64, StoreError> {
        let Some(place) = self.place.get() else { return Ok(0) };
        (0..place.tables.len()).try_fold(0, |sum, at| Ok(sum + self.write_base(place, at, readers)?))
    }

    fn write_base(&self, place: &Place, at: usize, readers: &Readers) -> Result<u64, StoreError> {
        let (table, id) = &place.tables[at];
        let (mut base, mut failed) = (NewBase::default(), None);
        let mut under_way = UnderWay::new(self.state.with(|state| state.since));
        let walked = table.base(readers, &mut |page| match page {
            BasePage::Begins(boundary) => {
                base = NewBase { generation: self.next_generation(at), boundary, ..NewBase::default() };
                ControlFlow::Continue(())
            }
            BasePage::Rows(bytes) => {
                base.bytes += bytes.len() as u64;
                let (generation, part) = (base.generation, base.parts);
                base.parts += 1;
                match under_way.push(place, Entry::Base { table: *id, generation, part, bytes }, || {
                    self.state.with(|state| state.since)
                }) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            }
        })?;
        if let (ControlFlow::Break(()), Some(error)) = (walked, failed) {
            return Err(error);
        }
        under_way.wait()?;
        let NewBase { generation, boundary: at, parts, bytes } = base;
        place.append(Entry::Flip { table: *id, generation, parts, at })?;
        Ok(bytes)
    }

    /// The number of the next base of a table.
    fn next_generation(&self, at: usize) -> u32 {
        self.state.with(|state| {
            state.generations[at] += 1;
            state.generations[at]
        })
    }
}

/// A base that is being written.
#[derive(Default)]
struct NewBase {
    generation: u32,
    /// The boundary whose rows it has.
    boundary: u64,
    parts: u32,
    bytes: u64,
}

impl Journal for Ledger {
    fn encode(&self, written: &Written<'_>) -> Encoded {
        // Without a tree nothing is kept.
        let Some(place) = self.place.get() else { return Box::new(()) };
        let (number, after) = (written.number(), self.last());
        // Messages of one worker are mostly alike.
        let mut record = RecordWriter::new(Vec::with_capacity(self.last_len.load(Ordering::Relaxed)));
        for (table, id) in &place.tables {
            if let Err(error) = record.table(*id, |out| table.encode(written, out)) {
                panic!("{error}");
            }
        }
        let bytes = record.finish();
        self.last_len.store(bytes.len().min(MOST_ROOM), Ordering::Relaxed);
        Box::new(Record { worker: place.worker, number, after, bytes })
    }

    fn append(&self, commit: u64, encoded: Encoded) {
        self.last.store(commit, Ordering::Release);
        match (self.place.get(), self.me.upgrade(), encoded.downcast::<Record>()) {
            (Some(place), Some(me), Ok(record)) => self.queue(place, me, *record),
            _ => self.durable(commit, 0),
        }
    }
}

impl AwaitsRecords for Ledger {
    fn failures(&self) -> u64 {
        self.state.with(|state| state.failures)
    }

    fn warn(&self, warnings: Vec<Warning>) {
        if let Some(gates) = self.current() {
            gates.warn(warnings);
            gates.give_up();
        }
    }

    fn durable(&self, number: u64, bytes: usize) {
        self.state.with(|state| {
            state.bytes -= bytes;
            state.since += bytes as u64;
        });
        self.open_up_to(number, |state| state.durable = number);
        self.changed.update(|()| ());
        self.rewrite_if_large();
    }

    fn unknown(&self, error: &StoreError, for_good: bool) {
        let failure = if for_good { Failure::ForGood } else { Failure::Unknown };
        let restarts = self.state.with(|state| {
            state.bytes = 0;
            let before = mem::replace(&mut state.failure, failure(error.clone()));
            let is_first = matches!(before, Failure::None);
            state.failures += u64::from(is_first);
            is_first && state.are_created
        });
        self.each_gate(|gates| gates.unknown(restarts));
        self.changed.update(|()| ());
    }

    fn known_up_to(&self, number: u64) {
        let number = self.state.with(|state| state.durable.max(number.min(self.last())));
        self.open_up_to(number, |state| {
            state.durable = number;
            if let Failure::Unknown(error) = &state.failure {
                state.failure = Failure::Known(error.clone());
            }
        });
        self.each_gate(|gates| gates.known());
        self.changed.update(|()| ());
    }
}

impl Rewrites for Ledger {
    fn rewrite(&self) {
        let before = self.state.with(|state| state.since);
        let current = self.current();
        let mut written = None;
        if let Some(gates) = current {
            gates.rewrite(&mut |readers| {
                let bytes = caught(|| self.write_bases(readers))
                    .map_err(NotRewritten::Panicked)
                    .and_then(|bytes| bytes.map_err(NotRewritten::Failed))?;
                written = Some(bytes);
                Ok(bytes)
            });
        }
        self.state.with(|state| {
            state.is_rewritten = false;
            match written {
                Some(bytes) => (state.base, state.since) = (bytes, state.since - before),
                // Not again before there is as much more.
                None => state.base = 2 * state.since,
            }
        });
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let before = self.gates.with(|gates| mem::take(&mut gates.before));
        before.into_iter().for_each(OpensGates::give_up);
        if let Some(place) = self.place.get() {
            place.store.release(place.worker);
        }
    }
}
