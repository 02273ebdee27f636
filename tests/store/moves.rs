//! Tables of a store that leave their place: a reset, a quarantine, an upgrade; and what a message sends.

use std::time::Duration;

use heir_runtime::estate::{Origin, TransferInfo};
use heir_runtime::store::Store;
use heir_runtime::{AfterQuarantine, Context, Exit, Supervisor, Table, Verdict, handlers, heir};
use heir_tests::disk::Disk;
use heir_tests::waits;

use crate::bank::store;

/// Its tables are reset when there is a row 1,000, and quarantined when there is a row 1,001.
#[heir(survives = process)]
struct Judged {
    #[table(init = [(0, 0)])]
    pub rows: Table<u64, u64>,
    /// Made anew by each process.
    #[table(survives = task)]
    pub cached: Table<u64, u64>,
    #[table(rollback, survives = task)]
    served: u64,
    origin: Option<Origin>,
}

#[handlers]
impl Judged {
    #[on(transfer)]
    fn received(&mut self, info: &TransferInfo) {
        self.origin = Some(info.origin);
    }

    /// Where its tables came from.
    pub fn origin(&mut self) -> Option<Origin> {
        self.origin
    }

    pub fn put(&mut self, row: u64, value: u64) {
        self.rows.insert(row, value);
        self.cached.insert(row, value);
        self.served += 1;
    }

    /// How many messages it has served, this one included.
    pub fn served(&mut self) -> u64 {
        self.served += 1;
        self.served
    }

    /// Puts two rows, one after the other, and dies between them.
    pub fn put_two(&mut self, cx: &mut Context<Self>, row: u64) {
        self.rows.insert(row, 1);
        cx.commit(self);
        self.rows.insert(row + 1, 1);
        panic!("asked to die");
    }

    pub fn die(&mut self) {
        panic!("asked to die");
    }

    #[on(verify)]
    fn verify(tables: &mut JudgedTables, _exit: &Exit) -> Verdict {
        match () {
            () if tables.rows.contains_key(&1_000) => Verdict::Reset,
            () if tables.rows.contains_key(&1_001) => Verdict::quarantine("suspect"),
            () => Verdict::Accept,
        }
    }
}

/// Takes over from [`Judged`].
#[heir(survives = process, tables = JudgedTables)]
struct Next {
    #[table]
    pub rows: Table<u64, u64>,
    #[table(survives = task)]
    pub cached: Table<u64, u64>,
    #[table(rollback, survives = task)]
    served: u64,
}

#[handlers]
impl Next {
    pub fn put_hundredfold(&mut self, row: u64, value: u64) {
        self.rows.insert(row, 100 * value);
        self.cached.insert(row, value);
        self.served += 1;
    }
}

fn rows(judged: &JudgedHandle) -> Vec<(u64, u64)> {
    let mut rows: Vec<_> = judged.rows().iter().collect();
    rows.sort_unstable();
    rows
}

fn judged(kept: &Store) -> (heir_runtime::SupervisorBuilder, JudgedHandle) {
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let judged =
        tree.worker(Judged::spec().name("judged").quarantine(AfterQuarantine::Fresh).max_quarantined(8));
    (tree, judged)
}

/// What the next process finds.
async fn found(disk: &Disk) -> (Vec<(u64, u64)>, Vec<(String, Vec<String>)>) {
    let kept = store(&Disk::with(disk.contents())).unwrap();
    let (tree, judged) = judged(&kept);
    let tree = tree.start().await.unwrap();
    let found = (rows(&judged), kept.orphans());
    assert_eq!(judged.origin().await.unwrap(), Some(Origin::Loaded));
    assert!(judged.cached().is_empty(), "a table that survives the task alone is new");
    tree.shutdown().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_kept_and_a_worker_is_told_where_its_tables_come_from() {
    let disk = Disk::default();
    let (tree, judged) = judged(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    assert_eq!(judged.origin().await.unwrap(), Some(Origin::New));
    judged.put(5, 5).await.unwrap();
    judged.die().await.unwrap_err();
    assert_eq!(judged.origin().await.unwrap(), Some(Origin::Regained));
    judged.put(1_000, 0).await.unwrap();
    judged.die().await.unwrap_err();
    judged.put(6, 6).await.unwrap();
    assert_eq!(judged.origin().await.unwrap(), Some(Origin::Reset));
    assert_eq!(rows(&judged), [(0, 0), (6, 6)]);
    tree.shutdown().await;
    assert_eq!(found(&disk).await, (vec![(0, 0), (6, 6)], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quarantined_tables_stay_in_the_store_under_a_name_of_their_own() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    let (tree, judged) = judged(&kept);
    let tree = tree.start().await.unwrap();
    for times in 1..=2 {
        judged.put(5, times).await.unwrap();
        judged.put(1_001, 0).await.unwrap();
        judged.die().await.unwrap_err();
        judged.put(6, 6).await.unwrap();
        assert_eq!(rows(&judged), [(0, 0), (6, 6)]);
    }
    assert_eq!(judged.take_quarantined().len(), 2);
    tree.shutdown().await;
    let (rows, orphans) = found(&disk).await;
    assert_eq!(rows, [(0, 0), (6, 6)]);
    let expected = |number| (format!("judged (quarantined {number})"), vec!["rows".to_owned()]);
    assert_eq!(orphans, [expected(1), expected(2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_takes_over_takes_over_the_records() {
    let disk = Disk::default();
    let (tree, judged) = judged(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    judged.put(1, 1).await.unwrap();
    let next = tree.upgrade_child(&judged, Next::spec()).await.unwrap();
    next.put_hundredfold(2, 2).await.unwrap();
    assert_eq!(next.rows().get(&2), Some(200));
    tree.shutdown().await;
    assert_eq!(found(&disk).await.0, [(0, 0), (1, 1), (2, 200)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_in_the_middle_of_a_message_is_kept_and_the_rest_is_not() {
    let disk = Disk::default();
    let (tree, judged) = judged(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    judged.put_two(5).await.unwrap_err();
    judged.put(9, 9).await.unwrap();
    assert_eq!(rows(&judged), [(0, 0), (5, 1), (9, 9)]);
    tree.shutdown().await;
    assert_eq!(found(&disk).await.0, [(0, 0), (5, 1), (9, 9)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback_tables_are_as_of_the_last_message_that_is_there_after_a_failure() {
    use heir_tests::disk::Operation;
    let disk = Disk::default();
    let (tree, judged) = judged(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    judged.put(1, 1).await.unwrap();
    disk.fail(Operation::Write, std::io::ErrorKind::Other);
    judged.put(2, 2).await.unwrap_err();
    disk.is_well();
    let served = judged.served().await.unwrap();
    let is_there = judged.rows().contains_key(&2);
    assert_eq!(served, 2 + u64::from(is_there));
    tree.shutdown().await;
}

/// Is told by [`Teller`].
#[heir]
struct Listener {
    #[table(keep)]
    heard: Vec<u64>,
}

#[handlers]
impl Listener {
    #[cast]
    fn hear(&mut self, number: u64) {
        self.heard.push(number);
    }

    fn heard(&mut self) -> Vec<u64> {
        self.heard.clone()
    }
}

#[heir(survives = process)]
struct Teller {
    #[table]
    told: Table<u64, u64>,
    #[arg]
    listener: ListenerHandle,
}

#[handlers]
impl Teller {
    async fn tell(&mut self, cx: &mut Context<Self>, number: u64) {
        self.told.insert(number, number);
        cx.send(self.listener.hear(number)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_message_sends_leaves_when_its_changes_are_on_the_disk_in_order() {
    let disk = Disk::default();
    let mut tree = Supervisor::builder("app").store(store(&disk).unwrap());
    let listener = tree.worker(Listener::spec());
    let teller = tree.worker(Teller::spec(listener.clone()));
    let tree = tree.start().await.unwrap();
    teller.tell(0).await.unwrap();
    disk.hold_syncs();
    let told: Vec<_> = (1..=10)
        .map(|number| {
            let teller = teller.clone();
            tokio::spawn(async move { teller.tell(number).await })
        })
        .collect();
    waits::wait_until(|| teller.queued() == 0).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(listener.heard().await.unwrap(), [0]);
    disk.release();
    for told in told {
        told.await.unwrap().unwrap();
    }
    // Who hears the reply finds the rest there.
    let mut heard = listener.heard().await.unwrap();
    heard.sort_unstable();
    assert_eq!(heard, (0..=10).collect::<Vec<_>>());
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_dies_over_a_reset_is_followed_by_one_that_resets() {
    let disk = Disk::default();
    let (tree, judged) = judged(&store(&disk).unwrap());
    let tree = tree.intensity(1_000).start().await.unwrap();
    for round in 0..20 {
        judged.put(1_000, 0).await.unwrap();
        disk.hold_syncs();
        judged.die().await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(5)).await;
        judged.kill_manager();
        tokio::time::sleep(Duration::from_millis(round % 3)).await;
        disk.release();
        judged.put(7, round).await.unwrap();
        judged.put(8, 8).await.unwrap();
        assert_eq!(rows(&judged), [(0, 0), (7, round), (8, 8)]);
        assert_eq!(found_rows(&disk).await, rows(&judged));
    }
    tree.shutdown().await;
    assert_eq!(found_rows(&disk).await, rows(&judged));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_that_fails_twice_leaves_the_rows_that_readers_see() {
    for first in 0..24_u64 {
        for second in [0, first] {
            let disk = Disk::default();
            let (tree, judged) = judged(&store(&disk).unwrap());
            let tree = tree.intensity(1_000).start().await.unwrap();
            judged.put(5, 5).await.unwrap();
            judged.put(1_000, 0).await.unwrap();
            disk.fail_after(first / 2, first % 2 == 0);
            judged.die().await.unwrap_err();
            tokio::time::sleep(Duration::from_millis(3)).await;
            disk.fail_after(second / 2, second % 2 == 0);
            tokio::time::sleep(Duration::from_millis(3)).await;
            disk.is_well();
            judged.put(7, 7).await.unwrap();
            judged.put(8, 8).await.unwrap();
            assert_eq!(rows(&judged), [(0, 0), (7, 7), (8, 8)], "{first}, {second}");
            tree.shutdown().await;
            assert_eq!(found_rows(&disk).await, rows(&judged), "{first}, {second}");
        }
    }
}

/// The rows that the next process finds, whatever else.
async fn found_rows(disk: &Disk) -> Vec<(u64, u64)> {
    let kept = store(&Disk::with(disk.contents())).unwrap();
    let (tree, judged) = judged(&kept);
    let tree = tree.start().await.unwrap();
    let found = rows(&judged);
    tree.shutdown().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_takes_over_what_waits_for_the_disk_whether_it_fails_or_not() {
    for writes in 0..48_u64 {
        let disk = Disk::default();
        let (tree, judged) = judged(&store(&disk).unwrap());
        let tree = tree.intensity(1_000).start().await.unwrap();
        judged.put(1, 1).await.unwrap();
        disk.hold_syncs();
        let waiting: Vec<_> = (2..6)
            .map(|row| {
                let judged = judged.clone();
                tokio::spawn(async move { judged.put(row, row).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(3)).await;
        disk.fail_after(writes / 2, writes % 2 == 0);
        let upgrading = tokio::spawn({
            let (tree, judged) = ((*tree).clone(), judged.clone());
            async move { tree.upgrade_child(&judged, Next::spec()).await }
        });
        tokio::time::sleep(Duration::from_millis(3)).await;
        disk.release();
        tokio::time::sleep(Duration::from_millis(writes % 5)).await;
        disk.is_well();
        let soon = Duration::from_secs(20);
        let mut answered = vec![1];
        for (row, put) in (2..6).zip(waiting) {
            let put = tokio::time::timeout(soon, put).await.expect("a caller hangs").unwrap();
            answered.extend(put.is_ok().then_some(row));
        }
        let next = tokio::time::timeout(soon, upgrading).await.expect("it hangs").unwrap().unwrap();
        tokio::time::timeout(soon, next.put_hundredfold(9, 1)).await.expect("it hangs").unwrap();
        let seen: Vec<_> = {
            let mut seen: Vec<_> = next.rows().iter().collect();
            seen.sort_unstable();
            seen
        };
        for row in answered {
            assert!(seen.contains(&(row, row)), "{row} was answered: {seen:?}, {writes}");
        }
        // Nobody waits for what is not there.
        let report = tree.shutdown().await;
        assert!(report.aborted.is_empty(), "{report:?}, {writes}");
        assert_eq!(found_rows(&disk).await, seen, "{writes}");
    }
}
