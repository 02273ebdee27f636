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

use crate::util::meter::{self, Moment, are_recorded};
use crate::util::span::Span;
use crate::worker::Context;
use crate::worker::Handlers;
use crate::worker::shared::Shared;
use crate::worker::watched::Watched;

/// A message is about to be served: notes it, and returns its span, if anybody watches.
#[cold]
pub(super) fn begin_message<W: Handlers>(
    shared: &Shared<W>,
    cx: &mut Context<W>,
    handler: &'static str,
) -> Option<Arc<Span>> {
    let caller = shared.mailbox.caller_in_progress();
    let queued = caller.as_ref().and_then(|caller| caller.watched());
    if let Some(queued) = queued {
        meter::has_waited(W::NAME, queued.since());
    }
    // The span from its sender on is the one above.
    let _in_the_span = queued.and_then(|queued| queued.span()).map(Span::enter);
    begin(shared, cx, handler, Some((handler, Moment::now())))
}

/// A hook is about to be served: notes it, and returns its span, if anybody watches.
#[cold]
pub(super) fn begin_hook<W: Handlers>(
    shared: &Shared<W>,
    cx: &mut Context<W>,
    hook: &'static str,
) -> Option<Arc<Span>> {
    // Of a start hook, the hand-over is the span above.
    let above = shared.handover();
    let _in_the_span = above.as_deref().map(Span::enter);
    begin(shared, cx, hook, None)
}

fn begin<W: Handlers>(
    shared: &Shared<W>,
    cx: &mut Context<W>,
    handler: &'static str,
    message: Option<(&'static str, Moment)>,
) -> Option<Arc<Span>> {
    let span = Span::new(|| {
        let (worker, path) = (&*shared.name, &*shared.path());
        let incarnation = cx.incarnation();
        debug_span!(
            target: "heir", "serve",
            worker, path, incarnation, handler, boundary = Empty, died = Empty, otel.status_code = Empty,
        )
    });
    if span.is_none() && !are_recorded() {
        return None;
    }
    let span = span.map(Arc::new);
    let watched = Watched { span: span.clone(), last_commit: cx.readers.last_commit(), message };
    cx.outbox.watch(watched);
    span
}
