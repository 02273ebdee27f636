//! Those who wait for a reply: each has a place beside the queue, where a message that has been served comes back with it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use super::{Mailbox, Message, Queue, Refusal};
use crate::caught::caught;
use crate::sync::MutexGuard;

/// The callers of one worker, under the lock of its queue. So a call has nothing of its own to allocate or to count.
pub(super) struct Callers<M>(Slab<Caller<M>>);

enum Caller<M> {
    Waits(Waker),
    /// It has been woken, and has not looked yet.
    Told(Outcome<M>),
    /// It went away before there was anything to hear.
    Gone,
}

/// What a caller hears.
pub(super) enum Outcome<M> {
    /// Its message has committed, and has the reply in it, if the handler kept one.
    Served(M),
    /// In a box: messages travel lighter.
    Refused(Box<Refusal>),
}

/// That a caller is to be told something. It goes with its message, and is used up once.
#[must_use = "its caller waits"]
pub(crate) struct Debt(usize);

impl<M> Default for Callers<M> {
    fn default() -> Self {
        Self(Slab::new())
    }
}

impl<M> Callers<M> {
    /// One more, and where it is.
    pub(super) fn add(&mut self, waker: Waker) -> (Debt, usize) {
        let place = self.0.insert(Caller::Waits(waker));
        (Debt(place), place)
    }

    /// Tells a caller. Whoever is returned is to be woken where no lock is held; what nobody wants to hear comes back.
    fn tell(&mut self, Debt(place): Debt, outcome: Outcome<M>) -> Result<Waker, Outcome<M>> {
        let caller = &mut self.0[place];
        if let Caller::Gone = caller {
            self.0.remove(place);
            return Err(outcome);
        }
        match std::mem::replace(caller, Caller::Told(outcome)) {
            Caller::Waits(waker) => Ok(waker),
            Caller::Told(_) | Caller::Gone => unreachable!("a debt is paid once"),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The debt to a caller who is still there.
    pub(super) fn still_there(&mut self, debt: Debt) -> Option<Debt> {
        if let Caller::Gone = self.0[debt.0] {
            self.0.remove(debt.0);
            return None;
        }
        Some(debt)
    }
}

/// Tells a caller, and wakes it, once the queue is unlocked.
pub(super) fn tell<M>(mut queue: MutexGuard<'_, Queue<M>>, caller: Debt, outcome: Outcome<M>) {
    let told = queue.callers.tell(caller, outcome);
    drop(queue);
    match told {
        // The caller's code: its panic is the caller's affair.
        Ok(waker) => drop(caught(|| waker.wake())),
        Err(unheard) => drop(unheard),
    }
}

/// The caller's end. Whoever it was made for is woken when there is something to hear.
pub(crate) struct Answer<'m, M: Message, R> {
    mailbox: &'m Mailbox<M>,
    /// `None` once it has been heard.
    place: Option<usize>,
    reply: PhantomData<fn() -> R>,
}

impl<'m, M: Message, R> Answer<'m, M, R> {
    pub(super) fn new(mailbox: &'m Mailbox<M>, place: usize) -> Self {
        Self { mailbox, place: Some(place), reply: PhantomData }
    }
}

impl<M: Message, R: 'static> Future for Answer<'_, M, R> {
    /// The reply, if the handler kept one.
    type Output = Result<Option<R>, Box<Refusal>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = self.place else { return Poll::Ready(Ok(None)) };
        let mut replacement: Option<Waker> = None;
        let outcome = loop {
            let mut queue = self.mailbox.lock();
            let callers = &mut queue.callers.0;
            match &mut callers[place] {
                Caller::Waits(waker) if waker.will_wake(cx.waker()) => return Poll::Pending,
                Caller::Waits(waker) => {
                    if let Some(new) = replacement.take() {
                        let old = std::mem::replace(waker, new);
                        drop(queue);
                        drop(old);
                        return Poll::Pending;
                    }
                }
                Caller::Told(_) | Caller::Gone => break callers.remove(place),
            }
            // Cloned where no lock is held: it is a user's.
            drop(queue);
            replacement = Some(cx.waker().clone());
        };
        self.place = None;
        Poll::Ready(match outcome {
            Caller::Told(Outcome::Served(mut message)) => {
                let mut reply: Option<R> = None;
                message.gate().give_reply(&mut reply);
                Ok(reply)
            }
            Caller::Told(Outcome::Refused(why)) => Err(why),
            Caller::Waits(_) | Caller::Gone => Ok(None),
        })
    }
}

impl<M: Message, R> Drop for Answer<'_, M, R> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut queue = self.mailbox.lock();
        let callers = &mut queue.callers.0;
        let before = match &callers[place] {
            Caller::Waits(_) => std::mem::replace(&mut callers[place], Caller::Gone),
            Caller::Told(_) | Caller::Gone => callers.remove(place),
        };
        drop(queue);
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::mailbox::{Call, Gate};
    use crate::status::Stopped;

    struct Ask(Call<(), u8>);

    impl Message for Ask {
        fn gate(&mut self) -> &mut dyn Gate {
            &mut self.0
        }

        fn name(&self) -> &'static str {
            "ask"
        }
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Woken {
        fn times(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    type Heard = Poll<Result<Option<u8>, Box<Refusal>>>;

    fn poll(answer: &mut Answer<'_, Ask, u8>, woken: &Arc<Woken>) -> Heard {
        Pin::new(answer).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
    }

    fn mailbox() -> Mailbox<Ask> {
        Mailbox::new(Arc::from("worker"), 4, None)
    }

    /// A caller that waits.
    fn call<'m>(mailbox: &'m Mailbox<Ask>, woken: &Arc<Woken>) -> Answer<'m, Ask, u8> {
        let place = mailbox.try_reserve().unwrap();
        let mut answer = place.call(Ask(Call::new(())), Waker::from(Arc::clone(woken)));
        assert!(poll(&mut answer, woken).is_pending());
        answer
    }

    /// Takes the next message out, as incarnation 3.
    fn receive(mailbox: &Mailbox<Ask>) -> Ask {
        match mailbox.poll_next(3, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(received) => received.message,
            Poll::Pending => panic!("there is one"),
        }
    }

    fn serve(mailbox: &Mailbox<Ask>, reply: u8) {
        let mut message = receive(mailbox);
        message.0.take_args();
        message.0.keep(reply);
        mailbox.answer(message);
    }

    fn places(mailbox: &Mailbox<Ask>) -> usize {
        mailbox.lock().callers.len()
    }

    #[test]
    fn the_reply_comes_back_in_the_message() {
        let (mailbox, woken) = (mailbox(), Arc::<Woken>::default());
        let mut answer = call(&mailbox, &woken);
        serve(&mailbox, 7);
        assert_eq!(woken.times(), 1);
        assert!(matches!(poll(&mut answer, &woken), Poll::Ready(Ok(Some(7)))));
        assert_eq!(places(&mailbox), 0);
    }

    #[test]
    fn the_first_answer_is_the_one_that_is_heard() {
        let (mailbox, woken) = (mailbox(), Arc::<Woken>::default());
        let mut answer = call(&mailbox, &woken);
        let mut message = receive(&mailbox);
        mailbox.abandon(3);
        mailbox.abandon(3);
        message.0.keep(7);
        mailbox.answer(message);
        let Poll::Ready(Err(why)) = poll(&mut answer, &woken) else { panic!("refused") };
        assert_eq!((*why, woken.times()), (Refusal::Unresponsive { incarnation: 3 }, 1));
        assert_eq!(places(&mailbox), 0);
    }

    #[test]
    fn a_message_that_kept_no_reply_leaves_its_caller_unanswered() {
        let (mailbox, woken) = (mailbox(), Arc::<Woken>::default());
        let mut answer = call(&mailbox, &woken);
        let message = receive(&mailbox);
        mailbox.answer(message);
        assert!(matches!(poll(&mut answer, &woken), Poll::Ready(Ok(None))));
    }

    #[test]
    fn a_caller_that_moved_to_another_task_is_woken_there() {
        let (mailbox, first, second) = (mailbox(), Arc::<Woken>::default(), Arc::<Woken>::default());
        let mut answer = call(&mailbox, &first);
        assert!(poll(&mut answer, &second).is_pending());
        serve(&mailbox, 1);
        assert_eq!((first.times(), second.times()), (0, 1));
        assert!(matches!(poll(&mut answer, &second), Poll::Ready(Ok(Some(1)))));
    }

    #[test]
    fn one_that_goes_away_leaves_nothing_behind() {
        let (mailbox, woken) = (mailbox(), Arc::<Woken>::default());
        // Before its message is served, after, and when it is refused.
        drop(call(&mailbox, &woken));
        serve(&mailbox, 1);
        let answer = call(&mailbox, &woken);
        serve(&mailbox, 2);
        drop(answer);
        let (gone, mut stays) = (call(&mailbox, &woken), call(&mailbox, &woken));
        drop(gone);
        mailbox.close(&Stopped::Shutdown);
        let Poll::Ready(Err(why)) = poll(&mut stays, &woken) else { panic!("refused") };
        assert_eq!(*why, Refusal::Stopped(Stopped::Shutdown));
        assert_eq!(places(&mailbox), 0);
    }

    #[test]
    fn a_message_sent_when_all_is_over_is_refused_at_once() {
        let (mailbox, woken) = (mailbox(), Arc::<Woken>::default());
        let place = mailbox.try_reserve().unwrap();
        mailbox.close(&Stopped::Shutdown);
        let mut answer = place.call::<u8>(Ask(Call::new(())), Waker::from(Arc::clone(&woken)));
        assert_eq!(woken.times(), 1);
        assert!(matches!(poll(&mut answer, &woken), Poll::Ready(Err(_))));
        assert_eq!(mailbox.refused(), 1);
    }
}
