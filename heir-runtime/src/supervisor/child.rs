//! The children of a supervisor: for every worker two, itself and its manager.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use crate::caught::{DropCaught, caught};
use crate::events::{EventKind, Role};
use crate::exit::ExitReason;
use crate::mailbox::Stopped;
use crate::manager::manager;
use crate::post::Post;
use crate::race::{Either, race};
use crate::worker::{Handlers, Restart, Shutdown, Spec, incarnation};

/// What a supervisor needs to know of a child: nothing of tables.
pub(super) trait Child: Send {
    fn name(&self) -> &Arc<str>;
    fn role(&self) -> Role;
    fn restart(&self) -> Restart;
    fn shutdown(&self) -> Shutdown;

    /// Starts it, once more.
    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task;

    /// Why it ended, if it was told to from outside and its task could not say so itself.
    fn exit_reason(&self) -> Option<ExitReason> {
        None
    }

    /// It has ended.
    fn ended(&self);

    /// Resolves when it has been up for the first time.
    fn up(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// It is not to be started again: whoever waits for it is told.
    fn close(&self, why: &Stopped);

    /// It is gone, with its partner. Returns how many messages were refused.
    fn retire(&self, why: &Stopped) -> usize;

    fn emit(&self, kind: EventKind);
}

/// A child that runs.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) abort: AbortHandle,
    /// Sent or dropped, it asks the child to stop.
    pub(super) stop: Option<oneshot::Sender<()>>,
}

/// The worker.
pub(super) struct WorkerChild<W: Handlers> {
    post: Arc<Post<W>>,
    spec: DropCaught<Spec<W>>,
}

/// Its manager.
pub(super) struct ManagerChild<W: Handlers> {
    post: Arc<Post<W>>,
    spec: DropCaught<Spec<W>>,
}

/// The two children of one worker, in the order in which they are started.
pub(super) fn pair<W: Handlers>(post: &Arc<Post<W>>, spec: Spec<W>) -> (WorkerChild<W>, ManagerChild<W>) {
    (
        WorkerChild { post: Arc::clone(post), spec: DropCaught::new(spec.clone()) },
        ManagerChild { post: Arc::clone(post), spec: DropCaught::new(spec) },
    )
}

impl<W: Handlers> Child for WorkerChild<W> {
    fn name(&self) -> &Arc<str> {
        &self.post.name
    }

    fn role(&self) -> Role {
        Role::Worker
    }

    fn restart(&self) -> Restart {
        self.spec.get().restart
    }

    fn shutdown(&self) -> Shutdown {
        self.spec.get().shutdown
    }

    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task {
        let spec = self.spec.get();
        let args = caught(|| spec.args.clone()).map_err(ExitReason::Panic);
        let (stop, stopped) = oneshot::channel();
        let number = self.post.estate.issue();
        // Said before the manager can see it.
        self.post.emit(EventKind::WorkerStarted { incarnation: number });
        let incoming = self.post.wait_for_tables(number);
        let post = Arc::clone(&self.post);
        let abort = tasks.spawn(incarnation(post, number, incoming, args, spec.bounds(), stopped));
        self.post.started(number, abort.clone());
        Task { abort, stop: Some(stop) }
    }

    fn exit_reason(&self) -> Option<ExitReason> {
        self.post.exit_reason()
    }

    fn ended(&self) {
        self.post.down();
    }

    fn up(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let post = Arc::clone(&self.post);
        Box::pin(async move { post.until_served().await })
    }

    fn close(&self, why: &Stopped) {
        self.post.close(why);
    }

    fn retire(&self, why: &Stopped) -> usize {
        self.post.retire(why);
        self.post.mailbox.refused()
    }

    fn emit(&self, kind: EventKind) {
        self.post.emit(kind);
    }
}

impl<W: Handlers> Drop for WorkerChild<W> {
    fn drop(&mut self) {
        // Never started, or its supervisor was dropped with the runtime. After an orderly end this changes nothing.
        self.post.retire(&Stopped::Dropped);
    }
}

impl<W: Handlers> Child for ManagerChild<W> {
    fn name(&self) -> &Arc<str> {
        &self.post.name
    }

    fn role(&self) -> Role {
        Role::Manager
    }

    fn restart(&self) -> Restart {
        Restart::Permanent
    }

    fn shutdown(&self) -> Shutdown {
        self.spec.get().shutdown
    }

    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task {
        let spec = caught(|| self.spec.get().clone()).map_err(ExitReason::Panic);
        let (stop, stopped) = oneshot::channel();
        let post = Arc::clone(&self.post);
        let abort = tasks.spawn(async move {
            let spec = match spec {
                Ok(spec) => spec,
                Err(reason) => return reason,
            };
            match race(stopped, manager(post, spec)).await {
                Either::Left(_) => ExitReason::Shutdown,
                Either::Right(reason) => reason,
            }
        });
        self.post.manager_started(abort.clone());
        Task { abort, stop: Some(stop) }
    }

    fn ended(&self) {
        self.post.manager_down();
    }

    fn up(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }

    fn close(&self, _why: &Stopped) {}

    fn retire(&self, _why: &Stopped) -> usize {
        0
    }

    fn emit(&self, kind: EventKind) {
        self.post.emit(kind);
    }
}
