//! The registry of a tree: its observers, and its registered names.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, OnceLock};

use crate::tree::events::{Event, Observer, is_traced, may_be_traced, trace};
use crate::util::caught::caught;
use crate::util::sync::Lock;

/// The observers and names of one tree; all its members share it. A tree has a registry of its
/// own until it becomes a subtree of another one: from then on the other tree's observers hear its
/// events, too, and its names stand in the other tree's registry.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<State>);

#[derive(Default)]
struct State {
    /// The registry of the tree in which this tree is a subtree.
    parent: OnceLock<Registry>,
    /// Set once, when the tree starts.
    observers: OnceLock<Vec<Observer>>,
    /// Empty once there is a parent.
    names: Lock<Names>,
}

type Names = HashMap<Arc<str>, Box<dyn Any + Send + Sync>>;

impl Registry {
    /// From here on, these observers hear events.
    pub(crate) fn observe(&self, observers: Vec<Observer>) {
        let _ = self.0.observers.set(observers);
    }

    /// This tree becomes a subtree in the tree of `parent`. Returns a name that both have, if there is one.
    pub(crate) fn join(&self, parent: &Self) -> Option<Arc<str>> {
        let ours = self.0.names.take();
        let _ = self.0.parent.set(parent.clone());
        let root = parent.root();
        let (twice, refused) = root.0.names.with(|names| {
            let (mut twice, mut refused) = (None, Vec::new());
            for (name, handle) in ours {
                match names.entry(name) {
                    Entry::Occupied(taken) => {
                        twice = Some(Arc::clone(taken.key()));
                        refused.push(handle);
                    }
                    Entry::Vacant(free) => {
                        free.insert(handle);
                    }
                }
            }
            (twice, refused)
        });
        drop(refused);
        twice
    }

    /// Tells `tracing` and the observers, if there are any: else the event is not even made.
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        // A subscriber is not our code, and is asked and told on every path, even when a worker
        // dies.
        let traced = may_be_traced() && caught(is_traced).unwrap_or(false);
        if !traced && !self.is_observed() {
            return;
        }
        let event = event();
        if traced {
            let _ = caught(|| trace(&event));
        }
        let mut here = Some(self);
        while let Some(registry) = here {
            for observer in registry.0.observers.get().map_or(&[][..], Vec::as_slice) {
                let _ = caught(|| observer.get()(&event));
            }
            here = registry.0.parent.get();
        }
    }

    fn is_observed(&self) -> bool {
        self.0.observers.get().is_some_and(|observers| !observers.is_empty())
            || self.0.parent.get().is_some_and(Self::is_observed)
    }

    /// Registers `handle` under a name of the whole tree: `false` if the name is taken.
    pub(crate) fn register<H: Any + Send + Sync>(&self, name: &Arc<str>, handle: H) -> bool {
        let handle = Box::new(handle);
        self.root()
            .0
            .names
            .with(|names| match names.entry(Arc::clone(name)) {
                Entry::Occupied(_) => Err(handle),
                Entry::Vacant(free) => {
                    free.insert(handle);
                    Ok(())
                }
            })
            .is_ok()
    }

    /// Frees the name, if `is_its_own` says that the handle under it belongs to the caller. It may
    /// belong to another worker, which had the name first when two trees became one.
    pub(crate) fn unregister<H: Any>(&self, name: &str, is_its_own: impl FnOnce(&H) -> bool) {
        let gone = self.root().0.names.with(|names| {
            match names.get(name).and_then(|handle| handle.downcast_ref()) {
                Some(handle) if is_its_own(handle) => names.remove(name),
                _ => None,
            }
        });
        // The handle may be the last on a worker that is gone.
        drop(gone);
    }

    /// The handle that is registered under this name, if it is of this type.
    pub(crate) fn whereis<H: Any + Clone>(&self, name: &str) -> Option<H> {
        self.root().0.names.with(|names| names.get(name)?.downcast_ref::<H>().cloned())
    }

    fn root(&self) -> Self {
        let mut root = self;
        while let Some(parent) = root.0.parent.get() {
            root = parent;
        }
        root.clone()
    }
}
