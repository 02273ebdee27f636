//! An observer that remembers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heir_runtime::events::Event;
use heir_runtime::{Supervisor, SupervisorBuilder};
use tokio::sync::Notify;

/// Remembers the events of a tree, in their order.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Recorded>);

#[derive(Default)]
struct Recorded {
    events: Mutex<Vec<Event>>,
    changed: Notify,
}

/// The events whose kind matches a pattern, of any child or of one: a closure that [`Recorder`]'s methods take.
///
/// ```
/// # use heir_tests::{Recorder, event};
/// # use heir_runtime::events::Role;
/// # let recorder = Recorder::default();
/// recorder.count(event!(Restarting { role: Role::Manager, .. }));
/// recorder.count(event!("Counter": CodePanicked { message, .. } if &**message == "in drop"));
/// ```
#[macro_export]
macro_rules! event {
    ($child:literal: $($kind:tt)+) => {
        |event: &$crate::runtime::events::Event| &*event.child == $child && $crate::event!($($kind)+)(event)
    };
    ($($kind:tt)+) => {
        |event: &$crate::runtime::events::Event| {
            matches!(&event.kind, $crate::runtime::events::EventKind::$($kind)+)
        }
    };
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
            recorder.lock().push(event.clone());
            recorder.0.changed.notify_waiters();
        }
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// How many of these there are so far.
    pub fn count(&self, mut these: impl FnMut(&Event) -> bool) -> usize {
        self.lock().iter().filter(|event| these(event)).count()
    }

    /// Whose events these are, in their order.
    pub fn children(&self, mut these: impl FnMut(&Event) -> bool) -> Vec<String> {
        self.lock().iter().filter(|event| these(event)).map(|event| event.child.to_string()).collect()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Waits until one of these has been recorded, and says which.
    pub async fn until(&self, mut these: impl FnMut(&Event) -> bool) -> Event {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if let Some(event) = self.lock().iter().find(|event| these(event)) {
                return event.clone();
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
