//! Where the tables of workers with `survives = process` are kept: they are there again when the
//! program starts again, after `kill -9` and power loss, too.
//!
//! ```
//! use heir_runtime::prelude::*;
//! use heir_runtime::store::Store;
//!
//! /// Hit counters that outlive the process.
//! #[heir(survives = process)]
//! struct Counter {
//!     #[table]
//!     counts: Table<String, u64>,
//! }
//!
//! #[handlers]
//! impl Counter {
//!     fn count(&mut self, key: String) -> u64 {
//!         self.counts.add(key, 1)
//!     }
//! }
//!
//! #[supervisor]
//! struct App {
//!     counter: Counter,
//! }
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("heir-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("app.heir");
//! for expected in 1..=3 {
//!     let store = Store::open(&path)?; // each time as a program that starts
//!     let app = App::spec().store(store.clone()).start().await?;
//!     assert_eq!(app.counter.count("starts".into()).await?, expected);
//!     app.shutdown().await;
//!     store.close().await?;
//! }
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//! ```
//!
//! # What is promised
//! **Every answered message is there.** A reply, and what a handler sends by its context, leaves when the
//! message's changes are on the disk; then, and not before, readers and snapshots see them. Of a message
//! that was not answered all is there, or nothing. So nothing that anybody saw is ever taken back.
//!
//! The worker itself goes on meanwhile, and sees its own commits at once: it does not wait for the disk
//! between two messages. All that has queued up while the disk was busy is written together, for all
//! workers of the store.
//!
//! What a handler does at once is outside the promise: plain calls and casts, I/O, [`Reply::send_now`](crate::Reply::send_now).
//! So is the reply of a handler with `#[reply(early)]`: it leaves at the commit, and waits for no disk. If the
//! batch then fails, or the process ends, what it told of is gone, and its caller is told nothing more.
//!
//! # What is stored
//! Of a recorded table (`#[table]`), what a message has changed. A `rollback` field is encoded after *each*
//! message, as a whole, and if its bytes differ from those before, all of them are stored: that is right for
//! some hundred bytes, as a counter, a state, a short list. What is larger, or grows, belongs into a recorded
//! table. A type whose encoding has no order of its own, as a `HashMap`, may be stored without having
//! changed. A message whose row or value cannot be encoded dies. A `keep` field is not stored, and says so:
//! `#[table(keep, survives = task)]`.
//!
//! ```
//! # use heir_runtime::prelude::*;
//! # use heir_runtime::store::InMemory;
//! #[heir(survives = process)]
//! struct Orders {
//!     #[table]
//!     orders: Table<u64, String>,
//!     #[table(rollback, init = 1_000)]
//!     next: u64, // goes on where the last process was
//! }
//!
//! #[handlers]
//! impl Orders {
//!     fn place(&mut self, order: String) -> u64 {
//!         self.orders.insert(self.next, order);
//!         self.next += 1;
//!         self.next - 1
//!     }
//! }
//! # #[supervisor] struct App { orders: Orders }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let file = InMemory::new();
//! for expected in [1_000, 1_001] {
//!     let app = App::spec().store(file.open()).start().await?; // each time as a program that starts
//!     assert_eq!(app.orders.place("lamp".into()).await?, expected);
//! }
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//! ```
//!
//! # When the store fails
//! If a batch cannot be written, its callers get [`CallError::Unknown`](crate::CallError::Unknown): it may
//! be in the file or not. The store opens the file again, by itself; then it is known what it has, and the
//! workers concerned start again with exactly that. What is sent meanwhile waits in their mailboxes, and a
//! tree that starts waits, too: [`StoreFailed`](crate::events::EventKind::StoreFailed) says why. If it
//! is a *sync* that has failed, the store stays closed until the process ends, because nobody knows what of
//! the file is on the disk: the next start finds every message that was answered.
//!
//! Before it fails, a store says that it is [slow](crate::events::EventKind::StoreSlow), or that the file system
//! is [nearly full](crate::events::EventKind::StoreNearlyFull): once when it becomes so, and again when it has been
//! well since. [`StoreOptions`] has the bounds.
//!
//! # Tests of your own
//! [`InMemory`] takes the place of the file, without a thread.

mod catalog;
pub(crate) mod claim;
#[cfg(test)]
mod driver;
pub(crate) mod engine;
mod error;
pub(crate) mod file;
pub(crate) mod ledger;
mod memory;
pub(crate) mod record;
pub(crate) mod rewriter;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod warnings;
pub(crate) mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::sync::oneshot;

use self::engine::{Claimed, Declared, Entry, Loaded, Record, WorkerId};
pub use self::error::StoreError;
use self::file::File;
pub use self::file::SyncTo;
use self::memory::Memory;
use self::rewriter::{Rewriter, Rewrites};
pub(crate) use self::rows::values;
#[doc(hidden)]
pub use self::rows::values::{Value, commit, loaded, value, with_values};
#[doc(hidden)]
pub use self::rows::{StoredTable, Stores, StoresValue, stored, stored_value};
use self::warnings::Bounds;
use self::writer::{AwaitsRecords, Writer};

/// A store of tables: one file, for the workers of one tree. A clone is another handle on it.
///
/// A process has a store open once, and no other process has it meanwhile. The module has an example.
#[derive(Clone)]
pub struct Store(Arc<Open>);

/// A store that is open, until the last that could use it is gone.
struct Open {
    writer: Arc<Writer>,
    rewriter: Rewriter,
    options: StoreOptions,
}

/// How a store is opened.
///
/// ```no_run
/// # fn main() -> Result<(), heir_runtime::store::StoreError> {
/// use heir_runtime::store::{StoreOptions, SyncTo};
///
/// let store = StoreOptions::default().sync(SyncTo::Os).waiting(16 << 20).open("app.heir")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options open nothing until `open` is called"]
pub struct StoreOptions {
    sync: SyncTo,
    waiting_per_worker: usize,
    waiting: usize,
    warns: Bounds,
    /// Old and new texts of types.
    renamed: Vec<(String, String)>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            sync: SyncTo::Disk,
            waiting_per_worker: 8 << 20,
            waiting: 64 << 20,
            warns: Bounds::default(),
            renamed: Vec::new(),
        }
    }
}

impl StoreOptions {
    /// Sets what a message waits for before it is answered. Default: [`SyncTo::Disk`].
    pub fn sync(mut self, sync: SyncTo) -> Self {
        self.sync = sync;
        self
    }

    /// Sets how many bytes of changes of one worker may wait for the disk: beyond it, the worker serves no
    /// next message until there are fewer. One message may exceed it. Default: 8 MiB.
    pub fn waiting_per_worker(mut self, bytes: usize) -> Self {
        self.waiting_per_worker = bytes;
        self
    }

    /// Sets how many bytes of changes of all workers may wait for the disk. Default: 64 MiB.
    pub fn waiting(mut self, bytes: usize) -> Self {
        self.waiting = bytes;
        self
    }

    /// Sets how long a batch may take to be kept: beyond it,
    /// [`StoreSlow`](crate::events::EventKind::StoreSlow) is told. Default: 1 second.
    pub fn slow(mut self, bound: Duration) -> Self {
        self.warns.slow = bound;
        self
    }

    /// Sets how many bytes should be left in the file system: below it,
    /// [`StoreNearlyFull`](crate::events::EventKind::StoreNearlyFull) is told. Default: 256 MiB, or the size
    /// of the file, if that is more.
    pub fn nearly_full(mut self, bytes: u64) -> Self {
        self.warns.room = Some(bytes);
        self
    }

    /// Says that the type of a table has another name now: both as
    /// [`StoreError::OtherType`] shows them. A table that the store has under the old text is accepted under
    /// the new one, and remembered under it when its worker starts; a program that declares the old one is
    /// refused from then on. The rows must be readable as the new type: a row that is not is
    /// [`StoreError::Row`], and the rows stay as they are.
    ///
    /// May be said of several types, and of one several times, from name to name. What is not in the store
    /// needs no mention, and one that stays does no harm.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::store::{InMemory, StoreOptions};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct Sale { // once `Order`
    ///     quantity: u64,
    /// }
    ///
    /// #[heir(survives = process)]
    /// struct Shop {
    ///     #[table]
    ///     sales: Table<u64, Sale>,
    /// }
    /// # #[handlers]
    /// # impl Shop {}
    ///
    /// let file = InMemory::new();
    /// let options = StoreOptions::default().renamed("Table<u64, Order>", "Table<u64, Sale>");
    /// let store = options.open_in(&file); // or `.open("shop.heir")?`
    /// # let _ = (store, Shop::spec());
    /// ```
    pub fn renamed(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.renamed.push((old.into(), new.into()));
        self
    }

    /// Opens a store in memory, as [`InMemory::open`] does. No disk is waited for: of the options those count
    /// that say what the store holds.
    pub fn open_in(self, file: &InMemory) -> Store {
        Store::with(Writer::inline(Box::new(file.0.again())), self)
    }

    /// All texts that a type of this text may have had.
    fn formerly(&self, ty: &str) -> Vec<String> {
        let mut texts = vec![ty.to_owned()];
        let mut at = 0;
        while let Some(now) = texts.get(at).cloned() {
            let older = self.renamed.iter().filter(|(_, new)| *new == now).map(|(old, _)| old);
            let older: Vec<_> = older.filter(|old| !texts.contains(old)).cloned().collect();
            texts.extend(older);
            at += 1;
        }
        texts.split_off(1)
    }

    /// Opens the store at this path, or makes a new one. See [`Store::open`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, StoreError> {
        let writer = Writer::start(Box::new(File::open(path.as_ref().to_owned(), self.sync)?), self.warns)?;
        Ok(Store::with(writer, self))
    }
}

impl StoreOptions {
    /// Opens a store in a place that a test makes.
    #[doc(hidden)]
    pub fn open_on(self, backend: impl redb::StorageBackend + Clone) -> Result<Store, StoreError> {
        self.open_with_room(backend, || None)
    }

    /// The same, in a place that knows for how many more bytes it has room.
    #[doc(hidden)]
    pub fn open_with_room(
        self,
        backend: impl redb::StorageBackend + Clone,
        room: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) -> Result<Store, StoreError> {
        let file = File::open_on(backend, Box::new(room), self.sync)?;
        Ok(Store::with(Writer::start(Box::new(file), self.warns)?, self))
    }
}

impl Store {
    /// Opens the store at this path, or makes a new one there.
    ///
    /// It blocks the thread: each open reads the whole file, and checks it (some 0.9 s a gigabyte, from the
    /// page cache).
    ///
    /// # Errors
    /// - [`StoreError::Open`]: another process has it open, or this one.
    /// - [`StoreError::Foreign`], [`StoreError::Newer`], [`StoreError::Damaged`]: it cannot be read.
    /// - [`StoreError::Io`], [`StoreError::Full`], [`StoreError::Sync`]: the file system failed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        StoreOptions::default().open(path)
    }

    /// A store in memory, for tests: that of a new [`InMemory`].
    pub fn in_memory() -> Self {
        InMemory::new().open()
    }

    fn with(writer: Arc<Writer>, options: StoreOptions) -> Self {
        Self(Arc::new(Open { writer, rewriter: Rewriter::default(), options }))
    }

    /// Closes the store when all that has been queued is on the disk: another may open the file then.
    /// Workers that still run can keep nothing from here on: stop their trees before.
    ///
    /// # Errors
    /// Why the store could not be closed in order. What was answered is there nevertheless.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.0.writer.close().await
    }

    /// The workers of which the store has tables, and that nobody has claimed since it was opened: their
    /// paths, each with the names of its tables. They stay where they are.
    pub fn orphans(&self) -> Vec<(String, Vec<String>)> {
        self.0.writer.orphans()
    }

    /// Waits while nothing can be kept for now: see [`Writer::until_open`].
    pub(crate) async fn until_open(&self) -> Result<u64, StoreError> {
        self.0.writer.until_open().await
    }

    /// Why nothing can be kept for now.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.0.writer.failure()
    }

    /// How often it has failed.
    pub(crate) fn failures(&self) -> u64 {
        self.0.writer.failures()
    }

    /// Claims the tables of a worker.
    pub(crate) async fn claim(&self, mut declared: Declared) -> Result<Claimed, StoreError> {
        for table in &mut declared.tables {
            table.formerly = self.0.options.formerly(&table.ty);
        }
        self.0.writer.claim(declared).await
    }

    /// Gives up a claim, when what is queued is appended.
    pub(crate) fn release(&self, worker: WorkerId) {
        self.0.writer.release(worker);
    }

    /// Shows what is kept of the tables of a worker, in this thread.
    pub(crate) fn load(
        &self,
        worker: WorkerId,
        show: &mut dyn FnMut(Loaded<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.writer.load(worker, show)
    }

    /// The highest number that an incarnation of this worker may have had.
    pub(crate) fn last_incarnation(&self, identity: &str) -> u64 {
        self.0.writer.last_incarnation(identity)
    }

    /// Whether what is queued is durable at once, in the thread that queues it.
    pub(crate) fn is_inline(&self) -> bool {
        self.0.writer.is_inline()
    }

    /// Appends entries, and says when they are durable.
    pub(crate) fn append_entries(&self, entries: Vec<Entry>) -> oneshot::Receiver<Result<(), StoreError>> {
        self.0.writer.append_entries(entries)
    }

    /// Has the rows of a worker written anew, in a thread for that.
    pub(crate) fn rewrite(&self, worker: Arc<dyn Rewrites>) -> Result<(), StoreError> {
        self.0.rewriter.rewrite(worker)
    }

    /// Whether nothing can be kept for now. The task is woken when that changes.
    pub(crate) fn is_failed(&self, cx: &Context<'_>) -> bool {
        self.0.writer.is_failed(cx)
    }

    /// Queues a record of a worker that has seen so many failures: after a further one it is not appended.
    pub(crate) fn append(&self, record: Record, of: Arc<dyn AwaitsRecords>, failures: u64) {
        self.0.writer.append(record, of, failures);
    }

    /// How many bytes of records of one worker may wait for the disk.
    pub(crate) fn waiting_per_worker(&self) -> usize {
        self.0.options.waiting_per_worker
    }

    /// Whether no more records may wait for the disk.
    pub(crate) fn is_full(&self) -> bool {
        self.0.writer.waiting() > self.0.options.waiting
    }
}

/// What a file is to a store, in memory: for tests of workers with `survives = process`.
///
/// Its stores have no thread: a message is durable when it commits, and with tokio's paused clock no time
/// passes. It keeps every record, and grows.
///
/// ```
/// use heir_runtime::prelude::*;
/// use heir_runtime::store::InMemory;
/// # #[heir(survives = process)] struct Counter { #[table] counts: Table<String, u64> }
/// # #[handlers]
/// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
/// # #[supervisor] struct App { counter: Counter }
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let file = InMemory::new();
/// let app = App::spec().store(file.open()).start().await?;
/// assert_eq!(app.counter.count("starts".into()).await?, 1);
/// // As if the process had been killed: the next one opens the file, and the old one writes no more.
/// let next = App::spec().store(file.open()).start().await?;
/// assert_eq!(next.counter.count("starts".into()).await?, 2);
/// assert!(app.counter.count("starts".into()).await.is_err());
/// # next.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct InMemory(Memory);

impl InMemory {
    /// An empty one.
    pub fn new() -> Self {
        Self(Memory::new())
    }

    /// The store as the next start of the program finds it. Stores that were opened before keep nothing any
    /// more, as if their process had been killed.
    pub fn open(&self) -> Store {
        StoreOptions::default().open_in(self)
    }
}

impl Default for InMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.writer.abandon();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
