//! A panic in a task that has outlived its incarnation: it reaches the one that serves now.

use std::sync::Arc;

use heir_runtime::links::ExitSignal;
use heir_runtime::{Context, ExitReason, Supervisor, handlers, heir};
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
