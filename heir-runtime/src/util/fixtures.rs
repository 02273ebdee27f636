//! What unit tests share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;

use tracing::subscriber::{NoSubscriber, with_default};
use tracing::{Dispatch, Subscriber};

/// A waker that counts how often it wakes.
#[derive(Default)]
pub(crate) struct Woken(AtomicUsize);

impl Woken {
    pub(crate) fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("from a destructor");
    }
}

/// Runs `work` with a subscriber of this thread, which hears all of it.
///
/// While there is one subscriber in a process, `tracing` asks only the thread that comes to an event
/// first whether it is wanted, and that may be a thread of another test, without a subscriber
/// (tracing-core 0.1.36). So there is always another one.
pub(crate) fn with_subscriber<R>(subscriber: impl Subscriber + Send + Sync, work: impl FnOnce() -> R) -> R {
    static OTHER: OnceLock<Dispatch> = OnceLock::new();
    OTHER.get_or_init(|| Dispatch::new(NoSubscriber::new()));
    with_default(subscriber, work)
}
