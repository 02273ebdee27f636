//! The supervisor: restarts within its intensity, stops in reverse order, and waits for nobody without a bound.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use heir_runtime::events::{Event, Role};
use heir_runtime::{CallError, ExitReason, NotSent, Shutdown, Stopped, Supervisor, handlers, heir};
use heir_tests::waits::wait_until;
use heir_tests::{Log, Recorder, event, overdue};
use tokio::sync::Notify;

use crate::workers::{Counter, Fault, Hooked};

#[tokio::test(start_paused = true)]
async fn the_intensity_is_counted_over_a_sliding_period() {
    let recorder = Recorder::default();
    let mut tree =
        Supervisor::builder("app").intensity(2).period(Duration::from_secs(10)).observe(recorder.observer());
    let counter = tree.worker(Counter::spec(Arc::new(Notify::new())));
    let mut tree = tree.start().await.unwrap();
    // Never three within ten seconds: for ever.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(5_001)).await;
        counter.die().await.unwrap();
        counter.count().await.unwrap();
    }
    assert_eq!(counter.incarnation(), 11);
    // The third within ten seconds.
    counter.die().await.unwrap();
    assert_eq!(tree.wait().await.why, Stopped::GaveUp(ExitReason::Panic("asked to die".into())));
}

#[tokio::test]
async fn a_supervisor_that_gives_up_tells_everyone_and_the_tables_can_be_claimed() {
    let mut tree = Supervisor::builder("app").intensity(0);
    let hanging = Arc::new(Notify::new());
    let counter = tree.worker(Counter::spec(Arc::clone(&hanging)));
    let other = tree.worker(Counter::spec(Arc::new(Notify::new())).name("other"));
    let mut tree = tree.start().await.unwrap();
    counter.count().await.unwrap();
    other.count().await.unwrap();
    let in_progress = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hanging.notified().await;
    let queued: Vec<_> = (0..10)
        .map(|_| {
            let counter = counter.clone();
            tokio::spawn(async move { counter.count().await })
        })
        .collect();
    wait_until(|| counter.queued() >= 10).await;
    counter.kill();
    let gave_up = Stopped::GaveUp(ExitReason::Killed);
    assert_eq!(tree.wait().await.why, gave_up);
    assert!(matches!(in_progress.await.unwrap(), Err(CallError::Died { incarnation: 1, .. })));
    for call in queued {
        assert!(matches!(call.await.unwrap(), Err(CallError::Stopped(why)) if why == gave_up));
    }
    let late = counter.count().await.unwrap_err();
    assert!(
        matches!(&late, CallError::NotSent { why: NotSent::Stopped(why), .. } if *why == gave_up),
        "{late}"
    );
    assert_eq!(counter.wait_stopped().await, gave_up);
    assert_eq!(counter.estate().claim("test").unwrap().count, 1, "rolled back, though no manager was left");
    assert_eq!(other.estate().claim("test").unwrap().count, 1);
}

#[tokio::test]
async fn one_for_one_restarts_the_one_that_died_alone() {
    let (mut tree, _) = Recorder::tree();
    let first = tree.worker(Counter::spec(Arc::new(Notify::new())).name("first"));
    let second = tree.worker(Counter::spec(Arc::new(Notify::new())).name("second"));
    let _tree = tree.start().await.unwrap();
    first.die().await.unwrap();
    first.count().await.unwrap();
    second.count().await.unwrap();
    assert_eq!((first.incarnation(), second.incarnation()), (2, 1));
}

#[tokio::test]
async fn children_start_in_order_and_stop_in_reverse() {
    let (mut tree, recorder) = Recorder::tree();
    let log = Log::default();
    for name in ["a", "b", "c"] {
        tree.worker(Hooked::spec(log.clone(), Fault::Nowhere).name(name));
    }
    let tree = tree.start().await.unwrap();
    assert_eq!(recorder.children(event!(Serving { .. })), ["a", "b", "c"]);
    tree.shutdown().await;
    assert_eq!(recorder.children(event!(Retired { .. })), ["c", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn the_message_in_progress_is_finished_before_a_shutdown() {
    let (mut tree, _) = Recorder::tree();
    let slow = tree.worker(Slow::spec());
    let tree = tree.start().await.unwrap();
    let call = tokio::spawn({
        let slow = slow.clone();
        async move { slow.work(Duration::from_secs(1)).await }
    });
    // The paused clock moves on when everybody waits: then the handler does, in the middle of its second.
    tokio::time::sleep(Duration::from_millis(1)).await;
    tree.shutdown().await;
    assert_eq!(call.await.unwrap().unwrap(), 1);
    assert_eq!(slow.estate().claim("test").unwrap().done, 1);
}

/// Takes the time it is told to.
#[heir(shutdown = "2s")]
struct Slow {
    #[table(rollback)]
    done: u32,
}

#[handlers]
impl Slow {
    async fn work(&mut self, time: Duration) -> u32 {
        self.done += 1;
        tokio::time::sleep(time).await;
        self.done
    }

    fn block(&mut self, blocking: Arc<Notify>, until: Until) {
        self.done += 1;
        blocking.notify_one();
        let _ = until.0.recv();
    }
}

struct Until(mpsc::Receiver<()>);

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_stop_in_time_is_aborted() {
    let (mut tree, _) = Recorder::tree();
    let slow = tree.worker(Slow::spec());
    let tree = tree.start().await.unwrap();
    let call = tokio::spawn({
        let slow = slow.clone();
        async move { slow.work(Duration::from_hours(1)).await }
    });
    tokio::task::yield_now().await;
    let before = tokio::time::Instant::now();
    let report = tree.shutdown().await;
    assert_eq!(report.unresponsive, []);
    let took = before.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert!(matches!(call.await.unwrap(), Err(CallError::Died { reason: ExitReason::Killed, .. })));
    assert_eq!(slow.estate().claim("test").unwrap().done, 0);
}

#[tokio::test(start_paused = true)]
async fn brutal_kill_does_not_ask() {
    let (mut tree, _) = Recorder::tree();
    let slow = tree.worker(Slow::spec().shutdown(Shutdown::BrutalKill));
    let tree = tree.start().await.unwrap();
    tokio::spawn({
        let slow = slow.clone();
        async move { slow.work(Duration::from_hours(1)).await }
    });
    tokio::task::yield_now().await;
    let before = tokio::time::Instant::now();
    tree.shutdown().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_never_yields_is_left_behind_and_its_tables_come_home_when_it_lets_go() {
    let (mut tree, _) = Recorder::tree();
    let spec = Slow::spec().shutdown(Shutdown::Timeout(Duration::from_millis(10)));
    let slow = tree.worker(spec);
    let other = tree.worker(Counter::spec(Arc::new(Notify::new())));
    let tree = tree.start().await.unwrap();
    let (let_go, until) = mpsc::channel();
    let blocking = Arc::new(Notify::new());
    let told = Arc::clone(&blocking);
    let call = tokio::spawn({
        let slow = slow.clone();
        async move { slow.block(told, Until(until)).await }
    });
    blocking.notified().await;
    let queued = tokio::spawn({
        let slow = slow.clone();
        async move { slow.work(Duration::ZERO).await }
    });
    wait_until(|| slow.queued() > 0).await;
    other.count().await.unwrap();
    let report = tree.shutdown().await;
    assert_eq!(overdue(&report.unresponsive), [("Slow", Role::Worker)]);
    assert_eq!(report.unresponsive[0].to_string(), "the worker of `Slow`");
    assert!(slow.estate().claim("test").is_err(), "held by it");
    assert_eq!(slow.wait_stopped().await, Stopped::Shutdown);
    // Whoever is queued behind it, or still calls, is told; nobody waits for it but the call it is in.
    assert!(queued.await.unwrap().is_err());
    assert!(slow.work(Duration::ZERO).await.is_err());
    let_go.send(()).unwrap();
    let _ = call.await.unwrap();
    let mut claimed = slow.estate().claim("test");
    while claimed.is_err() {
        tokio::task::yield_now().await;
        claimed = slow.estate().claim("test");
    }
    assert!(matches!(slow.status(), heir_runtime::Status::Stopped(Stopped::Shutdown)));
}

#[tokio::test]
async fn a_shutdown_timeout_without_end_is_waited_for() {
    let (mut tree, _) = Recorder::tree();
    let slow = tree.worker(Slow::spec().shutdown(Shutdown::Timeout(Duration::MAX)));
    let tree = tree.start().await.unwrap();
    slow.with_timeout(Duration::MAX).work(Duration::ZERO).await.unwrap();
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
    assert_eq!(slow.estate().claim("test").unwrap().done, 1);
}

#[tokio::test]
async fn a_worker_stopped_before_its_turn_is_not_started() {
    let (mut tree, recorder) = Recorder::tree();
    let log = Log::default();
    let _first = tree.worker(Hooked::spec(log.clone(), Fault::Nowhere).name("first"));
    let second = tree.worker(Hooked::spec(log.clone(), Fault::Nowhere).name("second"));
    let (stopped, tree) = tokio::join!(second.stop(), tree.start());
    assert_eq!(stopped, Stopped::Shutdown);
    assert_eq!(recorder.children(event!(Serving { .. })), ["first"]);
    assert_eq!(recorder.children(event!(WorkerStarted { .. })), ["first"]);
    tree.unwrap().shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_while_the_tree_ends_is_not_started_again() {
    let (mut tree, recorder) = Recorder::tree();
    let first = tree.worker(Counter::spec(Arc::new(Notify::new())).name("first"));
    let last = tree.worker(Slow::spec().name("last"));
    let tree = tree.start().await.unwrap();
    tokio::spawn({
        let last = last.clone();
        async move { last.work(Duration::from_secs(1)).await }
    });
    tokio::task::yield_now().await;
    recorder.clear();
    let ending = tokio::spawn(tree.shutdown());
    tokio::task::yield_now().await;
    first.kill();
    assert_eq!(ending.await.unwrap().why, Stopped::Shutdown);
    assert_eq!(recorder.count(event!(Restarting { .. })), 0);
    assert_eq!(last.estate().claim("test").unwrap().done, 1);
}

#[tokio::test]
async fn nobody_comes_between_a_worker_and_its_managers() {
    let (counter, tree, recorder) = crate::pattern::start().await;
    counter.count().await.unwrap();
    counter.kill_manager();
    counter.kill();
    recorder.until(event!(Restarting { role: Role::Manager, .. })).await;
    assert!(counter.estate().claim("thief").is_err());
    assert!(counter.estate().heir("thief").is_err());
    assert_eq!(counter.count().await.unwrap(), 2);
    assert!(counter.estate().heir("thief").is_err());
    tree.shutdown().await;
    assert!(counter.estate().heir("next of kin").is_ok());
}

#[tokio::test]
async fn a_shutdown_at_any_point_of_a_restart_loses_nothing() {
    let steps: [fn(&Event) -> bool; 8] = [
        event!(Regained { .. }),
        event!(Waiting),
        event!(Restarting { .. }),
        event!(WorkerStarted { incarnation: 2, .. }),
        event!(Linked { incarnation: 2, .. }),
        event!(GivesAway { incarnation: 2, .. }),
        event!(Received { incarnation: 2, .. }),
        event!(Serving { incarnation: 2, .. }),
    ];
    for step in steps {
        let (counter, tree, recorder) = crate::pattern::start().await;
        for _ in 0..5 {
            counter.count().await.unwrap();
        }
        recorder.clear();
        counter.kill();
        let step = recorder.until(step).await;
        let report = tree.shutdown().await;
        assert_eq!(report.unresponsive, [], "at: {step}");
        assert_eq!(counter.estate().claim("test").unwrap().count, 5, "at: {step}");
        assert!(counter.count().await.is_err());
    }
}

#[tokio::test]
async fn a_stopped_worker_stays_stopped_and_its_siblings_do_not_notice() {
    let (mut tree, _) = Recorder::tree();
    let first = tree.worker(Counter::spec(Arc::new(Notify::new())).name("first"));
    let second = tree.worker(Counter::spec(Arc::new(Notify::new())).name("second"));
    let tree = tree.start().await.unwrap();
    first.count().await.unwrap();
    assert_eq!(first.stop().await, Stopped::Shutdown);
    assert_eq!(first.stop().await, Stopped::Shutdown, "again changes nothing");
    second.die().await.unwrap();
    assert_eq!(second.count().await.unwrap(), 1);
    assert_eq!(
        tree.tree().to_string(),
        "app (one_for_one, any number of restarts)\n\
         ├── first worker: stopped: it was shut down, 0 queued\n\
         ├── first manager: down; the tables are in the estate\n\
         ├── second worker: incarnation 2 serving, 0 queued\n\
         └── second manager: running, heir of the tables; owner: second 2"
    );
    let report = tree.shutdown().await;
    assert_eq!(report.why, Stopped::Shutdown);
}

#[tokio::test]
async fn dropping_the_supervisor_stops_the_tree() {
    let (counter, tree, _) = crate::pattern::start().await;
    counter.count().await.unwrap();
    drop(tree);
    assert_eq!(counter.wait_stopped().await, Stopped::Dropped);
    assert_eq!(counter.estate().claim("test").unwrap().count, 1);
}

#[tokio::test]
async fn an_observer_that_panics_disturbs_nobody() {
    let mut tree = Supervisor::builder("app").observe(|_| panic!("in an observer"));
    let counter = tree.worker(Counter::spec(Arc::new(Notify::new())));
    let _tree = tree.start().await.unwrap();
    counter.die().await.unwrap();
    assert_eq!(counter.count().await.unwrap(), 1);
}
