//! One error for calls and casts to any worker, whatever their arguments are.

use std::cell::Cell;
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::{MessageError, NotSent};

/// `Send`, and neither `Sync` nor `Debug` nor `Clone`.
struct Plain(Cell<u8>);

#[heir]
struct Target {
    #[table(keep)]
    sum: u64,
}

#[handlers]
impl Target {
    fn take(&mut self, plain: Plain) -> u64 {
        self.sum += u64::from(plain.0.get());
        self.sum
    }

    #[cast]
    fn put(&mut self, plain: Plain, n: u64) {
        self.sum += u64::from(plain.0.get()) + n;
    }

    fn die(&mut self) {
        panic!("asked to die");
    }

    async fn hang(&mut self) {
        std::future::pending().await
    }
}

async fn both(target: &TargetHandle) -> Result<u64, MessageError> {
    target.put(Plain(Cell::new(1)), 2).await?;
    Ok(target.take(Plain(Cell::new(3))).await?)
}

async fn boxed(target: &TargetHandle) -> Result<u64, BoxError> {
    target.put(Plain(Cell::new(1)), 2).await?;
    Ok(target.take(Plain(Cell::new(3))).await?)
}

#[tokio::test(start_paused = true)]
async fn any_call_and_any_cast_fail_with_one_error_that_says_the_same() {
    let mut tree = Supervisor::builder("app");
    let target = tree.worker(Target::spec());
    let tree = tree.start().await.unwrap();
    assert_eq!(both(&target).await, Ok(6));
    assert_eq!(boxed(&target).await.unwrap(), 12);

    let (died, again) = (target.die().await.unwrap_err(), target.die().await.unwrap_err());
    let told = died.to_string();
    let died = MessageError::from(died);
    assert_eq!(died.to_string(), told);
    assert!(died.was_enqueued() && matches!(died, MessageError::Died { incarnation: 1, .. }));
    assert_ne!(died, MessageError::from(again), "of another incarnation");

    let late = target.with_timeout(Duration::from_secs(1)).hang().await.unwrap_err();
    assert_eq!(MessageError::from(late), MessageError::TimedOut(Duration::from_secs(1)));

    target.kill();
    tree.shutdown().await;
    let stopped = MessageError::NotSent(NotSent::Stopped(Stopped::Shutdown));
    assert_eq!(both(&target).await, Err(stopped.clone()));
    assert!(!stopped.was_enqueued());
    assert_eq!(boxed(&target).await.unwrap_err().to_string(), stopped.to_string());
    let call = target.take(Plain(Cell::new(1))).await.unwrap_err();
    assert_eq!(MessageError::from(call), stopped);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_does_not_fit_fails_with_the_same_error() {
    let mut tree = Supervisor::builder("app");
    let target = tree.worker(Target::spec().mailbox(1));
    let all = (0..3).map(|n| (Plain(Cell::new(1)), n));
    let error = target.try_cast_all(all, TargetMessage::Put).unwrap_err();
    assert_eq!(error.sent, 1);
    assert_eq!(MessageError::from(error), MessageError::NotSent(NotSent::Full));
    drop(tree);
}
