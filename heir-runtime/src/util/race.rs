//! The first of two futures, and a future against the clock: `select!` without its macros'
//! dependencies.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::util::deadline;

/// Which of two futures was first.
pub(crate) enum Either<L, R> {
    Left(L),
    Right(R),
}

/// Waits for the first of two futures; the left one wins a tie.
///
/// The caller pins them: an `async fn` that pins its arguments has room for each of them twice.
pub(crate) fn race<L: Future + Unpin, R: Future + Unpin>(
    mut left: L,
    mut right: R,
) -> impl Future<Output = Either<L::Output, R::Output>> {
    poll_fn(move |cx| {
        if let Poll::Ready(output) = Pin::new(&mut left).poll(cx) {
            return Poll::Ready(Either::Left(output));
        }
        Pin::new(&mut right).poll(cx).map(Either::Right)
    })
}

/// The output of `work`, or `None` if it takes longer than `bound`. Most work is done at the first
/// poll: then no clock is asked, and no timer made.
#[expect(clippy::manual_async_fn, reason = "that has room for its arguments twice")]
pub(crate) fn finished_in<F: Future + Unpin>(
    bound: Duration,
    mut work: F,
) -> impl Future<Output = Option<F::Output>> {
    async move {
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(Pin::new(&mut work).poll(cx))).await {
            return Some(done);
        }
        match deadline::after(bound) {
            // tokio's timeout looks at the clock even if the work has used up the task's budget.
            Some(deadline) => Box::pin(timeout_at(deadline, work)).await.ok(),
            None => Some(work.await),
        }
    }
}
