//! Messages that somebody watches: each has a span, from when it is queued until it is answered, or
//! will not be.
//!
//! Nothing of that costs anything while nobody watches. So what is known of such a message has no
//! place of its own in the mailbox: it stands in the place of the message's caller, and has the caller.

use std::fmt;
use std::sync::Arc;

use tracing::debug_span;
use tracing::field::Empty;

use crate::mailbox::message::{Caller, Message, Watched};
use crate::util::meter::{Moment, are_recorded};
use crate::util::span::{Span, spans_may_be_wanted};

/// Whether anybody may watch messages. Where nobody does, this is all that it costs.
#[inline]
pub(crate) fn messages_may_be_watched() -> bool {
    spans_may_be_wanted() || are_recorded()
}

impl Watched {
    /// Has the message for this worker watched, if anybody wants to: returns what stands in the place of its caller.
    ///
    /// The span is a child of the span of the sender, whose task this is.
    #[cold]
    pub(super) fn watch(
        worker: &Arc<str>,
        message: &impl Message,
        caller: Option<Arc<dyn Caller>>,
    ) -> Option<Arc<dyn Caller>> {
        let span = Span::new(|| {
            let (worker, handler) = (&**worker, message.name());
            if caller.is_some() {
                debug_span!(target: "heir", "call", worker, handler, refused = Empty, otel.status_code = Empty)
            } else {
                debug_span!(target: "heir", "cast", worker, handler, refused = Empty, otel.status_code = Empty)
            }
        });
        if span.is_none() && !are_recorded() {
            return caller;
        }
        Some(Arc::new(Self { caller, span, since: Moment::now() }))
    }

    /// The message has been refused: its span says why. Returns its caller.
    pub(super) fn refused(
        caller: Option<Arc<dyn Caller>>,
        why: &impl fmt::Display,
    ) -> Option<Arc<dyn Caller>> {
        let caller = caller?;
        match caller.watched() {
            None => Some(caller),
            Some(watched) => {
                if let Some(span) = &watched.span {
                    span.record_failure("refused", why);
                }
                watched.caller.clone()
            }
        }
    }
}
