//! A worker that is killed by what runs in its own poll, or before its supervisor knows its task.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use heir_runtime::{Backoff, CallError, Status, handlers, heir};
use heir_tests::Recorder;
use heir_tests::waits::{is_pending, wait_until};
use tokio::time::Instant;

/// A reply that kills the worker it comes from when nobody wants it.
#[derive(Default)]
struct Vengeful(Option<TargetHandle>);

impl Drop for Vengeful {
    fn drop(&mut self) {
        if let Some(target) = self.0.take() {
            assert_eq!(target.kill(), Some(1));
        }
    }
}

#[heir]
struct Target {
    #[table(keep)]
    served_by: Vec<u64>,
}

#[handlers]
impl Target {
    fn reply(&mut self, to_be_killed: TargetHandle) -> Vengeful {
        Vengeful(Some(to_be_killed))
    }

    fn serve(&mut self, cx: &mut heir_runtime::Context<Self>) -> u64 {
        self.served_by.push(cx.incarnation());
        cx.incarnation()
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_between_two_messages_takes_no_other() {
    let (mut tree, _) = Recorder::tree();
    let target = tree.worker(Target::spec());
    let _tree = tree.start().await.unwrap();
    target.pause().await.unwrap();
    assert!(is_pending(pin!(target.reply(target.clone()))).await);
    let mut next = pin!(target.serve());
    assert!(is_pending(next.as_mut()).await);
    assert_eq!(target.queued(), 2);
    target.resume();
    let served: Result<u64, CallError> = next.await;
    assert_eq!(served.unwrap(), 2);
}

/// Kills a worker whenever it is woken.
struct Kills(TargetHandle, Mutex<Vec<Option<u64>>>);

impl Wake for Kills {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0.kill());
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_before_its_task_is_known_ends_and_is_followed() {
    let (mut tree, _) = Recorder::tree();
    let target = tree.worker(Target::spec().backoff(Backoff::Fixed(Duration::from_secs(1))));
    let _tree = tree.start().await.unwrap();
    target.kill();
    wait_until(|| target.status() == Status::Down).await;
    let kills = Arc::new(Kills(target.clone(), Mutex::default()));
    let waker = Waker::from(Arc::clone(&kills));
    let mut waits = pin!(target.wait_serving(9));
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let begin = Instant::now();
    assert_eq!(target.serve().await.unwrap(), 3);
    assert_eq!(begin.elapsed(), Duration::from_secs(2), "two delays, and no start that hangs");
    assert_eq!(*kills.1.lock().unwrap(), [Some(2)], "it is woken when the second one is about to start");
}
