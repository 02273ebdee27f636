//! The tasks of an incarnation: those that end with it, and those that outlive it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Something that runs for an incarnation in a task of its own: made by [`Context::spawn`](crate::Context::spawn),
/// [`send_after`](crate::Context::send_after), [`send_every`](crate::Context::send_every),
/// [`attach_future`](crate::Context::attach_future) and [`attach_stream`](crate::Context::attach_stream).
///
/// It ends with its incarnation, whatever ends that, unless it [outlives](Self::outlives_incarnation) it. Dropping this does
/// not end it; a clone is another hold on the same.
#[derive(Clone, Debug)]
pub struct Attachment {
    task: AbortHandle,
    outlives: Arc<AtomicBool>,
}

impl Attachment {
    pub(crate) fn new(task: AbortHandle, outlives: Arc<AtomicBool>) -> Self {
        Self { task, outlives }
    }

    /// Ends it at its next await, even if it outlives its incarnation. What it has sent already is served.
    pub fn cancel(&self) {
        self.task.abort();
    }

    /// Whether it has ended: it was done, was cancelled, or panicked.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Has it go on when its incarnation ends, through all that follow, until the worker stops for good. To be said by the
    /// handler or hook that makes it.
    ///
    /// A start hook runs in every incarnation: make what outlives them in the first one only, or there will be one more after
    /// each restart.
    pub fn outlives_incarnation(&self) {
        self.outlives.store(true, Ordering::Relaxed);
    }
}

/// The tasks of one incarnation.
#[derive(Default)]
pub(crate) struct Tasks(Vec<Attachment>);

impl Tasks {
    pub(super) fn add(&mut self, task: Attachment) {
        // Those that are done go when there is no room left: now and then.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|task| !task.is_finished());
        }
        self.0.push(task);
    }

    /// Their incarnation has ended.
    pub(super) fn end(self, outliving: &Outliving) {
        for task in self.0 {
            if task.outlives.load(Ordering::Relaxed) {
                outliving.add(task);
            } else {
                task.cancel();
            }
        }
    }
}

/// The tasks of one worker that have outlived their incarnations.
#[derive(Default)]
pub(crate) struct Outliving(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Whether the worker has stopped for good.
    stopped: bool,
    tasks: Tasks,
}

impl Outliving {
    fn add(&self, task: Attachment) {
        let mut kept = self.lock();
        if kept.stopped {
            drop(kept);
            task.cancel();
        } else {
            kept.tasks.add(task);
        }
    }

    /// The worker has stopped for good.
    pub(crate) fn stop(&self) {
        let tasks = {
            let mut kept = self.lock();
            kept.stopped = true;
            std::mem::take(&mut kept.tasks)
        };
        for task in tasks.0 {
            task.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
