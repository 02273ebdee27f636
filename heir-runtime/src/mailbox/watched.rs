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

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::task::{Context, Waker};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::mailbox::call::Call;
    use crate::mailbox::mailbox::Mailbox;
    use crate::mailbox::message::ReplyGate;
    use crate::process::status::Stopped;
    use crate::util::fixtures::with_subscriber;
    use crate::util::sync::Lock;

    struct Ask(Call<(), u8>);

    impl Message for Ask {
        fn gate(&mut self) -> &mut dyn ReplyGate {
            &mut self.0
        }

        fn name(&self) -> &'static str {
            "ask"
        }
    }

    /// Keeps what is recorded in spans.
    #[derive(Clone, Default)]
    struct Recorded(Arc<Lock<Vec<String>>>);

    impl Visit for Recorded {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.with(|recorded| recorded.push(format!("{field}: {value:?}")));
        }
    }

    impl Subscriber for Recorded {
        fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _span: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _span: &Id, values: &Record<'_>) {
            values.record(&mut self.clone());
        }

        fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
        fn event(&self, _event: &Event<'_>) {}
        fn enter(&self, _span: &Id) {}
        fn exit(&self, _span: &Id) {}
    }

    #[test]
    fn the_span_of_a_call_says_that_its_worker_does_not_yield() {
        let recorded = Recorded::default();
        with_subscriber(recorded.clone(), || {
            let mailbox = Mailbox::new(Arc::from("worker"), "Worker", 4, None);
            let (call, _caller) = Call::new(().into(), Waker::noop().clone());
            assert!(mailbox.try_send(Ask(call)).is_ok());
            assert!(mailbox.poll_next(1, &mut Context::from_waker(Waker::noop())).is_ready());
            mailbox.abandon(1);
            mailbox.close(&Stopped::Shutdown);
        });
        let refused = "refused: incarnation 1 of the worker does not yield to the runtime while it serves it";
        assert_eq!(recorded.0.take(), [refused, "otel.status_code: \"ERROR\""]);
    }
}
