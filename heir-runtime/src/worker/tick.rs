//! Messages that a worker's own clock sends it.

use std::fmt;
use std::time::Duration;

use crate::mailbox::{Cast, Message, MessageArgs};

/// What becomes of the ticks that were due while the worker could not serve them: it was down, was
/// paused, or served something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// One is served at once, however many were due, and the next is due at the next point of the
    /// grid.
    #[default]
    Skip,
    /// Each is served, one after the other, until the worker has caught up with the clock.
    CatchUp,
}

/// A message without arguments that the worker's own clock sends it again and again:
/// [`#[every(..)]`](crate::handlers).
///
/// [`Handlers::TICKS`](crate::by_hand::Handlers::TICKS) lists those of a worker;
/// [`Spec::every`](crate::Spec::every) says how its clock works.
pub struct Tick<M> {
    pub(crate) period: Duration,
    pub(crate) missed: Missed,
    make: fn(Cast<()>) -> M,
    /// How often it is served again, if the worker dies over it.
    times: u32,
}

impl<M> Tick<M> {
    /// A tick after each `period`, which `make`, a variant of the message enum, makes a message of.
    ///
    /// # Panics
    /// If `period` is zero.
    pub const fn every(period: Duration, missed: Missed, make: fn(Cast<()>) -> M) -> Self {
        assert!(!period.is_zero(), "the period of a tick is not zero");
        Self { period, missed, make, times: 0 }
    }

    /// Has a tick served up to `times` times more if its worker dies over it, as with
    /// [`MessageArgs::redeliver`].
    #[must_use]
    pub const fn redeliver(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The message, to be served now.
    pub(crate) fn message(&self) -> M {
        let args = match self.times {
            0 => ().into(),
            times => MessageArgs::redeliver((), times),
        };
        (self.make)(Cast::new(args))
    }
}

impl<M: Message> Tick<M> {
    /// The name of the handler that serves it: two ticks of one name are one.
    pub(crate) fn name(&self) -> &'static str {
        self.message().name()
    }

    /// This tick in the place of `before`, a tick of the same name: how often it is served again is
    /// a matter of the handler, and stays.
    pub(crate) fn in_place_of(mut self, before: &Self) -> Self {
        self.times = before.times;
        self
    }
}

// By hand, because derives would require the message to be `Clone`.
impl<M> Clone for Tick<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Tick<M> {}

impl<M> fmt::Debug for Tick<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tick")
            .field("period", &self.period)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}
