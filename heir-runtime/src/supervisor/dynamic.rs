//! `Dynamic`: many workers of one type, which are started by key while the tree runs.

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

/// The type of the keys of a [`Dynamic`].
pub trait Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Key for K {}

/// A supervisor of many workers of one type, each with its own tables, which are started and found
/// by key (OTP, `simple_one_for_one`; Elixir, `DynamicSupervisor` with a `Registry`).
///
/// Its strategy is `one_for_one`, and it stops its workers together. A worker keeps its key when
/// it, or the supervisor, is restarted. When a worker has ended for good, its key is free.
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
    /// Another worker has this key: here is its handle.
    #[error("there is a worker of this key already")]
    AlreadyStarted(H),
    /// The worker did not start, and is gone.
    #[error(transparent)]
    NotStarted(#[from] StartError),
}

impl<K: Key, W: Handlers> Dynamic<K, W> {
    /// Makes a supervisor without workers, to be [started](SupervisorBuilder::start), or given to
    /// [`SupervisorBuilder::child`].
    pub fn spec() -> SupervisorBuilder<Self> {
        Supervisor::builder(W::NAME).dynamic().declared(|supervisor| {
            let workers = Arc::new(Keys::default());
            let forgetful = Arc::downgrade(&workers);
            supervisor.shared().when_forgotten(move |id| {
                if let Some(workers) = forgetful.upgrade() {
                    workers.forget(id);
                }
            });
            Self { supervisor, workers }
        })
    }

    /// Starts a worker under a key, and waits until it is up. The worker's name is the spec's name
    /// with the key in brackets.
    ///
    /// Dropping the future does not take the request back: the worker is started all the same.
    ///
    /// # Errors
    /// [`DynamicError`] says which worker has the key, or why this one did not start.
    pub async fn start(&self, key: K, spec: Spec<W>) -> Result<W::Handle, DynamicError<W::Handle>> {
        let spec = {
            let mut name = String::with_capacity(spec.name.len() + 22);
            let _ = write!(name, "{}[{key:?}]", spec.name);
            spec.name(name)
        };
        let Attached { id, member, handle, refused } = attach_worker(spec, self.supervisor.shared());
        if let Err(taken) = self.workers.insert(key, id, handle.clone()) {
            return Err(DynamicError::AlreadyStarted(W::Handle::from(taken)));
        }
        // If the worker does not start, the supervisor forgets the child, and with it the key, even
        // if nobody awaits this future any more.
        let attached = Attached { id, member, handle: W::Handle::from(handle), refused };
        Ok(self.supervisor.add(attached).await?)
    }

    /// Returns the handle of the worker under this key.
    pub fn get<Q>(&self, key: &Q) -> Option<W::Handle>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key).map(W::Handle::from)
    }

    /// Stops the worker under this key for good, and waits until it has stopped; `None` if there is
    /// no such worker.
    ///
    /// Its key is then free. Its tables can be claimed from the estate of a handle, if a handle was
    /// kept.
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

    /// The keys of all workers, in no particular order.
    pub fn keys(&self) -> Vec<K> {
        self.workers.all()
    }

    /// The number of workers.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Whether there are no workers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The handle of the supervisor itself.
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
