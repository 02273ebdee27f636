//! The way in: a sender takes a permit or waits for one, and then queues a message with it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::mailbox::error::NotSent;
use crate::mailbox::mailbox::Mailbox;
use crate::mailbox::message::{Message, Watched};
use crate::mailbox::queue::Envelope;
use crate::mailbox::waitlist::Ticket;
use crate::mailbox::watched::messages_may_be_watched;
use crate::process::status::Stopped;
use crate::util::caught::{drop_caught, wake_caught};

/// Messages that are to be queued together, in their order.
pub(crate) struct Batch<M>(VecDeque<Envelope<M>>);

impl<M: Message> Batch<M> {
    /// A batch with room for so many messages.
    pub(crate) fn new(room: usize) -> Self {
        Self(VecDeque::with_capacity(room))
    }

    /// Adds a message. Its gate, which is its own, is asked for its caller here, where no lock is
    /// held.
    pub(crate) fn push(&mut self, message: M) {
        self.0.push_back(Envelope::new(message, true));
    }

    /// Takes out the first message.
    pub(crate) fn pop(&mut self) -> Option<M> {
        self.0.pop_front().map(|envelope| envelope.message)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What was not queued is dropped one by one: the arguments are a user's, and two destructors that
/// panic at once end the process, as does one while the user's iterator panics.
impl<M> Drop for Batch<M> {
    fn drop(&mut self) {
        for envelope in self.0.drain(..) {
            let _ = drop_caught(envelope);
        }
    }
}

impl<M: Message> Mailbox<M> {
    /// Takes a permit, if one is free.
    pub(crate) fn try_reserve(&self) -> Result<Permit<'_, M>, NotSent> {
        self.lock().take_permit().map(|()| Permit(self))
    }

    /// Queues a call, unless it comes from the task that would have to serve it.
    pub(crate) fn try_call(&self, message: M) -> Result<(), (M, NotSent)> {
        let envelope = Envelope::new(message, true);
        let mut queue = self.lock();
        let taken = if queue.is_served_here() { Err(NotSent::ToItself) } else { queue.take_permit() };
        if let Err(why) = taken {
            drop(queue);
            return Err((envelope.message, why));
        }
        if messages_may_be_watched() {
            drop(queue);
            self.queue_watched(envelope);
            return Ok(());
        }
        queue.messages.push_back(envelope);
        self.unlock_and_wake(queue);
        Ok(())
    }

    /// Whether the task of this poll is the one that serves.
    pub(crate) fn is_served_here(&self) -> bool {
        self.lock().is_served_here()
    }

    /// Queues a message if there is room. Otherwise the message comes back.
    pub(crate) fn try_send(&self, message: M) -> Result<(), (M, NotSent)> {
        let envelope = Envelope::new(message, true);
        let mut queue = self.lock();
        if let Err(why) = queue.take_permit() {
            drop(queue);
            return Err((envelope.message, why));
        }
        if messages_may_be_watched() {
            drop(queue);
            self.queue_watched(envelope);
            return Ok(());
        }
        queue.messages.push_back(envelope);
        self.unlock_and_wake(queue);
        Ok(())
    }

    /// Queues the first messages of a batch: as many as there are free permits. Says how many they
    /// are, at least one; the others stay in the batch.
    pub(crate) fn try_send_all(&self, batch: &mut Batch<M>) -> Result<usize, NotSent> {
        let mut queue = self.lock();
        let taken = queue.take_permits(batch.0.len())?;
        if messages_may_be_watched() {
            drop(queue);
            batch.0.drain(..taken).for_each(|envelope| self.queue_watched(envelope));
            return Ok(taken);
        }
        queue.messages.extend(batch.0.drain(..taken));
        self.unlock_and_wake(queue);
        Ok(taken)
    }

    /// Queues a message that has its permit, when somebody may watch it: its span is made here, where no
    /// lock is held.
    #[cold]
    fn queue_watched(&self, mut envelope: Envelope<M>) {
        envelope.caller = Watched::watch(self.worker(), &envelope.message, envelope.caller.take());
        self.put(envelope);
    }

    /// Waits for a permit, and takes it.
    pub(crate) fn reserve(&self) -> Reserve<'_, M> {
        Reserve { mailbox: self, ticket: None }
    }

    /// Queues a message without a permit, beyond the capacity: one that cannot wait for room, as
    /// only its sender would make it. A closed mailbox refuses it.
    pub(crate) fn send_beyond(&self, message: M) {
        self.queue(Envelope::new(message, false));
    }

    #[inline]
    fn queue(&self, envelope: Envelope<M>) {
        if messages_may_be_watched() {
            return self.queue_watched(envelope);
        }
        self.put(envelope);
    }

    #[inline]
    fn put(&self, envelope: Envelope<M>) {
        let mut queue = self.lock();
        if let Some(why) = &queue.closed {
            let why = why.clone();
            // The mailbox may be reopened.
            let next = if envelope.has_permit { queue.waitlist.return_permit() } else { None };
            drop(queue);
            next.into_iter().for_each(wake_caught);
            return self.refuse_queued(envelope, why);
        }
        queue.messages.push_back(envelope);
        self.unlock_and_wake(queue);
    }

    /// The permit that was [held](Permit::hold) here.
    pub(crate) fn held(&self) -> Permit<'_, M> {
        Permit(self)
    }

    fn return_permit(&self) {
        let first = self.lock().waitlist.return_permit();
        if let Some(first) = first {
            wake_caught(first);
        }
    }
}

/// Waits for a permit, and takes it: the future of [`Mailbox::reserve`].
pub(crate) struct Reserve<'m, M: Message> {
    mailbox: &'m Mailbox<M>,
    /// The ticket of a sender that waits, or that has got its permit and has not taken it.
    ticket: Option<Ticket>,
}

impl<'m, M: Message> Future for Reserve<'m, M> {
    type Output = Result<Permit<'m, M>, Stopped>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mailbox = self.mailbox;
        let permit = || Poll::Ready(Ok(Permit(mailbox)));
        let mut waker: Option<Waker> = None;
        loop {
            let mut queue = mailbox.lock();
            if let Some(why) = &queue.closed {
                let why = why.clone();
                drop(queue);
                self.leave();
                return Poll::Ready(Err(why));
            }
            let waitlist = &mut queue.waitlist;
            match self.ticket.map(|ticket| waitlist.position(ticket)) {
                None if waitlist.take() => return permit(),
                None => {
                    if let Some(waker) = waker.take() {
                        self.ticket = Some(waitlist.join(waker));
                        return Poll::Pending;
                    }
                }
                Some(None) => {
                    self.ticket = None;
                    return permit();
                }
                Some(Some(position)) => {
                    let known = waitlist.waker(position);
                    if known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                        return Poll::Pending;
                    }
                    if let Some(waker) = waker.take() {
                        let before = known.replace(waker);
                        drop(queue);
                        drop(before);
                        return Poll::Pending;
                    }
                }
            }
            // The waker is a user's, and is cloned where no lock is held.
            drop(queue);
            waker = Some(cx.waker().clone());
        }
    }
}

impl<M: Message> Reserve<'_, M> {
    /// Leaves the waitlist, or gives back the permit that the sender has got there.
    fn leave(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let mut queue = self.mailbox.lock();
        if let Some(position) = queue.waitlist.position(ticket) {
            let left = queue.waitlist.leave(position);
            drop(queue);
            drop(left);
        } else {
            // The sender has got a permit, and did not take it.
            drop(queue);
            self.mailbox.return_permit();
        }
    }
}

impl<M: Message> Drop for Reserve<'_, M> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The permit to queue one message. Dropped without a message, it is given back.
pub(crate) struct Permit<'m, M: Message>(&'m Mailbox<M>);

impl<M: Message> Permit<'_, M> {
    /// Holds the permit beyond this borrow, until somebody asks for the one [`held`](Mailbox::held).
    pub(crate) fn hold(self) {
        std::mem::forget(self);
    }

    /// Queues the message. If the mailbox has been closed meanwhile, the message is refused like
    /// the messages before it.
    pub(crate) fn send(self, message: M) {
        let envelope = Envelope::new(message, true);
        let mailbox = self.0;
        std::mem::forget(self);
        mailbox.queue(envelope);
    }
}

impl<M: Message> Drop for Permit<'_, M> {
    fn drop(&mut self) {
        self.0.return_permit();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mailbox::call::Cast;
    use crate::mailbox::message::ReplyGate;
    use crate::util::fixtures::Woken;

    struct Note(Cast<()>);

    impl Message for Note {
        fn gate(&mut self) -> &mut dyn ReplyGate {
            &mut self.0
        }

        fn name(&self) -> &'static str {
            "note"
        }
    }

    /// A sender that waits for a permit, and how often it has been woken.
    struct Sender<'m> {
        reserve: Reserve<'m, Note>,
        woken: Arc<Woken>,
    }

    impl<'m> Sender<'m> {
        fn new(mailbox: &'m Mailbox<Note>) -> Self {
            Self { reserve: mailbox.reserve(), woken: Arc::default() }
        }

        fn poll(&mut self) -> Poll<Result<Permit<'m, Note>, Stopped>> {
            let waker = Waker::from(Arc::clone(&self.woken));
            Pin::new(&mut self.reserve).poll(&mut Context::from_waker(&waker))
        }

        fn is_woken(&self) -> bool {
            self.woken.times() > 0
        }
    }

    fn mailbox(capacity: usize) -> Mailbox<Note> {
        Mailbox::new(Arc::from("worker"), "Worker", capacity, None)
    }

    fn note() -> Note {
        Note(Cast::new(()))
    }

    fn serve_one(mailbox: &Mailbox<Note>) -> bool {
        mailbox.poll_next(1, &mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn permits_come_back_in_the_order_in_which_senders_wait() {
        let mailbox = mailbox(1);
        mailbox.try_reserve().unwrap().send(note());
        let (mut first, mut second) = (Sender::new(&mailbox), Sender::new(&mailbox));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        assert!(serve_one(&mailbox));
        assert!(first.is_woken() && !second.is_woken());
        assert!(matches!(mailbox.try_reserve(), Err(NotSent::Full)), "it is the first one's already");
        assert!(second.poll().is_pending());
        let Poll::Ready(Ok(permit)) = first.poll() else { panic!("its turn") };
        drop(permit);
        assert!(second.is_woken(), "one that is not used is given on");
        assert!(second.poll().is_ready());
    }

    #[test]
    fn a_sender_that_goes_away_leaves_the_waitlist_or_gives_on_its_permit() {
        let mailbox = mailbox(1);
        mailbox.try_reserve().unwrap().send(note());
        let mut all = [(); 3].map(|()| Sender::new(&mailbox));
        assert!(all.iter_mut().all(|sender| sender.poll().is_pending()));
        let [first, second, mut third] = all;
        drop(second);
        assert!(serve_one(&mailbox));
        assert!(first.is_woken() && !third.is_woken());
        drop(first);
        assert!(third.is_woken() && third.poll().is_ready());
    }

    #[test]
    fn closing_tells_those_who_wait_and_those_who_come() {
        let mailbox = mailbox(2);
        let taken = mailbox.try_reserve().unwrap();
        mailbox.try_reserve().unwrap().send(note());
        let mut sender = Sender::new(&mailbox);
        assert!(sender.poll().is_pending());
        mailbox.close(&Stopped::Shutdown);
        assert!(sender.is_woken());
        assert!(matches!(sender.poll(), Poll::Ready(Err(Stopped::Shutdown))));
        assert!(matches!(mailbox.try_reserve(), Err(NotSent::Stopped(Stopped::Shutdown))));
        taken.send(note());
        assert_eq!(mailbox.refused(), 2, "that in the queue, and the one sent since");
    }

    #[test]
    fn thousands_who_give_up_waiting_in_any_order_take_a_search_for_each() {
        crate::util::steps::assert_no_square(|many| {
            let mailbox = mailbox(1);
            mailbox.try_reserve().unwrap().send(note());
            let mut random = fastrand::Rng::with_seed(many as u64);
            let mut all: Vec<_> = (0..many).map(|_| Sender::new(&mailbox)).collect();
            assert!(all.iter_mut().all(|sender| sender.poll().is_pending()));
            random.shuffle(&mut all);
            let mut last = all.pop().unwrap();
            while let Some(sender) = all.pop() {
                drop(sender);
                let kept = mailbox.lock().waitlist.kept();
                assert!(kept <= 2 * (all.len() + 1), "{kept} are kept of {} who wait", all.len() + 1);
            }
            assert!(serve_one(&mailbox));
            assert!(last.is_woken() && last.poll().is_ready());
        });
    }

    /// Against the simplest thing that could work: a count and a list.
    #[test]
    fn no_permit_is_lost_or_given_twice() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let capacity = random.usize(1..5);
            let mailbox = mailbox(capacity);
            let (mut held, mut queued) = (Vec::new(), 0);
            let mut waitlist: Vec<Sender<'_>> = Vec::new();
            for _ in 0..400 {
                match random.u8(0..6) {
                    0 | 1 => {
                        let mut sender = Sender::new(&mailbox);
                        match sender.poll() {
                            Poll::Ready(permit) => held.push(permit.unwrap()),
                            Poll::Pending => waitlist.push(sender),
                        }
                    }
                    2 if random.u8(0..3) == 0 => {
                        let mut batch = Batch::new(4);
                        (0..random.usize(1..5)).for_each(|_| batch.push(note()));
                        let (all, free) = (batch.len(), capacity - held.len() - queued);
                        let sent = mailbox.try_send_all(&mut batch).unwrap_or(0);
                        assert_eq!((sent, batch.len()), (all.min(free), all - all.min(free)), "seed {seed}");
                        queued += sent;
                    }
                    2 if random.bool() => held.extend(mailbox.try_reserve().ok()),
                    2 => queued += usize::from(mailbox.try_send(note()).is_ok()),
                    3 => {
                        if let Some(permit) = held.pop() {
                            permit.send(note());
                            queued += 1;
                        }
                    }
                    4 => {
                        let served = serve_one(&mailbox);
                        assert_eq!(served, queued > 0, "seed {seed}");
                        queued -= usize::from(served);
                    }
                    _ if random.bool() => drop(held.pop()),
                    _ if !waitlist.is_empty() => drop(waitlist.swap_remove(random.usize(0..waitlist.len()))),
                    _ => {}
                }
                // A sender that is woken takes its permit.
                waitlist.sort_by_key(|sender| sender.reserve.ticket);
                while waitlist.first().is_some_and(Sender::is_woken) {
                    let Poll::Ready(Ok(permit)) = waitlist.remove(0).poll() else {
                        panic!("seed {seed}: woken for nothing")
                    };
                    held.push(permit);
                }
                assert!(!waitlist.iter().any(Sender::is_woken), "seed {seed}: out of its turn");
                let used = held.len() + queued;
                assert!(used <= capacity, "seed {seed}: {used} of {capacity}");
                assert!(waitlist.is_empty() || used == capacity, "seed {seed}: one waits and one is free");
            }
        }
    }

    #[test]
    fn a_mailbox_that_is_closed_for_now_refuses_and_serves_again_when_it_is_opened() {
        let mailbox = mailbox(2);
        mailbox.try_reserve().unwrap().send(note());
        let held = mailbox.try_reserve().unwrap();
        let mut sender = Sender::new(&mailbox);
        assert!(sender.poll().is_pending());
        mailbox.close_for_now(&Stopped::Upgraded);
        mailbox.close_for_now(&Stopped::Dropped);
        assert_eq!((mailbox.closed_for_now(), mailbox.refused()), (Some(Stopped::Upgraded), 1));
        assert!(matches!(mailbox.try_send(note()), Err((_, NotSent::Stopped(Stopped::Upgraded)))));
        held.send(note());
        assert_eq!((mailbox.queued(), mailbox.refused()), (0, 2));
        assert!(sender.is_woken() && matches!(sender.poll(), Poll::Ready(Err(Stopped::Upgraded))));
        mailbox.reopen();
        assert!(mailbox.closed().is_none() && !serve_one(&mailbox));
        assert!(mailbox.try_send(note()).is_ok() && mailbox.try_send(note()).is_ok());
        assert!(matches!(mailbox.try_send(note()), Err((_, NotSent::Full))));
        assert!(serve_one(&mailbox) && serve_one(&mailbox));
    }

    #[test]
    fn a_close_for_good_replaces_a_close_for_now_and_the_first_for_good_holds() {
        let mailbox = mailbox(1);
        mailbox.close_for_now(&Stopped::Upgraded);
        mailbox.close(&Stopped::Shutdown);
        mailbox.close(&Stopped::Dropped);
        mailbox.close_for_now(&Stopped::Upgraded);
        mailbox.reopen();
        assert_eq!((mailbox.closed(), mailbox.closed_for_now()), (Some(Stopped::Shutdown), None));
    }

    #[test]
    fn no_permit_is_lost_or_given_twice_by_a_mailbox_that_closes_and_opens_again() {
        for seed in 0..400 {
            let mut random = fastrand::Rng::with_seed(seed);
            let capacity = random.usize(1..5);
            let mailbox = mailbox(capacity);
            let (mut held, mut all) = (Vec::new(), Vec::<Sender<'_>>::new());
            for _ in 0..200 {
                match random.u8(0..8) {
                    0 | 1 => all.push(Sender::new(&mailbox)),
                    2 if !all.is_empty() => drop(all.swap_remove(random.usize(0..all.len()))),
                    3 | 4 if !all.is_empty() => {
                        let at = random.usize(0..all.len());
                        if let Poll::Ready(permit) = all[at].poll() {
                            all.swap_remove(at);
                            held.extend(permit.ok());
                        }
                    }
                    5 => match held.pop() {
                        Some(permit) if random.bool() => permit.send(note()),
                        permit => drop(permit),
                    },
                    6 => drop(serve_one(&mailbox)),
                    _ if random.bool() => mailbox.close_for_now(&Stopped::Shutdown),
                    _ => mailbox.reopen(),
                }
                let used = held.len() + mailbox.queued();
                assert!(used <= capacity, "seed {seed}: {used} of {capacity}");
            }
            mailbox.reopen();
            (held, all) = (Vec::new(), Vec::new());
            while serve_one(&mailbox) {}
            held.extend(std::iter::from_fn(|| mailbox.try_reserve().ok()));
            assert_eq!((held.len(), all.len()), (capacity, 0), "seed {seed}");
        }
    }

    #[test]
    fn who_waits_while_a_mailbox_closes_and_opens_again_is_not_left_waiting() {
        for seed in 0..400 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mailbox = mailbox(2);
            (0..random.usize(0..3)).for_each(|_| drop(mailbox.try_send(note())));
            let mut all: Vec<_> = (0..6).map(|_| Sender::new(&mailbox)).collect();
            let mut held: Vec<_> = all.iter_mut().map(Sender::poll).collect();
            mailbox.close_for_now(&Stopped::Shutdown);
            mailbox.reopen();
            random.shuffle(&mut all);
            drop(held.drain(..));
            let mut served = 0;
            for _ in 0..12 {
                for sender in &mut all {
                    if let Poll::Ready(permit) = sender.poll() {
                        permit.unwrap().send(note());
                        served += 1;
                        *sender = Sender::new(&mailbox);
                    }
                }
                while serve_one(&mailbox) {}
            }
            assert!(served >= 12, "seed {seed}: {served}");
        }
    }
}
