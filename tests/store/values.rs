//! `rollback` fields that survive the process: each is there again as of the last message that was answered.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heir_runtime::estate::Origin;
use heir_runtime::estate::TransferInfo;
use heir_runtime::store::{InMemory, Store};
use heir_runtime::{
    AfterQuarantine, CallError, Context, Exit, Supervisor, SupervisorBuilder, Table, Verdict, handlers, heir,
};
use heir_tests::Random;
use heir_tests::disk::{Disk, Operation};
use heir_tests::waits;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bank::store;

/// What an account comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    sum: u64,
    count: u64,
    fault: Fault,
}

impl Total {
    fn of(sum: u64, count: u64) -> Self {
        Self { sum, count, fault: Fault::None }
    }
}

/// A part of a value that cannot be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    None,
    Error,
    Panic,
    OneWay,
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_u8(0),
            Self::Error => Err(serde::ser::Error::custom("it refuses")),
            Self::Panic => panic!("it panics"),
            Self::OneWay => serializer.serialize_str("what it does not read"),
        }
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(|_| Self::None)
    }
}

type Made = Arc<AtomicU64>;

/// Its total agrees with its entries at each boundary. It is reset when there is an entry 1,000, and
/// quarantined when there is an entry 1,001.
#[heir(survives = process)]
struct Account {
    #[table]
    pub entries: Table<u64, u64>,
    #[table(rollback)]
    total: Total,
    /// How often it was made, and its twin, of the same type.
    #[table(rollback, init = first(&made).await)]
    first: u64,
    #[table(rollback, init = 7)]
    second: u64,
    /// Made anew by each process.
    #[table(rollback, survives = task)]
    served: u64,
    #[arg]
    made: Made,
    origin: Option<Origin>,
}

async fn first(made: &Made) -> u64 {
    tokio::task::yield_now().await;
    made.fetch_add(1, Ordering::Relaxed) + 1
}

#[handlers]
impl Account {
    #[on(transfer)]
    fn received(&mut self, info: &TransferInfo) {
        self.origin = Some(info.origin);
    }

    pub fn add(&mut self, entry: u64, number: u64) -> u64 {
        self.entries.insert(entry, number);
        self.total.sum += number;
        self.total.count += 1;
        self.served += 1;
        self.total.sum
    }

    /// All that it has beside its entries. It changes nothing.
    pub fn seen(&mut self) -> (Total, u64, u64, u64) {
        (self.total.clone(), self.first, self.second, self.served)
    }

    /// Only what the process takes with it.
    pub fn serve(&mut self) {
        self.served += 1;
    }

    pub fn set(&mut self, first: u64, second: u64) {
        (self.first, self.second) = (first, second);
    }

    /// Changes its value, and back.
    pub fn and_back(&mut self) {
        self.total.sum += 1;
        self.total.sum -= 1;
    }

    /// Adds twice, one after the other, and dies behind the second.
    pub fn add_two(&mut self, cx: &mut Context<Self>, entry: u64) {
        self.add(entry, 10);
        cx.commit(self);
        self.add(entry + 1, 100);
        panic!("asked to die");
    }

    /// Has its total not be stored.
    pub fn spoil(&mut self, fault: u8) {
        self.add(99, 1);
        self.total.fault = [Fault::Error, Fault::Panic, Fault::OneWay][usize::from(fault)];
    }

    pub fn die(&mut self) {
        panic!("asked to die");
    }

    pub fn origin(&mut self) -> Option<Origin> {
        self.origin
    }

    /// An entry 500 is moved to 501, and counted once more.
    #[on(verify)]
    fn verify(tables: &mut AccountTables, _exit: &Exit) -> Verdict {
        if let Some(number) = tables.entries.remove(&500) {
            tables.entries.insert(501, number + 1);
            tables.total.sum += 1;
        }
        match () {
            () if tables.entries.contains_key(&1_000) => Verdict::Reset,
            () if tables.entries.contains_key(&1_001) => Verdict::quarantine("suspect"),
            () => Verdict::Accept,
        }
    }
}

fn account(kept: &Store, made: &Made) -> (SupervisorBuilder, AccountHandle) {
    let mut tree = Supervisor::builder("app").store(kept.clone()).intensity(1_000);
    let spec = Account::spec(Arc::clone(made)).name("account");
    let account = tree.worker(spec.quarantine(AfterQuarantine::Fresh).max_quarantined(8));
    (tree, account)
}

/// What an account has; its total agrees with its entries.
async fn seen(account: &AccountHandle) -> (Total, u64, u64, u64) {
    let seen = account.seen().await.unwrap();
    let sum: u64 = account.entries().iter().map(|(_, number)| number).sum();
    assert_eq!(seen.0.sum, sum, "the total does not agree with the entries");
    seen
}

/// What the next process finds on a disk.
async fn found(contents: Vec<u8>, made: &Made) -> (Total, u64, u64, u64) {
    let kept = store(&Disk::with(contents)).unwrap();
    let (tree, account) = account(&kept, made);
    let tree = tree.start().await.unwrap();
    assert_eq!(account.origin().await.unwrap(), Some(Origin::Loaded));
    let found = seen(&account).await;
    tree.shutdown().await;
    found
}

#[tokio::test(start_paused = true)]
async fn a_value_is_there_again_in_the_next_process_and_its_init_runs_once_for_all_processes() {
    let (file, made) = (InMemory::new(), Made::default());
    for process in 0..4 {
        let (tree, account) = account(&file.open(), &made);
        let tree = tree.start().await.unwrap();
        let expected = (Total::of(5 * process, process), 1, 7 + process, 0);
        assert_eq!(seen(&account).await, expected, "process {process}");
        account.add(process, 5).await.unwrap();
        account.set(1, 8 + process).await.unwrap();
        assert_eq!(seen(&account).await.3, 1);
        if process % 2 == 0 {
            tree.shutdown().await;
        }
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_an_answered_message_is_there_after_a_power_loss() {
    let mut random = Random::new();
    for adds in [1, 2, 7] {
        let (disk, made) = (Disk::default(), Made::default());
        let (tree, account) = account(&store(&disk).unwrap(), &made);
        let tree = tree.start().await.unwrap();
        for entry in 0..adds {
            account.add(entry, 3).await.unwrap();
        }
        let (total, first, second, _) = found(disk.survivors(&mut random), &made).await;
        assert_eq!((total, first, second), (Total::of(3 * adds, adds), 1, 7), "{random}");
        tree.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_value_whose_bytes_differ_is_appended() {
    let (disk, made) = (Disk::default(), Made::default());
    let (tree, account) = account(&store(&disk).unwrap(), &made);
    let tree = tree.start().await.unwrap();
    account.set(1, 2).await.unwrap();
    let syncs = disk.syncs();
    account.seen().await.unwrap();
    account.serve().await.unwrap();
    account.and_back().await.unwrap();
    account.set(1, 2).await.unwrap();
    account.die().await.unwrap_err();
    assert_eq!(seen(&account).await, (Total::default(), 1, 2, 1));
    assert_eq!(disk.syncs(), syncs, "nothing has changed that is stored");
    account.set(1, 3).await.unwrap();
    assert!(disk.syncs() > syncs);
    tree.shutdown().await;
    assert_eq!(found(disk.contents(), &made).await, (Total::default(), 1, 3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_dies_changes_no_value_and_what_it_committed_before_stays() {
    let (disk, made) = (Disk::default(), Made::default());
    let (tree, account) = account(&store(&disk).unwrap(), &made);
    let tree = tree.start().await.unwrap();
    account.add_two(1).await.unwrap_err();
    assert_eq!(seen(&account).await, (Total::of(10, 1), 1, 7, 1));
    tree.shutdown().await;
    assert_eq!(found(disk.contents(), &made).await, (Total::of(10, 1), 1, 7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_dies_of_a_value_that_cannot_be_stored() {
    let (disk, made) = (Disk::default(), Made::default());
    let (tree, account) = account(&store(&disk).unwrap(), &made);
    let tree = tree.start().await.unwrap();
    account.add(1, 4).await.unwrap();
    for (fault, words) in [(0, "it refuses"), (1, "it panics"), (2, "could not be read back")] {
        let died = account.spoil(fault).await.unwrap_err();
        assert!(died.to_string().contains(words), "{died}");
        assert_eq!(seen(&account).await, (Total::of(4, 1), 1, 7, 1));
    }
    account.add(2, 4).await.unwrap();
    tree.shutdown().await;
    assert_eq!(found(disk.contents(), &made).await, (Total::of(8, 2), 1, 7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_batch_a_value_is_as_of_the_last_message_that_is_there() {
    for writes in 0..16_u64 {
        let (disk, made) = (Disk::default(), Made::default());
        let (tree, account) = account(&store(&disk).unwrap(), &made);
        let tree = tree.start().await.unwrap();
        account.add(0, 1).await.unwrap();
        disk.fail_after(writes / 2, writes % 2 == 0);
        let mut answered = 1;
        for entry in 1..6 {
            match account.add(entry, 1).await {
                Ok(sum) => answered = sum,
                Err(unknown) => {
                    assert!(matches!(unknown, CallError::Unknown), "{unknown}");
                    break;
                }
            }
        }
        disk.is_well();
        let (total, first, second, served) = seen(&account).await;
        assert!((answered..=answered + 1).contains(&total.sum), "{total:?}, {answered}, {writes}");
        assert_eq!((total.count, first, second, served), (total.sum, 1, 7, total.sum), "{writes}");
        assert_eq!(found(disk.contents(), &made).await, (total.clone(), 1, 7, 0), "{writes}");
        account.add(9, 1).await.unwrap();
        tree.shutdown().await;
        let expected = Total::of(total.sum + 1, total.sum + 1);
        assert_eq!(found(disk.contents(), &made).await.0, expected, "{writes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_verify_hook_has_changed_is_kept() {
    let (disk, made) = (Disk::default(), Made::default());
    let (tree, account) = account(&store(&disk).unwrap(), &made);
    let tree = tree.start().await.unwrap();
    account.add(500, 6).await.unwrap();
    account.die().await.unwrap_err();
    assert_eq!(seen(&account).await, (Total::of(7, 1), 1, 7, 1));
    tree.shutdown().await;
    assert_eq!(found(disk.contents(), &made).await, (Total::of(7, 1), 1, 7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_verify_hook_has_changed_returns_with_the_rest_when_it_is_not_there() {
    for writes in 0..16_u64 {
        let (disk, made) = (Disk::default(), Made::default());
        let (tree, account) = account(&store(&disk).unwrap(), &made);
        let tree = tree.start().await.unwrap();
        account.add(500, 6).await.unwrap();
        disk.hold_syncs();
        account.die().await.unwrap_err();
        disk.fail_after(writes / 2, writes % 2 == 0);
        disk.release();
        let _ = tokio::time::timeout(Duration::from_millis(20), account.add(1, 10)).await;
        disk.is_well();
        let (total, ..) = seen(&account).await;
        account.add(2, 100).await.unwrap();
        assert_eq!(seen(&account).await.0, Total::of(total.sum + 100, total.count + 1), "{writes}");
        tree.shutdown().await;
        let found = found(disk.contents(), &made).await.0;
        assert_eq!(found, Total::of(total.sum + 100, total.count + 1), "{writes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_makes_values_anew_and_that_survives() {
    let (disk, made) = (Disk::default(), Made::default());
    let (tree, account) = account(&store(&disk).unwrap(), &made);
    let tree = tree.start().await.unwrap();
    account.set(50, 60).await.unwrap();
    account.add(1_000, 6).await.unwrap();
    account.die().await.unwrap_err();
    assert_eq!(seen(&account).await, (Total::default(), 2, 7, 0));
    assert_eq!(found(disk.contents(), &made).await, (Total::default(), 2, 7, 0));
    account.add(1, 6).await.unwrap();
    tree.shutdown().await;
    assert_eq!(found(disk.contents(), &made).await, (Total::of(6, 1), 2, 7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarantine_keeps_the_values_under_the_name_of_the_tables() {
    let (disk, made) = (Disk::default(), Made::default());
    let kept = store(&disk).unwrap();
    let (tree, account) = account(&kept, &made);
    let tree = tree.start().await.unwrap();
    account.add(1_001, 6).await.unwrap();
    account.die().await.unwrap_err();
    assert_eq!(seen(&account).await, (Total::default(), 2, 7, 0));
    let parked = account.take_quarantined();
    assert_eq!((parked.len(), &parked[0].tables.total), (1, &Total::of(6, 1)));
    tree.shutdown().await;
    kept.close().await.unwrap();

    // Whoever has their name finds them.
    let kept = store(&Disk::with(disk.contents())).unwrap();
    let fields = ["entries", "first", "second", "total"].map(str::to_owned);
    let orphans: Vec<_> =
        kept.orphans().into_iter().map(|(worker, mut of)| (worker, (of.sort(), of).1)).collect();
    assert_eq!(orphans.last().unwrap(), &("account (quarantined 1)".to_owned(), fields.to_vec()));
    let mut tree = Supervisor::builder("app").store(kept);
    let parked = tree.worker(Account::spec(Arc::clone(&made)).name("account (quarantined 1)"));
    let tree = tree.start().await.unwrap();
    assert_eq!(seen(&parked).await, (Total::of(6, 1), 1, 7, 0));
    tree.shutdown().await;
}

/// Takes over from [`Account`], with its fields in another order.
#[heir(survives = process, tables = AccountTables)]
struct Next {
    #[table(rollback)]
    second: u64,
    #[table(rollback)]
    first: u64,
    #[table(rollback)]
    total: Total,
    #[table]
    pub entries: Table<u64, u64>,
    #[table(rollback, survives = task)]
    served: u64,
}

#[handlers]
impl Next {
    pub fn add(&mut self, entry: u64, number: u64) -> (u64, u64) {
        self.entries.insert(entry, number);
        self.total.sum += number;
        self.total.count += 1;
        self.served += 1;
        self.first += 100;
        self.second += 1_000;
        (self.first, self.second)
    }

    pub fn die(&mut self) {
        panic!("asked to die");
    }

    #[on(verify)]
    fn verify(tables: &mut NextTables, _exit: &Exit) -> Verdict {
        if tables.entries.contains_key(&1_000) { Verdict::Reset } else { Verdict::Accept }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_takes_over_has_the_values_by_the_names_of_its_fields() {
    for (writes, is_done) in
        [None, Some(0), Some(1), Some(2), Some(4)].into_iter().zip([true, false].repeat(3))
    {
        let (disk, made) = (Disk::default(), Made::default());
        let (tree, account) = account(&store(&disk).unwrap(), &made);
        let tree = tree.start().await.unwrap();
        account.add(1, 1).await.unwrap();
        let next = tree.upgrade_child(&account, Next::spec()).await.unwrap();
        assert_eq!(next.add(2, 2).await.unwrap(), (101, 1_007));
        assert_eq!(found(disk.contents(), &made).await, (Total::of(3, 2), 101, 1_007, 0));
        if let Some(writes) = writes {
            disk.fail_after(writes, is_done);
        }
        let is_there = u64::from(next.add(3, 0).await.is_ok());
        disk.is_well();
        let (first, second) = next.add(4, 0).await.unwrap();
        assert!(first >= 201 + 100 * is_there, "{first}, {writes:?}");
        assert_eq!((first - 1) / 100, (second - 7) / 1_000);
        let count = 2 + (first - 101) / 100;
        assert_eq!(
            found(disk.contents(), &made).await,
            (Total::of(3, count), first, second, 0),
            "{writes:?}"
        );
        // A reset by the one makes the values of the other anew.
        next.add(1_000, 0).await.unwrap();
        next.die().await.unwrap_err();
        assert_eq!(next.add(5, 5).await.unwrap(), (100, 1_000));
        tree.shutdown().await;
        assert_eq!(found(disk.contents(), &made).await, (Total::of(5, 1), 100, 1_000, 0));
    }
}

/// Without a recorded table.
#[heir(survives = process)]
struct Bare {
    #[table(rollback)]
    one: u64,
    #[table(rollback)]
    two: Vec<u64>,
}

#[handlers]
impl Bare {
    pub fn add(&mut self, number: u64) -> (u64, Vec<u64>) {
        self.one += number;
        self.two.push(number);
        assert_ne!(number, 13, "asked to die");
        (self.one, self.two.clone())
    }

    #[on(verify)]
    fn verify(tables: &mut BareTables, _exit: &Exit) -> Verdict {
        if tables.two.contains(&1_000) { Verdict::Reset } else { Verdict::Accept }
    }
}

#[heir(survives = process, tables = BareTables)]
struct BareNext {
    #[table(rollback)]
    two: Vec<u64>,
    #[table(rollback)]
    one: u64,
}

#[handlers]
impl BareNext {
    pub fn add_tenfold(&mut self, number: u64) -> (u64, Vec<u64>) {
        self.one += 10 * number;
        self.two.push(number);
        (self.one, self.two.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_may_have_values_alone() {
    let disk = Disk::default();
    let start = |contents: Vec<u8>| {
        let mut tree =
            Supervisor::builder("app").store(store(&Disk::with(contents)).unwrap()).intensity(1_000);
        let bare = tree.worker(Bare::spec().name("bare"));
        (tree, bare)
    };
    let mut tree = Supervisor::builder("app").store(store(&disk).unwrap()).intensity(1_000);
    let bare = tree.worker(Bare::spec().name("bare"));
    let tree = tree.start().await.unwrap();
    assert_eq!(bare.add(1).await.unwrap(), (1, vec![1]));
    bare.add(13).await.unwrap_err();
    assert_eq!(bare.add(2).await.unwrap(), (3, vec![1, 2]));
    {
        let (tree, bare) = start(disk.contents());
        let tree = tree.start().await.unwrap();
        assert_eq!(bare.add(1_000).await.unwrap(), (1_003, vec![1, 2, 1_000]));
        bare.add(13).await.unwrap_err();
        assert_eq!(bare.add(5).await.unwrap(), (5, vec![5]));
        tree.shutdown().await;
    }
    let next = tree.upgrade_child(&bare, BareNext::spec()).await.unwrap();
    assert_eq!(next.add_tenfold(3).await.unwrap(), (33, vec![1, 2, 3]));
    disk.fail(Operation::Write, ErrorKind::Other);
    next.add_tenfold(4).await.unwrap_err();
    disk.is_well();
    let (one, two) = next.add_tenfold(5).await.unwrap();
    assert!((one, two.len()) == (83, 4) || (one, two.len()) == (123, 5), "{one}, {two:?}");
    tree.shutdown().await;
    let (tree, bare) = start(disk.contents());
    let tree = tree.start().await.unwrap();
    assert_eq!(bare.add(0).await.unwrap(), (one, [two, vec![0]].concat()));
    tree.shutdown().await;
}

/// A value of 65 kB.
#[heir(survives = process)]
struct Large {
    #[table(rollback)]
    text: String,
    #[table(rollback)]
    never: u64,
}

#[handlers]
impl Large {
    pub fn write(&mut self, number: u64) {
        self.text = format!("{number:>65000}");
    }

    pub fn number(&mut self) -> u64 {
        self.text.trim().parse().unwrap_or(self.never)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_that_is_written_while_a_value_changes_has_the_last_one() {
    let mut disk = Disk::default();
    for process in 0..3 {
        let kept = store(&disk).unwrap();
        let mut tree = Supervisor::builder("app").store(kept.clone());
        let large = tree.worker(Large::spec());
        let tree = tree.start().await.unwrap();
        assert_eq!(large.number().await.unwrap(), 200 * process);
        for number in 1..=200 {
            large.write(200 * process + number).await.unwrap();
        }
        tree.shutdown().await;
        kept.close().await.unwrap();
        // 13 megabytes have been written by each process.
        let size = disk.contents().len();
        assert!(size < 24 << 20, "the file has {size} bytes");
        disk = Disk::with(disk.contents());
    }
}

/// One worker, in programs that differ in a field.
macro_rules! program {
    ($name:ident, [$($field:tt)*], $ty:ty, |$value:ident| $shown:expr $(, $item:item)*) => {
    #[allow(dead_code, reason = "of the worker only what it shows is asked")]
        mod $name {
            use super::*;

            $($item)*

            #[heir(survives = process)]
            pub(super) struct Worker {
                $($field)*
                value: $ty,
            }

            #[handlers]
            impl Worker {
                pub fn shown(&mut self) -> String {
                    let $value = &mut self.value;
                    $shown
                }
            }

            /// What it shows in a process of its own, or why it does not start.
            pub(super) async fn shown(file: &InMemory) -> Result<String, String> {
                let mut tree = Supervisor::builder("app").store(file.open());
                let worker = tree.worker(Worker::spec().name("worker"));
                let tree = tree.start().await.map_err(|error| error.to_string())?;
                let shown = worker.shown().await.unwrap();
                tree.shutdown().await;
                Ok(shown)
            }
        }
    };
}

program!(
    old,
    [#[table(rollback)]],
    State,
    |value| {
        value.number += 300;
        format!("{value:?}")
    },
    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    pub struct State {
        number: u32,
    }
);
program!(
    fuller,
    [#[table(rollback)]],
    State,
    |value| format!("{value:?}"),
    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    pub struct State {
        number: u64,
        #[serde(default)]
        tags: Vec<String>,
    }
);
program!(
    narrow,
    [#[table(rollback)]],
    State,
    |value| format!("{value:?}"),
    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    pub struct State {
        number: u8,
    }
);
program!(of_another_type, [#[table(rollback)]], u32, |value| value.to_string());
program!(recorded, [#[table]], Table<u64, u64>, |value| value.len().to_string());

#[tokio::test(start_paused = true)]
async fn a_value_of_an_older_program_is_read_by_the_names_of_its_fields_or_is_an_error() {
    let file = InMemory::new();
    assert_eq!(old::shown(&file).await.unwrap(), "State { number: 300 }");
    let refused = narrow::shown(&file).await.unwrap_err();
    assert!(refused.contains("a row of `value` cannot be read as what it is declared to be"), "{refused}");
    let refused = of_another_type::shown(&file).await.unwrap_err();
    assert!(
        refused.contains("has `value` of `worker` as a `State`, and it is declared as a `u32`"),
        "{refused}"
    );
    let refused = recorded::shown(&file).await.unwrap_err();
    assert!(refused.contains("as a table of another kind (Value)"), "{refused}");
    // What was refused has changed nothing.
    assert_eq!(fuller::shown(&file).await.unwrap(), "State { number: 300, tags: [] }");
    assert_eq!(old::shown(&file).await.unwrap(), "State { number: 600 }");

    let file = InMemory::new();
    assert_eq!(recorded::shown(&file).await.unwrap(), "0");
    let refused = old::shown(&file).await.unwrap_err();
    assert!(refused.contains("as a table of another kind (Table)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_no_tables_that_anybody_sees() {
    let (kept, made) = (Store::in_memory(), Made::default());
    let (tree, account) = account(&kept, &made);
    let tree = tree.start().await.unwrap();
    account.add(1, 1).await.unwrap();
    let shown = format!("{:?}", tree.tree());
    assert!(shown.contains("entries") && !shown.contains("total"), "{shown}");
    let snapshot = account.snapshot();
    let (entries,) = &*snapshot;
    assert_eq!(entries.len(), 1);
    waits::wait_until(|| account.queued() == 0).await;
    tree.shutdown().await;
}
