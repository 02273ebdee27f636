//! The way back to a caller: one cell, shared by the caller, its message, and the mailbox that remembers whom the message
//! in progress is for. Whichever answers first is the one that is heard.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Refusal;
use crate::caught::wake_caught;
use crate::sync::{Mutex, MutexGuard};

/// What a caller hears.
pub(crate) enum Outcome<R> {
    Reply(R),
    /// In a box: replies travel lighter.
    Refused(Box<Refusal>),
    /// The message was dropped without a word.
    Unanswered,
}

/// Locked to look and to move, never while a user's code runs: wakers are cloned, woken and dropped outside.
struct Cell<R>(Mutex<State<R>>);

enum State<R> {
    Waiting(Waker),
    /// The caller has been woken, and has not looked yet.
    Answered(Outcome<R>),
    Heard,
    /// The caller went away before there was an answer, or before it looked.
    Gone,
}

/// A caller that waits, `waker` being that of the poll under way: the way back to it, and its end of it.
pub(crate) fn reply<R>(waker: Waker) -> (WayBack<R>, Answer<R>) {
    let cell = Arc::new(Cell(Mutex::new(State::Waiting(waker))));
    (WayBack(Some(Arc::clone(&cell))), Answer(Some(cell)))
}

impl<R> Cell<R> {
    /// The first answer holds; a later one, or one for nobody, comes back.
    fn answer(&self, outcome: Outcome<R>) -> Result<(), Outcome<R>> {
        let mut state = self.lock();
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
        matches!(*self.lock(), State::Gone)
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller, whatever it waits for.
pub trait Caller: Send + Sync {
    /// Tells it that there is no reply, unless it has been answered.
    fn refuse(&self, why: Refusal);
}

impl<R: Send> Caller for Cell<R> {
    fn refuse(&self, why: Refusal) {
        // What comes back is the refusal.
        drop(self.answer(Outcome::Refused(Box::new(why))));
    }
}

/// The message's end: dropped, it leaves the caller [unanswered](Outcome::Unanswered).
pub(super) struct WayBack<R>(Option<Arc<Cell<R>>>);

impl<R> WayBack<R> {
    /// Answers. What nobody hears any more is dropped here.
    pub(super) fn answer(mut self, outcome: Outcome<R>) {
        if let Some(cell) = self.0.take() {
            drop(cell.answer(outcome));
        }
    }

    /// Whether the caller went away.
    pub(super) fn is_for_nobody(&self) -> bool {
        self.0.as_ref().is_none_or(|cell| cell.is_gone())
    }

    pub(super) fn caller(&self) -> Option<Arc<dyn Caller>>
    where
        R: Send + 'static,
    {
        let cell: Arc<dyn Caller> = Arc::<Cell<R>>::clone(self.0.as_ref()?);
        Some(cell)
    }
}

impl<R> Drop for WayBack<R> {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            drop(cell.answer(Outcome::Unanswered));
        }
    }
}

/// The caller's end. Whoever it was made for is woken when there is something to hear.
// `None` once it has been heard.
pub(crate) struct Answer<R>(Option<Arc<Cell<R>>>);

impl<R> Future for Answer<R> {
    type Output = Outcome<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        let Some(cell) = &self.0 else { return Poll::Ready(Outcome::Unanswered) };
        let mut replacement: Option<Waker> = None;
        let heard = loop {
            let mut state = cell.lock();
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
            State::Waiting(_) | State::Heard | State::Gone => Outcome::Unanswered,
        })
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            let mut state = cell.lock();
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

    fn poll<R>(answer: &mut Answer<R>, woken: &Arc<Woken>) -> Poll<Outcome<R>> {
        Pin::new(answer).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
    }

    /// A caller that waits.
    fn waiting(woken: &Arc<Woken>) -> (WayBack<u8>, Answer<u8>) {
        let (way_back, mut answer) = reply(Waker::from(Arc::clone(woken)));
        assert!(poll(&mut answer, woken).is_pending());
        (way_back, answer)
    }

    #[test]
    fn the_first_answer_is_heard_and_wakes_once() {
        let woken = Arc::default();
        let (way_back, mut answer) = waiting(&woken);
        let caller = way_back.caller().unwrap();
        caller.refuse(Refusal::Unresponsive { incarnation: 3 });
        caller.refuse(Refusal::Unresponsive { incarnation: 4 });
        way_back.answer(Outcome::Reply(1));
        let Poll::Ready(Outcome::Refused(why)) = poll(&mut answer, &woken) else { panic!("refused") };
        assert_eq!(*why, Refusal::Unresponsive { incarnation: 3 });
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_message_dropped_without_a_word_leaves_its_caller_unanswered() {
        let woken = Arc::default();
        let (way_back, mut answer) = waiting(&woken);
        drop(way_back);
        assert!(matches!(poll(&mut answer, &woken), Poll::Ready(Outcome::Unanswered)));
    }

    #[test]
    fn a_caller_that_moved_to_another_task_is_woken_there() {
        let (first, second) = (Arc::default(), Arc::default());
        let (way_back, mut answer) = waiting(&first);
        assert!(poll(&mut answer, &second).is_pending());
        way_back.answer(Outcome::Reply(1));
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
        assert!(matches!(poll(&mut answer, &second), Poll::Ready(Outcome::Reply(1))));
    }

    #[test]
    fn a_way_back_knows_when_its_caller_has_gone_but_not_when_it_has_been_told() {
        let woken = Arc::default();
        let (way_back, answer) = waiting(&woken);
        assert!(!way_back.is_for_nobody());
        drop(answer);
        assert!(way_back.is_for_nobody());
        let (way_back, mut answer) = waiting(&woken);
        way_back.caller().unwrap().refuse(Refusal::Unresponsive { incarnation: 3 });
        assert!(poll(&mut answer, &woken).is_ready());
        drop(answer);
        assert!(!way_back.is_for_nobody());
    }
}
