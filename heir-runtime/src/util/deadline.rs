//! The instant at which a length of time is over that begins now.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The instant at which `length` is over. `None` is never: `length` reaches past the end of time.
///
/// Every length of time that a user gives becomes an instant here, so that [`Duration::MAX`] means
/// the same everywhere. (tokio's own `sleep` takes a length that it cannot add for thirty years.)
pub(crate) fn after(length: Duration) -> Option<Instant> {
    Instant::now().checked_add(length)
}

/// Waits until `deadline`.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
