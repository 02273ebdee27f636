//! Moments that are rare: a failure, an end or a restart that meets something else on its way.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use heir_runtime::store::{Store, StoreOptions};
use heir_runtime::{CallError, CallResult, Context, Supervisor, Table, handlers, heir};
use heir_tests::disk::{Disk, Operation};
use heir_tests::waits;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::bank::{Bank, seen, store};

/// What comes soon, or never.
async fn soon<R>(work: impl Future<Output = R>) -> R {
    timeout(Duration::from_secs(20), work).await.expect("somebody is left waiting")
}

/// A value that notes in which threads it is dropped.
#[derive(Clone)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        let name = thread::current().name().unwrap_or("unnamed").to_owned();
        self.0.lock().unwrap().push(name);
    }
}

/// A row whose encoding waits until it may go on.
#[derive(Clone, Deserialize)]
struct Slow(u64);

static IS_HELD: AtomicBool = AtomicBool::new(false);
static IS_ENCODED: AtomicBool = AtomicBool::new(false);

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 == 1_000 {
            IS_ENCODED.store(true, Ordering::SeqCst);
            while IS_HELD.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        to.serialize_u64(self.0)
    }
}

#[heir(survives = process)]
struct Mixed {
    #[table]
    pub rows: Table<u64, u64>,
    #[table]
    pub slow: Table<u64, Slow>,
    #[arg]
    told: Arc<Mutex<Vec<u64>>>,
    #[arg]
    go: Arc<Notify>,
}

#[handlers]
impl Mixed {
    pub fn put(&mut self, row: u64) {
        self.rows.insert(row, row);
    }

    pub fn put_slow(&mut self, row: u64, value: u64) {
        self.slow.insert(row, Slow(value));
    }

    #[cast]
    pub async fn put_when_told(&mut self, row: u64) {
        self.go.notified().await;
        self.rows.insert(row, row);
    }

    /// Writes a row if it is to, waits until it may go on if it is to, and notes the number after the commit.
    pub async fn note(&mut self, cx: &mut Context<Self>, number: u64, writes: bool, waits: bool) {
        if writes {
            self.rows.insert(number, number);
        }
        if waits {
            self.go.notified().await;
        }
        let told = Arc::clone(&self.told);
        cx.after_commit(move || told.lock().unwrap().push(number));
    }

    /// A reply that notes where it is dropped.
    pub fn noted(&mut self, row: u64, noted: Arc<Mutex<Vec<String>>>) -> Noted {
        self.rows.insert(row, row);
        Noted(noted)
    }

    pub fn served_by(&mut self, cx: &mut Context<Self>) -> u64 {
        cx.incarnation()
    }
}

type Told = Arc<Mutex<Vec<u64>>>;

fn mixed(kept: &Store) -> (heir_runtime::SupervisorBuilder, MixedHandle, Told, Arc<Notify>) {
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let (told, go) = (Told::default(), Arc::new(Notify::new()));
    let mixed = tree.worker(Mixed::spec(Arc::clone(&told), Arc::clone(&go)));
    (tree, mixed, told, go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_closed_answers_that_it_is() {
    let kept = store(&Disk::default()).unwrap();
    kept.close().await.unwrap();
    assert!(soon(kept.close()).await.is_err());
    let (tree, _, _) = Bank::in_store(&kept);
    let error = soon(tree.start()).await.unwrap_err().to_string();
    assert!(error.contains("closed"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_that_runs_when_its_store_is_closed_is_shut_down() {
    let kept = store(&Disk::default()).unwrap();
    let (tree, bank, _) = Bank::in_store(&kept);
    let tree = tree.start().await.unwrap();
    bank.put(1, 1).await.unwrap();
    kept.close().await.unwrap();
    assert!(soon(bank.put(1, 2)).await.is_err());
    soon(tree.shutdown()).await;
    assert_eq!(seen(&bank), [(1, 1)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_waits_for_the_release_before_it() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    let other = tokio::spawn({
        // It keeps the writer busy.
        let (mut tree, kept) = (Supervisor::builder("app"), kept.clone());
        async move {
            let bank = tree.worker(Bank::spec(crate::bank::Done::default()).name("other"));
            let tree = tree.store(kept).start().await.unwrap();
            (tree, bank)
        }
    });
    let (other, busy) = other.await.unwrap();
    for _ in 0..3 {
        let (tree, bank, _) = Bank::in_store(&kept);
        let tree = tree.start().await.unwrap();
        bank.put(1, 1).await.unwrap();
        tree.shutdown().await;
        disk.hold_syncs();
        busy.put_cast(1, 1).await.unwrap();
        waits::wait_until(|| busy.queued() == 0).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(bank);
        let (again, _bank, _) = Bank::in_store(&kept);
        let again = tokio::spawn(again.start());
        tokio::time::sleep(Duration::from_millis(20)).await;
        disk.release();
        again.await.unwrap().unwrap().shutdown().await;
    }
    other.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_given_up_claims_nothing() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    disk.hold_syncs();
    let (tree, _bank, _) = Bank::in_store(&kept);
    let starting = tokio::spawn(tree.start());
    tokio::time::sleep(Duration::from_millis(20)).await;
    starting.abort();
    assert!(starting.await.is_err());
    drop(_bank);
    disk.release();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (tree, bank, _) = Bank::in_store(&kept);
    let tree = soon(tree.start()).await.unwrap();
    bank.put(1, 1).await.unwrap();
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_dies_while_it_claims_is_followed_by_one_that_claims() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    disk.hold_syncs();
    let (tree, bank, _) = Bank::in_store(&kept);
    let tree = tree.intensity(1_000);
    let starting = tokio::spawn(tree.start());
    tokio::time::sleep(Duration::from_millis(20)).await;
    bank.kill_manager();
    tokio::time::sleep(Duration::from_millis(20)).await;
    disk.release();
    // A death at the first start may end the start, but then the next is a new one.
    if let Ok(tree) = soon(starting).await.unwrap() {
        bank.put(1, 1).await.unwrap();
        tree.shutdown().await;
    }
    drop(bank);
    let (tree, bank, _) = Bank::in_store(&kept);
    let tree = soon(tree.start()).await.unwrap();
    bank.put(1, 1).await.unwrap();
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_has_encoded_before_a_failure_is_not_kept_after_it() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    let (mut tree, mixed, ..) = mixed(&kept);
    let busy = tree.worker(Bank::spec(crate::bank::Done::default()));
    let tree = tree.start().await.unwrap();
    mixed.put(1).await.unwrap();

    // The writer is busy with another worker's message; one message waits, the next is being encoded.
    disk.hold_syncs();
    busy.put_cast(1, 1).await.unwrap();
    waits::wait_until(|| busy.queued() == 0).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    IS_HELD.store(true, Ordering::SeqCst);
    let first = tokio::spawn({
        let mixed = mixed.clone();
        async move { mixed.put(2).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = tokio::spawn({
        let mixed = mixed.clone();
        async move { mixed.put_slow(1, 1_000).await }
    });
    waits::wait_until(|| IS_ENCODED.load(Ordering::SeqCst)).await;
    disk.fail(Operation::Write, ErrorKind::Other);
    disk.release();
    let first = soon(first).await.unwrap();
    assert!(matches!(first, Err(CallError::Unknown)), "{first:?}");
    disk.is_well();
    // Long enough that the store is open again.
    tokio::time::sleep(Duration::from_millis(200)).await;
    IS_HELD.store(false, Ordering::SeqCst);
    let second = soon(second).await.unwrap();
    assert!(matches!(second, Err(CallError::Unknown)), "{second:?}");
    for row in 10..20 {
        soon(mixed.put(row)).await.unwrap();
    }
    assert!(mixed.slow().is_empty());
    let before: Vec<_> = sorted(&mixed);
    tree.shutdown().await;
    drop(mixed);
    kept.close().await.unwrap();
    let (tree, mixed, ..) = self::mixed(&store(&Disk::with(disk.contents())).unwrap());
    let tree = tree.start().await.unwrap();
    assert_eq!(sorted(&mixed), before);
    assert!(mixed.slow().is_empty());
    tree.shutdown().await;
}

fn sorted(mixed: &MixedHandle) -> Vec<u64> {
    let mut rows: Vec<_> = mixed.rows().iter().map(|(row, _)| row).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_at_work_when_the_store_fails_is_no_restart_that_counts() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    let mut tree = Supervisor::builder("app").store(kept.clone()).intensity(2);
    let failing = tree.worker(Bank::spec(crate::bank::Done::default()));
    let (told, go) = (Told::default(), Arc::new(Notify::new()));
    let busy = tree.worker(Mixed::spec(told, Arc::clone(&go)));
    let tree = tree.start().await.unwrap();
    for number in 0..10 {
        busy.put_when_told(number).await.unwrap();
        waits::wait_until(|| busy.queued() == 0).await;
        disk.fail(Operation::Write, ErrorKind::Other);
        assert!(matches!(failing.put(1, number).await, Err(CallError::Unknown)));
        go.notify_one();
        tokio::time::sleep(Duration::from_millis(5)).await;
        disk.is_well();
        soon(failing.sum(1)).await.unwrap();
        soon(busy.served_by()).await.unwrap();
    }
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_is_dropped_on_the_thread_of_the_store() {
    let disk = Disk::default();
    let (tree, mixed, ..) = mixed(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    let noted = Arc::new(Mutex::new(Vec::new()));
    // Nobody hears it any more.
    disk.hold_syncs();
    let call = tokio::spawn({
        let (mixed, noted) = (mixed.clone(), Arc::clone(&noted));
        async move { mixed.noted(1, noted).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    call.abort();
    let _ = call.await;
    disk.release();
    soon(mixed.served_by()).await.unwrap();
    // Its record is unknown.
    disk.fail(Operation::Write, ErrorKind::Other);
    let unknown = mixed.noted(2, Arc::clone(&noted)).await.map(drop);
    assert!(unknown.is_err());
    disk.is_well();
    soon(mixed.served_by()).await.unwrap();
    tree.shutdown().await;
    let noted = noted.lock().unwrap().clone();
    assert_eq!(noted.len(), 2);
    assert!(noted.iter().all(|thread| thread != "heir store"), "{noted:?}");
}

/// Asks [`Mixed`], and hears the answer in another handler.
#[heir]
struct Asker {
    #[table(keep)]
    heard: Vec<bool>,
    #[arg]
    mixed: MixedHandle,
    #[arg]
    noted: Arc<Mutex<Vec<String>>>,
}

#[handlers]
impl Asker {
    async fn ask(&mut self, cx: &mut Context<Self>, row: u64) {
        let with = Noted(Arc::clone(&self.noted));
        let noted = Arc::clone(&self.noted);
        cx.send(self.mixed.noted(row, noted).answer_to(with, AskerMessage::Hear)).await.unwrap();
    }

    #[cast]
    fn hear(&mut self, _with: Noted, answer: CallResult<Noted>) {
        self.heard.push(answer.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_to_a_worker_that_has_stopped_is_dropped_elsewhere() {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let disk = Disk::default();
    let (mut tree, mixed, ..) = mixed(&store(&disk).unwrap());
    let asker = tree.worker(Asker::spec(mixed.clone(), Arc::clone(&noted)));
    let tree = tree.start().await.unwrap();
    disk.hold_syncs();
    asker.ask(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    asker.stop().await;
    disk.release();
    soon(mixed.served_by()).await.unwrap();
    waits::wait_until(|| noted.lock().unwrap().len() == 2).await;
    tree.shutdown().await;
    let noted = noted.lock().unwrap().clone();
    assert!(noted.iter().all(|thread| thread != "heir store"), "{noted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_after_commits_runs_in_their_order() {
    let disk = Disk::default();
    let (tree, mixed, told, go) = mixed(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    for round in 0..10 {
        told.lock().unwrap().clear();
        disk.hold_syncs();
        let first = tokio::spawn({
            let mixed = mixed.clone();
            async move { mixed.note(1, true, false).await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        let second = tokio::spawn({
            let mixed = mixed.clone();
            async move { mixed.note(2, round % 2 == 0, true).await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        disk.release();
        first.await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        go.notify_one();
        second.await.unwrap().unwrap();
        // A further message comes after all that follows those before it.
        soon(mixed.served_by()).await.unwrap();
        waits::wait_until(|| told.lock().unwrap().len() == 2).await;
        assert_eq!(*told.lock().unwrap(), [1, 2]);
    }
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_share_a_bound_of_one_byte() {
    let disk = Disk::default();
    let options = StoreOptions::default().waiting(1).waiting_per_worker(1);
    let kept = options.open_on(disk.backend()).unwrap();
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let banks: Vec<_> = (0..16)
        .map(|at| tree.worker(Bank::spec(crate::bank::Done::default()).name(format!("bank {at}"))))
        .collect();
    let tree = tree.start().await.unwrap();
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..64_u64)
        .map(|client| {
            let (bank, answered) = (banks[client as usize % banks.len()].clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                for number in 0..30 {
                    if bank.put(client, number).await.is_ok() {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        disk.fail(Operation::Write, ErrorKind::Other);
        tokio::time::sleep(Duration::from_millis(10)).await;
        disk.is_well();
    }
    for client in clients {
        soon(client).await.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) > 0);
    soon(tree.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_starts_while_the_store_fails_starts_when_it_is_well() {
    for writes in 0..24_u64 {
        let disk = Disk::default();
        let kept = store(&disk).unwrap();
        let mut tree = Supervisor::builder("app").store(kept.clone());
        let failing = tree.worker(Bank::spec(crate::bank::Done::default()));
        let tree = tree.start().await.unwrap();
        disk.fail_after(writes / 2, writes % 2 == 0);
        let _ = failing.put(1, 1).await;
        let (told, go) = (Told::default(), Arc::new(Notify::new()));
        let adding = tokio::spawn({
            let tree = (*tree).clone();
            async move { tree.start_child(Mixed::spec(told, go)).await }
        });
        tokio::time::sleep(Duration::from_millis(30)).await;
        disk.is_well();
        let mixed = soon(adding).await.unwrap().unwrap();
        soon(mixed.put(1)).await.unwrap();
        soon(failing.put(1, 2)).await.unwrap();
        soon(tree.shutdown()).await;
    }
}
