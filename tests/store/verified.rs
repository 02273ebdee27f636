//! Tables that are loaded from a store are verified before an incarnation has them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heir_runtime::estate::{Examined, Origin, TransferInfo};
use heir_runtime::events::EventKind;
use heir_runtime::store::Store;
use heir_runtime::{AfterQuarantine, Exit, Supervisor, Table, Verdict, handlers, heir};
use heir_tests::disk::Disk;
use heir_tests::waits;

use crate::bank::store;

/// The value of a row over which the hook holds back syncs, and of which disk.
const HELD: u64 = 8;
static HOLDS: Mutex<Option<Disk>> = Mutex::new(None);

fn holds() -> MutexGuard<'static, Option<Disk>> {
    HOLDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When it is loaded, its tables are reset if there is a row 1,000, quarantined if there is a row 1,001, and
/// the hook panics if there is a row 1,002. It notes each time that it runs in the row 0.
#[heir(survives = process)]
struct Checked {
    #[table]
    pub rows: Table<u64, u64>,
    origin: Option<Origin>,
}

#[handlers]
impl Checked {
    #[on(transfer)]
    fn received(&mut self, info: &TransferInfo) {
        self.origin = Some(info.origin);
    }

    pub fn origin(&mut self) -> Option<Origin> {
        self.origin
    }

    pub fn put(&mut self, row: u64, value: u64) {
        self.rows.insert(row, value);
    }

    pub fn die(&mut self) {
        panic!("asked to die");
    }

    #[on(verify)]
    fn verify(tables: &mut CheckedTables, examined: &Examined) -> Verdict {
        if examined.exit().is_some() {
            assert_eq!(examined.origin(), Origin::Regained);
            tables.rows.add(0, 100);
            return Verdict::Accept;
        }
        assert_eq!(examined.origin(), Origin::Loaded);
        if tables.rows.values().any(|value| value == HELD)
            && let Some(disk) = holds().take()
        {
            disk.hold_syncs();
        }
        assert!(!tables.rows.contains_key(&1_002), "a hook that panics");
        tables.rows.add(0, 1);
        match () {
            () if tables.rows.contains_key(&1_000) => Verdict::Reset,
            () if tables.rows.contains_key(&1_001) => Verdict::quarantine("suspect"),
            () => Verdict::Accept,
        }
    }
}

/// Its hook is for tables that come from a dead incarnation.
#[heir(survives = process, tables = CheckedTables)]
struct AfterDeaths {
    #[table]
    pub rows: Table<u64, u64>,
}

#[handlers]
impl AfterDeaths {
    #[on(verify)]
    fn verify(_tables: &mut CheckedTables, exit: &Exit) -> Verdict {
        Verdict::quarantine(format_args!("{} has died", exit.incarnation))
    }
}

fn checked(kept: &Store, then: AfterQuarantine) -> (heir_runtime::SupervisorBuilder, CheckedHandle) {
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let checked = tree.worker(Checked::spec().name("checked").quarantine(then));
    (tree, checked)
}

fn rows(checked: &CheckedHandle) -> Vec<(u64, u64)> {
    let mut rows: Vec<_> = checked.rows().iter().collect();
    rows.sort_unstable();
    rows
}

/// A disk on which a process has left a row.
async fn left(row: u64, value: u64) -> Disk {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    let (tree, checked) = checked(&kept, AfterQuarantine::Fresh);
    let tree = tree.start().await.unwrap();
    checked.put(row, value).await.unwrap();
    assert_eq!(rows(&checked), [(row, value)], "new tables are not verified");
    tree.shutdown().await;
    kept.close().await.unwrap();
    Disk::with(disk.contents())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loaded_tables_are_verified_once_before_the_first_incarnation_has_them() {
    let disk = left(5, 7).await;
    let (tree, checked) = checked(&store(&disk).unwrap(), AfterQuarantine::Fresh);
    let tree = tree.start().await.unwrap();
    assert_eq!(checked.origin().await.unwrap(), Some(Origin::Loaded));
    waits::wait_until(|| rows(&checked) == [(0, 1), (5, 7)]).await;
    checked.kill_manager();
    checked.die().await.unwrap_err();
    checked.put(6, 6).await.unwrap();
    assert_eq!(rows(&checked), [(0, 101), (5, 7), (6, 6)], "the hook is told why it runs");
    assert_eq!(checked.origin().await.unwrap(), Some(Origin::Regained));
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loaded_tables_that_are_reset_are_new_in_the_store_too() {
    let disk = left(1_000, 7).await;
    let (tree, checked) = checked(&store(&disk).unwrap(), AfterQuarantine::Fresh);
    let mut events = tree.subscribe(1_000);
    let tree = tree.start().await.unwrap();
    assert_eq!(checked.origin().await.unwrap(), Some(Origin::Reset));
    assert!(rows(&checked).is_empty());
    tree.shutdown().await;
    let mut told = Vec::new();
    while let Some(Ok(event)) = events.next().await {
        if matches!(event.kind, EventKind::TablesLoaded | EventKind::Reset) {
            told.push(event.kind);
        }
    }
    assert_eq!(told, [EventKind::TablesLoaded, EventKind::Reset]);
    let kept = store(&Disk::with(disk.contents())).unwrap();
    let (tree, checked) = self::checked(&kept, AfterQuarantine::Fresh);
    let tree = tree.start().await.unwrap();
    waits::wait_until(|| rows(&checked) == [(0, 1)]).await;
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loaded_tables_that_are_quarantined_are_parked_and_stay_in_the_store_under_another_name() {
    for (row, reason) in [(1_001, "suspect"), (1_002, "the verify hook panicked: a hook that panics")] {
        let disk = left(row, 7).await;
        let (tree, checked) = checked(&store(&disk).unwrap(), AfterQuarantine::Fresh);
        let tree = tree.start().await.unwrap();
        assert_eq!(checked.origin().await.unwrap(), Some(Origin::Reset));
        checked.put(6, 6).await.unwrap();
        assert_eq!(rows(&checked), [(6, 6)], "the worker goes on with new tables");
        let [parked] = &checked.take_quarantined()[..] else { panic!("they are parked once") };
        assert_eq!((&*parked.reason, parked.exit.is_none()), (reason, true), "nobody has owned them");
        assert_eq!(parked.tables.rows.iter().collect::<Vec<_>>(), [(row, 7)], "as they were loaded");
        tree.shutdown().await;
        let kept = store(&Disk::with(disk.contents())).unwrap();
        let (tree, checked) = self::checked(&kept, AfterQuarantine::Fresh);
        let tree = tree.start().await.unwrap();
        waits::wait_until(|| rows(&checked) == [(0, 1), (6, 6)]).await;
        assert_eq!(kept.orphans(), [("checked (quarantined 1)".to_owned(), vec!["rows".to_owned()])]);
        tree.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_over_loaded_tables_leaves_them_in_the_store() {
    let disk = left(1_001, 7).await;
    for _ in 0..2 {
        let kept = store(&disk).unwrap();
        let (tree, checked) = checked(&kept, AfterQuarantine::Stop);
        let starting = tokio::spawn(tree.start());
        let stopped = checked.wait_stopped().await;
        assert!(stopped.to_string().contains("suspect"), "{stopped}");
        assert_eq!(rows(&checked), [(1_001, 7)]);
        if let Ok(tree) = starting.await.unwrap() {
            tree.shutdown().await;
        }
        kept.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_dies_before_its_verdict_is_done_is_followed_by_one_that_verifies_again() {
    for row in [1_000, 1_001] {
        let disk = left(row, HELD).await;
        *holds() = Some(disk.clone());
        let (tree, checked) = checked(&store(&disk).unwrap(), AfterQuarantine::Fresh);
        let starting = tokio::spawn(tree.start());
        waits::wait_until(|| holds().is_none()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        checked.kill_manager();
        tokio::time::sleep(Duration::from_millis(5)).await;
        disk.release();
        let tree = starting.await.unwrap().unwrap();
        assert_eq!(checked.origin().await.unwrap(), Some(Origin::Reset), "{row}");
        assert!(rows(&checked).is_empty());
        assert_eq!(checked.take_quarantined().len(), usize::from(row == 1_001));
        tree.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_takes_an_exit_is_for_regained_tables() {
    let disk = left(5, 7).await;
    let mut tree = Supervisor::builder("app").store(store(&disk).unwrap());
    let after = tree.worker(AfterDeaths::spec().name("checked"));
    let tree = tree.start().await.unwrap();
    assert_eq!(after.rows().iter().collect::<Vec<_>>(), [(5, 7)]);
    assert_eq!(after.quarantined(), 0);
    tree.shutdown().await;
}
