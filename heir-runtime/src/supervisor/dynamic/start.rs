//! How a `Dynamic` starts its workers: one under a key that is free, the one under a key whoever
//! starts it, or many at once.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::process::status::Status;
use crate::supervisor::builder::SupervisorBuilder;
use crate::supervisor::child::spec::{Attached, attach_worker};
use crate::supervisor::dynamic::each::NoSpec;
use crate::supervisor::dynamic::error::DynamicError;
use crate::supervisor::dynamic::keys::Entry;
use crate::supervisor::dynamic::{Dynamic, Key};
use crate::supervisor::handle::{Adding, SupervisorHandle};
use crate::supervisor::report::StartError;
use crate::supervisor::run::requests::{Addition, Command};
use crate::util::race::finished_in;
use crate::worker::Handlers;
use crate::worker::Spec;
use crate::worker::handle::Handle;

/// What comes of a start: the handle of a worker that is up, or why there is none.
type Started<W> = Result<<W as Handlers>::Handle, DynamicError<<W as Handlers>::Handle>>;

/// A worker whose start has been requested, or why it was not.
type Begun<W> = Result<Adding<<W as Handlers>::Handle>, DynamicError<<W as Handlers>::Handle>>;

/// A worker that is about to be started, and the entry for its key.
type Prepared<K, W> = (Arc<Entry<K, Handle<W>>>, Attached<<W as Handlers>::Handle>);

impl<K: Key, W: Handlers> SupervisorBuilder<Dynamic<K, W>> {
    /// Sets how a worker is made from its key, for [`get_or_start`](Dynamic::get_or_start),
    /// [`start_all`](Dynamic::start_all) and their like.
    ///
    /// The closure runs in the task that asks for the worker, under no lock; its panic is
    /// [`DynamicError::SpecPanicked`]. It is dropped when the supervisor has ended for good, so it may
    /// have handles of siblings.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, handlers, heir};
    /// #[heir]
    /// struct Session {
    ///     #[table(keep)]
    ///     visits: u64,
    ///     #[arg]
    ///     user: String,
    /// }
    ///
    /// #[handlers]
    /// impl Session {
    ///     fn user(&mut self) -> String {
    ///         self.user.clone()
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<String, Session>::spec().each(|user| Session::spec(user.clone()));
    /// let sessions = sessions.start().await?;
    /// assert_eq!(sessions.get_or_start("ada".into()).await?.user().await?, "ada");
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn each(self, make: impl Fn(&K) -> Spec<W> + Send + Sync + 'static) -> Self {
        self.handle().set_each(make);
        self
    }
}

impl<K: Key, W: Handlers> Dynamic<K, W> {
    /// Sets how a worker is made from its key, as [`SupervisorBuilder::each`] does.
    pub(crate) fn set_each(&self, make: impl Fn(&K) -> Spec<W> + Send + Sync + 'static) {
        self.each.set(make);
    }

    /// Starts a worker under a key, and waits until it is up. The worker's name is the spec's name
    /// with the key in brackets.
    ///
    /// Dropping the future does not take the request back: the worker is started all the same.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # use heir_runtime::supervision::DynamicError;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// let session = sessions.start(7, Session::spec()).await?;
    /// assert_eq!((session.visit().await?, session.name()), (1, "Session[7]"));
    /// let again = sessions.start(7, Session::spec()).await;
    /// assert!(matches!(again, Err(DynamicError::AlreadyStarted(_))));
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`DynamicError::AlreadyStarted`]: another worker has the key.
    /// - [`DynamicError::GaveUp`]: another worker has the key, and the supervisor has given up on it.
    /// - [`DynamicError::NotStarted`]: the worker ended before it was up, or the supervisor is gone, or
    ///   the spec has a [registered](Spec::registered) name, which all keys would share.
    pub async fn start(&self, key: K, spec: Spec<W>) -> Result<W::Handle, DynamicError<W::Handle>> {
        let (entry, attached) = self.prepare(key, spec)?;
        if let Err(taken) = self.keys.insert(&entry) {
            return Err(has_key(&taken));
        }
        // If the worker does not start, the supervisor forgets the child, and with it the key, even
        // if nobody awaits this future any more.
        Ok(self.supervisor.add(attached).await?)
    }

    /// Returns the handle of the worker under this key once it is up, whoever has started it; if there
    /// is none, starts one that [`each`](SupervisorBuilder::each) makes.
    ///
    /// Of many callers that ask for one key at once, one starts the worker, and the others wait for
    /// it; if that start fails, the next caller tries its own. A worker that is about to be restarted
    /// is waited for, and so is one that was terminated.
    ///
    /// Dropping the future does not take the request back: a worker that it has begun to start is
    /// started all the same.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// let (one, other) = tokio::join!(sessions.get_or_start(7), sessions.get_or_start(7));
    /// assert!(*one? == *other?);
    /// assert_eq!(sessions.get_or_start(7).await?.visit().await?, 1);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`DynamicError::GaveUp`]: the supervisor has given up on the worker of this key.
    /// - [`DynamicError::NoSpec`]: there is no such worker, and no `each` to make one.
    /// - [`DynamicError::SpecPanicked`]: `each` panicked; the key is free.
    /// - [`DynamicError::NotStarted`]: the worker that this call has started ended before it was up,
    ///   or the supervisor is gone.
    /// - [`DynamicError::AlreadyStarted`]: the key has a worker of this type no more: another one has
    ///   [taken its place](SupervisorHandle::upgrade_child).
    pub async fn get_or_start(&self, key: K) -> Result<W::Handle, DynamicError<W::Handle>> {
        self.get_or_make(key, |key| self.make(key)).await
    }

    /// As [`get_or_start`](Self::get_or_start), with a closure that makes the worker if there is none:
    /// no `each` is needed.
    ///
    /// The closure runs in this call, under no lock. If two callers have made a worker, one of the
    /// two is dropped before it has started.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64, #[arg] user: String }
    /// # #[handlers]
    /// # impl Session { fn user(&mut self) -> String { self.user.clone() } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().start().await?;
    /// let ada = sessions.get_or_start_with(1, |_| Session::spec("ada".into())).await?;
    /// let same = sessions.get_or_start_with(1, |_| unreachable!("it is there")).await?;
    /// assert_eq!(same.user().await?, "ada");
    /// # assert!(*ada == *same);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`get_or_start`](Self::get_or_start), but for `NoSpec` and `SpecPanicked`.
    ///
    /// # Panics
    /// If the closure does; the key is free.
    pub async fn get_or_start_with(
        &self,
        key: K,
        make: impl FnOnce(&K) -> Spec<W>,
    ) -> Result<W::Handle, DynamicError<W::Handle>> {
        self.get_or_make(key, |key| Ok(make(key))).await
    }

    /// As [`get_or_start`](Self::get_or_start), for as long as `limit` at most.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::supervision::DynamicError;
    /// # use heir_runtime::{Context, Dynamic, handlers, heir};
    /// #[heir]
    /// struct Slow {
    ///     #[table(keep)]
    ///     unused: (),
    /// }
    ///
    /// #[handlers]
    /// impl Slow {
    ///     #[on(start)]
    ///     async fn start(&mut self) {
    ///         tokio::time::sleep(Duration::from_millis(50)).await;
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let slow = Dynamic::<u32, Slow>::spec().each(|_| Slow::spec()).start().await?;
    /// let late = slow.get_or_start_timeout(1, Duration::from_millis(10)).await;
    /// assert!(matches!(late, Err(DynamicError::TimedOut(_))));
    /// slow.get_or_start(1).await?; // the start went on
    /// slow.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`DynamicError::TimedOut`] if the worker is not up in time: a start that has begun goes on.
    /// Else as [`get_or_start`](Self::get_or_start).
    pub async fn get_or_start_timeout(
        &self,
        key: K,
        limit: Duration,
    ) -> Result<W::Handle, DynamicError<W::Handle>> {
        let started = finished_in(limit, pin!(self.get_or_start(key))).await;
        started.unwrap_or(Err(DynamicError::TimedOut(limit)))
    }

    /// As [`get_or_start`](Self::get_or_start), but does not wait until the worker is up: messages
    /// that are sent to it wait for its start.
    ///
    /// Nobody waits for the start, so if it fails, the worker is restarted as its spec says.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// let session = sessions.try_get_or_start(7)?;
    /// assert_eq!(session.visit().await?, 1);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`get_or_start`](Self::get_or_start). `NotStarted` says that the supervisor is gone.
    pub fn try_get_or_start(&self, key: K) -> Result<W::Handle, DynamicError<W::Handle>> {
        let is_there = |there: Handle<W>| match has_key(&there) {
            DynamicError::AlreadyStarted(handle) => Ok(handle),
            given_up => Err(given_up),
        };
        if let Some(there) = self.find(&key) {
            return is_there(there);
        }
        let spec = self.make(&key)?;
        let (entry, attached) = self.prepare(key, spec)?;
        if let Err(taken) = self.keys.insert(&entry) {
            return is_there(taken);
        }
        let (addition, adding) = SupervisorHandle::addition(attached);
        let shared = self.supervisor.shared();
        shared.request(Command::Add(addition)).map_err(|_gone| StartError::Stopped(shared.why_stopped()))?;
        Ok(adding.handle)
    }

    /// Starts a worker that [`each`](SupervisorBuilder::each) makes for each of these keys, by one
    /// request to the supervisor, and waits until each is up or has failed. The results are in the
    /// order of the keys.
    ///
    /// Dropping the future does not take the request back: the workers are started all the same.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn visit(&mut self) -> u64 { self.visits += 1; self.visits } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().each(|_| Session::spec()).start().await?;
    /// let started = sessions.start_all(0..1_000).await;
    /// assert!(started.iter().all(Result::is_ok));
    /// assert_eq!(sessions.len(), 1_000);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Each result is as that of [`start`](Self::start), or [`DynamicError::NoSpec`] or
    /// [`DynamicError::SpecPanicked`]. A key that comes twice is started once, and its second result is
    /// [`DynamicError::AlreadyStarted`].
    pub async fn start_all(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Vec<Result<W::Handle, DynamicError<W::Handle>>> {
        let keys: Vec<K> = keys.into_iter().collect();
        let begun = self.begin_all(keys);
        let mut started = Vec::with_capacity(begun.len());
        for adding in begun {
            started.push(match adding {
                Ok(adding) => self.supervisor.added(adding).await.map_err(DynamicError::from),
                Err(error) => Err(error),
            });
        }
        started
    }

    /// Requests a start for each key that is free.
    fn begin_all(&self, keys: Vec<K>) -> Vec<Begun<W>> {
        let mut request = AddAll { supervisor: &self.supervisor, additions: VecDeque::new() };
        let begin = |key| {
            let spec = self.make(&key)?;
            let (entry, attached) = self.prepare(key, spec)?;
            self.keys.insert(&entry).map_err(|taken| has_key(&taken))?;
            let (addition, adding) = SupervisorHandle::addition(attached);
            request.additions.push_back(addition);
            Ok(adding)
        };
        keys.into_iter().map(begin).collect()
    }

    /// The worker under this key once it is up, or a new one.
    async fn get_or_make(
        &self,
        key: K,
        make: impl FnOnce(&K) -> Result<Spec<W>, DynamicError<W::Handle>>,
    ) -> Started<W> {
        while let Some(there) = self.find(&key) {
            if let Some(started) = self.until_up(&key, there).await {
                return started;
            }
        }
        let spec = make(&key)?;
        let (entry, attached) = self.prepare(key, spec)?;
        while let Err(taken) = self.keys.insert(&entry) {
            if let Some(started) = self.until_up(entry.key(), taken).await {
                return started;
            }
        }
        Ok(self.supervisor.add(attached).await?)
    }

    /// Waits until the worker that has this key is up, or why it will not be; `None` if it has ended
    /// for good, and left the key.
    async fn until_up(&self, key: &K, there: Handle<W>) -> Option<Started<W>> {
        if let Some(reason) = there.shared.given_up() {
            return Some(Err(DynamicError::GaveUp { handle: W::Handle::from(there), reason }));
        }
        match there.shared.lifecycle.until_served_or_over().await {
            Ok(()) => Some(Ok(W::Handle::from(there))),
            Err(Status::GaveUp(reason)) => {
                Some(Err(DynamicError::GaveUp { handle: W::Handle::from(there), reason }))
            }
            // A key is free before its worker has stopped: it is not, if another type of worker has
            // taken the worker's place.
            Err(_stopped) => self.find(key).is_some_and(|now| now == there).then(|| Err(has_key(&there))),
        }
    }

    /// Makes the spec of this key.
    fn make(&self, key: &K) -> Result<Spec<W>, DynamicError<W::Handle>> {
        self.each.make(key).map_err(|none| match none {
            NoSpec::Unset => DynamicError::NoSpec,
            NoSpec::Panicked(message) => DynamicError::SpecPanicked(message),
            NoSpec::Ended => StartError::Stopped(self.supervisor.shared().why_stopped()).into(),
        })
    }

    /// Names the worker after its key, and gives it an id. The caller then inserts the key, and runs
    /// no more code of the user's before it sends its request: a key whose worker nobody hears of
    /// would never be free.
    fn prepare(&self, key: K, spec: Spec<W>) -> Result<Prepared<K, W>, StartError> {
        if let Some(name) = spec.registered {
            return Err(StartError::RegisteredInDynamic(name));
        }
        let mut name = String::with_capacity(spec.name.len() + 22);
        let _ = write!(name, "{}[{key:?}]", spec.name);
        let Attached { id, member, handle, refused } =
            attach_worker(spec.name(name), self.supervisor.shared());
        let entry = Arc::new(Entry::new(key, id, handle.clone()));
        Ok((entry, Attached { id, member, handle: W::Handle::from(handle), refused }))
    }
}

/// The request to start many workers. It is sent when it is dropped: also if the `Hash` or `Debug` of
/// a later key panics, because the keys before it are taken.
struct AddAll<'s> {
    supervisor: &'s SupervisorHandle,
    additions: VecDeque<Addition>,
}

impl Drop for AddAll<'_> {
    fn drop(&mut self) {
        if !self.additions.is_empty() {
            let additions = std::mem::take(&mut self.additions);
            // A supervisor that is gone refuses each of them.
            let _ = self.supervisor.shared().request(Command::AddAll(additions));
        }
    }
}

/// Why no worker is started under the key of this one.
fn has_key<W: Handlers>(worker: &Handle<W>) -> DynamicError<W::Handle> {
    let handle = W::Handle::from(worker.clone());
    match worker.shared.given_up() {
        Some(reason) => DynamicError::GaveUp { handle, reason },
        None => DynamicError::AlreadyStarted(handle),
    }
}
