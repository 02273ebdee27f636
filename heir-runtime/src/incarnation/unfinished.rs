//! What an incarnation leaves unfinished: its last transaction, which is undone, and the rest of it,
//! which is dropped. The task that gets the tables next does both, caught.

use std::sync::Arc;

use crate::estate::{Settle, Settled, Unsettled};
use crate::table::Readers;
use crate::util::caught::{caught, drop_caught};
use crate::worker::Handlers;
use crate::worker::outbox::Outbox;
use crate::worker::tables;

/// Everything that an incarnation leaves behind beside its tables.
struct Unfinished<W: Handlers, R> {
    /// Whether the incarnation ended in the middle of a message.
    in_message: bool,
    readers: Readers,
    saved: Option<W::Saved>,
    rest: R,
    message: Option<W::Message>,
    /// What was to leave with the commit.
    unsent: Outbox,
}

/// Packs everything that an incarnation leaves behind; `None` if there is nothing to undo or to
/// drop.
pub(crate) fn unfinished<W: Handlers, R: Send + 'static>(
    in_message: bool,
    readers: Readers,
    saved: Option<W::Saved>,
    rest: R,
    message: Option<W::Message>,
    unsent: Outbox,
) -> Unsettled<W::Tables> {
    if !in_message && message.is_none() && !std::mem::needs_drop::<R>() {
        return None;
    }
    Some(Box::new(Unfinished::<W, _> { in_message, readers, saved, rest, message, unsent }))
}

impl<W: Handlers, R: Send + 'static> Settle<W::Tables> for Unfinished<W, R> {
    fn settle(self: Box<Self>, tables: &mut W::Tables) -> Settled {
        let Self { in_message, readers, mut saved, rest, message, unsent } = *self;
        let mut settled = Settled::default();
        if in_message {
            if let Err(panicked) = tables::discard::<W>(&readers, tables) {
                settled.panics.push(Arc::clone(&panicked));
                settled.torn = Some(panicked);
            }
            // `restore` only moves, unless it is written by hand.
            if let Some(saved) = &mut saved
                && let Err(panicked) = caught(|| W::restore(tables, saved))
            {
                settled.panics.push(Arc::clone(&panicked));
                settled.torn = Some(panicked);
            }
        }
        // One by one: two destructors that panic at once end the process.
        let unsent = unsent.discard();
        let dropped = [drop_caught(rest), drop_caught(message), drop_caught(saved), unsent];
        settled.panics.extend(dropped.into_iter().filter_map(Result::err));
        settled
    }
}
