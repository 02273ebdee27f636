//! Many workers of one type, started by key while the tree runs.

use std::fmt::{self, Write as _};
use std::hash::Hash;
use std::sync::Arc;

use crate::process::status::Stopped;
use crate::supervisor::Supervisor;
use crate::supervisor::builder::SupervisorBuilder;
use crate::supervisor::child::spec::{Attached, attach_worker};
use crate::supervisor::handle::SupervisorHandle;
use crate::supervisor::keys::Keys;
use crate::supervisor::report::StartError;
use crate::worker::Handlers;
use crate::worker::Spec;
use crate::worker::handle::Handle;

/// What workers are started and found by.
pub trait Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Key for K {}

/// A supervisor of many workers of one type, each with its own tables, started and found by key (OTP, `simple_one_for_one`;
/// Elixir, `DynamicSupervisor` with a `Registry`).
///
/// It is `one_for_one`, and stops its workers together. A worker that has ended for good leaves its key free; if it was restarted, or its
/// supervisor was, it is found under its key as ever.
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
    workers: Arc<Keys<K, Handle<W>>>,
}

/// Why a worker was not started under a key.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DynamicError<H> {
    /// Another one has this key: here is its handle.
    #[error("there is a worker of this key already")]
    AlreadyStarted(H),
    /// It did not start, and is gone.
    #[error(transparent)]
    NotStarted(#[from] StartError),
}

impl<K: Key, W: Handlers> Dynamic<K, W> {
    /// A supervisor without workers, to be given to [`SupervisorBuilder::child`], or started by itself.
    pub fn spec() -> SupervisorBuilder<Self> {
        Supervisor::builder(W::NAME).dynamic().declared(|supervisor| {
            let workers = Arc::new(Keys::default());
            let forgetful = Arc::downgrade(&workers);
            supervisor.branch().when_forgotten(move |id| {
                if let Some(workers) = forgetful.upgrade() {
                    workers.forget(id);
                }
            });
            Self { supervisor, workers }
        })
    }

    /// Starts a worker under a key, and waits until it is up. Its name is made of the spec's and the key.
    ///
    /// Dropping the future does not take the request back: the worker is then one like any other.
    ///
    /// # Errors
    /// [`DynamicError`] tells who has the key, or why it did not start.
    pub async fn start(&self, key: K, spec: Spec<W>) -> Result<W::Handle, DynamicError<W::Handle>> {
        let spec = {
            let mut name = String::with_capacity(spec.name.len() + 22);
            let _ = write!(name, "{}[{key:?}]", spec.name);
            spec.name(name)
        };
        let Attached { id, member, handle, refused } = attach_worker(spec, self.supervisor.branch());
        if let Err(taken) = self.workers.insert(key, id, handle.clone()) {
            return Err(DynamicError::AlreadyStarted(W::Handle::from(taken)));
        }
        // If it is not started, its key is forgotten with it, also when nobody waits for it any more.
        let attached = Attached { id, member, handle: W::Handle::from(handle), refused };
        Ok(self.supervisor.add(attached).await?)
    }

    /// The worker under this key.
    pub fn get<Q>(&self, key: &Q) -> Option<W::Handle>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key).map(W::Handle::from)
    }

    /// Stops the worker under this key for good, and waits until it has; `None` if there is none. Its key is free, and its tables can
    /// be claimed from the estate of a handle that somebody has kept.
    pub async fn stop<Q>(&self, key: &Q) -> Option<Stopped>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let handle = self.find(key)?;
        Some(handle.stop().await)
    }

    fn find<Q>(&self, key: &Q) -> Option<Handle<W>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.workers.get(key)
    }

    /// The keys there are, in no order.
    pub fn keys(&self) -> Vec<K> {
        self.workers.all()
    }

    /// How many workers there are.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Whether there is no worker.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The supervisor itself.
    pub fn supervisor(&self) -> &SupervisorHandle {
        &self.supervisor
    }
}

impl<K, W: Handlers> Clone for Dynamic<K, W> {
    fn clone(&self) -> Self {
        Self { supervisor: self.supervisor.clone(), workers: Arc::clone(&self.workers) }
    }
}

impl<K, W: Handlers> fmt::Debug for Dynamic<K, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dynamic").field("supervisor", &self.supervisor).finish_non_exhaustive()
    }
}

impl<H> fmt::Debug for DynamicError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicError({self})")
    }
}
