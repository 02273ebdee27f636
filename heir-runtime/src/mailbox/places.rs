//! The places of a mailbox.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::task::coop::unconstrained;

use crate::caught::caught;

/// The free places, for which senders wait in their order.
///
/// The place of a message that has been taken out is noted where the message was ([`Freed`]), and comes back only when a sender
/// misses it: mostly many at once.
pub(super) struct Places(Semaphore);

/// The places that have not come back, under the lock of the queue.
#[derive(Default)]
pub(super) struct Freed {
    places: usize,
    /// How many senders have come to wait, and have not been given a place: those that went away are among them.
    owed: usize,
}

impl Freed {
    /// One more. Says whether it is to be given back at once.
    #[must_use]
    pub(super) fn add(&mut self) -> bool {
        if self.owed > 0 {
            self.owed -= 1;
            return true;
        }
        self.places += 1;
        false
    }

    /// Those there are, to be given back.
    pub(super) fn take(&mut self) -> usize {
        std::mem::take(&mut self.places)
    }

    /// As [`take`](Self::take), for a sender that waits: the next ones will be given back at once.
    pub(super) fn owe(&mut self) -> usize {
        self.owed += 1;
        self.take()
    }
}

impl Places {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Semaphore::new(capacity))
    }

    /// Takes one, if there is one, also among those `freed`.
    #[inline]
    pub(super) fn try_take(
        &self,
        freed: impl FnOnce() -> usize,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        match self.0.try_acquire() {
            Err(TryAcquireError::NoPermits) => {
                self.give_back(freed());
                self.0.try_acquire()
            }
            taken => taken,
        }
    }

    /// Waits for one. `owe` is called once, when this one stands in line: what is given back from then on is for those who do.
    pub(super) async fn take(
        &self,
        owe: impl FnOnce() -> usize,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        // Or else it may be turned away before it stands in line.
        let mut place = pin!(unconstrained(self.0.acquire()));
        let mut owe = Some(owe);
        poll_fn(|cx| {
            if let Poll::Ready(taken) = place.as_mut().poll(cx) {
                return Poll::Ready(taken);
            }
            let Some(owe) = owe.take() else { return Poll::Pending };
            self.give_back(owe());
            place.as_mut().poll(cx)
        })
        .await
    }

    /// Gives them to whoever waits, in the order in which they came.
    pub(super) fn give_back(&self, places: usize) {
        if places > 0 {
            // It may wake senders, which are not our code.
            let _ = caught(|| self.0.add_permits(places));
        }
    }

    /// Whoever waits is told that there will be none.
    pub(super) fn close(&self) {
        let _ = caught(|| self.0.close());
    }
}
