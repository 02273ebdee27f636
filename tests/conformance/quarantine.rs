//! Tables that are not to be trusted: verified, repaired, reset, or parked; and never lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::events::Role;
use heir_runtime::{
    AfterQuarantine, CallError, Exit, ExitReason, Stopped, Supervisor, Table, Verdict, handlers, heir,
};
use heir_tests::waits::wait_until;
use heir_tests::{Recorder, event};

/// Does with its tables what their rows say.
#[heir]
struct Watched {
    #[table]
    rows: Table<&'static str, u32>,
    #[table(rollback)]
    total: u32,
    /// Counts the starts, and says how many of them fail.
    #[arg]
    fails: Arc<AtomicU32>,
}

#[handlers]
impl Watched {
    #[on(start)]
    fn start(&mut self) -> Result<(), String> {
        let fails = self.fails.load(Ordering::Relaxed);
        if self.rows.contains_key("poison") && fails > 0 {
            self.fails.store(fails - 1, Ordering::Relaxed);
            return Err("poisoned".into());
        }
        Ok(())
    }

    #[on(verify)]
    fn verify(tables: &mut WatchedTables, exit: &Exit) -> Verdict {
        if tables.rows.contains_key("panic") {
            tables.rows.insert("half a repair", 1);
            panic!("in verify");
        }
        if tables.rows.contains_key("repair") {
            tables.rows.remove("repair");
            tables.total = 0;
        }
        if tables.rows.contains_key("reset") {
            return Verdict::Reset;
        }
        if tables.rows.contains_key("quarantine") {
            tables.rows.insert("a useless repair", 1);
            return Verdict::quarantine(format_args!("incarnation {} left a mess", exit.incarnation));
        }
        Verdict::Accept
    }

    fn put(&mut self, key: &'static str) {
        self.rows.insert(key, 1);
        self.total += 1;
    }

    fn read(&mut self) -> (usize, u32) {
        (self.rows.len(), self.total)
    }
}

struct Scene {
    worker: WatchedHandle,
    tree: heir_runtime::Supervisor,
    recorder: Recorder,
    fails: Arc<AtomicU32>,
}

async fn scene(after: AfterQuarantine) -> Scene {
    let (mut tree, recorder) = Recorder::tree();
    let fails = Arc::new(AtomicU32::new(0));
    let worker = tree.worker(Watched::spec(Arc::clone(&fails)).quarantine(after));
    let tree = tree.start().await.unwrap();
    worker.put("row").await.unwrap();
    Scene { worker, tree, recorder, fails }
}

#[tokio::test]
async fn a_verify_hook_accepts() {
    let Scene { worker, tree: _tree, .. } = scene(AfterQuarantine::Stop).await;
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (1, 1));
}

#[tokio::test]
async fn a_verify_hook_repairs_in_place() {
    let Scene { worker, tree: _tree, .. } = scene(AfterQuarantine::Stop).await;
    worker.put("repair").await.unwrap();
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (1, 0));
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (1, 0), "the repair has committed");
}

#[tokio::test]
async fn a_verify_hook_resets_under_the_same_readers() {
    let Scene { worker, tree: _tree, recorder, .. } = scene(AfterQuarantine::Stop).await;
    let rows = worker.rows();
    worker.put("reset").await.unwrap();
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (0, 0));
    assert_eq!(rows.len(), 0);
    worker.put("new").await.unwrap();
    assert_eq!(rows.get("new"), Some(1));
    recorder.until(event!(Reset)).await;
}

#[tokio::test]
async fn quarantined_tables_are_parked_untouched_and_the_worker_goes_on_with_new_ones() {
    let Scene { worker, tree: _tree, recorder, .. } = scene(AfterQuarantine::Fresh).await;
    let before = worker.rows();
    worker.put("quarantine").await.unwrap();
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (0, 0));
    recorder.until(event!(Quarantined { reason, .. } if &**reason == "incarnation 1 left a mess")).await;
    assert_eq!(worker.quarantined(), 1);
    let parked = worker.take_quarantined().pop().unwrap();
    assert_eq!(parked.reason.as_ref(), "incarnation 1 left a mess");
    assert_eq!((parked.tables.rows.len(), parked.tables.total, parked.exit.unwrap().incarnation), (2, 2, 1));
    assert_eq!((before.len(), worker.rows().len()), (0, 0), "readers follow their worker");
    assert_eq!(parked.tables.rows.reader().snapshot().len(), 2, "what is parked has readers of its own");
    assert_eq!(worker.quarantined(), 0);
}

#[tokio::test]
async fn quarantined_tables_stop_the_worker_and_wait_in_the_estate() {
    let Scene { worker, tree, .. } = scene(AfterQuarantine::Stop).await;
    worker.put("quarantine").await.unwrap();
    worker.kill();
    let told = worker.read().await.unwrap_err();
    assert!(matches!(told, CallError::Stopped(Stopped::Quarantined(_))), "{told}");
    assert!(matches!(worker.wait_stopped().await, Stopped::Quarantined(why) if why.contains("left a mess")));
    assert_eq!(worker.estate().claim("test").unwrap().rows.len(), 2);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_the_verify_hook_quarantines() {
    let Scene { worker, tree: _tree, .. } = scene(AfterQuarantine::Fresh).await;
    worker.put("panic").await.unwrap();
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (0, 0));
    let parked = worker.take_quarantined().pop().unwrap();
    assert_eq!(parked.reason.as_ref(), "the verify hook panicked: in verify");
    assert_eq!(parked.tables.rows.len(), 2, "without half a repair");
}

#[tokio::test]
async fn a_crash_loop_of_the_start_hook_is_recognised() {
    let Scene { worker, tree: _tree, fails, recorder, .. } = scene(AfterQuarantine::Fresh).await;
    worker.put("poison").await.unwrap();
    fails.store(100, Ordering::Relaxed);
    worker.kill();
    assert_eq!(worker.read().await.unwrap(), (0, 0));
    let parked = worker.take_quarantined().pop().unwrap();
    assert_eq!(parked.reason.as_ref(), "5 starts in a row died, the last of error: poisoned");
    assert_eq!(fails.load(Ordering::Relaxed), 95);
    assert_eq!(parked.tables.rows.len(), 2);
    recorder.until(event!(Serving { incarnation: 7, .. })).await;
}

#[tokio::test]
async fn a_start_that_succeeds_in_between_is_no_crash_loop() {
    let Scene { worker, tree: _tree, fails, .. } = scene(AfterQuarantine::Fresh).await;
    worker.put("poison").await.unwrap();
    for _ in 0..3 {
        fails.store(4, Ordering::Relaxed);
        worker.kill();
        assert_eq!(worker.read().await.unwrap(), (2, 2));
    }
    assert_eq!(worker.quarantined(), 0);
}

#[tokio::test]
async fn twenty_deaths_of_different_messages_are_no_crash_loop() {
    let (mut tree, _) = Recorder::tree();
    let worker = tree.worker(Stubborn::spec(Arc::new(AtomicU32::new(0))));
    let _tree = tree.start().await.unwrap();
    for _ in 0..20 {
        worker.panic().await.unwrap_err();
    }
    assert_eq!(worker.recorded().await.unwrap(), 0);
}

/// Succeeds at the n-th attempt.
#[heir(crash_loop = 4)]
struct Stubborn {
    #[table]
    tries: Table<(), u32>,
    #[arg]
    attempts: Arc<AtomicU32>,
}

#[handlers]
impl Stubborn {
    /// Succeeds at its third attempt.
    #[redeliver(2)]
    fn third(&mut self, words: String) -> String {
        self.tries.add((), 1);
        assert!(self.attempts.fetch_add(1, Ordering::Relaxed) >= 2, "not yet");
        words
    }

    #[cast]
    #[redeliver(3)]
    fn third_cast(&mut self) {
        self.tries.add((), 1);
        assert!(self.attempts.fetch_add(1, Ordering::Relaxed) >= 2, "not yet");
    }

    #[redeliver(100)]
    fn never(&mut self) {
        self.tries.add((), 1);
        panic!("never");
    }

    #[redeliver(1)]
    fn twice(&mut self) {
        self.tries.add((), 1);
        self.attempts.fetch_add(1, Ordering::Relaxed);
        panic!("not even twice");
    }

    #[redeliver(3)]
    async fn hang_again(&mut self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }

    fn panic(&mut self) {
        panic!("at once");
    }

    fn recorded(&mut self) -> u32 {
        self.tries.get(&()).unwrap_or(0)
    }
}

async fn stubborn() -> (StubbornHandle, heir_runtime::Supervisor, Arc<AtomicU32>) {
    let (mut tree, _) = Recorder::tree();
    let attempts = Arc::new(AtomicU32::new(0));
    let worker = tree.worker(Stubborn::spec(Arc::clone(&attempts)).quarantine(AfterQuarantine::Fresh));
    (worker, tree.start().await.unwrap(), attempts)
}

#[tokio::test]
async fn a_message_is_served_again_until_it_succeeds_and_its_effects_are_there_once() {
    let (worker, _tree, attempts) = stubborn().await;
    assert_eq!(worker.third("done".into()).await.unwrap(), "done");
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
    assert_eq!(worker.recorded().await.unwrap(), 1);
    assert_eq!(worker.incarnation(), 3);
}

#[tokio::test]
async fn a_cast_is_served_again_before_what_is_queued_behind_it() {
    let (worker, _tree, _) = stubborn().await;
    worker.try_third_cast().unwrap();
    assert_eq!(worker.recorded().await.unwrap(), 1);
}

#[tokio::test]
async fn a_message_that_dies_too_often_tells_its_caller_of_the_last_time() {
    let (worker, _tree, attempts) = stubborn().await;
    let died = worker.twice().await.unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 2, .. }), "{died}");
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    assert_eq!(worker.recorded().await.unwrap(), 0);
}

#[tokio::test]
async fn without_redeliver_a_message_is_not_tried_again() {
    let (worker, _tree, _) = stubborn().await;
    let died = worker.panic().await.unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 1, .. }), "{died}");
    assert_eq!(worker.recorded().await.unwrap(), 0);
}

#[tokio::test]
async fn the_same_first_message_dying_again_and_again_quarantines_the_tables() {
    let (worker, _tree, attempts) = stubborn().await;
    attempts.store(2, Ordering::Relaxed);
    worker.third("written".into()).await.unwrap();
    let call = tokio::spawn({
        let worker = worker.clone();
        async move { worker.never().await }
    });
    wait_until(|| worker.quarantined() > 0).await;
    let parked = worker.take_quarantined().pop().unwrap();
    assert!(parked.reason.starts_with("4 starts in a row died"), "{}", parked.reason);
    // It goes on being served, on new tables, until its attempts are used up.
    assert!(matches!(call.await.unwrap(), Err(CallError::Died { incarnation: 101, .. })));
}

/// Opens again, and may fail to.
#[heir]
struct Reopened {
    #[table(init = rows(&faults)?)]
    rows: Table<u32, u32>,
    #[table(init = { faults.opened(); faults.open().await?; [(0, 0)] })]
    base: Table<u32, u32>,
    #[table(keep)]
    kept: u32,
    #[arg]
    faults: Arc<Faults>,
}

/// What happens when the tables are created.
#[derive(Default)]
struct Faults {
    fail: AtomicU32,
    wait: std::sync::atomic::AtomicBool,
    waiting: tokio::sync::Notify,
    creations: AtomicU32,
}

impl Faults {
    fn opened(&self) {
        self.creations.fetch_add(1, Ordering::Relaxed);
    }

    async fn open(&self) -> Result<(), String> {
        if self.wait.load(Ordering::Relaxed) {
            self.waiting.notify_one();
            std::future::pending::<()>().await;
        }
        let left = self.fail.load(Ordering::Relaxed);
        self.fail.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 { Err("not now".into()) } else { Ok(()) }
    }
}

fn rows(_: &Faults) -> Result<Vec<(u32, u32)>, String> {
    Ok(vec![(1, 1)])
}

#[handlers]
impl Reopened {
    #[on(verify)]
    fn verify(tables: &mut ReopenedTables) -> Verdict {
        if !tables.rows.contains_key(&99) {
            return Verdict::Accept;
        }
        tables.rows.insert(100, 100);
        Verdict::Reset
    }

    fn put(&mut self, n: u32) {
        self.rows.insert(n, n);
        self.kept += 1;
    }

    fn sizes(&mut self) -> (usize, usize, u32) {
        (self.rows.len(), self.base.len(), self.kept)
    }
}

async fn reopened() -> (ReopenedHandle, heir_runtime::Supervisor, Recorder, Arc<Faults>) {
    let (mut tree, recorder) = Recorder::tree();
    let faults = Arc::new(Faults::default());
    let worker = tree.worker(Reopened::spec(Arc::clone(&faults)));
    let tree = tree.start().await.unwrap();
    for n in [2, 3, 99] {
        worker.put(n).await.unwrap();
    }
    recorder.clear();
    (worker, tree, recorder, faults)
}

#[tokio::test]
async fn a_reset_that_fails_leaves_the_tables_as_they_are_and_is_tried_again() {
    let (worker, _tree, recorder, faults) = reopened().await;
    let reader = worker.rows();
    faults.fail.store(3, Ordering::Relaxed);
    worker.kill();
    let failed = ExitReason::error("not now");
    recorder.until(event!(Restarting { role: Role::Manager, reason, .. } if *reason == failed)).await;
    assert_eq!(worker.sizes().await.unwrap(), (1, 1, 0));
    assert_eq!(faults.creations.load(Ordering::Relaxed), 5);
    assert_eq!((reader.get(&1), reader.len(), reader.snapshot().len()), (Some(1), 1, 1));
}

#[tokio::test]
async fn a_manager_killed_in_the_middle_of_a_reset_leaves_the_tables_as_they_are() {
    let (worker, tree, _, faults) = reopened().await;
    faults.wait.store(true, Ordering::Relaxed);
    worker.kill();
    faults.waiting.notified().await;
    assert!(worker.kill_manager());
    faults.waiting.notified().await;
    tree.shutdown().await;
    let tables = worker.estate().claim("test").unwrap();
    assert_eq!((tables.rows.len(), tables.base.len(), tables.kept), (4, 1, 3));
}

#[tokio::test]
async fn tables_that_nobody_follows_are_not_judged() {
    let (mut tree, _) = Recorder::tree();
    let faults = Arc::new(Faults::default());
    let spec = Reopened::spec(faults).restart(heir_runtime::Restart::Temporary);
    let worker = tree.worker(spec);
    let _tree = tree.start().await.unwrap();
    worker.put(99).await.unwrap();
    worker.kill();
    worker.wait_stopped().await;
    assert!(worker.estate().claim("test").unwrap().rows.contains_key(&99));
}

/// Counts how often its tables are judged. They take their time to be made, and are found wanting
/// when they are worn.
#[heir(quarantine = fresh, backoff = "60s")]
struct Judged {
    #[table(keep, init = { making.begun.notify_one(); making.go.notified().await; Arc::clone(&making.judged) })]
    judged: Arc<AtomicU32>,
    #[table(keep)]
    worn: bool,
    #[arg]
    making: Arc<Making>,
}

#[derive(Default)]
struct Making {
    begun: tokio::sync::Notify,
    go: tokio::sync::Notify,
    judged: Arc<AtomicU32>,
}

#[handlers]
impl Judged {
    #[on(verify)]
    fn verify(tables: &mut JudgedTables) -> Verdict {
        tables.judged.fetch_add(1, Ordering::Relaxed);
        if tables.worn { Verdict::quarantine("worn") } else { Verdict::Accept }
    }

    fn wear(&mut self) {
        self.worn = true;
    }

    fn is_worn(&mut self) -> bool {
        self.worn
    }
}

/// A worker whose tables are worn, and whose second incarnation has died while the manager, which is
/// linked to it, has new tables made for it: nobody is there to get them.
async fn judged() -> (JudgedHandle, Supervisor, Recorder, Arc<Making>) {
    let (mut tree, recorder) = Recorder::tree();
    let making = Arc::new(Making::default());
    let worker = tree.worker(Judged::spec(Arc::clone(&making)));
    making.go.notify_one();
    let tree = tree.start().await.unwrap();
    making.begun.notified().await;
    worker.wear().await.unwrap();
    worker.kill();
    making.begun.notified().await;
    recorder.clear();
    assert_eq!(worker.kill(), Some(2));
    recorder.until(event!(Restarting { role: Role::Worker, reason: ExitReason::Killed, .. })).await;
    making.go.notify_one();
    (worker, tree, recorder, making)
}

#[tokio::test(start_paused = true)]
async fn a_manager_killed_right_after_it_judged_is_followed_by_one_that_does_not_judge_again() {
    let (worker, _tree, recorder, making) = judged().await;
    recorder.until(event!(Quarantined { reason, .. } if &**reason == "worn")).await;
    assert_eq!(worker.estate().owner().unwrap().name.as_ref(), "Judged manager", "it holds them");
    assert!(worker.kill_manager());
    assert!(!worker.is_worn().await.unwrap());
    assert_eq!(worker.incarnation(), 3);
    assert_eq!((making.judged.load(Ordering::Relaxed), worker.quarantined()), (1, 1));
    // And each end is judged.
    worker.kill();
    worker.wait_serving(4).await.unwrap();
    assert_eq!((making.judged.load(Ordering::Relaxed), worker.quarantined()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_manager_whose_worker_died_before_it_got_the_tables_keeps_them_for_the_next_one() {
    let (worker, _tree, recorder, _making) = judged().await;
    worker.wait_serving(3).await.unwrap();
    assert_eq!(recorder.count(event!(GivesAway { .. })), 2, "to the second, and to the third");
    assert_eq!(recorder.count(event!(Regained { .. })), 0, "they never came home");
}

#[tokio::test]
async fn with_all_defaults_a_crash_loop_is_recognised() {
    let recorder = Recorder::default();
    let mut tree = heir_runtime::Supervisor::builder("app").observe(recorder.observer());
    let fails = Arc::new(AtomicU32::new(0));
    let worker = tree.worker(Watched::spec(Arc::clone(&fails)));
    let _tree = tree.start().await.unwrap();
    worker.put("poison").await.unwrap();
    fails.store(100, Ordering::Relaxed);
    worker.kill();
    assert!(matches!(worker.wait_stopped().await, Stopped::Quarantined(_)));
    assert!(worker.estate().claim("test").unwrap().rows.contains_key("poison"));
}

#[tokio::test]
async fn the_caller_of_a_message_that_is_not_served_again_after_all_is_told_of_the_death() {
    let (worker, tree, attempts) = stubborn().await;
    let call = tokio::spawn({
        let worker = worker.clone();
        async move { worker.hang_again().await }
    });
    wait_until(|| attempts.load(Ordering::Relaxed) > 0).await;
    let stopping = tokio::spawn(tree.shutdown());
    tokio::task::yield_now().await;
    worker.kill();
    stopping.await.unwrap();
    assert!(matches!(call.await.unwrap(), Err(CallError::Died { incarnation: 1, .. })));
}

/// Its tables are all recorded, and it does not start while it `fails`.
#[heir(quarantine = fresh, max_quarantined = 3, crash_loop = 2)]
struct Parks {
    #[table(init = [("first", 0)])]
    rows: Table<&'static str, u32>,
    #[arg]
    fails: Arc<AtomicU32>,
}

#[handlers]
impl Parks {
    #[on(start)]
    fn start(&mut self) -> Result<(), &'static str> {
        let left = self.fails.load(Ordering::Relaxed);
        self.fails.store(left.saturating_sub(1), Ordering::Relaxed);
        self.rows.insert("undone", 1);
        if left > 0 { Err("not now") } else { Ok(()) }
    }

    #[on(verify)]
    fn verify(tables: &mut ParksTables) -> Verdict {
        if tables.rows.contains_key("mess") { Verdict::quarantine("a mess") } else { Verdict::Accept }
    }

    fn put(&mut self, key: &'static str) {
        self.rows.insert(key, 1);
    }

    fn remove(&mut self, key: &'static str) {
        self.rows.remove(key);
    }
}

async fn parks(
    with: impl FnOnce(heir_runtime::Spec<Parks>) -> heir_runtime::Spec<Parks>,
    fails: u32,
) -> (ParksHandle, heir_runtime::Supervisor, Recorder, Arc<AtomicU32>) {
    let (mut tree, recorder) = Recorder::tree();
    let fails = Arc::new(AtomicU32::new(fails));
    let worker = tree.worker(with(Parks::spec(Arc::clone(&fails))));
    let tree = tree.start().await;
    let tree = tree.unwrap_or_else(|error| panic!("{error}"));
    (worker, tree, recorder, fails)
}

/// Leaves a mess behind, which the next incarnation does not get.
async fn leave_a_mess(worker: &ParksHandle) {
    worker.put("mess").await.unwrap();
    worker.kill();
}

#[tokio::test]
async fn as_many_quarantined_bundles_are_parked_as_the_worker_allows_and_the_next_stops_it() {
    let (worker, tree, recorder, _) = parks(|spec| spec, 0).await;
    for parked in 1..=3 {
        leave_a_mess(&worker).await;
        worker.put("row").await.unwrap();
        assert_eq!(worker.quarantined(), parked);
    }
    leave_a_mess(&worker).await;
    let told = worker.put("on one more").await.unwrap_err();
    assert!(matches!(told, CallError::Stopped(Stopped::QuarantineFull { parked: 3, .. })), "{told}");
    let why = worker.wait_stopped().await;
    assert!(matches!(why, Stopped::QuarantineFull { parked: 3, .. }), "{why}");
    assert!(matches!(worker.put("late").await, Err(CallError::NotSent { .. })));
    recorder.until(event!(Retired { why: Stopped::QuarantineFull { parked: 3, .. }, .. })).await;
    let claimed = worker.estate().claim("test").unwrap();
    assert_eq!((claimed.rows.get("mess"), claimed.rows.get("row")), (Some(1), Some(1)));
    let parked = worker.take_quarantined();
    assert!(parked.iter().all(|parked| parked.tables.rows.get("mess") == Some(1)));
    assert_eq!(parked.len(), 3, "nothing is dropped");
    tree.shutdown().await;
}

#[tokio::test]
async fn bundles_that_are_taken_out_make_room_for_others() {
    let (worker, tree, ..) = parks(|spec| spec.max_quarantined(1), 0).await;
    for _ in 0..5 {
        leave_a_mess(&worker).await;
        worker.put("row").await.unwrap();
        assert_eq!(worker.take_quarantined().len(), 1);
    }
    tree.shutdown().await;
}

#[tokio::test]
async fn a_start_hook_that_goes_on_failing_parks_what_was_written_once_and_nothing_more() {
    let (worker, tree, recorder, fails) = parks(|spec| spec, 0).await;
    let reader = worker.rows();
    worker.put("row").await.unwrap();
    fails.store(1000, Ordering::Relaxed);
    worker.kill();
    worker.wait_serving(1002).await.unwrap();
    let parked = worker.take_quarantined();
    assert_eq!((parked.len(), parked[0].tables.rows.get("row")), (1, Some(1)));
    assert_eq!(reader.get("row"), None, "readers follow their worker");
    recorder.until(event!(Renewed { reason, .. } if reason.starts_with("2 starts in a row died"))).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn readers_of_tables_that_nobody_has_written_read_those_that_are_made_anew() {
    let (worker, tree, _, fails) = parks(|spec| spec, 0).await;
    worker.put("row").await.unwrap();
    fails.store(3, Ordering::Relaxed);
    worker.kill();
    worker.wait_serving(5).await.unwrap();
    let reader = worker.rows();
    fails.store(100, Ordering::Relaxed);
    // Its start has written.
    worker.kill();
    worker.wait_serving(105).await.unwrap();
    assert_eq!(worker.quarantined(), 2);
    assert_eq!((reader.get("undone"), worker.rows().get("first")), (Some(1), Some(0)));
    tree.shutdown().await;
}

#[tokio::test]
async fn tables_whose_every_row_is_as_it_was_have_been_written_all_the_same() {
    let (worker, tree, ..) = parks(|spec| spec.max_quarantined(0), 0).await;
    worker.put("row").await.unwrap();
    worker.remove("row").await.unwrap();
    leave_a_mess(&worker).await;
    assert!(matches!(worker.wait_stopped().await, Stopped::QuarantineFull { parked: 0, .. }));
    assert_eq!(worker.estate().claim("test").unwrap().rows.len(), 3);
    tree.shutdown().await;
}

/// Not all of its tables are recorded.
#[heir(quarantine = fresh)]
struct Mixed {
    #[table]
    rows: Table<u32, u32>,
    #[table(keep)]
    kept: Vec<u32>,
}

#[handlers]
impl Mixed {
    #[on(verify)]
    fn verify(_tables: &mut MixedTables, exit: &Exit) -> Verdict {
        if exit.incarnation == 1 { Verdict::quarantine("the first") } else { Verdict::Accept }
    }

    fn keep(&mut self, n: u32) -> usize {
        self.kept.push(n);
        self.kept.len() + self.rows.len()
    }
}

#[tokio::test]
async fn tables_that_are_not_all_recorded_are_parked_because_nobody_knows_what_they_hold() {
    let (mut tree, _) = Recorder::tree();
    let worker = tree.worker(Mixed::spec());
    let tree = tree.start().await.unwrap();
    worker.keep(7).await.unwrap();
    worker.kill();
    assert_eq!(worker.keep(8).await.unwrap(), 1);
    assert_eq!(worker.take_quarantined().pop().unwrap().tables.kept, [7]);
    tree.shutdown().await;
}
