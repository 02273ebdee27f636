//! The request to stop, from a supervisor to one of its tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use crate::util::caught::wake_caught;
use crate::util::sync::Lock;

/// The supervisor's end: asks the task to stop when it is dropped.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Arc<Request>);

/// The task's end: resolves when the task is asked to stop. A worker polls it before each message:
/// that is one load.
pub(crate) struct StopSignal {
    request: Arc<Request>,
    /// The waker that has been left in the request.
    known: Option<Waker>,
}

#[derive(Debug)]
struct Request {
    made: AtomicBool,
    /// Whether the request was made on purpose, and not because the supervisor's end was dropped.
    /// Written before `made`.
    on_purpose: AtomicBool,
    /// The waker of the task, which is ours.
    waiting: Lock<Option<Waker>>,
}

pub(crate) fn stop_signal() -> (StopOnDrop, StopSignal) {
    let request = Arc::new(Request {
        made: AtomicBool::new(false),
        on_purpose: AtomicBool::new(false),
        waiting: Lock::new(None),
    });
    (StopOnDrop(Arc::clone(&request)), StopSignal { request, known: None })
}

impl StopOnDrop {
    /// Asks the task to stop, on purpose.
    pub(crate) fn ask(self) {
        self.0.on_purpose.store(true, Ordering::Relaxed);
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.made.store(true, Ordering::Release);
        if let Some(waiting) = self.0.waiting.take() {
            wake_caught(waiting);
        }
    }
}

impl StopSignal {
    /// Whether the request that has been seen was made on purpose.
    pub(crate) fn is_on_purpose(&self) -> bool {
        self.request.on_purpose.load(Ordering::Relaxed)
    }

    /// Leaves this task's waker with the request. The task must look at the request afterwards:
    /// either it sees the request, or the request finds the waker.
    fn leave_waker(&mut self, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        self.known = Some(waker.clone());
        self.request.waiting.set(Some(waker));
    }
}

impl Future for StopSignal {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.leave_waker(cx);
        }
        if self.request.made.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}
