//! The tasks of an incarnation: those that end with it, and those that outlive it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::AbortHandle;

use crate::process::Fate;
use crate::process::Process;
use crate::util::sync::Lock;

/// Something that runs for an incarnation in a task of its own: made by [`Context::spawn`](crate::Context::spawn),
/// [`send_after`](crate::Context::send_after), [`send_every`](crate::Context::send_every),
/// [`attach_future`](crate::Context::attach_future) and [`attach_stream`](crate::Context::attach_stream).
///
/// It ends with its incarnation, whatever ends that, unless it [outlives](Self::outlives_incarnation) it. Dropping this does
/// not end it; a clone is another hold on the same.
#[derive(Clone, Debug)]
pub struct Attachment {
    task: AbortHandle,
    work: Arc<Work>,
}

/// What the task of an attachment and whoever may end it know of it.
#[derive(Debug)]
struct Work {
    /// No other work has it.
    number: u64,
    outlives: AtomicBool,
    /// Set before the task is taken out of the set it is in, and read under the lock of the set it
    /// is put into: so a task that has ended is in none.
    ended: AtomicBool,
}

/// The work of an attachment for its incarnation, for as long as its task is there.
pub(crate) struct Running {
    process: Arc<Process>,
    work: Arc<Work>,
}

impl Attachment {
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
        self.work.outlives.store(true, Ordering::Relaxed);
    }
}

impl Process {
    /// Runs a task that ends with this incarnation; if that has ended, it ends at once.
    pub(crate) fn attach<F>(self: &Arc<Self>, task: impl FnOnce(Running) -> F) -> Attachment
    where
        F: Future<Output = ()> + Send + 'static,
    {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let work = Arc::new(Work {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            outlives: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let running = Running { process: Arc::clone(self), work: Arc::clone(&work) };
        let attachment = Attachment { task: tokio::spawn(task(running)).abort_handle(), work };
        let mut state = self.lock();
        if matches!(state.fate, Fate::Alive | Fate::Doomed(_)) {
            state.relations().tasks.add(attachment.clone());
        } else {
            drop(state);
            attachment.cancel();
        }
        attachment
    }
}

impl Running {
    /// The incarnation that made it.
    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Whether it goes on when that ends.
    pub(crate) fn outlives(&self) -> bool {
        self.work.outlives()
    }
}

/// It is done, was aborted, or was dropped with its runtime: nothing of it is kept.
impl Drop for Running {
    fn drop(&mut self) {
        self.work.ended.store(true, Ordering::Relaxed);
        let tasks = |state: &mut crate::process::State| state.relations.as_mut()?.tasks.remove(&self.work);
        let ended = tasks(&mut self.process.lock());
        if ended.is_none() {
            self.process.outliving.remove(&self.work);
        }
    }
}

impl Work {
    fn outlives(&self) -> bool {
        self.outlives.load(Ordering::Relaxed)
    }
}

/// Tasks that run. Each leaves the set when it ends, because tokio keeps the memory of a task for
/// whoever can abort it.
#[derive(Default)]
pub(crate) struct Tasks(BTreeMap<u64, Attachment>);

impl Tasks {
    fn add(&mut self, task: Attachment) {
        if !task.work.ended.load(Ordering::Relaxed) {
            self.0.insert(task.work.number, task);
        }
    }

    /// Takes out a task that has ended, to be dropped outside the lock.
    fn remove(&mut self, work: &Work) -> Option<Attachment> {
        self.0.remove(&work.number)
    }

    /// Their incarnation has ended.
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
    fn remove(&self, work: &Work) {
        drop(self.0.with(|kept| kept.tasks.remove(work)));
    }

    /// The worker has stopped for good.
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
    use std::future::{pending, ready};

    use super::*;
    use crate::process::exit::ExitReason;

    const MANY: usize = 10_000;

    fn process() -> (Arc<Process>, Arc<Outliving>) {
        let outliving = Arc::default();
        (Arc::new(Process::new(&Arc::from("worker"), 1, false, &outliving)), outliving)
    }

    impl Process {
        /// How many tasks are kept for it.
        fn kept(&self) -> usize {
            self.lock().relations.as_ref().map_or(0, |relations| relations.tasks.0.len())
        }

        fn runs<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, work: F) -> Attachment {
            self.attach(|running| async move {
                let _running = running;
                work.await;
            })
        }
    }

    impl Outliving {
        fn kept(&self) -> usize {
            self.0.with(|kept| kept.tasks.0.len())
        }
    }

    /// Waits until all of these have ended, and been dropped.
    async fn ended(tasks: Vec<Attachment>) {
        for task in tasks {
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn of_tasks_that_are_done_or_cancelled_nothing_is_kept_while_their_incarnation_lives() {
        let (process, outliving) = process();
        let stays = process.runs(pending());
        let mut tasks: Vec<_> = (0..MANY).map(|_| process.runs(ready(()))).collect();
        tasks.extend((0..MANY).map(|_| process.runs(pending())));
        tasks.iter().skip(MANY).for_each(Attachment::cancel);
        ended(tasks).await;
        assert_eq!((process.kept(), outliving.kept()), (1, 0));
        assert!(!stays.is_finished());
    }

    #[tokio::test]
    async fn of_tasks_that_have_outlived_their_incarnation_nothing_is_kept_when_they_are_done() {
        let (process, outliving) = process();
        let (done, waits) = tokio::sync::watch::channel(false);
        let outlives = |_| {
            let mut waits = waits.clone();
            let task = process.runs(async move { drop(waits.wait_for(|done| *done).await) });
            task.outlives_incarnation();
            task
        };
        let tasks: Vec<_> = (0..MANY).map(outlives).collect();
        process.ending(Some(ExitReason::Normal));
        assert_eq!((process.kept(), outliving.kept()), (0, MANY));
        done.send(true).unwrap();
        ended(tasks).await;
        assert_eq!(outliving.kept(), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_task_that_is_done_before_it_is_known_is_not_kept() {
        let (process, _) = process();
        let tasks = (0..MANY).map(|_| process.runs(ready(()))).collect();
        ended(tasks).await;
        assert_eq!(process.kept(), 0);
    }
}
