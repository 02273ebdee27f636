//! When a length of time that begins now is over. One that reaches past the end of time is never
//! over.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// When `length` is over: `None` is never.
///
/// Every length of time that a user gives becomes an instant here, so that [`Duration::MAX`] means
/// the same everywhere. (tokio's own `sleep` takes what it cannot add for thirty years.)
pub(crate) fn after(length: Duration) -> Option<Instant> {
    Instant::now().checked_add(length)
}

/// Waits until then.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
