//! How tests wait: for what comes true, for everybody, and for nobody without a bound.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// Lets others go on until this is true.
pub async fn wait_until(mut is_true: impl FnMut() -> bool) {
    while !is_true() {
        yield_now().await;
    }
}

/// Waits until everybody who can go on has.
///
/// The clock is paused: it moves on when nobody can.
pub async fn quiet() {
    sleep(Duration::from_millis(1)).await;
}

/// Waits for what comes within an hour of the paused clock, or never comes: then it panics.
pub async fn in_time<R>(work: impl Future<Output = R>) -> R {
    timeout(Duration::from_hours(1), work).await.expect("somebody is left waiting")
}

/// Polls it once. Whether it is not done yet.
pub async fn is_pending(mut work: Pin<&mut impl Future>) -> bool {
    poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_pending())).await
}
