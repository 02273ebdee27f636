//! The reply channel: a cell that the receiver of one reply shares with its sender, and with others
//! that may reply in the sender's place. The first reply is heard.
//!
//! It is a oneshot channel whose wakers may be a user's: they are cloned, woken and dropped outside
//! of its lock, and a panic in waking is caught.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::util::caught::wake_caught;
use crate::util::sync::Lock;

/// The state of one reply channel. Every caller that waits for a reply shares one with its message.
pub(crate) struct ReplyCell<R>(Lock<State<R>>);

/// How far a reply is on its way.
///
/// ```text
///              the first reply, or       the receiver
///              word that there is none   is polled
///  Waiting ────────────────────▶ Answered ──────────▶ Heard
///     │                             │
///     └──────────▶ Gone ◀───────────┘
///       the receiver is dropped
/// ```
enum State<R> {
    /// The receiver waits, or has not been polled yet.
    Waiting(Waker),
    /// The receiver has been woken, and has not looked yet. `None`: there will be no reply.
    Answered(Option<R>),
    Heard,
    /// The receiver was dropped before there was a reply, or before it looked.
    Gone,
}

/// The two ends of a reply channel. `waker` is the waker of the poll under way, or wakes nobody.
pub(crate) fn reply<R>(waker: Waker) -> (ReplySender<R>, ReplyReceiver<R>) {
    let cell = Arc::new(ReplyCell(Lock::new(State::Waiting(waker))));
    (ReplySender(Some(Arc::clone(&cell))), ReplyReceiver(Some(cell)))
}

impl<R> ReplyCell<R> {
    /// Sends the first reply, or says that there is none. A later reply, or a reply without a
    /// receiver, comes back.
    pub(crate) fn answer(&self, outcome: Option<R>) -> Result<(), Option<R>> {
        let before = self.0.with(|state| match state {
            State::Waiting(_) => Ok(std::mem::replace(state, State::Answered(outcome))),
            State::Answered(_) | State::Heard | State::Gone => Err(outcome),
        })?;
        if let State::Waiting(waker) = before {
            wake_caught(waker);
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        self.0.with(|state| matches!(state, State::Waiting(_)))
    }

    fn is_gone(&self) -> bool {
        self.0.with(|state| matches!(state, State::Gone))
    }
}

/// The sending end: dropped, it says that there is no reply.
pub(crate) struct ReplySender<R>(Option<Arc<ReplyCell<R>>>);

impl<R> ReplySender<R> {
    /// Sends the reply. If the receiver is gone, the reply is dropped here.
    pub(crate) fn answer(mut self, answer: R) {
        if let Some(cell) = self.0.take() {
            drop(cell.answer(Some(answer)));
        }
    }

    /// Sends the reply. If nobody will hear it, because the receiver is gone, or another has replied
    /// in this sender's place, it comes back.
    pub(crate) fn try_answer(mut self, answer: R) -> Result<(), R> {
        let Some(cell) = self.0.take() else { return Err(answer) };
        cell.answer(Some(answer)).or_else(|unheard| unheard.map_or(Ok(()), Err))
    }

    /// Whether the receiver still waits for a reply.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.as_ref().is_some_and(|cell| cell.is_waiting())
    }

    /// Whether the receiver was dropped before it heard a reply.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.0.as_ref().is_none_or(|cell| cell.is_gone())
    }

    /// The cell, for others that may reply in the sender's place.
    pub(crate) fn cell(&self) -> Option<Arc<ReplyCell<R>>> {
        self.0.clone()
    }
}

impl<R> Drop for ReplySender<R> {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            drop(cell.answer(None));
        }
    }
}

/// The receiving end: a future of the reply, or of `None` if there is none.
pub(crate) struct ReplyReceiver<R>(
    /// `None` once the reply has been heard.
    Option<Arc<ReplyCell<R>>>,
);

impl<R> ReplyReceiver<R> {
    /// The reply, if it is there: for the waker of this channel, which knows that it is.
    pub(crate) fn into_heard(mut self) -> Option<R> {
        let cell = self.0.take()?;
        match cell.0.replace(State::Heard) {
            State::Answered(outcome) => outcome,
            State::Waiting(_) | State::Heard | State::Gone => None,
        }
    }
}

impl<R> Future for ReplyReceiver<R> {
    type Output = Option<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        let Some(cell) = &self.0 else { return Poll::Ready(None) };
        let mut replacement: Option<Waker> = None;
        let heard = loop {
            let mut state = cell.0.lock();
            match &mut *state {
                State::Waiting(waker) if waker.will_wake(cx.waker()) => return Poll::Pending,
                State::Waiting(waker) => {
                    if let Some(new) = replacement.take() {
                        let old = std::mem::replace(waker, new);
                        drop(state);
                        drop(old);
                        return Poll::Pending;
                    }
                }
                State::Answered(_) | State::Heard | State::Gone => {
                    break std::mem::replace(&mut *state, State::Heard);
                }
            }
            drop(state);
            replacement = Some(cx.waker().clone());
        };
        self.0 = None;
        Poll::Ready(match heard {
            State::Answered(outcome) => outcome,
            State::Waiting(_) | State::Heard | State::Gone => None,
        })
    }
}

impl<R> Drop for ReplyReceiver<R> {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.0.set(State::Gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fixtures::Woken;

    fn poll<R>(receiver: &mut ReplyReceiver<R>, woken: &Arc<Woken>) -> Poll<Option<R>> {
        Pin::new(receiver).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
    }

    /// The ends of a channel whose receiver waits.
    fn waiting(woken: &Arc<Woken>) -> (ReplySender<u8>, ReplyReceiver<u8>) {
        let (sender, mut receiver) = reply(Waker::from(Arc::clone(woken)));
        assert!(poll(&mut receiver, woken).is_pending());
        (sender, receiver)
    }

    #[test]
    fn the_first_reply_is_heard_and_wakes_once() {
        let woken = Arc::default();
        let (sender, mut receiver) = waiting(&woken);
        let cell = sender.cell().unwrap();
        assert_eq!(cell.answer(Some(1)), Ok(()));
        assert_eq!(cell.answer(Some(2)), Err(Some(2)));
        sender.answer(3);
        assert_eq!(poll(&mut receiver, &woken), Poll::Ready(Some(1)));
        assert_eq!(woken.times(), 1);
    }

    #[test]
    fn a_sender_dropped_without_a_word_says_that_there_is_no_reply() {
        let woken = Arc::default();
        let (sender, mut receiver) = waiting(&woken);
        drop(sender);
        assert_eq!(poll(&mut receiver, &woken), Poll::Ready(None));
    }

    #[test]
    fn a_receiver_that_moved_to_another_task_is_woken_there() {
        let (first, second) = (Arc::default(), Arc::default());
        let (sender, mut receiver) = waiting(&first);
        assert!(poll(&mut receiver, &second).is_pending());
        sender.answer(1);
        assert_eq!((first.times(), second.times()), (0, 1));
        assert_eq!(poll(&mut receiver, &second), Poll::Ready(Some(1)));
    }

    #[test]
    fn a_sender_knows_when_the_receiver_has_gone_but_not_once_it_has_heard() {
        let woken = Arc::default();
        let (sender, receiver) = waiting(&woken);
        assert!(!sender.is_for_nobody());
        drop(receiver);
        assert!(sender.is_for_nobody());
        let (sender, mut receiver) = waiting(&woken);
        sender.cell().unwrap().answer(Some(1)).unwrap();
        assert!(poll(&mut receiver, &woken).is_ready());
        drop(receiver);
        assert!(!sender.is_for_nobody());
    }
}
