//! What a whole tree shares: who observes it, and who is registered in it.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, OnceLock};

use crate::tree::events::{Event, Observer, is_traced, may_be_traced, trace};
use crate::util::caught::caught;
use crate::util::sync::Lock;

/// What the members of one tree share. A subtree has one of its own until it becomes a branch of a tree: from then on its
/// events are told there, too, and its names are that tree's.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<State>);

#[derive(Default)]
struct State {
    /// The tree this is a branch of.
    parent: OnceLock<Registry>,
    /// Fixed when it starts.
    observers: OnceLock<Vec<Observer>>,
    /// Empty once there is a parent.
    names: Lock<Names>,
}

type Names = HashMap<Arc<str>, Box<dyn Any + Send + Sync>>;

impl Registry {
    /// From here on, tells these.
    pub(crate) fn observe(&self, observers: Vec<Observer>) {
        let _ = self.0.observers.set(observers);
    }

    /// Becomes a branch of `parent`. Returns a name that both have.
    pub(crate) fn join(&self, parent: &Self) -> Option<Arc<str>> {
        let ours = self.0.names.take();
        let _ = self.0.parent.set(parent.clone());
        let root = parent.root();
        let mut names = root.0.names.lock();
        let mut twice = None;
        for (name, handle) in ours {
            match names.entry(name) {
                Entry::Occupied(taken) => twice = Some(Arc::clone(taken.key())),
                Entry::Vacant(free) => drop(free.insert(handle)),
            }
        }
        twice
    }

    /// Tells everyone, if there is anyone.
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        // A subscriber is not our code, and it is asked and told on every path, those of a death too.
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

    /// Registers whoever `handle` leads to under a name of the whole tree: `false` if somebody else has it.
    pub(crate) fn register<H: Any + Send + Sync>(&self, name: &Arc<str>, handle: H) -> bool {
        let root = self.root();
        let mut names = root.0.names.lock();
        if names.contains_key(name) {
            return false;
        }
        names.insert(Arc::clone(name), Box::new(handle));
        true
    }

    /// The name is free again, if `is_its_own` says that it is his who gives it up: two trees became one in which another had it
    /// first.
    pub(crate) fn unregister<H: Any>(&self, name: &str, is_its_own: impl FnOnce(&H) -> bool) {
        let root = self.root();
        let mut names = root.0.names.lock();
        let gone = match names.get(name).and_then(|handle| handle.downcast_ref()) {
            Some(handle) if is_its_own(handle) => names.remove(name),
            _ => None,
        };
        drop(names);
        // After the lock: a handle on a worker that is gone may be the last that kept it.
        drop(gone);
    }

    /// What was registered under this name, if it is of this type.
    pub(crate) fn whereis<H: Any + Clone>(&self, name: &str) -> Option<H> {
        self.root().0.names.lock().get(name)?.downcast_ref::<H>().cloned()
    }

    fn root(&self) -> Self {
        let mut root = self;
        while let Some(parent) = root.0.parent.get() {
            root = parent;
        }
        root.clone()
    }
}
