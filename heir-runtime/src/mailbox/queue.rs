//! What a mailbox holds: messages, the message in progress, and the senders that wait for room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::task;

use crate::mailbox::error::NotSent;
use crate::mailbox::message::{Caller, Message};
use crate::mailbox::refusal::Refusal;
use crate::mailbox::waitlist::Waitlist;
use crate::process::status::Stopped;

/// A message, and the caller to be told if a worker does not let go of it.
pub(super) struct Envelope<M> {
    pub(super) message: M,
    pub(super) caller: Option<Arc<dyn Caller>>,
    /// Whether a permit is given back when the message is taken out.
    pub(super) has_permit: bool,
}

impl<M: Message> Envelope<M> {
    /// Asks the message for its caller: made where no lock is held, because the gate is the
    /// message's own.
    #[inline]
    pub(super) fn new(mut message: M, has_permit: bool) -> Self {
        let caller = message.gate().caller();
        Self { message, caller, has_permit }
    }
}

/// The state of a mailbox, behind its lock.
pub(super) struct Queue<M> {
    pub(super) messages: VecDeque<Envelope<M>>,
    pub(super) waitlist: Waitlist,
    /// A message whose worker died over it, to be served again before all others; and the refusal
    /// for its caller, if it is not served again.
    pub(super) again: Option<Box<(Envelope<M>, Refusal)>>,
    /// It stays while nothing else is to be served.
    pub(super) in_progress: Option<InProgress>,
    /// The waker of the incarnation that serves, which is a task of ours.
    pub(super) waiting: Option<Waker>,
    pub(super) paused: bool,
    /// Whether a tick of the worker's clock was the last to be served: then a message that waits is
    /// served before the next tick, also by the next incarnation.
    pub(super) after_a_tick: bool,
    /// Why the mailbox is closed, if it is.
    pub(super) closed: Option<Stopped>,
    /// Whether it is closed only until it is reopened.
    pub(super) reopens: bool,
    /// The task that takes messages out, while it serves.
    pub(super) served_by: Option<task::Id>,
}

/// The message that was taken out last, until its worker looks for the next one, or has ended.
pub(super) struct InProgress {
    pub(super) incarnation: u64,
    pub(super) caller: Option<Arc<dyn Caller>>,
}

impl<M> Queue<M> {
    /// An empty queue with room for so many messages.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            waitlist: Waitlist::new(capacity),
            again: None,
            in_progress: None,
            waiting: None,
            paused: false,
            after_a_tick: false,
            closed: None,
            reopens: false,
            served_by: None,
        }
    }

    /// Takes a permit, if one is free.
    pub(super) fn take_permit(&mut self) -> Result<(), NotSent> {
        match &self.closed {
            Some(why) => Err(NotSent::Stopped(why.clone())),
            None if self.waitlist.take() => Ok(()),
            None => Err(NotSent::Full),
        }
    }

    /// Takes as many permits as are free, up to so many, and says how many: at least one.
    pub(super) fn take_permits(&mut self, most: usize) -> Result<usize, NotSent> {
        if let Some(why) = &self.closed {
            return Err(NotSent::Stopped(why.clone()));
        }
        match self.waitlist.take_up_to(most) {
            0 => Err(NotSent::Full),
            taken => Ok(taken),
        }
    }

    /// Whether the task of this poll is the one that takes messages out.
    pub(super) fn is_served_here(&self) -> bool {
        self.served_by.is_some() && self.served_by == task::try_id()
    }

    /// Has the task of this poll woken when there is something to do.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting = Some(cx.waker().clone());
        }
    }
}
