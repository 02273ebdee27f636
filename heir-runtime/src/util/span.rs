//! Spans of `tracing`, as far as they are ours: the subscriber behind them is not our code, and may panic.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use tracing::level_filters::LevelFilter;
use tracing::span::Entered;

use crate::util::caught::{CatchDrop, caught};

/// A span that a subscriber wants.
pub(crate) struct Span(CatchDrop<tracing::Span>);

/// A future that may be dropped while it runs: what it drops then is in the span, too, if there is one.
pub(crate) struct Inside<'w, F> {
    pub(crate) work: Pin<&'w mut Option<F>>,
    pub(crate) span: Option<&'w Span>,
}

impl<F> Drop for Inside<'_, F> {
    fn drop(&mut self) {
        if let Some(span) = self.span {
            let _in_the_span = span.enter();
            self.work.set(None);
        }
    }
}

/// Whether there is a subscriber that may want spans of messages, which are DEBUG. No subscriber is
/// asked.
#[inline]
pub(crate) fn spans_may_be_wanted() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

impl Span {
    /// Makes a span; `None` if nobody wants it.
    pub(crate) fn new(make: impl FnOnce() -> tracing::Span) -> Option<Self> {
        let span = CatchDrop::new(caught(make).ok()?);
        (!span.get().is_disabled()).then_some(Self(span))
    }

    /// This thread is in the span until the guard is dropped, which must not be held across an await.
    pub(crate) fn enter(&self) -> Option<CatchDrop<Entered<'_>>> {
        caught(|| self.0.get().enter()).ok().map(CatchDrop::new)
    }

    /// Drives `future`; each of its polls is in the span, if there is one.
    pub(crate) fn around<F: Future + Unpin>(
        span: Option<&Self>,
        mut future: F,
    ) -> impl Future<Output = F::Output> {
        poll_fn(move |cx| {
            let _in_the_span = span.map(Self::enter);
            Pin::new(&mut future).poll(cx)
        })
    }

    /// Records a number in one of the span's fields.
    pub(crate) fn record(&self, field: &'static str, value: u64) {
        let _ = caught(|| self.0.get().record(field, value));
    }

    /// Records in one of the span's fields why what it stands for has failed, and that it has, in the
    /// word of OpenTelemetry.
    pub(crate) fn record_failure(&self, field: &'static str, why: &impl fmt::Display) {
        let _ = caught(|| {
            let span = self.0.get();
            span.record(field, tracing::field::display(why));
            span.record("otel.status_code", "ERROR");
        });
    }
}
