//! The one writer of a store: it appends what is queued, batch after batch.
//!
//! ```text
//!  workers ── queue ──▶ [ records, bases, claims ] ── all of them ──▶ one batch ── append, sync ──▶ told
//!                        (the next batch forms while this one is synced)
//!
//!  open ── a batch fails ──▶ failed ── opened again, what is there is known ──▶ open
//!                              └── its sync has failed, or the store is closed ──▶ closed
//! ```

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::StoreError;
use super::engine::{AppendError, Claimed, Declared, Engine, Entry, Loaded, Record, WorkerId};
use super::warnings::{Bounds, Warning, Warnings};
use crate::util::caught::{caught, wake_caught};

/// How many bytes a batch has at most, but for its last record.
const BATCH: usize = 8 << 20;
/// How long the writer waits before it opens the place again after a failure: not at all at first, then
/// twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Who waits for the records of one worker. On the writer's thread it runs nothing of a user's but
/// wakers, and comparisons of keys.
pub(crate) trait AwaitsRecords: Send + Sync {
    /// The records up to this number, of so many bytes, are durable.
    fn durable(&self, number: u64, bytes: usize);

    /// For the worker to tell, whose records are in a batch.
    fn warn(&self, warnings: Vec<Warning>);

    /// How often it has been told of a failure, until it went on.
    fn failures(&self) -> u64;

    /// Those that are not durable are unknown: `for_good`, if that will not change before the process
    /// ends. May be told more than once.
    fn unknown(&self, error: &StoreError, for_good: bool);

    /// After that: those up to this number are there, the others are not.
    fn known_up_to(&self, number: u64);
}

/// The writer, and what is queued for it.
pub(crate) struct Writer {
    engine: Box<dyn Engine>,
    line: Mutex<Line>,
    /// How many bytes of records are queued or being appended.
    bytes: AtomicUsize,
    /// Whether the state is [`State::Failed`]: workers look at it before each message.
    has_failed: AtomicBool,
    /// Notified when something is queued while the thread waits.
    queued: Condvar,
    warnings: Warnings,
    /// Whether there is no thread: whoever queues something appends it.
    is_inline: bool,
}

struct Line {
    jobs: Vec<Job>,
    /// Whether the thread waits for something to do.
    is_idle: bool,
    state: State,
    /// How often it has failed.
    failures: u64,
    /// How long to wait before the place is opened again: longer with each failure, until something is
    /// appended.
    pause: Duration,
    /// The tasks, ours, that wait until the store is open again.
    waiting: Waiting,
    /// Whether nobody is left who could queue anything.
    is_abandoned: bool,
    /// Whether the thread does nothing any more: what is queued is refused at once.
    is_over: bool,
    /// Who is to be told of the close.
    closing: Option<oneshot::Sender<Result<(), StoreError>>>,
}

/// What becomes of what is queued.
#[derive(Clone, Debug)]
enum State {
    Open,
    /// It is refused for now, for this reason.
    Failed(StoreError),
    /// It is refused for good.
    Closed(StoreError),
}

/// A record that is being appended: its worker, its number, its bytes, and who waits for it.
type Awaited = (WorkerId, u64, usize, Arc<dyn AwaitsRecords>);

/// The wakers of tasks, each once: by what [`Waker::will_wake`] compares.
type Waiting = BTreeMap<(usize, usize), Waker>;

/// Who waits for a claim.
type TellClaimed = oneshot::Sender<Result<Claimed, StoreError>>;

enum Job {
    /// With the failures that who waits had seen.
    Record(Record, Arc<dyn AwaitsRecords>, u64),
    /// These may be appended with others; who waits is told.
    Entries(Vec<Entry>, oneshot::Sender<Result<(), StoreError>>),
    Claim(Declared, TellClaimed),
    Release(WorkerId),
}

impl Writer {
    /// With a thread of its own.
    pub(crate) fn start(engine: Box<dyn Engine>, bounds: Bounds) -> Result<Arc<Self>, StoreError> {
        let writer = Arc::new(Self::with(engine, false, bounds));
        let thread = std::thread::Builder::new().name("heir store".to_owned());
        let runs = Arc::clone(&writer);
        thread.spawn(move || runs.run()).map_err(|error| StoreError::Io(Arc::new(error)))?;
        Ok(writer)
    }

    /// Without a thread, for a place in memory.
    pub(crate) fn inline(engine: Box<dyn Engine>) -> Arc<Self> {
        Arc::new(Self::with(engine, true, Bounds::default()))
    }

    fn with(engine: Box<dyn Engine>, is_inline: bool, bounds: Bounds) -> Self {
        let line = Line {
            jobs: Vec::new(),
            is_idle: false,
            state: State::Open,
            failures: 0,
            pause: Duration::ZERO,
            waiting: Waiting::new(),
            is_abandoned: false,
            is_over: false,
            closing: None,
        };
        Self {
            engine,
            line: Mutex::new(line),
            bytes: AtomicUsize::new(0),
            has_failed: AtomicBool::new(false),
            queued: Condvar::new(),
            warnings: Warnings::new(bounds),
            is_inline,
        }
    }

    /// Whether there is no thread, so that what is queued is durable at once.
    pub(crate) fn is_inline(&self) -> bool {
        self.is_inline
    }

    /// How many bytes of records are not durable.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether nothing can be kept for now. The task is woken when that changes.
    pub(crate) fn is_failed(&self, cx: &Context<'_>) -> bool {
        if !self.has_failed.load(Ordering::Acquire) {
            return false;
        }
        let mut line = self.lock();
        let is_failed = matches!(line.state, State::Failed(_));
        if is_failed {
            let waker = cx.waker();
            let task = (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr());
            line.waiting.entry(task).or_insert_with(|| waker.clone());
        }
        is_failed
    }

    /// Waits while nothing can be kept for now. Returns how often it has failed until then: if it has failed
    /// more often when an answer comes, the answer may be one of a failure.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// Why nothing will be kept any more.
    pub(crate) async fn until_open(&self) -> Result<u64, StoreError> {
        poll_fn(|cx| if self.is_failed(cx) { Poll::Pending } else { Poll::Ready(()) }).await;
        let line = self.lock();
        match &line.state {
            State::Closed(error) => Err(error.clone()),
            State::Open | State::Failed(_) => Ok(line.failures),
        }
    }

    /// Why nothing can be kept for now.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        match &self.lock().state {
            State::Failed(error) => Some(error.clone()),
            State::Open | State::Closed(_) => None,
        }
    }

    /// How often it has failed.
    pub(crate) fn failures(&self) -> u64 {
        self.lock().failures
    }

    /// Queues a record. If the store has failed, it is unknown; if who waits has seen a failure since, it
    /// is forgotten.
    pub(crate) fn append(&self, record: Record, of: Arc<dyn AwaitsRecords>, failures: u64) {
        self.queue(record.bytes.len(), Job::Record(record, of, failures));
    }

    /// Appends entries, and says when they are durable.
    pub(crate) fn append_entries(&self, entries: Vec<Entry>) -> oneshot::Receiver<Result<(), StoreError>> {
        let (told, outcome) = oneshot::channel();
        self.queue(0, Job::Entries(entries, told));
        outcome
    }

    /// Claims the tables of a worker.
    ///
    /// Cancel safe: then nothing is claimed.
    pub(crate) async fn claim(&self, declared: Declared) -> Result<Claimed, StoreError> {
        let (told, outcome) = oneshot::channel();
        let mut asked = Asked { writer: self, outcome };
        self.queue(0, Job::Claim(declared, told));
        (&mut asked.outcome).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Gives up the claim of a worker, when what is queued is appended.
    pub(crate) fn release(&self, worker: WorkerId) {
        self.queue(0, Job::Release(worker));
    }

    /// Shows what is kept of the tables of a worker: see [`Engine::load`]. It blocks.
    pub(crate) fn load(
        &self,
        worker: WorkerId,
        show: &mut dyn FnMut(Loaded<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.engine.load(worker, show)
    }

    /// The workers whose tables nobody has claimed.
    pub(crate) fn orphans(&self) -> Vec<(String, Vec<String>)> {
        self.engine.orphans()
    }

    /// The highest number that an incarnation of this worker may have had.
    pub(crate) fn last_incarnation(&self, identity: &str) -> u64 {
        self.engine.last_incarnation(identity)
    }

    /// Closes the store when all that is queued is appended.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (told, outcome) = oneshot::channel();
        self.close_and_tell(told);
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }

    fn close_and_tell(&self, told: oneshot::Sender<Result<(), StoreError>>) {
        let mut line = self.lock();
        // Dropped, it says that the store is closed.
        let before = if line.is_over { Some(told) } else { line.closing.replace(told) };
        self.wake(line);
        drop(before);
    }

    /// Nobody is left who could queue anything: the thread ends.
    pub(crate) fn abandon(&self) {
        let mut line = self.lock();
        line.is_abandoned = true;
        self.wake(line);
    }

    fn queue(&self, bytes: usize, job: Job) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut line = self.lock();
        if line.is_over {
            drop(line);
            return self.refuse_all(vec![job], &StoreError::Closed);
        }
        line.jobs.push(job);
        self.wake(line);
    }

    fn wake(&self, mut line: MutexGuard<'_, Line>) {
        // To notify is a system call, also if nobody waits.
        let is_idle = mem::take(&mut line.is_idle);
        drop(line);
        if self.is_inline {
            self.turn();
        } else if is_idle {
            self.queued.notify_one();
        }
    }

    /// The thread: turn after turn, until the store is closed.
    fn run(&self) {
        loop {
            let mut line = self.lock();
            while line.has_nothing_to_do() {
                line.is_idle = true;
                line = self.queued.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
            line.is_idle = false;
            drop(line);
            if self.turn() {
                return;
            }
        }
    }

    /// Does all that is queued; says whether the store is closed.
    fn turn(&self) -> bool {
        let mut line = self.lock();
        let batch = line.take_batch();
        let is_last = line.jobs.is_empty();
        let closes = is_last && (line.closing.is_some() || line.is_abandoned);
        let closing = if closes { line.closing.take() } else { None };
        let refused = match &line.state {
            State::Open => None,
            State::Failed(error) | State::Closed(error) => Some(error.clone()),
        };
        drop(line);
        match refused {
            None => self.do_all(batch),
            Some(error) => self.refuse_all(batch, &error),
        }
        if closes {
            self.finish(closing);
        }
        closes
    }

    fn do_all(&self, jobs: Vec<Job>) {
        let mut batch = Batch::default();
        for job in jobs {
            match job {
                Job::Record(record, of, failures) if of.failures() == failures => {
                    batch.awaited.push((record.worker, record.number, record.bytes.len(), of));
                    batch.entries.push(Entry::Record(record));
                }
                // Its worker has dropped it from its tables.
                Job::Record(record, ..) => self.forget_bytes(record.bytes.len()),
                Job::Entries(more, tell) => {
                    batch.entries.extend(more);
                    batch.told.push(tell);
                }
                Job::Claim(declared, tell) => batch.claims.push((declared, tell)),
                Job::Release(worker) => {
                    // It may be a release of what has been claimed before.
                    if !batch.claims.is_empty() {
                        self.append_all(mem::take(&mut batch));
                    }
                    batch.released.push(worker);
                }
            }
        }
        self.append_all(batch);
    }

    /// Appends a batch; then what it gives up is released, and what it asks for is claimed.
    fn append_all(&self, batch: Batch) {
        let Batch { entries, told, awaited, released, claims } = batch;
        let began = Instant::now();
        let appended = if entries.is_empty() { Ok(()) } else { self.engine.append(&entries) };
        self.forget_bytes(awaited.iter().map(|(_, _, bytes, _)| bytes).sum());
        let claims = match appended {
            Ok(()) => {
                if !entries.is_empty() {
                    self.is_well();
                    if !self.is_inline {
                        self.warnings.look(began.elapsed(), &*self.engine);
                    }
                }
                let teller = awaited.first().map(|(.., of)| Arc::clone(of));
                tell_durable(awaited);
                if let Some(teller) = teller {
                    self.warn(&*teller);
                }
                for tell in told {
                    let _unheard = tell.send(Ok(()));
                }
                claims
            }
            Err(failed) => {
                // Whoever is told, and asks again, waits until the store is open.
                self.fails(&failed);
                for tell in told {
                    let _unheard = tell.send(Err(failed.error.clone()));
                }
                for (_, tell) in claims {
                    let _unheard = tell.send(Err(failed.error.clone()));
                }
                self.recover(&failed, awaited.into_iter().map(|(worker, _, _, of)| (worker, of)).collect());
                Vec::new()
            }
        };
        for worker in released {
            self.engine.release(worker);
        }
        if !claims.is_empty() {
            self.claim_all(claims);
        }
    }

    fn claim_all(&self, claims: Vec<(Declared, TellClaimed)>) {
        let (declared, told): (Vec<_>, Vec<_>) = claims.into_iter().unzip();
        let claimed = self.engine.claim_all(&declared);
        let errors = claimed.iter().filter_map(|claimed| claimed.as_ref().err());
        let failed = errors.into_iter().find(|error| error.is_of_the_file()).cloned().map(|error| {
            let may_reopen = matches!(error, StoreError::Io(_) | StoreError::Full(_));
            AppendError { error, may_reopen }
        });
        match &failed {
            Some(failed) => self.fails(failed),
            None => self.is_well(),
        }
        for (claimed, tell) in claimed.into_iter().zip(told) {
            if let Err(Ok(unheard)) = tell.send(claimed) {
                self.engine.release(unheard.worker);
            }
        }
        if let Some(failed) = failed {
            self.recover(&failed, Vec::new());
        }
    }

    /// Has one worker of a batch tell how the store is, if there is something to tell.
    fn warn(&self, teller: &dyn AwaitsRecords) {
        let warnings = self.warnings.take();
        if !warnings.is_empty() {
            teller.warn(warnings);
        }
    }

    fn refuse_all(&self, batch: Vec<Job>, error: &StoreError) {
        for job in batch {
            match job {
                Job::Record(record, of, failures) => {
                    self.forget_bytes(record.bytes.len());
                    if of.failures() == failures {
                        let _ = caught(|| of.unknown(error, true));
                    }
                }
                Job::Entries(_, tell) => drop(tell.send(Err(error.clone()))),
                Job::Claim(_, tell) => drop(tell.send(Err(error.clone()))),
                Job::Release(worker) => self.engine.release(worker),
            }
        }
    }

    /// A batch is unknown. What is queued from here on is refused.
    fn fails(&self, failed: &AppendError) {
        let state = if failed.may_reopen { State::Failed } else { State::Closed };
        let waiting = {
            let mut line = self.lock();
            line.state = state(failed.error.clone());
            self.has_failed.store(failed.may_reopen, Ordering::Release);
            line.failures += 1;
            mem::take(&mut line.waiting)
        };
        waiting.into_values().for_each(wake_caught);
    }

    /// Something has been appended.
    fn is_well(&self) {
        self.lock().pause = Duration::ZERO;
    }

    /// After a failure: tells those who wait for the batch, and those behind it, that it is unknown, and opens
    /// the place again, if that may be.
    fn recover(&self, failed: &AppendError, mut awaited: Vec<(WorkerId, Arc<dyn AwaitsRecords>)>) {
        let error = &failed.error;
        // Of those who have been told: that they wait here keeps nobody from giving the store up.
        let mut told: Vec<(WorkerId, Weak<dyn AwaitsRecords>)> = Vec::new();
        let mut next = self.next_try();
        loop {
            // Also those that were queued behind the batch: their workers have seen what it holds.
            let (behind, is_over) = self.take_behind();
            for job in behind {
                match job {
                    Job::Record(record, of, failures) => {
                        self.forget_bytes(record.bytes.len());
                        if of.failures() == failures {
                            awaited.push((record.worker, of));
                        }
                    }
                    other => self.refuse_all(vec![other], error),
                }
            }
            let for_good = !failed.may_reopen || is_over;
            if for_good {
                awaited.extend(told.drain(..).filter_map(|(worker, of)| Some((worker, of.upgrade()?))));
            }
            awaited.dedup_by(|(one, _), (other, _)| one == other);
            for (worker, of) in awaited.drain(..) {
                let _ = caught(|| of.unknown(error, for_good));
                told.push((worker, Arc::downgrade(&of)));
            }
            if for_good {
                return;
            }
            if self.sleep_until(next) {
                if self.engine.reopen().is_ok() {
                    break;
                }
                next = self.next_try();
            }
        }
        // From here on records are appended again: but those of these workers only when they have
        // started again.
        let waiting = self.open();
        waiting.into_values().for_each(wake_caught);
        for (worker, of) in told {
            if let Some(of) = of.upgrade() {
                let last = self.engine.last(worker);
                let _ = caught(|| of.known_up_to(last));
            }
        }
    }

    /// What is queued is appended from here on. Returns who waits for that.
    fn open(&self) -> Waiting {
        let mut line = self.lock();
        line.state = State::Open;
        self.has_failed.store(false, Ordering::Release);
        mem::take(&mut line.waiting)
    }

    /// Takes out what is queued, and says whether the store is to be closed.
    fn take_behind(&self) -> (Vec<Job>, bool) {
        let mut line = self.lock();
        (mem::take(&mut line.jobs), line.closing.is_some() || line.is_abandoned)
    }

    /// When the place is to be opened again.
    fn next_try(&self) -> Instant {
        let mut line = self.lock();
        let next = Instant::now() + line.pause;
        line.pause = (2 * line.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        next
    }

    /// Sleeps until then, unless something is queued; says whether it is time.
    fn sleep_until(&self, next: Instant) -> bool {
        let mut line = self.lock();
        line.is_idle = true;
        let left = next.saturating_duration_since(Instant::now());
        let waited = self.queued.wait_timeout_while(line, left, |line| line.has_nothing_to_do());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_idle = false;
        Instant::now() >= next
    }

    /// Closes the place, and refuses what comes later.
    fn finish(&self, closing: Option<oneshot::Sender<Result<(), StoreError>>>) {
        let (before, waiting, late) = {
            let mut line = self.lock();
            let before = mem::replace(&mut line.state, State::Closed(StoreError::Closed));
            self.has_failed.store(false, Ordering::Release);
            line.is_over = true;
            (before, mem::take(&mut line.waiting), mem::take(&mut line.jobs))
        };
        waiting.into_values().for_each(wake_caught);
        self.refuse_all(late, &StoreError::Closed);
        let closed = match before {
            // The file is not touched any more.
            State::Closed(error) | State::Failed(error) => Err(error),
            State::Open => self.engine.close(),
        };
        if let Some(told) = closing {
            let _unheard = told.send(closed);
        }
    }

    fn forget_bytes(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is appended together, and who is told.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    told: Vec<oneshot::Sender<Result<(), StoreError>>>,
    awaited: Vec<Awaited>,
    /// The claims that are given up after it.
    released: Vec<WorkerId>,
    /// What is claimed after that.
    claims: Vec<(Declared, TellClaimed)>,
}

/// Somebody waits for a claim. Dropped, it gives up what it has not heard of.
struct Asked<'w> {
    writer: &'w Writer,
    outcome: oneshot::Receiver<Result<Claimed, StoreError>>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.outcome.close();
        if let Ok(Ok(claimed)) = self.outcome.try_recv() {
            self.writer.release(claimed.worker);
        }
    }
}

impl Line {
    fn has_nothing_to_do(&self) -> bool {
        self.jobs.is_empty() && self.closing.is_none() && !self.is_abandoned
    }

    /// Takes out the jobs of one batch.
    fn take_batch(&mut self) -> Vec<Job> {
        let mut bytes = 0;
        let size = |job: &Job| match job {
            Job::Record(record, ..) => record.bytes.len(),
            Job::Entries(entries, _) => entries.iter().map(Entry::bytes).sum(),
            Job::Claim(..) | Job::Release(_) => 0,
        };
        let is_in = |job: &&Job| {
            let is_in = bytes < BATCH;
            bytes += size(job);
            is_in
        };
        let jobs = self.jobs.iter().take_while(is_in).count();
        if jobs == self.jobs.len() {
            return mem::take(&mut self.jobs);
        }
        let left = self.jobs.split_off(jobs);
        mem::replace(&mut self.jobs, left)
    }
}

/// Tells who waits that a batch is durable: each worker once, if its records are next to each other.
fn tell_durable(awaited: Vec<Awaited>) {
    let mut awaited = awaited.into_iter().peekable();
    let mut bytes = 0;
    while let Some((worker, number, more, of)) = awaited.next() {
        bytes += more;
        if awaited.peek().is_none_or(|(next, ..)| *next != worker) {
            let bytes = mem::take(&mut bytes);
            let _ = caught(|| of.durable(number, bytes));
        }
    }
}
