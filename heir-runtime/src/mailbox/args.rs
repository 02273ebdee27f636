//! The arguments of a message, and how often it is served.

use std::any::Any;
use std::fmt;

/// The arguments of a message, a tuple, for the methods of a [`Handle`](crate::Handle) that send.
///
/// A tuple becomes the arguments of a message that is served once. If a worker dies over such a
/// message, the message is refused.
pub struct MessageArgs<A>(Args<A>);

enum Args<A> {
    Once(Option<A>),
    /// In a box: messages that are served once are smaller then.
    Again(Box<Again<A>>),
}

/// The arguments of a message that is served again, this many times, if its worker dies over it.
struct Again<A> {
    args: Option<A>,
    clone: fn(&A) -> A,
    left: u32,
    /// How often they have been taken.
    tries: u32,
}

impl<A> MessageArgs<A> {
    /// The arguments of a message that is served up to `times` times more if its worker dies over
    /// it (at least once). Its writes to the recorded tables are undone before; all its other
    /// effects happen again.
    pub fn redeliver(args: A, times: u32) -> Self
    where
        A: Clone,
    {
        Self(Args::Again(Box::new(Again { args: Some(args), clone: A::clone, left: times, tries: 0 })))
    }

    /// Takes the arguments, to serve the message.
    ///
    /// # Panics
    /// If they have been taken before, and the message is not to be served again.
    pub(super) fn take(&mut self) -> A {
        let args = match &mut self.0 {
            Args::Once(args) => args.take(),
            // Also the last time: if the worker dies over it, the hook for undelivered messages gets
            // them.
            Args::Again(again) => {
                again.tries += 1;
                again.args.as_ref().map(again.clone)
            }
        };
        args.expect("the arguments of a message are taken once each time it is served")
    }

    /// Makes them ready to be taken once more, if they may be.
    pub(super) fn retry(&mut self) -> bool {
        match &mut self.0 {
            Args::Again(again) if again.args.is_some() && again.left > 0 => {
                again.left -= 1;
                true
            }
            Args::Once(_) | Args::Again(_) => false,
        }
    }

    /// How often they have been taken, to serve the message.
    pub(super) fn tries(&self) -> u32 {
        match &self.0 {
            Args::Once(args) => u32::from(args.is_none()),
            Args::Again(again) => again.tries,
        }
    }

    /// The arguments of a message that was never made.
    pub(crate) fn into_inner(self) -> A {
        let args = match self.0 {
            Args::Once(args) => args,
            Args::Again(again) => again.args,
        };
        args.expect("a message that was never made has its arguments")
    }
}

impl<A: Send + 'static> MessageArgs<A> {
    /// The arguments, unless they have been taken, in a box.
    pub(super) fn take_back(&mut self) -> Option<Box<dyn Any + Send>> {
        let args = match &mut self.0 {
            Args::Once(args) => args.take(),
            Args::Again(again) => again.args.take(),
        };
        let args = Box::new(args?);
        Some(args)
    }
}

impl<A> From<A> for MessageArgs<A> {
    fn from(args: A) -> Self {
        Self(Args::Once(Some(args)))
    }
}

impl<A> fmt::Debug for MessageArgs<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageArgs").finish_non_exhaustive()
    }
}
