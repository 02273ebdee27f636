//! `Dynamic`: many workers of one type, which are started by key while the tree runs.

mod each;
mod error;
mod given_up;
mod keys;
mod start;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use self::each::Each;
pub use self::error::{DynamicError, TakeError};
use self::keys::Keys;
use crate::process::status::Stopped;
use crate::supervisor::Supervisor;
use crate::supervisor::builder::SupervisorBuilder;
use crate::supervisor::handle::SupervisorHandle;
use crate::worker::Handlers;
use crate::worker::handle::Handle;

/// The type of the keys of a [`Dynamic`].
pub trait Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Key for K {}

/// A supervisor of many workers of one type, each with its own tables, which are started and found
/// by key (OTP, `simple_one_for_one`; Elixir, `DynamicSupervisor` with a `Registry`).
///
/// Its strategy is `one_for_one`, and it stops its workers together. A worker keeps its key when
/// it, or the supervisor, is restarted. When a worker has ended for good, its key is free.
///
/// Each worker has the [intensity](SupervisorBuilder::intensity) to itself: one that is restarted
/// more often is given up alone. It is stopped, its messages are refused with [`Stopped::GaveUp`], and
/// it keeps its key and its tables until somebody [restarts](Self::restart), [takes](Self::take) or
/// [stops](Self::stop) it. See [`max_given_up`](SupervisorBuilder::max_given_up).
///
/// ```
/// # use heir_runtime::{Dynamic, Supervisor, handlers, heir};
/// #[heir]
/// struct Session {
///     #[table(keep)]
///     visits: u64,
/// }
///
/// #[handlers]
/// impl Session {
///     fn visit(&mut self) -> u64 {
///         self.visits += 1;
///         self.visits
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut tree = Supervisor::builder("app");
/// let sessions = tree.child(Dynamic::<String, Session>::spec().name("sessions"));
/// let tree = tree.start().await?;
///
/// let ada = sessions.start("ada".into(), Session::spec()).await?;
/// assert_eq!(ada.visit().await?, 1);
/// ada.kill();
/// assert_eq!(sessions.get("ada").unwrap().visit().await?, 2);
/// tree.shutdown().await;
/// # Ok::<_, heir_runtime::BoxError>(())
/// # }).unwrap();
/// ```
pub struct Dynamic<K, W: Handlers> {
    supervisor: SupervisorHandle,
    keys: Arc<Keys<K, Handle<W>>>,
    each: Arc<Each<K, W>>,
}

impl<K: Key, W: Handlers> Dynamic<K, W> {
    /// Makes a supervisor without workers, to be [started](SupervisorBuilder::start), or given to
    /// [`SupervisorBuilder::child`].
    pub fn spec() -> SupervisorBuilder<Self> {
        Supervisor::builder(W::NAME).dynamic().declared(|supervisor| {
            let keys = Arc::new(Keys::default());
            let each = Arc::new(Each::default());
            let (forgets, ends) = (Arc::downgrade(&keys), Arc::downgrade(&each));
            supervisor.shared().when_forgotten(move |id| {
                if let Some(keys) = forgets.upgrade() {
                    keys.forget(id);
                }
            });
            supervisor.shared().when_over(move || {
                if let Some(each) = ends.upgrade() {
                    each.end();
                }
            });
            Self { supervisor, keys, each }
        })
    }

    /// Returns the handle of the worker under this key.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// sessions.start(7, Session::spec()).await?;
    /// let session = sessions.get(&7).ok_or("no such session")?;
    /// assert_eq!(session.visit().await?, 1);
    /// assert!(sessions.get(&8).is_none());
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<W::Handle>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key).map(W::Handle::from)
    }

    /// Stops the worker under this key for good, also one that was given up, and waits until it has
    /// stopped; `None` if there is no such worker.
    ///
    /// Its key is then free. Its tables can be claimed from the estate of a handle, if a handle was
    /// kept.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// sessions.start(7, Session::spec()).await?;
    /// assert_eq!(sessions.stop(&7).await, Some(Stopped::Shutdown));
    /// assert!(sessions.get(&7).is_none());
    /// assert_eq!(sessions.stop(&7).await, None);
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn stop<Q>(&self, key: &Q) -> Option<Stopped>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        Some(self.find(key)?.stop().await)
    }

    /// Whether the worker has its key, and the supervisor does not know it yet.
    fn is_about_to_be_added(&self, worker: &Handle<W>) -> bool {
        self.supervisor.shared().children.get(worker.shared.id()).is_none()
            && !worker.shared.lifecycle.is_stopped()
    }

    fn find<Q>(&self, key: &Q) -> Option<Handle<W>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.keys.get(key)
    }

    /// The keys of all workers, in no particular order.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// sessions.start_all([3, 1, 2]).await;
    /// let mut keys = sessions.keys();
    /// keys.sort_unstable();
    /// assert_eq!(keys, [1, 2, 3]);
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn keys(&self) -> Vec<K> {
        self.keys.entries().iter().map(|entry| entry.key().clone()).collect()
    }

    /// The keys of all workers of this moment, each with the worker's handle, in no particular order.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// sessions.start_all([1, 2, 3]).await;
    /// let mut visits = 0;
    /// for (_user, session) in sessions.iter() {
    ///     visits += session.visit().await?;
    /// }
    /// assert_eq!(visits, 3);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (K, W::Handle)> + use<K, W> {
        let entries = self.keys.entries().into_iter();
        entries.map(|entry| (entry.key().clone(), W::Handle::from(entry.handle().clone())))
    }

    /// The number of workers.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// assert!(sessions.is_empty());
    /// sessions.start_all(0..10).await;
    /// assert_eq!(sessions.len(), 10);
    /// sessions.stop(&0).await;
    /// assert_eq!(sessions.len(), 9);
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no workers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The handle of the supervisor itself.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// sessions.start_all([1, 2]).await;
    /// assert_eq!(sessions.supervisor().count_children().workers, 2);
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn supervisor(&self) -> &SupervisorHandle {
        &self.supervisor
    }
}

impl<K, W: Handlers> Clone for Dynamic<K, W> {
    fn clone(&self) -> Self {
        Self {
            supervisor: self.supervisor.clone(),
            keys: Arc::clone(&self.keys),
            each: Arc::clone(&self.each),
        }
    }
}

impl<K, W: Handlers> fmt::Debug for Dynamic<K, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dynamic").field("supervisor", &self.supervisor).finish_non_exhaustive()
    }
}
