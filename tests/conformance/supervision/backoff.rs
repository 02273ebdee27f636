//! How long a child that ended waits before it is started again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::{Backoff, ExitReason, Status, Strategy, Supervisor, handlers, heir};
use heir_tests::waits::quiet;
use heir_tests::{Log, Recorder, event};
use tokio::time::Instant;

use super::actor::{Actor, Stage};
use super::{failing, member, members};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn messages_wait_through_a_back_off() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).backoff(Backoff::Fixed(SECOND)));
    let _tree = tree.start().await.unwrap();
    let before = Instant::now();
    a.count().await.unwrap();
    a.die().await.unwrap();
    quiet().await;
    assert_eq!(a.status(), Status::Down);
    assert_eq!(a.count().await.unwrap(), 2);
    assert_eq!(before.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_exponential_back_off_grows_with_every_restart_in_a_row() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(0));
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let backoff = Backoff::Exponential { first: SECOND, max: 10 * SECOND };
    let a = tree.child(failing("a", &log, &failures).backoff(backoff).crash_loop(None));
    let _tree = tree.start().await.unwrap();
    let recover = async |failed: u32| {
        failures.store(failed, Ordering::Relaxed);
        let before = Instant::now();
        a.die().await.unwrap();
        a.count().await.unwrap();
        before.elapsed()
    };
    // Delays of up to 1, 2, 4, 8 and 10 seconds, each at least half of that.
    let took = recover(4).await;
    assert!((Duration::from_millis(12_500)..=25 * SECOND).contains(&took), "{took:?}");
    // Having lived for longer than the longest delay, it begins from the first.
    tokio::time::sleep(11 * SECOND).await;
    let took = recover(0).await;
    assert!((SECOND / 2..=SECOND + Duration::from_millis(2)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_waits_with_the_child_that_ended() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a] = members(&mut tree, &log, ["a"]);
    let b = tree.child(member("b", &log).backoff(Backoff::Fixed(SECOND)));
    let _tree = tree.start().await.unwrap();
    log.take();
    let before = Instant::now();
    b.die().await.unwrap();
    quiet().await;
    assert_eq!(log.take(), ["a stops: shutdown"]);
    a.wait_serving(2).await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 1);
    b.wait_serving(2).await.unwrap();
    assert_eq!(log.take(), ["a starts", "b starts"]);
}

#[tokio::test(start_paused = true)]
async fn a_back_off_keeps_no_shutdown_waiting_and_no_stop() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let [a, b] = ["a", "b"].map(|name| tree.child(member(name, &log).backoff(Backoff::Fixed(60 * SECOND))));
    let tree = tree.start().await.unwrap();
    let before = Instant::now();
    a.die().await.unwrap();
    b.die().await.unwrap();
    quiet().await;
    a.stop().await;
    tree.shutdown().await;
    assert!(before.elapsed() < SECOND);
    assert_eq!(b.estate().claim("test").unwrap().count, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_cuts_a_back_off_short() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).backoff(Backoff::Fixed(60 * SECOND)));
    let _tree = tree.start().await.unwrap();
    a.die().await.unwrap();
    quiet().await;
    let before = Instant::now();
    assert_eq!(a.restart().await.unwrap(), 2);
    assert!(before.elapsed() < SECOND);
    // And it is not started once more when the time has come.
    tokio::time::sleep(61 * SECOND).await;
    assert_eq!(a.status(), Status::Serving { incarnation: 2 });
}

#[tokio::test(start_paused = true)]
async fn a_manager_waits_as_its_worker_does() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).backoff(Backoff::Fixed(SECOND)));
    let _tree = tree.start().await.unwrap();
    a.count().await.unwrap();
    a.kill_manager();
    quiet().await;
    a.restart().await.ok();
    assert_eq!(a.count().await.unwrap(), 2);
}

/// Kills its manager when it stops.
#[heir]
struct Regicide {
    #[table(keep)]
    count: u32,
    #[arg]
    own: Arc<OnceLock<RegicideHandle>>,
}

#[handlers]
impl Regicide {
    #[on(stop)]
    fn stop(&mut self) {
        assert!(self.own.get().unwrap().kill_manager());
    }

    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_waits_for_no_back_off_of_a_manager_that_ends_meanwhile() {
    let (mut tree, own) = (Supervisor::builder("app"), Arc::new(OnceLock::new()));
    let worker = tree.child(Regicide::spec(Arc::clone(&own)).backoff(Backoff::Fixed(Duration::MAX)));
    own.set(worker.clone()).unwrap();
    let _tree = tree.start().await.unwrap();
    assert_eq!(worker.count().await.unwrap(), 1);
    let restarted = tokio::time::timeout(60 * SECOND, worker.restart()).await;
    assert_eq!(restarted.expect("it waits for its manager's back-off").unwrap(), 2);
    assert_eq!(worker.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_ends_after_a_restart_on_request_waits_for_its_back_off() {
    let ((mut tree, recorder), stage) = (Recorder::tree(), Stage::holding_its_start());
    let spec = Actor::spec(stage.clone()).name("worker");
    let worker = tree.child(spec.backoff(Backoff::Fixed(60 * SECOND)));
    let killed = async || {
        recorder.clear();
        assert!(worker.kill_manager());
        recorder.until(event!(Restarting { role: Role::Manager, reason: ExitReason::Killed, .. })).await;
        quiet().await;
        assert_eq!(recorder.count(event!(ManagerStarted)), 0);
    };
    stage.go_on.notify_one();
    let _tree = tree.start().await.unwrap();
    stage.starting.notified().await;
    // The manager stayed, and the worker is up.
    stage.go_on.notify_one();
    assert_eq!(worker.restart().await.unwrap(), 2);
    stage.starting.notified().await;
    killed().await;
    // The manager was started with the worker, which is not up yet.
    let renewed = tokio::spawn({
        let worker = worker.clone();
        async move { worker.restart().await }
    });
    stage.starting.notified().await;
    killed().await;
    stage.go_on.notify_one();
    assert_eq!(renewed.await.unwrap().unwrap(), 3);
}
