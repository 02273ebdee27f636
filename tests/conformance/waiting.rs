//! Those who wait for a worker or a tree, and go away.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use heir_runtime::{Supervisor, SupervisorHandle, handlers, heir};

struct Asleep;

impl Wake for Asleep {
    fn wake(self: Arc<Self>) {}
}

#[heir]
struct Idle {
    #[table(keep)]
    _rows: u8,
}

#[handlers]
impl Idle {}

#[tokio::test(start_paused = true)]
async fn of_those_who_stop_waiting_nothing_is_kept() {
    let mut tree = Supervisor::builder("app");
    let worker = tree.worker(Idle::spec());
    let tree = tree.start().await.unwrap();
    let waits: [Pin<Box<dyn Future<Output = ()>>>; 3] = [
        Box::pin(async { drop(worker.wait_stopped().await) }),
        Box::pin(async { drop(worker.wait_serving(2).await) }),
        Box::pin(async { drop(SupervisorHandle::wait_stopped(&tree).await) }),
    ];
    for (number, mut wait) in waits.into_iter().enumerate() {
        let asleep = Arc::new(Asleep);
        let waker = Waker::from(Arc::clone(&asleep));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "wait {number}");
        drop(waker);
        assert!(Arc::strong_count(&asleep) > 1, "wait {number} is to be woken");
        drop(wait);
        assert_eq!(Arc::strong_count(&asleep), 1, "wait {number} has kept its waker");
    }
}
