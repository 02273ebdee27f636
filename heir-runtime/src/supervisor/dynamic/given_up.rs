//! The workers on which a `Dynamic` has given up: how many it keeps, and what can be done with them.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::estate::Lease;
use crate::process::exit::ExitReason;
use crate::supervisor::builder::SupervisorBuilder;
use crate::supervisor::child::spec::sealed::Reserve;
use crate::supervisor::dynamic::error::TakeError;
use crate::supervisor::dynamic::{Dynamic, Key};
use crate::supervisor::report::ChildError;
use crate::worker::Handlers;

impl<K: Key, W: Handlers> SupervisorBuilder<Dynamic<K, W>> {
    /// Sets how many workers the supervisor may have given up on. With one more, it gives up itself,
    /// and its own supervisor restarts it: all workers are then started again. Default: 100.
    ///
    /// The supervisor gives up on a worker that is restarted more often than the
    /// [intensity](Self::intensity) allows. The worker is stopped, and keeps its key, its handle and
    /// its tables; the others serve on. Messages to it are refused with
    /// [`Stopped::GaveUp`](crate::Stopped::GaveUp), until [`Dynamic::restart`] starts it again. A
    /// worker that was restarted, [taken](Dynamic::take) or stopped counts no more.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, Status, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session {
    /// #     fn visit(&mut self) -> u64 { self.visits += 1; self.visits }
    /// #     fn fail(&mut self) { panic!("asked to") }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().intensity(1).max_given_up(10).start().await?;
    /// let (bad, good) = (sessions.start(1, Session::spec()).await?, sessions.start(2, Session::spec()).await?);
    /// while bad.fail().await.is_err_and(|refused| refused.was_enqueued()) {}
    /// assert_eq!(good.visit().await?, 1);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn max_given_up(self, most: usize) -> Self {
        self.given_up_at_most(Some(most))
    }

    /// Has the restarts of all workers count together, as in OTP: with one more than the
    /// [intensity](Self::intensity) allows, the supervisor gives up itself, and not on the worker
    /// alone. It takes [`max_given_up`](Self::max_given_up) back, and is taken back by it.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, Stopped, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session { fn fail(&mut self) { panic!("asked to") } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().intensity(0).escalate().start().await?;
    /// let (bad, good) = (sessions.start(1, Session::spec()).await?, sessions.start(2, Session::spec()).await?);
    /// assert!(bad.fail().await.is_err());
    /// assert!(matches!(good.wait_stopped().await, Stopped::GaveUp(_)));
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn escalate(self) -> Self {
        self.given_up_at_most(None)
    }
}

impl<K: Key, W: Handlers> Dynamic<K, W> {
    /// The keys of the workers on which the supervisor has given up, each with the reason for which the
    /// worker, or its manager, ended last; in no particular order.
    ///
    /// This looks at every worker.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, Status, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session {
    /// #     fn visit(&mut self) -> u64 { self.visits += 1; self.visits }
    /// #     #[cast]
    /// #     fn fail(&mut self) { panic!("asked to") }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().intensity(0).start().await?;
    /// let session = sessions.start(1, Session::spec()).await?;
    /// assert_eq!(session.visit().await?, 1);
    /// session.fail().await?;
    /// assert!(session.visit().await.is_err()); // refused: the supervisor has given up on it
    /// for (key, why) in sessions.given_up() {
    ///     assert_eq!(why.to_string(), "panic: asked to");
    ///     sessions.restart(&key).await?;
    /// }
    /// assert_eq!(session.visit().await?, 2);
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn given_up(&self) -> Vec<(K, ExitReason)> {
        let entries = self.keys.entries();
        let given_up = entries.iter().filter_map(|entry| {
            let reason = entry.handle().shared.given_up()?;
            Some((entry.key().clone(), reason))
        });
        given_up.collect()
    }

    /// Starts a worker again that was given up or terminated, and waits until it is up
    /// (`supervisor:restart_child/2`). Its handles and its tables stay the same, and its restarts so
    /// far do not count any more.
    ///
    /// A worker that is still being stopped, because the supervisor gives up on it, is waited for.
    /// Dropping the future does not take the request back. If the supervisor itself is down, this waits
    /// until it is restarted, which starts the worker, too: then the result is mostly
    /// [`Running`](ChildError::Running).
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session {
    /// #     fn visit(&mut self) -> u64 { self.visits += 1; self.visits }
    /// #     #[cast]
    /// #     fn fail(&mut self) { panic!("asked to") }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().intensity(0).start().await?;
    /// let session = sessions.start(7, Session::spec()).await?;
    /// session.fail().await?;
    /// assert!(session.visit().await.is_err()); // refused: the supervisor has given up on it
    /// sessions.restart(&7).await?;
    /// assert_eq!(session.visit().await?, 1);
    /// # sessions.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`ChildError::NotFound`]: there is no worker of this key.
    /// - [`ChildError::Running`]: the worker runs, or is about to be restarted.
    /// - [`ChildError::Ended`]: the worker has ended for good meanwhile.
    /// - [`ChildError::Ending`]: the worker, or the supervisor, is being stopped at the moment.
    /// - [`ChildError::NotStarted`]: the worker was started, and ended before it was up; it is
    ///   terminated: its messages wait until it is started again.
    /// - [`ChildError::Gone`]: the supervisor is gone.
    pub async fn restart<Q>(&self, key: &Q) -> Result<(), ChildError>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + fmt::Debug + ?Sized,
    {
        let handle = self.find(key).ok_or_else(|| ChildError::NotFound(Arc::from(format!("{key:?}"))))?;
        if self.is_about_to_be_added(&handle) {
            return Err(ChildError::Running);
        }
        self.supervisor.restart(handle.shared.id()).await
    }

    /// Ends a worker for good that was given up or terminated, and returns its tables. Its key is then
    /// free.
    ///
    /// The tables come in a lease from the worker's estate, as [`Estate::claim`] returns it: undone as
    /// far as the last message had not committed. While the lease lives, nobody else has them. A worker
    /// that is still being stopped, because the supervisor gives up on it, is waited for.
    ///
    /// Dropping the future does not take the request back: the worker ends all the same, and its
    /// tables can be claimed from the estate of its handle, if a handle was kept.
    ///
    /// ```
    /// # use heir_runtime::{Dynamic, Status, handlers, heir};
    /// # #[heir]
    /// # struct Session { #[table(keep)] visits: u64 }
    /// # #[handlers]
    /// # impl Session {
    /// #     fn visit(&mut self) -> u64 { self.visits += 1; self.visits }
    /// #     #[cast]
    /// #     fn fail(&mut self) { panic!("asked to") }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let sessions = Dynamic::<u32, Session>::spec().intensity(0).start().await?;
    /// let session = sessions.start(1, Session::spec()).await?;
    /// assert_eq!(session.visit().await?, 1);
    /// session.fail().await?;
    /// assert!(session.visit().await.is_err()); // refused: the supervisor has given up on it
    /// let tables = sessions.take(&1).await?;
    /// assert_eq!(tables.visits, 1);
    /// assert!(sessions.is_empty());
    /// sessions.shutdown().await;
    /// # Ok::<_, heir_runtime::BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`TakeError::NotFound`]: there is no worker of this key.
    /// - [`TakeError::Running`]: the worker was neither given up nor terminated, or is being terminated
    ///   at the moment. Nothing has changed.
    /// - [`TakeError::Away`]: the worker has ended, and its tables are not at home.
    /// - [`TakeError::Gone`]: the supervisor is gone.
    ///
    /// [`Estate::claim`]: crate::estate::Estate::claim
    pub async fn take<Q>(&self, key: &Q) -> Result<Lease<W::Tables>, TakeError<W::Handle>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let handle = self.find(key).ok_or(TakeError::NotFound)?;
        if self.is_about_to_be_added(&handle) {
            return Err(TakeError::Running(W::Handle::from(handle)));
        }
        match self.supervisor.delete(handle.shared.id()).await {
            Ok(()) => {}
            Err(ChildError::Gone) => return Err(TakeError::Gone(W::Handle::from(handle))),
            Err(_running) => return Err(TakeError::Running(W::Handle::from(handle))),
        }
        let claimed = handle.estate().claim(handle.name());
        claimed.map_err(|why| TakeError::Away { handle: W::Handle::from(handle), why })
    }
}
