//! The mark of the tasks of workers and managers: whether this thread polls or drops one of them.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    /// How many of them this thread is in: a task may drop another.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is in a task of a worker or manager. During a panic, too: the mark goes only
/// when the panic has unwound.
pub(crate) fn is_in_a_task_of_ours() -> bool {
    // While a thread ends, its locals may be gone.
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// Marks the thread until it is dropped.
struct Mark;

impl Mark {
    fn set() -> Self {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

/// The task of a worker or manager, which marks the thread that polls or drops it.
pub(crate) struct Ours<F>(Option<Pin<Box<F>>>);

/// Marks a task of a worker or manager.
pub(crate) fn ours<F: Future>(task: F) -> Ours<F> {
    Ours(Some(Box::pin(task)))
}

impl<F: Future> Future for Ours<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _mark = Mark::set();
        let task = self.0.as_mut().expect("there until it is dropped");
        task.as_mut().poll(cx)
    }
}

impl<F> Drop for Ours<F> {
    fn drop(&mut self) {
        let _mark = Mark::set();
        drop(self.0.take());
    }
}
