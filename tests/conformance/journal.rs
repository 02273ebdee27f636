//! A journal keeps the commits of a worker, and shows them later, from a thread of its own: where a store attaches.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::table::{Change, Encoded, Journal, Readers, Written};
use heir_runtime::{
    AfterQuarantine, BagTable, Exit, OrderedTable, Supervisor, Table, Verdict, handlers, heir,
};
use heir_tests::{Random, Recorder};

thread_local! {
    /// Whether this is a thread that shows commits.
    static SHOWS: Cell<bool> = const { Cell::new(false) };
}

/// How many values there are, and whether one was dropped in a thread that shows commits.
#[derive(Debug, Default)]
struct Counted {
    alive: AtomicIsize,
    dropped_elsewhere: AtomicBool,
}

/// A value that is counted.
#[derive(Debug)]
struct Value(u64, Arc<Counted>);

impl Value {
    fn new(number: u64, counted: &Arc<Counted>) -> Self {
        counted.alive.fetch_add(1, Ordering::Relaxed);
        Self(number, Arc::clone(counted))
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self::new(self.0, &self.1)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.1.alive.fetch_sub(1, Ordering::Relaxed);
        self.1.dropped_elsewhere.fetch_or(SHOWS.get(), Ordering::Relaxed);
    }
}

/// Accounts whose sums it writes to three tables: all of them agree at each boundary.
#[heir]
struct Bank {
    #[table]
    set: Table<u64, Value>,
    #[table]
    ordered: OrderedTable<u64, Value>,
    #[table]
    bag: BagTable<u64, Value>,
    #[arg]
    counted: Arc<Counted>,
}

#[handlers]
impl Bank {
    /// Adds to an account, and returns its sum. It dies half way if it is told to.
    async fn add(&mut self, account: u64, by: u64, dies: bool) -> u64 {
        let sum = self.set.get(&account).map_or(0, |value| value.0) + by;
        self.set.insert(account, Value::new(sum, &self.counted));
        self.ordered.insert(account, Value::new(sum, &self.counted));
        tokio::task::yield_now().await;
        assert!(!dies, "asked to die");
        self.bag.remove(&account);
        self.bag.insert_duplicate(account, Value::new(sum, &self.counted));
        sum
    }

    fn clear(&mut self) {
        self.set.clear();
        self.ordered.clear();
        self.bag.clear();
    }

    /// Says what is to become of the tables when the worker dies.
    fn mark(&mut self, account: u64) {
        self.set.insert(account, Value::new(0, &self.counted));
    }

    fn die(&mut self) {
        panic!("asked to die");
    }

    /// What the owner sees: the same in all tables, or it dies.
    fn sums(&mut self) -> BTreeMap<u64, u64> {
        let sums: BTreeMap<_, _> = self.set.iter().map(|(account, value)| (account, value.0)).collect();
        let ordered = self.ordered.iter().map(|(account, value)| (account, value.0));
        assert!(ordered.eq(sums.iter().map(|(account, sum)| (*account, *sum))));
        let bag: BTreeMap<_, _> = self.bag.iter().map(|(account, value)| (account, value.0)).collect();
        assert_eq!(bag, sums);
        assert_eq!(
            (self.set.len(), self.ordered.len(), self.bag.len()),
            (sums.len(), sums.len(), sums.len())
        );
        sums
    }

    #[on(verify)]
    fn verify(tables: &mut BankTables, _exit: &Exit) -> Verdict {
        match () {
            () if tables.set.contains_key(&REJECTED) => Verdict::Reset,
            () if tables.set.contains_key(&SUSPECT) => Verdict::quarantine("suspect"),
            () => Verdict::Accept,
        }
    }
}

/// An account with which the tables are reset.
const REJECTED: u64 = 1_000;
/// An account with which they are quarantined.
const SUSPECT: u64 = 1_001;

/// Keeps what it is given, and knows the rows as of each commit.
#[derive(Debug, Default)]
struct Kept(Mutex<Commits>);

#[derive(Debug, Default)]
struct Commits {
    last: u64,
    now: BTreeMap<u64, u64>,
    all: HashMap<u64, BTreeMap<u64, u64>>,
}

impl Kept {
    fn last(&self) -> u64 {
        self.0.lock().unwrap().last
    }

    fn sums(&self, commit: u64) -> BTreeMap<u64, u64> {
        self.0.lock().unwrap().all.get(&commit).cloned().unwrap_or_default()
    }
}

impl Journal for Kept {
    fn encode(&self, commit: &Written<'_>) -> Encoded {
        let changes = commit.changes::<Table<u64, Value>>(0).into_iter().map(|change| match change {
            Change::Cleared => Change::Cleared,
            Change::Put(account, value) => Change::Put(account, value.0),
            Change::Removed(account) => Change::Removed(account),
            other => panic!("not of this kind of table: {other:?}"),
        });
        Box::new(changes.collect::<Vec<_>>())
    }

    fn append(&self, commit: u64, encoded: Encoded) {
        let changes: Box<Vec<Change<u64, u64>>> = encoded.downcast().unwrap();
        let mut commits = self.0.lock().unwrap();
        assert!(commit > commits.last, "commits come in order");
        commits.last = commit;
        for change in *changes {
            match change {
                Change::Put(account, sum) => drop(commits.now.insert(account, sum)),
                Change::Removed(account) => drop(commits.now.remove(&account)),
                _ => commits.now.clear(),
            }
        }
        let now = commits.now.clone();
        commits.all.insert(commit, now);
    }
}

/// Shows everything, in a thread of its own.
fn show_all(readers: &Readers) {
    let readers = readers.clone();
    let shows = move || {
        SHOWS.set(true);
        readers.show_up_to(u64::MAX);
    };
    std::thread::spawn(shows).join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_sees_its_commits_at_once_and_readers_when_they_are_shown_whoever_dies_between() {
    const MESSAGES: u64 = 3_000;
    let mut random = Random::new();
    let (journal, counted) = (Arc::new(Kept::default()), Arc::<Counted>::default());
    let (mut tree, _) = Recorder::tree();
    let bank = tree.worker(Bank::spec(Arc::clone(&counted)).kept_by(Arc::<Kept>::clone(&journal)));
    let tree = tree.start().await.unwrap();
    let over = Arc::new(AtomicBool::new(false));

    let showing = {
        let (readers, journal, over) = (bank.readers(), Arc::clone(&journal), Arc::clone(&over));
        let mut random = random.another();
        std::thread::spawn(move || {
            SHOWS.set(true);
            let mut shown = 0;
            while !over.load(Ordering::Relaxed) {
                let waits = u32::try_from(journal.last() - shown).unwrap();
                shown += u64::from(random.below(waits.min(20) + 1));
                readers.show_up_to(shown);
                std::thread::yield_now();
            }
        })
    };
    let reading = {
        let (bank, journal, over) = (bank.clone(), Arc::clone(&journal), Arc::clone(&over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let snapshot = bank.snapshot();
                let expected = journal.sums(snapshot.boundary());
                let (set, ordered, bag) = &*snapshot;
                assert_eq!(
                    set.iter().map(|(key, value)| (*key, value.0)).collect::<BTreeMap<_, _>>(),
                    expected
                );
                assert!(ordered.iter().map(|(key, value)| (*key, value.0)).eq(expected.clone()));
                assert_eq!(bag.len(), expected.len());
                assert!(bag.iter().all(|(key, values)| values.len() == 1 && values[0].0 == expected[key]));
            }
        })
    };

    let mut model = BTreeMap::new();
    for number in 0..MESSAGES {
        let account = u64::from(random.below(40));
        match random.below(100) {
            0 => {
                bank.clear().await.unwrap();
                model.clear();
            }
            1..=5 => drop(bank.kill()),
            6 => drop(bank.kill_manager()),
            7..=20 => drop(bank.add(account, number, true).await.unwrap_err()),
            21..=30 => match bank.sums().await {
                Ok(sums) => assert_eq!(sums, model, "{random}"),
                // It was killed.
                Err(died) => assert!(died.was_enqueued(), "{random}: {died}"),
            },
            _ => {
                // A killed worker may die over it: then nothing of it stays, which the next sums say.
                if let Ok(sum) = bank.add(account, number, false).await {
                    let before = model.insert(account, sum).unwrap_or(0);
                    assert_eq!(sum, before + number, "{random}");
                }
            }
        }
    }
    while bank.sums().await.map(|sums| assert_eq!(sums, model, "{random}")).is_err() {}
    over.store(true, Ordering::Relaxed);
    showing.join().unwrap();
    reading.join().unwrap();

    show_all(&bank.readers());
    let shown: BTreeMap<_, _> = bank.set().iter().map(|(key, value)| (key, value.0)).collect();
    assert_eq!(shown, model, "{random}");
    // The owner, which has nothing else to do, drops what was replaced.
    let rows = 3 * isize::try_from(model.len()).unwrap();
    while counted.alive.load(Ordering::Relaxed) != rows {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tree.shutdown().await;
    drop(bank);
    assert!(!counted.dropped_elsewhere.load(Ordering::Relaxed), "a value was dropped by who shows commits");
    assert_eq!(counted.alive.load(Ordering::Relaxed), 0);
}

/// A worker, all of whose commits are still to be shown.
async fn bank() -> (BankHandle, Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let spec = Bank::spec(Arc::default()).quarantine(AfterQuarantine::Fresh);
    let bank = tree.worker(spec.kept_by(Arc::new(Kept::default())));
    (bank, tree.start().await.unwrap())
}

/// Waits for the sums of an account's bank, which waits until everything is shown.
async fn sums_when_all_is_shown(bank: &BankHandle) -> BTreeMap<u64, u64> {
    let mut sums = std::pin::pin!(bank.sums());
    let early = tokio::time::timeout(Duration::from_secs(1), &mut sums).await;
    assert!(early.is_err(), "the tables were exchanged before their commits were shown");
    show_all(&bank.readers());
    sums.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn tables_are_reset_only_when_everything_is_shown_and_their_readers_follow() {
    let (bank, tree) = bank().await;
    bank.add(1, 1, false).await.unwrap();
    bank.mark(REJECTED).await.unwrap();
    bank.die().await.unwrap_err();
    assert_eq!(sums_when_all_is_shown(&bank).await, BTreeMap::new());
    assert!(bank.set().is_empty() && bank.take_quarantined().is_empty());
    bank.add(2, 2, false).await.unwrap();
    assert!(bank.set().is_empty());
    show_all(&bank.readers());
    assert_eq!(bank.set().get(&2).map(|value| value.0), Some(2));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn tables_with_commits_that_are_not_shown_yet_are_parked_whole() {
    let (bank, tree) = bank().await;
    bank.add(1, 5, false).await.unwrap();
    bank.mark(SUSPECT).await.unwrap();
    bank.die().await.unwrap_err();
    assert_eq!(sums_when_all_is_shown(&bank).await, BTreeMap::new());
    let [parked] = &mut bank.take_quarantined()[..] else { panic!("one bundle is parked") };
    assert_eq!(parked.tables.set.get(&1).map(|value| value.0), Some(5));
    assert_eq!(parked.tables.bag.get(&1).len(), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_tree_shuts_down_while_tables_wait_until_everything_is_shown() {
    let (bank, tree) = bank().await;
    bank.add(1, 1, false).await.unwrap();
    bank.mark(REJECTED).await.unwrap();
    bank.die().await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::time::timeout(Duration::from_secs(3_600), tree.shutdown()).await.expect("it shuts down");
    assert!(bank.sums().await.is_err());
}
