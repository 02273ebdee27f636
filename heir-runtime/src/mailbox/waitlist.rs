//! The senders that wait for room in a mailbox. It is locked together with the queue.

use std::collections::VecDeque;
use std::task::Waker;

use crate::util::steps::made;

/// The free permits, or else the senders that wait for one, in their order.
///
/// The permit of a message that is taken out goes to the first sender that waits. So while a sender
/// waits, no permit is free.
pub(super) struct Waitlist {
    free: usize,
    /// The senders that wait, in the order of their tickets. A sender that is not here any more has
    /// got a permit; a sender without a waker has gone away.
    waiting: VecDeque<(Ticket, Option<Waker>)>,
    /// How many of the senders have gone away: never more than half.
    gone: usize,
    next: Ticket,
}

pub(super) type Ticket = u64;

/// How many senders can wait without another allocation, after a crowd has gone.
const ROOM: usize = 256;

impl Waitlist {
    pub(super) fn new(capacity: usize) -> Self {
        Self { free: capacity, waiting: VecDeque::new(), gone: 0, next: 0 }
    }

    /// Takes a permit, if one is free.
    pub(super) fn take(&mut self) -> bool {
        let is_free = self.free > 0;
        self.free -= usize::from(is_free);
        is_free
    }

    /// Takes as many permits as are free, up to so many, and says how many.
    pub(super) fn take_up_to(&mut self, most: usize) -> usize {
        let taken = self.free.min(most);
        self.free -= taken;
        taken
    }

    /// Returns a permit, to the first sender that waits. Returns its waker, which is a user's.
    #[must_use]
    #[inline]
    pub(super) fn return_permit(&mut self) -> Option<Waker> {
        // Mostly nobody waits.
        if self.waiting.is_empty() {
            self.free += 1;
            return None;
        }
        self.return_to_first()
    }

    #[cold]
    fn return_to_first(&mut self) -> Option<Waker> {
        let first = self.first();
        self.free += usize::from(first.is_none());
        if self.waiting.is_empty() {
            self.waiting.shrink_to(ROOM);
        }
        first
    }

    /// Takes out the first sender that has not gone away.
    fn first(&mut self) -> Option<Waker> {
        while let Some((_, waker)) = self.waiting.pop_front() {
            made(1);
            match waker {
                None => self.gone -= 1,
                waker => return waker,
            }
        }
        None
    }

    /// No sender will get a permit any more: returns the wakers of the senders that wait.
    pub(super) fn dissolve(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.gone = 0;
        std::mem::take(&mut self.waiting).into_iter().filter_map(|(_, waker)| waker)
    }

    /// Returns this many permits, and has every sender that waits look again: they keep their places.
    /// Returns the wakers of them all.
    pub(super) fn rouse(&mut self, returned: usize) -> Vec<Waker> {
        let mut roused: Vec<_> = (0..returned).filter_map(|_| self.return_permit()).collect();
        let waiting = self.waiting.iter_mut().filter_map(|(_, waker)| waker.as_mut());
        roused.extend(waiting.map(|waker| std::mem::replace(waker, Waker::noop().clone())));
        roused
    }

    /// Adds a sender that waits.
    pub(super) fn join(&mut self, waker: Waker) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.waiting.push_back((ticket, Some(waker)));
        ticket
    }

    /// The sender at this position goes away. The others move up when half of the list is empty:
    /// not each time, because thousands may give up together.
    pub(super) fn leave(&mut self, position: usize) -> Option<Waker> {
        let waker = self.waiting[position].1.take();
        self.gone += usize::from(waker.is_some());
        if self.gone * 2 > self.waiting.len() {
            self.waiting.retain(|(_, waker)| {
                made(1);
                waker.is_some()
            });
            self.gone = 0;
            self.waiting.shrink_to(ROOM.max(self.waiting.len() * 2));
        }
        waker
    }

    /// The waker of the sender at this position.
    pub(super) fn waker(&mut self, position: usize) -> &mut Option<Waker> {
        &mut self.waiting[position].1
    }

    /// Where the sender with this ticket is: `None` if it has got a permit.
    pub(super) fn position(&self, ticket: Ticket) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()
    }
}

#[cfg(test)]
impl Waitlist {
    /// How many senders are kept, with those that have gone away.
    pub(super) fn kept(&self) -> usize {
        self.waiting.len()
    }
}
