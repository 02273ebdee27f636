//! When a pause resolves: as soon as no message is in progress, whatever the worker does instead.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use heir_runtime::links::ExitSignal;
use heir_runtime::{Backoff, ExitReason, Supervisor, handlers, heir};
use heir_tests::waits::{quiet, wait_until};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Serves its messages when it is told to, and never finishes what it does at a signal or when it stops.
#[heir]
struct Lingering {
    #[table(keep)]
    served: u32,
    #[arg]
    serving: Arc<Notify>,
    #[arg]
    go_on: Arc<Notify>,
}

#[handlers]
impl Lingering {
    async fn serve(&mut self) {
        self.serving.notify_one();
        self.go_on.notified().await;
        self.served += 1;
    }

    #[on(exit)]
    async fn exit(&mut self, _: &ExitSignal) {
        pending().await
    }

    #[on(stop)]
    async fn stop(&mut self) {
        pending().await
    }
}

/// A worker that serves a message, and somebody who waits until it is paused.
struct Pausing {
    _tree: Supervisor,
    worker: LingeringHandle,
    go_on: Arc<Notify>,
    pause: JoinHandle<()>,
}

async fn pausing() -> Pausing {
    let (serving, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let spec = Lingering::spec(Arc::clone(&serving), Arc::clone(&go_on));
    let worker = tree.child(spec.backoff(Backoff::Fixed(Duration::MAX)));
    let _tree = tree.start().await.unwrap();
    drop(tokio::spawn({
        let worker = worker.clone();
        async move { worker.serve().await }
    }));
    serving.notified().await;
    let pause = tokio::spawn({
        let worker = worker.clone();
        async move { worker.pause().await.unwrap() }
    });
    wait_until(|| worker.is_paused()).await;
    assert!(!pause.is_finished());
    Pausing { _tree, worker, go_on, pause }
}

#[tokio::test]
async fn a_pause_resolves_when_the_worker_dies_over_its_message_though_none_follows() {
    let Pausing { _tree, worker, pause, .. } = pausing().await;
    worker.kill();
    pause.await.unwrap();
    assert_eq!(worker.incarnation(), 1);
}

#[tokio::test]
async fn a_pause_resolves_when_the_message_is_served_though_a_hook_of_a_signal_follows_it() {
    let Pausing { _tree, worker, go_on, pause } = pausing().await;
    worker.exit(ExitReason::error("elsewhere"));
    go_on.notify_one();
    pause.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pause_resolves_when_the_message_is_served_though_a_stop_hook_follows_it() {
    let Pausing { _tree, worker, go_on, pause } = pausing().await;
    let restart = tokio::spawn({
        let worker = worker.clone();
        async move { worker.restart().await }
    });
    quiet().await;
    go_on.notify_one();
    pause.await.unwrap();
    assert!(!restart.is_finished());
}

#[tokio::test]
async fn a_worker_that_has_stopped_is_not_paused() {
    let (mut tree, idle) = (Supervisor::builder("app"), Arc::new(Notify::new()));
    let worker =
        tree.child(Lingering::spec(Arc::clone(&idle), idle).handler_timeout(Duration::from_millis(1)));
    let tree = tree.start().await.unwrap();
    worker.pause().await.unwrap();
    assert!(worker.is_paused());
    tree.shutdown().await;
    assert!(!worker.is_paused());
    assert!(worker.pause().await.is_err());
    assert!(!worker.is_paused());
}
