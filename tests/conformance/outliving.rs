//! A panic in a task that has outlived its incarnation: it reaches the one that serves now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heir_runtime::links::ExitSignal;
use heir_runtime::{Context, ExitReason, Stopped, Supervisor, handlers, heir};
use heir_tests::fuse::die;
use tokio::sync::Notify;

/// Has tasks that panic when they are told to.
#[heir]
struct Host {
    #[table(keep)]
    count: u32,
    #[arg]
    panic: Arc<Notify>,
}

#[handlers]
impl Host {
    fn have_a_task_that_outlives_you(&mut self, cx: &mut Context<Self>) {
        let panic = Arc::clone(&self.panic);
        let task = cx.spawn("outliving", async move {
            panic.notified().await;
            die();
        });
        task.outlives_incarnation();
    }

    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

/// The same, and it traps exits.
#[heir]
struct Trapping {
    #[table(keep)]
    signals: Vec<String>,
    #[arg]
    panic: Arc<Notify>,
    #[arg]
    told: Arc<Notify>,
}

#[handlers]
impl Trapping {
    #[on(exit)]
    fn exit(&mut self, signal: &ExitSignal) {
        self.signals.push(signal.to_string());
        self.told.notify_one();
    }

    fn have_a_task_that_outlives_you(&mut self, cx: &mut Context<Self>) {
        let panic = Arc::clone(&self.panic);
        let task = cx.spawn("outliving", async move {
            panic.notified().await;
            die();
        });
        task.outlives_incarnation();
    }

    fn signals(&mut self) -> Vec<String> {
        self.signals.clone()
    }
}

#[tokio::test]
async fn a_panic_in_a_task_that_has_outlived_its_incarnation_ends_the_one_that_serves() {
    let (mut tree, panic) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(Notify::new()));
    let host = tree.child(Host::spec(Arc::clone(&panic)));
    let _tree = tree.start().await.unwrap();
    host.have_a_task_that_outlives_you().await.unwrap();
    host.kill();
    assert_eq!((host.count().await.unwrap(), host.incarnation()), (1, 2));
    panic.notify_one();
    host.wait_serving(3).await.unwrap();
    let exit = host.estate().last_exit().unwrap();
    let words = "in task `outliving`: asked to die";
    assert_eq!((exit.incarnation, exit.reason), (2, ExitReason::Panic(words.into())));
}

#[tokio::test]
async fn a_panic_in_a_task_that_has_outlived_its_incarnation_is_a_signal_to_the_one_that_serves() {
    let (mut tree, panic) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(Notify::new()));
    let told = Arc::new(Notify::new());
    let host = tree.child(Trapping::spec(Arc::clone(&panic), Arc::clone(&told)));
    let _tree = tree.start().await.unwrap();
    host.have_a_task_that_outlives_you().await.unwrap();
    host.kill();
    assert!(host.signals().await.unwrap().is_empty());
    panic.notify_one();
    told.notified().await;
    let signals = host.signals().await.unwrap();
    assert_eq!((signals.len(), host.incarnation()), (1, 2));
    assert!(signals[0].contains("in task `outliving`: asked to die"), "{signals:?}");
}

/// Tells when it is dropped.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has a task from its start on that lasts for ever, and outlives it.
#[heir]
struct Parent {
    #[table(keep)]
    nothing: (),
    #[arg]
    ended: Arc<AtomicBool>,
}

#[handlers]
impl Parent {
    #[on(start)]
    fn start(&mut self, cx: &mut Context<Self>) {
        let guard = Guard(Arc::clone(&self.ended));
        let task = cx.spawn("outliving", async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        task.outlives_incarnation();
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_outlive_an_incarnation_that_outlives_its_worker_is_ended_with_it() {
    let (mut tree, ended) = (Supervisor::builder("app"), Arc::new(AtomicBool::new(false)));
    let parent = tree.child(Parent::spec(Arc::clone(&ended)));
    let tree = tree.start().await.unwrap();
    // The worker has stopped with its root, and before its incarnation ends at its next await.
    assert!(tree.kill());
    assert_eq!(parent.wait_stopped().await, Stopped::Dropped);
    // The clock moves when nobody can go on.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(parent.estate().claim("test").is_ok(), "the incarnation has ended");
    assert!(ended.load(Ordering::Relaxed));
}
