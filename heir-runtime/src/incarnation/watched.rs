//! Messages and hooks that somebody watches: each has a span while it is served. A death has a span,
//! too, which lasts until the next incarnation serves.
//!
//! ```text
//! caller's span
//! └─ call ............................ queued, until it is answered or refused (`mailbox/watched.rs`)
//!    ├─ serve, incarnation 1 ......... a message, hook or signal; each of its polls is in the span
//!    │  └─ handover .................. from the death of incarnation 1 on; its events are in the span
//!    │     └─ serve, incarnation 2 ... the start hooks
//!    └─ serve, incarnation 2 ......... if the message is served again
//! ```

use std::sync::Arc;

use tracing::debug_span;
use tracing::field::Empty;

use crate::util::span::Span;
use crate::worker::Context;
use crate::worker::Handlers;
use crate::worker::shared::Shared;
use crate::worker::watched::Watched;

/// A message is about to be served: makes its span, if anybody wants it.
#[cold]
pub(super) fn begin_message<W: Handlers>(
    shared: &Shared<W>,
    cx: &mut Context<W>,
    handler: &'static str,
) -> Option<Arc<Span>> {
    let caller = shared.mailbox.caller_in_progress();
    // The span from its sender on is the one above.
    let above = caller.as_ref().and_then(|caller| caller.watched()).map(|watched| watched.span());
    let _in_the_span = above.map(Span::enter);
    begin(shared, cx, handler)
}

/// A message or hook is about to be served: makes its span, if anybody wants it.
#[cold]
pub(super) fn begin<W: Handlers>(
    shared: &Shared<W>,
    cx: &mut Context<W>,
    handler: &'static str,
) -> Option<Arc<Span>> {
    let span = Span::new(|| {
        let (worker, path) = (&*shared.name, &*shared.path());
        let (incarnation, boundary) = (cx.incarnation(), Empty);
        debug_span!(target: "heir", "serve", worker, path, incarnation, handler, boundary)
    })?;
    let span = Arc::new(span);
    let watched = Watched { span: Arc::clone(&span), last_commit: cx.readers.last_commit() };
    cx.watched = Some(Box::new(watched));
    Some(span)
}
