//! The tasks of an incarnation: most end with it, some outlive it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::AbortHandle;

use crate::util::sync::Lock;

/// Something that runs for an incarnation in a task of its own: made by
/// [`Context::spawn`](crate::Context::spawn), [`send_after`](crate::Context::send_after),
/// [`send_delayed`](crate::Context::send_delayed), [`send_every`](crate::Context::send_every),
/// [`attach_future`](crate::Context::attach_future) and
/// [`attach_stream`](crate::Context::attach_stream).
///
/// The task ends with its incarnation, whatever ends the incarnation, unless it
/// [outlives](Self::outlives_incarnation) it. Dropping the attachment does not end the task; a
/// clone belongs to the same task.
///
/// ```
/// # use std::time::Duration;
/// # use heir_runtime::prelude::*;
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     /// Counts the seconds for a while, whichever incarnation serves.
///     async fn count(&mut self, cx: &mut Context<Self>) {
///         let ticks = cx.send_every(Duration::from_secs(1), |counter| async move { counter.tick().await });
///         ticks.outlives_incarnation();
///         tokio::time::sleep(Duration::from_millis(3500)).await;
///         ticks.cancel(); // what it has sent is served
///     }
///
///     #[cast]
///     fn tick(&mut self) { self.count += 1; }
///
///     fn total(&mut self) -> u64 { self.count }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// # let mut tree = Supervisor::builder("app");
/// # let counter = tree.worker(Counter::spec());
/// # let tree = tree.start().await?;
/// counter.count().await?;
/// assert_eq!(counter.total().await?, 3);
/// # tree.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Attachment {
    task: AbortHandle,
    work: Arc<Work>,
}

/// What a task and the attachments that belong to it share.
#[derive(Debug)]
pub(super) struct Work {
    /// No other task has this number.
    number: u64,
    outlives: AtomicBool,
    /// Set before the task is taken out of its set, and read under the lock of the set that it is
    /// put into: so a task that has ended is in no set.
    ended: AtomicBool,
}

impl Attachment {
    pub(super) fn new(task: AbortHandle, work: Arc<Work>) -> Self {
        Self { task, work }
    }

    /// Ends the task at its next await, even if it outlives its incarnation. What it has sent
    /// already is served.
    pub fn cancel(&self) {
        self.task.abort();
    }

    /// Whether the task has ended: it was done, was cancelled, or panicked.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Has the task go on when its incarnation ends, through all that follow, until the worker
    /// stops for good. Call it in the handler or hook that makes the attachment.
    ///
    /// A start hook runs in every incarnation: make a task that outlives them in the first
    /// incarnation only, or there will be one more after each restart.
    pub fn outlives_incarnation(&self) {
        self.work.outlives.store(true, Ordering::Relaxed);
    }
}

impl Work {
    /// Work that has begun, and ends with its incarnation.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            outlives: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// The task has ended.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn outlives(&self) -> bool {
        self.outlives.load(Ordering::Relaxed)
    }
}

/// Tasks that run. Each leaves the set when it ends, because tokio keeps the memory of a task as
/// long as there is a handle that can abort it.
#[derive(Default)]
pub(super) struct Tasks(BTreeMap<u64, Attachment>);

impl Tasks {
    pub(super) fn add(&mut self, task: Attachment) {
        if !task.work.ended.load(Ordering::Relaxed) {
            self.0.insert(task.work.number, task);
        }
    }

    /// Takes out a task that has ended, to be dropped outside the lock.
    pub(super) fn remove(&mut self, work: &Work) -> Option<Attachment> {
        self.0.remove(&work.number)
    }

    /// Their incarnation has ended: aborts the tasks that end with it.
    pub(super) fn end(self, outliving: &Outliving) {
        for task in self.0.into_values() {
            if task.work.outlives() {
                outliving.add(task);
            } else {
                task.cancel();
            }
        }
    }
}

/// The tasks of one worker that have outlived their incarnations.
#[derive(Default)]
pub(crate) struct Outliving(Lock<Kept>);

#[derive(Default)]
struct Kept {
    /// Whether the worker has stopped for good.
    stopped: bool,
    tasks: Tasks,
}

impl Outliving {
    fn add(&self, task: Attachment) {
        let refused = self.0.with(|kept| {
            if kept.stopped {
                return Some(task);
            }
            kept.tasks.add(task);
            None
        });
        if let Some(task) = refused {
            task.cancel();
        }
    }

    /// A task has ended.
    pub(super) fn remove(&self, work: &Work) {
        drop(self.0.with(|kept| kept.tasks.remove(work)));
    }

    /// What all incarnations of one worker have in common, and no others: the address of this.
    pub(super) fn worker(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// The worker has stopped for good: aborts the tasks.
    pub(crate) fn stop(&self) {
        let tasks = self.0.with(|kept| {
            kept.stopped = true;
            std::mem::take(&mut kept.tasks)
        });
        for task in tasks.0.into_values() {
            task.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tasks {
        pub(crate) fn kept(&self) -> usize {
            self.0.len()
        }
    }

    impl Outliving {
        pub(crate) fn kept(&self) -> usize {
            self.0.with(|kept| kept.tasks.kept())
        }
    }
}
