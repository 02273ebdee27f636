//! A worker that does not yield to the runtime: nobody can take its tables from it, and nobody is left waiting for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use heir_runtime::events::{EventKind, Role};
use heir_runtime::{
    CallError, NotSent, Shutdown, Spec, Status, Stopped, Strategy, Supervisor, WhileDown, handlers, heir,
};
use heir_tests::waits::wait_until;
use heir_tests::{Recorder, event, overdue};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Blocks its thread until it is released.
#[heir]
struct Stubborn {
    #[table(keep)]
    done: u32,
    #[arg]
    blocks: Arc<Notify>,
    #[arg]
    release: Arc<Mutex<Receiver<()>>>,
}

#[handlers]
impl Stubborn {
    fn block(&mut self) -> u32 {
        self.blocks.notify_one();
        let _ = self.release.lock().unwrap().recv();
        self.done += 1;
        self.done
    }
}

/// A worker, what is told when it blocks, and what releases it.
fn stubborn() -> (Spec<Stubborn>, Arc<Notify>, Sender<()>) {
    let (release, released) = channel();
    let blocks = Arc::new(Notify::new());
    (Stubborn::spec(Arc::clone(&blocks), Arc::new(Mutex::new(released))), blocks, release)
}

/// A tree whose worker is blocked by a call, that call, and what releases it.
struct Blocked {
    stubborn: StubbornHandle,
    tree: Supervisor,
    recorder: Recorder,
    call: JoinHandle<Result<u32, CallError>>,
    release: Sender<()>,
}

async fn blocked() -> Blocked {
    let (mut tree, recorder) = Recorder::tree();
    let (spec, blocks, release) = stubborn();
    let stubborn = tree.worker(spec.shutdown(Shutdown::Timeout(Duration::from_millis(10))));
    let tree = tree.start().await.unwrap();
    let call = tokio::spawn({
        let stubborn = stubborn.clone();
        async move { stubborn.block().await }
    });
    blocks.notified().await;
    Blocked { stubborn, tree, recorder, call, release }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_of_a_worker_that_does_not_yield_is_told_while_it_still_blocks() {
    let Blocked { stubborn, tree, recorder, call, release } = blocked().await;
    let queued = tokio::spawn({
        let stubborn = stubborn.clone();
        async move { stubborn.block().await }
    });
    wait_until(|| stubborn.queued() >= 1).await;
    let report = tree.shutdown().await;
    assert_eq!(overdue(&report.unresponsive), [("Stubborn", Role::Worker)]);
    let told = call.await.unwrap().unwrap_err();
    assert!(matches!(told, CallError::Unresponsive { incarnation: 1, .. }), "{told}");
    assert!(told.was_enqueued());
    assert_eq!(
        told.to_string(),
        "incarnation 1 of the worker does not yield to the runtime: the call may still be finished, and its effects kept"
    );
    assert!(matches!(queued.await.unwrap(), Err(CallError::Stopped(Stopped::Shutdown))));
    recorder.until(event!(Unresponsive { .. })).await;
    assert!(stubborn.estate().claim("test").is_err(), "it holds its tables");
    // What it says now, nobody hears; what it did stays, and comes home.
    release.send(()).unwrap();
    let mut heir = stubborn.estate().heir("test").unwrap();
    let inherited = heir.inherit().await;
    assert_eq!(inherited.lease.done, 1);
    assert_eq!(inherited.exit.unwrap().incarnation, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_does_not_yield_says_so_in_its_status_until_it_is_left_behind() {
    let (spec, blocks, release) = stubborn();
    let (watched, seen) = (Arc::new(OnceLock::<StubbornHandle>::new()), Arc::new(Mutex::new(None)));
    let mut tree = Supervisor::builder("app").observe({
        let (watched, seen) = (Arc::clone(&watched), Arc::clone(&seen));
        move |event| {
            if matches!(event.kind, EventKind::Unresponsive { incarnation: Some(1), .. }) {
                *seen.lock().unwrap() = watched.get().map(|stubborn| stubborn.status());
            }
        }
    });
    let stubborn = tree.worker(spec.shutdown(Shutdown::BrutalKill));
    watched.set(stubborn.clone()).unwrap();
    let tree = tree.start().await.unwrap();
    let call = tokio::spawn(async move { stubborn.block().await });
    blocks.notified().await;
    tree.shutdown().await;
    assert_eq!(*seen.lock().unwrap(), Some(Status::Unresponsive { incarnation: 1 }));
    assert!(matches!(call.await.unwrap(), Err(CallError::Unresponsive { incarnation: 1, .. })));
    release.send(()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_is_missed_tells_the_caller_while_the_tree_goes_on() {
    let (mut tree, _) = Recorder::tree();
    let (spec, _, release) = stubborn();
    let spec = spec.heartbeat(Duration::from_millis(20)).while_down(WhileDown::Fail);
    let stubborn = tree.worker(spec);
    let _tree = tree.start().await.unwrap();
    let told = stubborn.block().await.unwrap_err();
    assert!(matches!(told, CallError::Unresponsive { incarnation: 1, .. }), "{told}");
    assert_eq!(stubborn.status(), Status::Unresponsive { incarnation: 1 });
    let refused = stubborn.block().await.unwrap_err();
    assert!(
        matches!(
            &refused,
            CallError::NotSent { why: NotSent::Down(Status::Unresponsive { incarnation: 1 }), .. }
        ),
        "{refused}"
    );
    release.send(()).unwrap();
    stubborn.wait_serving(2).await.unwrap();
    drop(release);
    assert_eq!(stubborn.block().await.unwrap(), 2, "what it did before it let go was kept");
}

/// Blocks its thread in its second start, until it is released.
#[heir]
struct SlowStarter {
    #[table(keep)]
    starts: u32,
    #[arg]
    blocks: Arc<Notify>,
    #[arg]
    release: Arc<Mutex<Receiver<()>>>,
}

#[handlers]
impl SlowStarter {
    #[on(start)]
    fn start(&mut self) {
        self.starts += 1;
        if self.starts == 2 {
            self.blocks.notify_one();
            let _ = self.release.lock().unwrap().recv();
        }
    }

    fn starts(&mut self) -> u32 {
        self.starts
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incarnation_that_was_left_behind_in_its_start_serves_no_more() {
    let (mut tree, recorder) = Recorder::tree();
    let (release, released) = channel();
    let blocks = Arc::new(Notify::new());
    let spec = SlowStarter::spec(Arc::clone(&blocks), Arc::new(Mutex::new(released)));
    let slow = tree.worker(spec.shutdown(Shutdown::BrutalKill));
    let tree = tree.start().await.unwrap();
    assert_eq!(slow.kill(), Some(1));
    blocks.notified().await;
    tree.terminate_child("SlowStarter").await.unwrap();
    assert_eq!(slow.status(), Status::Terminated);
    release.send(()).unwrap();
    // It waits for the tables, which come when the one before has let go.
    tree.restart_child("SlowStarter").await.unwrap();
    assert_eq!((slow.starts().await.unwrap(), slow.incarnation()), (3, 3));
    assert_eq!(recorder.count(event!(Serving { incarnation: 2, .. })), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn siblings_that_are_restarted_with_one_that_was_left_behind_do_not_wait_until_it_lets_go() {
    let (tree, _) = Recorder::tree();
    let mut tree = tree.strategy(Strategy::OneForAll);
    let (spec, blocks, release) = stubborn();
    let stubborn = tree.worker(spec.shutdown(Shutdown::BrutalKill));
    let spec = Stubborn::spec(Arc::default(), Arc::new(Mutex::new(channel().1)));
    let sibling = tree.worker(spec.name("sibling"));
    let _tree = tree.start().await.unwrap();
    let call = tokio::spawn(async move { stubborn.block().await });
    blocks.notified().await;
    sibling.kill();
    let served = tokio::time::timeout(Duration::from_secs(20), sibling.wait_serving(2)).await;
    assert_eq!(served.expect("it waits for the tables of another").unwrap(), 2);
    assert!(matches!(call.await.unwrap(), Err(CallError::Unresponsive { incarnation: 1, .. })));
    release.send(()).unwrap();
}
