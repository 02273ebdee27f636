//! How long a sender waits: up to its handle's timeout, and up to its worker's bound on the time in
//! which no incarnation serves.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::util::deadline;
use crate::util::race::{Either, race};
use crate::worker::WhileDown;
use crate::worker::lifecycle::Lifecycle;

/// Why a sender waits no longer.
#[derive(Clone, Copy)]
pub(crate) enum Late {
    /// Its handle's timeout is over.
    TimedOut(Duration),
    /// No incarnation has served for as long as the worker's spec allows.
    DownFor(Duration),
}

/// The deadline of one sender, for the permit and the reply together. Most senders have none, and
/// then it costs nothing.
pub(crate) struct SendDeadline<'p>(Option<Pin<Box<dyn Future<Output = Late> + Send + 'p>>>);

impl<'p> SendDeadline<'p> {
    /// A deadline that counts from here on.
    pub(crate) fn new(lifecycle: &'p Lifecycle, while_down: WhileDown, timeout: Option<Duration>) -> Self {
        let down = match while_down {
            WhileDown::WaitFor(bound) => Some(bound),
            WhileDown::Wait | WhileDown::Fail => None,
        };
        // A timeout beyond the end of the clock is none.
        let timeout = timeout.and_then(|timeout| Some((timeout, deadline::after(timeout)?)));
        Self(match (timeout, down) {
            (None, None) => None,
            (Some(timeout), None) => Some(Box::pin(timed_out(timeout))),
            (None, Some(bound)) => Some(Box::pin(down_for(lifecycle, bound))),
            (Some(timeout), Some(bound)) => Some(Box::pin(async move {
                match race(pin!(timed_out(timeout)), pin!(down_for(lifecycle, bound))).await {
                    Either::Left(late) | Either::Right(late) => late,
                }
            })),
        })
    }

    /// Waits for `work`, up to the deadline.
    pub(crate) async fn wait_for<F: Future>(&mut self, work: F) -> Result<F::Output, Late> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(cx).map(Err),
        })
        .await
    }

    /// Whether the deadline is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        match &mut self.0 {
            Some(late) => late.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

async fn timed_out((timeout, deadline): (Duration, Instant)) -> Late {
    sleep_until(deadline).await;
    Late::TimedOut(timeout)
}

async fn down_for(lifecycle: &Lifecycle, bound: Duration) -> Late {
    lifecycle.until_down_for(bound).await;
    Late::DownFor(bound)
}
