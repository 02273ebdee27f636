//! Messages that somebody watches: each has a span, from when it is queued until it is answered, or
//! will not be.
//!
//! Nothing of that costs anything while nobody watches. So what is known of such a message has no
//! place of its own in the mailbox: it stands in the place of the message's caller, and has the caller.

use std::sync::Arc;

use crate::mailbox::message::{Caller, Message};
use crate::mailbox::refusal::Refusal;
use crate::util::caught::caught;
use crate::util::span::{Span, spans_may_be_wanted};

/// A message that somebody watches, in the place of its caller.
pub struct Watched {
    caller: Option<Arc<dyn Caller>>,
    span: Span,
}

/// Whether anybody may watch messages. Where nobody does, this is all that it costs.
#[inline]
pub(crate) fn messages_may_be_watched() -> bool {
    spans_may_be_wanted()
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
            let refused = tracing::field::Empty;
            match caller {
                Some(_) => tracing::debug_span!(target: "heir", "call", worker, handler, refused),
                None => tracing::debug_span!(target: "heir", "cast", worker, handler, refused),
            }
        });
        match span {
            Some(span) => Some(Arc::new(Self { caller, span })),
            None => caller,
        }
    }

    /// The span of the message, if it is watched.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// The message has been refused: its span says why. Returns its caller.
    pub(super) fn refused(caller: Option<Arc<dyn Caller>>, why: &Refusal) -> Option<Arc<dyn Caller>> {
        let caller = caller?;
        match caller.watched() {
            None => Some(caller),
            Some(watched) => {
                let _ = caught(|| watched.span.record_words("refused", why));
                watched.caller.clone()
            }
        }
    }
}

impl Caller for Watched {
    fn refuse(&self, why: Refusal) {
        if let Some(caller) = &self.caller {
            caller.refuse(why);
        }
    }

    fn is_the_clock(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.is_the_clock())
    }

    fn watched(&self) -> Option<&Watched> {
        Some(self)
    }
}
