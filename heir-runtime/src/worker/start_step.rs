//! A step of a worker's start, and the time that it may take.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::process::exit::ExitReason;
use crate::util::race::finished_in;

/// Runs a step of a start, and fails when it takes longer than `bound`.
pub(crate) async fn within<R>(
    bound: Duration,
    what: &str,
    step: Pin<&mut impl Future<Output = Result<R, ExitReason>>>,
) -> Result<R, ExitReason> {
    let late = || ExitReason::error(format_args!("{what} took longer than {bound:?}"));
    finished_in(bound, step).await.ok_or_else(late)?
}
