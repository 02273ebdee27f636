//! The tasks of workers and managers: whether this thread polls or drops one of them, and which panics
//! have been noted there and are not told yet.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::future::Future;
use std::io::{Write as _, stderr};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::util::caught::NOT_TEXT;

thread_local! {
    /// The tasks of ours that this thread is in, the innermost last: a task may drop another.
    static TASKS: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Whether new tasks are to note their panics, and tell them in one line.
static NOTES: AtomicBool = AtomicBool::new(false);

/// Whether nothing is to be printed of a panic.
static QUIET: AtomicBool = AtomicBool::new(false);

/// One task of ours, while this thread polls or drops it.
struct Frame {
    /// Tells the panics of the task. Without one they are not noted.
    witness: Option<Arc<dyn Witness>>,
    /// Those that nobody has told yet, oldest first.
    noted: Vec<Panic>,
}

/// A panic, as the hook has seen it. That it is noted does not end it: it unwinds to who catches it.
pub(crate) struct Panic {
    pub(crate) message: Arc<str>,
    /// The file, line and column.
    pub(crate) place: Arc<str>,
    /// The handler or hook that panicked, once somebody who knows it has caught the panic.
    pub(crate) handler: Option<&'static str>,
    backtrace: Backtrace,
}

/// Knows whose panics those of a task are, and tells them.
pub(crate) trait Witness: Send + Sync {
    /// Tells a panic. A user's code runs here, caught.
    fn tell(&self, panic: &Panic);

    /// What is told of a panic that ends the process. No user's code runs here.
    fn last_words(&self, panic: &Panic) -> String;
}

impl Panic {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        Self {
            message: Arc::from(info.payload_as_str().unwrap_or(NOT_TEXT)),
            place: info.location().map_or_else(|| "an unknown place".into(), |at| at.to_string().into()),
            handler: None,
            backtrace: Backtrace::capture(),
        }
    }

    /// The backtrace, if `RUST_BACKTRACE` asks for one.
    pub(crate) fn backtrace(&self) -> Option<Arc<str>> {
        let is_there = self.backtrace.status() == BacktraceStatus::Captured;
        is_there.then(|| self.backtrace.to_string().into())
    }
}

/// From here on, new tasks note their panics.
pub(crate) fn note_panics() {
    NOTES.store(true, Ordering::Relaxed);
}

/// Whether a new task is to note its panics.
#[inline]
pub(crate) fn are_noted() -> bool {
    NOTES.load(Ordering::Relaxed)
}

/// From here on, nothing is printed of a panic.
#[cfg(feature = "testing")]
pub(crate) fn quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether nothing is to be printed of a panic.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Whether this thread is in a task of a worker or manager. During a panic, too: the mark goes only
/// when the panic has unwound.
#[cfg(feature = "testing")]
pub(crate) fn is_in_a_task_of_ours() -> bool {
    with(|tasks| !tasks.is_empty()).unwrap_or(false)
}

/// Whether the panics of the task in which this thread is are told.
pub(crate) fn is_witnessed() -> bool {
    innermost(|_, _| ()).is_some()
}

/// Asks the tasks in which this thread is; `None` while the thread ends, when its locals may be gone.
/// No panic begins in `ask`, and it runs no user's code.
fn with<R>(ask: impl FnOnce(&mut Vec<Frame>) -> R) -> Option<R> {
    TASKS.try_with(|tasks| tasks.try_borrow_mut().ok().map(|mut tasks| ask(&mut tasks))).ok().flatten()
}

/// Asks the innermost task, if its panics are told. Without the hook that notes them, a look at one
/// static is all.
#[inline]
fn innermost<R>(ask: impl FnOnce(&Arc<dyn Witness>, &mut Vec<Panic>) -> R) -> Option<R> {
    if !are_noted() {
        return None;
    }
    with(|tasks| {
        let Frame { witness, noted } = tasks.last_mut()?;
        Some(ask(witness.as_ref()?, noted))
    })
    .flatten()
}

/// Called by a panic hook: notes the panic, if it is one of a task whose panics are told. If it is not
/// noted, it is the affair of the hook that was there before.
///
/// A panic that ends the process at once has nobody who catches it: what has not been told goes to
/// stderr here.
pub(crate) fn note(info: &PanicHookInfo<'_>) -> bool {
    if with(|tasks| tasks.is_empty()).unwrap_or(true) {
        return false;
    }
    if !unwinds(info) {
        print_all();
        return false;
    }
    let is_noted = innermost(|_, noted| noted.push(Panic::of(info))).is_some();
    if cfg!(panic = "abort") {
        print_all();
    }
    is_noted
}

/// Whether a panic unwinds. The other ones are raised by the language itself, where a destructor panics
/// while another panic unwinds, or where a panic reaches a function of C.
fn unwinds(info: &PanicHookInfo<'_>) -> bool {
    // `PanicHookInfo::can_unwind` is not stable, so two signs of it: either is enough.
    let place = info.location().map(|at| at.file().replace('\\', "/"));
    let is_raised_by_core = place.is_some_and(|file| file.ends_with("core/src/panicking.rs"));
    !is_raised_by_core && !format!("{info:?}").contains("can_unwind: false")
}

/// Prints what has been noted by all tasks of this thread: the process ends.
fn print_all() {
    let lines = with(|tasks| {
        let mut lines = String::new();
        for Frame { witness, noted } in tasks {
            for panic in noted.drain(..) {
                lines.extend(witness.iter().map(|witness| witness.last_words(&panic)));
            }
        }
        lines
    });
    let _ = stderr().write_all(lines.unwrap_or_default().as_bytes());
}

/// Whether a panic with these words has been noted here, and is told soon.
#[cold]
pub(crate) fn is_noted(words: &str) -> bool {
    innermost(|_, noted| noted.iter().any(|panic| *panic.message == *words)).unwrap_or(false)
}

/// Names the handler of the newest panic with these words that has been noted here; without `words`, of
/// the newest. The first name counts. Says whether there is such a panic.
#[cold]
pub(crate) fn name_noted(words: Option<&str>, handler: Option<&'static str>) -> bool {
    innermost(|_, noted| {
        let is_it = |panic: &&mut Panic| words.is_none_or(|words| *panic.message == *words);
        let found = noted.iter_mut().rev().find(is_it);
        found.map(|panic| panic.handler = panic.handler.or(handler)).is_some()
    })
    .unwrap_or(false)
}

/// Tells what has been noted here.
#[cold]
pub(crate) fn tell_noted() {
    let noted =
        innermost(|witness, noted| (!noted.is_empty()).then(|| (Arc::clone(witness), std::mem::take(noted))));
    let Some(Some((witness, noted))) = noted else { return };
    // A panic of who is told goes to the hook that was there before, or it would be told to them.
    let _mark = Mark::set(None);
    for panic in &noted {
        witness.tell(panic);
    }
}

/// Marks the thread until it is dropped.
struct Mark;

impl Mark {
    fn set(witness: Option<Arc<dyn Witness>>) -> Self {
        with(|tasks| tasks.push(Frame { witness, noted: Vec::new() }));
        Self
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        drop(with(Vec::pop));
    }
}

/// Does a part of a task's work: with the thread marked, and with its panics told at the end, those
/// that somebody has caught without a word, too.
fn marked<R>(witness: &mut Option<Arc<dyn Witness>>, work: impl FnOnce() -> R) -> R {
    let mark = Mark::set(witness.take());
    // A panic that nobody has caught is told when it has unwound.
    let done = catch_unwind(AssertUnwindSafe(work));
    tell_noted();
    *witness = with(|tasks| tasks.last_mut()?.witness.take()).flatten();
    drop(mark);
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// A task, in the box in which it is spawned.
pub(crate) type BoxedTask<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The task of a worker or manager, which marks the thread that polls or drops it.
struct Ours<T> {
    task: Option<BoxedTask<T>>,
    witness: Option<Arc<dyn Witness>>,
}

/// Whether new tasks are marked.
#[inline]
pub(crate) fn are_marked() -> bool {
    cfg!(feature = "testing") || are_noted()
}

/// Marks a task of a worker or manager, if new tasks are marked. Without a witness, the mark only says
/// whose its panics are.
#[inline]
pub(crate) fn ours<T: 'static, W: Witness + 'static>(task: BoxedTask<T>, witness: Option<W>) -> BoxedTask<T> {
    if witness.is_none() && !cfg!(feature = "testing") {
        return task;
    }
    let witness = witness.map(|witness| Arc::new(witness) as Arc<dyn Witness>);
    Box::pin(Ours { task: Some(task), witness })
}

impl<T> Future for Ours<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { task, witness } = self.get_mut();
        let task = task.as_mut().expect("there until it is dropped");
        marked(witness, || task.as_mut().poll(cx))
    }
}

impl<T> Drop for Ours<T> {
    fn drop(&mut self) {
        let task = self.task.take();
        marked(&mut self.witness, || drop(task));
    }
}
