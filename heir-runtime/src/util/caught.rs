//! Running a user's code so that its panic ends nothing else.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// The message of a panic.
pub(crate) type PanicMessage = Arc<str>;

/// Stands for the message of a panic that has none.
pub(super) const NOT_TEXT: &str = "a panic whose payload is not text";

/// Runs `work`; a panic in it is the error.
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, PanicMessage> {
    catch_unwind(AssertUnwindSafe(work)).map_err(message_of)
}

/// Drives `future`; a panic in it is the error. The caller pins it, as in
/// [`race`](crate::util::race::race).
///
/// After an error, values that the future borrowed may be half-written: the caller must restore or
/// discard them.
pub(crate) fn caught_async<F: Future>(
    mut future: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, PanicMessage>> {
    poll_fn(move |cx| poll_caught(future.as_mut(), cx))
}

/// A small function of its own: the cost of unwinding grows with the frame of the function that
/// catches.
#[inline(never)]
fn poll_caught<F: Future>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, PanicMessage>> {
    match caught(|| future.poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(message) => Poll::Ready(Err(message)),
    }
}

/// Drops `value`; a panic in its destructor is the error.
pub(crate) fn drop_caught<V>(value: V) -> Result<(), PanicMessage> {
    caught(|| drop(value))
}

/// Wakes a user's waker. A panic in it is ignored: it concerns only the task that waits.
#[inline]
pub(crate) fn wake_caught(waker: Waker) {
    let _ = caught(|| waker.wake());
}

/// Polls `future` with a waker that any code may keep: waking and dropping it never panics, and
/// cloning it runs no code of the user's.
///
/// It is for futures that a user's task polls and that leave the waker with a channel of tokio's.
/// tokio wakes it in the task of the sender, and a waker that panicked would keep the others from
/// being woken. The caller pins `future`, as in [`race`](crate::util::race::race).
pub(crate) fn guarded<F: Future + Unpin>(mut future: F) -> impl Future<Output = F::Output> {
    let mut guard: Option<(Arc<Guarded>, Waker)> = None;
    poll_fn(move |cx| {
        let (_, waker) = match &mut guard {
            Some(known) if known.0.0.get().will_wake(cx.waker()) => known,
            other => {
                let guard = Arc::new(Guarded(CatchDrop::new(cx.waker().clone())));
                let waker = Waker::from(Arc::clone(&guard));
                other.insert((guard, waker))
            }
        };
        Pin::new(&mut future).poll(&mut Context::from_waker(waker))
    })
}

/// A user's waker, whose panics are caught when it is woken and dropped.
struct Guarded(CatchDrop<Waker>);

impl Wake for Guarded {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _ = caught(|| self.0.get().wake_by_ref());
    }
}

/// A user's value. A panic of its destructor is caught, wherever its owner is dropped.
pub(crate) struct CatchDrop<V>(Option<V>);

impl<V> CatchDrop<V> {
    pub(crate) fn new(value: V) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self) -> &V {
        self.0.as_ref().expect("there until it is dropped")
    }

    /// The value, for code that catches its panics, too.
    pub(crate) fn into_inner(mut self) -> V {
        self.0.take().expect("there until it is dropped")
    }
}

impl<V> Drop for CatchDrop<V> {
    fn drop(&mut self) {
        let _ = drop_caught(self.0.take());
    }
}

/// The message of a panic, from its payload.
pub(crate) fn message_of(payload: Box<dyn Any + Send>) -> PanicMessage {
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        Arc::from(*text)
    } else if let Some(text) = payload.downcast_ref::<String>() {
        Arc::from(text.as_str())
    } else {
        Arc::from(NOT_TEXT)
    };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A payload whose destructor panics: there is nobody left to tell.
        std::mem::forget(second);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fixtures::PanicsWhenDropped;

    #[test]
    fn a_panic_keeps_its_words() {
        assert_eq!(caught(|| panic!("plain")).unwrap_err().as_ref(), "plain");
        assert_eq!(caught(|| panic!("n = {}", 3)).unwrap_err().as_ref(), "n = 3");
        assert!(caught(|| std::panic::panic_any(7_u8)).unwrap_err().contains("not text"));
    }

    #[test]
    fn a_destructor_that_panics_is_caught_even_in_the_payload() {
        assert_eq!(drop_caught(PanicsWhenDropped).unwrap_err().as_ref(), "from a destructor");
        assert!(caught(|| std::panic::panic_any(PanicsWhenDropped)).is_err());
    }
}
