//! Taking the reply of a call, and sending it with a commit.

use std::sync::Arc;

use crate::mailbox::{Call, Reply};
use crate::util::caught::drop_caught;
use crate::worker::outbox::Departs;
use crate::worker::{Context, Handlers};

impl<A, R> Call<A, R> {
    /// Takes the reply, to send it later: the handler keeps none.
    ///
    /// # Panics
    /// If it has been taken before, since the message was served last.
    // Without bounds: generated code calls it before it is known that they hold.
    pub fn reply_later<W: Handlers>(&mut self, cx: &Context<W>) -> Reply<R> {
        self.take_reply(Arc::clone(&cx.process), cx.open_replies(), cx.watched_call())
    }

    /// As [`reply_later`](Self::reply_later), of a handler whose reply waits for no store.
    ///
    /// # Panics
    /// As [`reply_later`](Self::reply_later).
    pub fn reply_early<W: Handlers>(&mut self, cx: &Context<W>) -> Reply<R> {
        let reply = self.reply_later(cx);
        #[cfg(feature = "store")]
        reply.leaves_early();
        reply
    }
}

/// A reply that waits for a commit.
struct HeldReply<T> {
    reply: Reply<T>,
    value: T,
}

impl<T: Send + 'static> Departs for HeldReply<T> {
    #[cfg(feature = "store")]
    fn is_early(&self) -> bool {
        self.reply.is_early()
    }

    fn depart(self: Box<Self>) {
        let Self { reply, value } = *self;
        if let Err(unheard) = reply.send_now(value) {
            let _ = drop_caught(unheard);
        }
    }
}

impl<T: Send + 'static> Reply<T> {
    /// Replies when the message that is being served has committed: so the caller is told nothing
    /// that a death undoes. If the message dies, the reply stays open.
    ///
    /// Of a worker with `survives = process` the reply leaves when what the message has written is on
    /// the disk; but at the commit, if it is the reply of a handler with `#[reply(early)]`.
    pub fn send<W: Handlers>(&self, cx: &mut Context<W>, value: T) {
        cx.outbox.hold(Box::new(HeldReply { reply: self.clone(), value }));
    }
}
