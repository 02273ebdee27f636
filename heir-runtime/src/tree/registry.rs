//! The registry of a tree: its supervisors' names, its observers, and its registered names.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter::successors;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

#[cfg(feature = "store")]
use crate::store::Store;
use crate::tree::events::{Event, EventKind, Observer};
use crate::tree::subscription::{EventStream, Subscribers};
use crate::tree::told::{is_traced, may_be_traced, trace};
use crate::util::caught::caught;
use crate::util::sync::Lock;

/// What the members of one tree share: each supervisor has one, and its workers have its clones.
///
/// It belongs to a tree of its own until its supervisor becomes a child of another one: from then on
/// the other tree's observers hear its events, too, and its names stand in the other tree's registry.
#[derive(Clone)]
pub(crate) struct Registry(Arc<State>);

struct State {
    /// The name that the supervisor was built with.
    built_as: Arc<str>,
    /// The name that replaced it, if any.
    label: OnceLock<Arc<str>>,
    /// Whether there is an observer or a subscriber.
    is_watched: AtomicBool,
    /// The registry of the supervisor above.
    parent: OnceLock<Registry>,
    /// Where the tables of its workers are kept, and of those below.
    #[cfg(feature = "store")]
    store: OnceLock<Store>,
    /// Set once, when the tree starts.
    observers: OnceLock<Vec<Observer>>,
    subscribers: Subscribers,
    /// Empty once there is a parent.
    names: Lock<Names>,
}

type Names = HashMap<Arc<str>, Box<dyn Any + Send + Sync>>;

impl Registry {
    /// The registry of a supervisor that is built with this name.
    pub(crate) fn new(built_as: Arc<str>) -> Self {
        Self(Arc::new(State {
            built_as,
            label: OnceLock::new(),
            is_watched: AtomicBool::new(false),
            parent: OnceLock::new(),
            #[cfg(feature = "store")]
            store: OnceLock::new(),
            observers: OnceLock::new(),
            subscribers: Subscribers::default(),
            names: Lock::default(),
        }))
    }

    /// Gives the supervisor another name than it was built with.
    pub(crate) fn rename(&self, label: Arc<str>) {
        let _ = self.0.label.set(label);
    }

    /// The name that the supervisor was built with.
    pub(crate) fn built_as(&self) -> &Arc<str> {
        &self.0.built_as
    }

    /// The supervisor's name.
    pub(crate) fn name(&self) -> &Arc<str> {
        self.0.label.get().unwrap_or(&self.0.built_as)
    }

    /// The names of all supervisors from the root down to this one, each followed by a slash, and then
    /// this name: the path of a child.
    pub(crate) fn path_of(&self, child: &str) -> Arc<str> {
        let above: Vec<_> = self.upwards().map(Self::name).collect();
        let mut path = String::new();
        for supervisor in above.into_iter().rev() {
            path.push_str(supervisor);
            path.push('/');
        }
        path.push_str(child);
        Arc::from(path)
    }

    /// What a worker is known by in a store: its path, without the name of the root.
    #[cfg(feature = "store")]
    pub(crate) fn identity_of(&self, child: &str) -> String {
        let path = self.path_of(child);
        path.split_once('/').map_or(&*path, |(_root, below)| below).to_owned()
    }

    /// The tables of the workers of this tree are kept here, unless one has a store of its own.
    #[cfg(feature = "store")]
    pub(crate) fn keep_in(&self, store: Store) {
        let _ = self.0.store.set(store);
    }

    /// The store of the nearest tree above that has one.
    #[cfg(feature = "store")]
    pub(crate) fn store(&self) -> Option<Store> {
        self.upwards().find_map(|registry| registry.0.store.get().cloned())
    }

    /// The supervisor's own path.
    fn path(&self) -> Arc<str> {
        match self.0.parent.get() {
            Some(parent) => parent.path_of(self.name()),
            None => Arc::clone(self.name()),
        }
    }

    /// From here on, these observers hear events.
    pub(crate) fn observe(&self, observers: Vec<Observer>) {
        self.0.is_watched.fetch_or(!observers.is_empty(), Ordering::Relaxed);
        let _ = self.0.observers.set(observers);
    }

    /// A stream of the events from here on; it keeps so many that nobody has taken out.
    pub(crate) fn subscribe(&self, capacity: usize) -> EventStream {
        self.0.subscribers.add(capacity, &self.0.is_watched)
    }

    /// The supervisor is gone for good, with all below it: ends the streams.
    pub(crate) fn end_streams(&self) {
        self.0.subscribers.end();
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

    /// Tells `tracing`, the observers and the subscribers of an event of this child, if there are any:
    /// else the event is not even made. Says whether a subscriber of `tracing` has taken it.
    pub(crate) fn emit(&self, child: &Arc<str>, kind: EventKind) -> bool {
        self.tell(kind, |_| false, |kind| self.event_of(child, kind))
    }

    /// As [`emit`](Self::emit); `is_told` says whether the event follows from a panic of the child that has
    /// been told.
    pub(crate) fn emit_after(
        &self,
        child: &Arc<str>,
        kind: EventKind,
        is_told: impl FnOnce(&EventKind) -> bool,
    ) {
        self.tell(kind, is_told, |kind| self.event_of(child, kind));
    }

    /// As [`emit`](Self::emit), for an event of the supervisor itself.
    pub(crate) fn emit_own(&self, kind: EventKind) {
        self.tell(
            kind,
            |_| false,
            |kind| Event { at: SystemTime::now(), child: Arc::clone(self.name()), path: self.path(), kind },
        );
    }

    /// An event of this child, now.
    pub(crate) fn event_of(&self, child: &Arc<str>, kind: EventKind) -> Event {
        Event { at: SystemTime::now(), child: Arc::clone(child), path: self.path_of(child), kind }
    }

    /// Whether anybody may hear an event of this kind.
    pub(crate) fn is_heard(&self, kind: &EventKind) -> bool {
        may_be_traced(kind) || self.is_observed()
    }

    fn tell(
        &self,
        kind: EventKind,
        is_told: impl FnOnce(&EventKind) -> bool,
        event: impl FnOnce(EventKind) -> Event,
    ) -> bool {
        if !self.is_heard(&kind) {
            return false;
        }
        let told = is_told(&kind);
        // A subscriber is not our code, and is asked and told on every path, even when a worker
        // dies.
        let traced = caught(|| is_traced(&kind, told)).unwrap_or(false);
        if !traced && !self.is_observed() {
            return false;
        }
        let event = event(kind);
        let taken = traced && caught(|| trace(&event, told)).is_ok();
        for registry in self.upwards() {
            let observers = registry.0.observers.get().map_or(&[][..], Vec::as_slice);
            for observer in observers {
                let _ = caught(|| observer.get()(&event));
            }
            if registry.0.is_watched.load(Ordering::Relaxed) {
                registry.0.subscribers.tell(&event, &registry.0.is_watched, !observers.is_empty());
            }
        }
        taken
    }

    fn is_observed(&self) -> bool {
        // By hand: a restart asks this ten times, and `upwards` looks for the next before it is wanted.
        let mut here = self;
        loop {
            if here.0.is_watched.load(Ordering::Relaxed) {
                return true;
            }
            let Some(parent) = here.0.parent.get() else { return false };
            here = parent;
        }
    }

    /// This registry and those above it, up to the root's.
    fn upwards(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |registry| registry.0.parent.get())
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
        self.upwards().last().unwrap_or(self).clone()
    }
}
