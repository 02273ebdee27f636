//! How long a sender waits: its handle's timeout, and what its worker says of the time in which nobody serves.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::post::Post;
use crate::race::{Either, race};
use crate::worker::{Handlers, WhileDown};

/// Why a sender waits no longer.
#[derive(Clone, Copy)]
pub(crate) enum Late {
    TimedOut(Duration),
    DownFor(Duration),
}

/// The patience of one sender, for a place in the mailbox and the reply together. Most have no end, and cost nothing.
pub(crate) struct Patience<'p>(Option<Pin<Box<dyn Future<Output = Late> + Send + 'p>>>);

impl<'p> Patience<'p> {
    /// It runs from here on.
    pub(crate) fn new<W: Handlers>(post: &'p Post<W>, timeout: Option<Duration>) -> Self {
        let down = match post.while_down {
            WhileDown::WaitFor(bound) => Some(bound),
            WhileDown::Wait | WhileDown::Fail => None,
        };
        // A timeout past the end of time is none.
        let timeout = timeout.and_then(|timeout| Some((timeout, Instant::now().checked_add(timeout)?)));
        Self(match (timeout, down) {
            (None, None) => None,
            (Some(timeout), None) => Some(Box::pin(timed_out(timeout))),
            (None, Some(bound)) => Some(Box::pin(down_for(post, bound))),
            (Some(timeout), Some(bound)) => Some(Box::pin(async move {
                match race(pin!(timed_out(timeout)), pin!(down_for(post, bound))).await {
                    Either::Left(late) | Either::Right(late) => late,
                }
            })),
        })
    }

    /// Waits for `work`, or until it is too late for it.
    pub(crate) async fn wait_for<F: Future>(&mut self, work: F) -> Result<F::Output, Late> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => match &mut self.0 {
                Some(late) => late.as_mut().poll(cx).map(Err),
                None => Poll::Pending,
            },
        })
        .await
    }
}

async fn timed_out((timeout, deadline): (Duration, Instant)) -> Late {
    sleep_until(deadline).await;
    Late::TimedOut(timeout)
}

async fn down_for<W: Handlers>(post: &Post<W>, bound: Duration) -> Late {
    post.until_down_for(bound).await;
    Late::DownFor(bound)
}

/// For how long no incarnation of a worker has served, all in all.
pub(crate) struct Downtime {
    /// Since when none serves; `None` while one does.
    since: Option<Instant>,
    before: Duration,
}

impl Downtime {
    /// It runs from here on.
    pub(crate) fn begin() -> Self {
        Self { since: Some(Instant::now()), before: Duration::ZERO }
    }

    /// From here on one serves, or none does.
    pub(crate) fn enter(&mut self, serves: bool) {
        match self.since {
            Some(since) if serves => {
                self.before += since.elapsed();
                self.since = None;
            }
            None if !serves => self.since = Some(Instant::now()),
            Some(_) | None => {}
        }
    }

    pub(crate) fn so_far(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
