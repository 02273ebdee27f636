//! The way back to somebody who asks: one cell, shared by who waits and who answers, and by whoever else may answer instead. The
//! first answer is the one that is heard.
//!
//! It is a oneshot channel whose wakers may be anybody's: they are cloned, woken and dropped outside of its lock, and woken caught.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::util::caught::wake_caught;
use crate::util::sync::Lock;

/// Locked to look and to move, never while a user's code runs: wakers are cloned, woken and dropped outside.
pub(crate) struct ReplyCell<R>(Lock<State<R>>);

enum State<R> {
    Waiting(Waker),
    /// Who asked has been woken, and has not looked yet: for an answer, or because there will be none.
    Answered(Option<R>),
    Heard,
    /// Who asked went away before there was an answer, or before it looked.
    Gone,
}

/// The two ends of one answer; `waker` is that of the poll under way, or one that wakes nobody.
pub(crate) fn reply<R>(waker: Waker) -> (ReplySender<R>, ReplyReceiver<R>) {
    let cell = Arc::new(ReplyCell(Lock::new(State::Waiting(waker))));
    (ReplySender(Some(Arc::clone(&cell))), ReplyReceiver(Some(cell)))
}

impl<R> ReplyCell<R> {
    /// The first answer holds; a later one, or one for nobody, comes back.
    pub(crate) fn answer(&self, outcome: Option<R>) -> Result<(), Option<R>> {
        let mut state = self.0.lock();
        if !matches!(*state, State::Waiting(_)) {
            return Err(outcome);
        }
        let before = std::mem::replace(&mut *state, State::Answered(outcome));
        drop(state);
        if let State::Waiting(waker) = before {
            wake_caught(waker);
        }
        Ok(())
    }

    fn is_gone(&self) -> bool {
        matches!(*self.0.lock(), State::Gone)
    }
}

/// The end of who answers: dropped, it says that there is no answer.
pub(crate) struct ReplySender<R>(Option<Arc<ReplyCell<R>>>);

impl<R> ReplySender<R> {
    /// Answers. What nobody hears any more is dropped here.
    pub(crate) fn answer(mut self, answer: R) {
        if let Some(cell) = self.0.take() {
            drop(cell.answer(Some(answer)));
        }
    }

    /// Whether who asked has gone away.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.0.as_ref().is_none_or(|cell| cell.is_gone())
    }

    /// What somebody else can answer with.
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

/// The end of who asks, and is woken when there is something to hear: the answer, or that there is none.
// `None` once it has been heard.
pub(crate) struct ReplyReceiver<R>(Option<Arc<ReplyCell<R>>>);

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
            let mut state = cell.0.lock();
            let before = std::mem::replace(&mut *state, State::Gone);
            drop(state);
            drop(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll<R>(answer: &mut ReplyReceiver<R>, woken: &Arc<Woken>) -> Poll<Option<R>> {
        Pin::new(answer).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
    }

    /// Somebody who waits.
    fn waiting(woken: &Arc<Woken>) -> (ReplySender<u8>, ReplyReceiver<u8>) {
        let (reply_to, mut answer) = reply(Waker::from(Arc::clone(woken)));
        assert!(poll(&mut answer, woken).is_pending());
        (reply_to, answer)
    }

    #[test]
    fn the_first_answer_is_heard_and_wakes_once() {
        let woken = Arc::default();
        let (reply_to, mut answer) = waiting(&woken);
        let cell = reply_to.cell().unwrap();
        assert_eq!(cell.answer(Some(1)), Ok(()));
        assert_eq!(cell.answer(Some(2)), Err(Some(2)));
        reply_to.answer(3);
        assert_eq!(poll(&mut answer, &woken), Poll::Ready(Some(1)));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_end_dropped_without_a_word_says_that_there_is_no_answer() {
        let woken = Arc::default();
        let (reply_to, mut answer) = waiting(&woken);
        drop(reply_to);
        assert_eq!(poll(&mut answer, &woken), Poll::Ready(None));
    }

    #[test]
    fn who_moved_to_another_task_is_woken_there() {
        let (first, second) = (Arc::default(), Arc::default());
        let (reply_to, mut answer) = waiting(&first);
        assert!(poll(&mut answer, &second).is_pending());
        reply_to.answer(1);
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
        assert_eq!(poll(&mut answer, &second), Poll::Ready(Some(1)));
    }

    #[test]
    fn an_end_knows_when_who_asked_has_gone_but_not_when_it_has_been_told() {
        let woken = Arc::default();
        let (reply_to, answer) = waiting(&woken);
        assert!(!reply_to.is_for_nobody());
        drop(answer);
        assert!(reply_to.is_for_nobody());
        let (reply_to, mut answer) = waiting(&woken);
        reply_to.cell().unwrap().answer(Some(1)).unwrap();
        assert!(poll(&mut answer, &woken).is_ready());
        drop(answer);
        assert!(!reply_to.is_for_nobody());
    }
}
