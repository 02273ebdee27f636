//! Starting a task that belongs to an incarnation.

use std::sync::Arc;

use crate::process::process::{Fate, Process};
use crate::process::tasks::{Attachment, Work};

/// A task's side of an attachment, and its incarnation, for as long as the task is there.
pub(crate) struct Running {
    process: Arc<Process>,
    work: Arc<Work>,
}

impl Process {
    /// Runs a task that ends with this incarnation; if the incarnation has ended, the task ends at
    /// once.
    pub(crate) fn attach<F>(self: &Arc<Self>, task: impl FnOnce(Running) -> F) -> Attachment
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let work = Arc::new(Work::new());
        let running = Running { process: Arc::clone(self), work: Arc::clone(&work) };
        let attachment = Attachment::new(tokio::spawn(task(running)).abort_handle(), work);
        let is_kept = self.with(|state| {
            let is_kept = matches!(state.fate, Fate::Alive | Fate::Aborted(_));
            if is_kept {
                state.relations().tasks.add(attachment.clone());
            }
            is_kept
        });
        if !is_kept {
            attachment.cancel();
        }
        attachment
    }
}

impl Running {
    /// The incarnation that made the attachment.
    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Whether the task goes on when its incarnation ends.
    pub(crate) fn outlives(&self) -> bool {
        self.work.outlives()
    }
}

/// The task is done, was aborted, or was dropped with its runtime: nothing of it is kept.
impl Drop for Running {
    fn drop(&mut self) {
        self.work.end();
        let ended = self.process.with(|state| state.relations.as_mut()?.tasks.remove(&self.work));
        if ended.is_none() {
            self.process.outliving.remove(&self.work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::process::exit::ExitReason;
    use crate::process::tasks::Outliving;

    const MANY: usize = 10_000;

    fn process() -> (Arc<Process>, Arc<Outliving>) {
        let outliving = Arc::default();
        (Arc::new(Process::new(&Arc::from("worker"), 1, false, &outliving)), outliving)
    }

    impl Process {
        /// How many tasks are kept for it.
        fn kept(&self) -> usize {
            self.lock().relations.as_ref().map_or(0, |relations| relations.tasks.kept())
        }

        fn runs<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, work: F) -> Attachment {
            self.attach(|running| async move {
                let _running = running;
                work.await;
            })
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
