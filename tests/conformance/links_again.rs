//! Two workers that are linked again after an unlink; and a signal to a worker that only monitors, and is idle.

use std::sync::Arc;

use heir_runtime::links::Down;
use heir_runtime::{Context, ExitReason, Supervisor, handlers, heir};
use tokio::sync::Notify;

use crate::relatives::{Family, family};

#[tokio::test]
async fn two_that_were_linked_and_unlinked_can_be_linked_again() {
    let Family { a, b, tree, .. } = family().await;
    a.link_and_unlink(b.clone()).await.unwrap();
    a.link(b.clone()).await.unwrap();
    b.die().await.unwrap();
    assert_eq!(a.wait_serving(2).await.unwrap(), 2);
    tree.shutdown().await;
}

#[tokio::test]
async fn after_an_unlink_the_other_end_can_link_as_well() {
    let Family { a, b, tree, .. } = family().await;
    a.link_and_unlink(b.clone()).await.unwrap();
    b.link(a.clone()).await.unwrap();
    a.die().await.unwrap();
    assert_eq!(b.wait_serving(2).await.unwrap(), 2);
    tree.shutdown().await;
}

/// Has no hook but this, so that nothing wakes it but its monitor.
#[heir]
struct Observer {
    #[table(keep)]
    downs: Vec<ExitReason>,
    #[arg]
    told: Arc<Notify>,
}

#[handlers]
impl Observer {
    #[on(down)]
    fn down(&mut self, down: &Down) {
        self.downs.push(down.reason.clone());
        self.told.notify_one();
    }

    fn watch(&mut self, cx: &mut Context<Self>, other: ObserverHandle) {
        cx.monitor(&other);
    }
}

#[tokio::test]
async fn an_idle_worker_that_monitors_another_is_woken_for_its_end() {
    let (mut tree, told) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(Notify::new()));
    let observer = tree.child(Observer::spec(Arc::clone(&told)).name("observer"));
    let other = tree.child(Observer::spec(Arc::default()).name("other"));
    let _tree = tree.start().await.unwrap();
    observer.watch(other.clone()).await.unwrap();
    other.kill();
    told.notified().await;
}
