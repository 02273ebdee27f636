//! What the suites share: an observer that remembers, and the README, whose programs run as tests.
#![cfg_attr(doctest, doc = include_str!("../../README.md"))]

/// As another crate re-exports it.
pub use heir_runtime as runtime;

use std::sync::{Arc, Mutex, PoisonError};

use heir_runtime::{Event, Supervisor, SupervisorBuilder};
use tokio::sync::Notify;

/// Remembers the events of a tree as sentences, in their order.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Recorded>);

#[derive(Default)]
struct Recorded {
    events: Mutex<Vec<String>>,
    changed: Notify,
}

impl Recorder {
    /// A tree called `app` that is recorded, and allows as many restarts as there are.
    pub fn tree() -> (SupervisorBuilder, Self) {
        let recorder = Self::default();
        let tree = Supervisor::builder("app").intensity(u32::MAX).observe(recorder.observer());
        (tree, recorder)
    }

    /// What a tree is to be observed with.
    pub fn observer(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let recorder = self.clone();
        move |event| {
            recorder.lock().push(event.to_string());
            recorder.0.changed.notify_waiters();
        }
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Waits until an event with these words has been recorded.
    pub async fn until(&self, words: &str) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.lock().iter().any(|event| event.contains(words)) {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
