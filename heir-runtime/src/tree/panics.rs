//! Panics of workers, told in one line each.

use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Once};

use crate::process::exit::ExitReason;
use crate::tree::events::{Event, EventKind, Role};
use crate::tree::registry::Registry;
use crate::util::caught::{PanicMessage, caught};
use crate::util::ours::{Panic, Witness, are_noted, is_quiet, name_noted, note, note_panics, tell_noted};

/// Has each panic of a worker told in one line: which worker, in which handler, and where.
///
/// Without it a panic prints Rust's own report, which names the thread and not the worker, and two
/// warnings follow in `tracing`. With it there is one [`Panicked`](EventKind::Panicked) instead, as an
/// error of `tracing` (target `heir`), and the two warnings are told at level debug:
///
/// ```text
/// counter: worker 1 panicked in `count` at src/main.rs:12:9: asked to die
/// ```
///
/// Observers get the event, too. If no subscriber of `tracing` takes it, the line goes to stderr.
/// `RUST_BACKTRACE=1` asks for a backtrace, as always: it is a field of the event, and follows the line
/// on stderr.
///
/// It is about panics in the tasks of workers: in handlers and hooks, in attached tasks, in what a
/// manager runs (`init`, `#[on(verify)]`), and in destructors that run there; also about panics that
/// your own code catches there. All other panics go to the panic hook that was there before, and so do
/// those of observers that are told a panic.
///
/// Call it before the tree starts: tasks that run already keep the hook that was there. There is no
/// way back, and a second call does nothing. A hook that is set after it takes its place; one that calls the
/// hook before it, as most do, prints its own words and has the panic told as well.
///
/// A panic is told by who catches it, with the worker's code unwound, so no subscriber and no observer
/// runs in the panic hook. If a panic ends the process (a destructor panics while another panic
/// unwinds, or with `panic = "abort"`), the line is written to stderr at once, without the handler.
///
/// ```
/// use std::sync::mpsc;
///
/// use heir_runtime::events::{self, EventKind};
/// use heir_runtime::prelude::*;
///
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     fn die(&mut self) {
///         panic!("asked to die");
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// events::report_panics();
/// let (sender, panics) = mpsc::channel();
/// let mut tree = Supervisor::builder("app").observe(move |event| {
///     if let EventKind::Panicked { .. } = &event.kind {
///         let _ = sender.send(event.to_string());
///     }
/// });
/// let counter = tree.worker(Counter::spec().name("counter"));
/// let tree = tree.start().await?;
/// assert!(counter.die().await.is_err());
/// let told = panics.recv()?;
/// assert!(told.starts_with("counter: worker 1 panicked in `die` at "));
/// assert!(told.ends_with(": asked to die"));
/// tree.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// If it is called while its thread panics.
pub fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !note(panic) {
                before(panic);
            }
        }));
        note_panics();
    });
}

/// Whose panics those of a task are.
pub(crate) struct Who {
    name: Arc<str>,
    registry: Registry,
    role: Role,
    incarnation: Option<u64>,
    task: Option<Arc<str>>,
}

impl Who {
    pub(crate) fn worker(name: &Arc<str>, registry: &Registry, incarnation: u64) -> Self {
        let (name, registry) = (Arc::clone(name), registry.clone());
        Self { name, registry, role: Role::Worker, incarnation: Some(incarnation), task: None }
    }

    pub(crate) fn manager(name: &Arc<str>, registry: &Registry) -> Self {
        let (name, registry) = (Arc::clone(name), registry.clone());
        Self { name, registry, role: Role::Manager, incarnation: None, task: None }
    }

    /// A task that a worker has attached.
    pub(crate) fn task(self, name: &Arc<str>) -> Self {
        Self { task: Some(Arc::clone(name)), ..self }
    }

    fn event(&self, panic: &Panic) -> Event {
        self.registry.event_of(&self.name, self.kind(panic))
    }

    fn kind(&self, panic: &Panic) -> EventKind {
        EventKind::Panicked {
            role: self.role,
            incarnation: self.incarnation,
            handler: panic.handler,
            task: self.task.clone(),
            place: Arc::clone(&panic.place),
            message: Arc::clone(&panic.message),
            backtrace: panic.backtrace(),
        }
    }
}

impl Witness for Who {
    fn tell(&self, panic: &Panic) {
        if !self.registry.emit(&self.name, self.kind(panic)) && !is_quiet() {
            let lines = printed(&self.event(panic));
            // It panics if stderr is closed.
            let _ = caught(|| eprint!("{lines}"));
        }
    }

    fn last_words(&self, panic: &Panic) -> String {
        printed(&self.event(panic))
    }
}

/// The line that is printed, and the lines of the backtrace after it.
fn printed(event: &Event) -> String {
    match &event.kind {
        EventKind::Panicked { backtrace: Some(backtrace), .. } => {
            format!("{event}\nstack backtrace:\n{}\n", backtrace.trim_end())
        }
        _ => format!("{event}\n"),
    }
}

/// The reason of a death by a panic that was caught in this handler or hook.
#[cold]
pub(crate) fn panicked_in(handler: &'static str, message: PanicMessage) -> ExitReason {
    if are_noted() {
        name_noted(Some(&message), Some(handler));
    }
    ExitReason::Panic(message)
}

/// Tells a panic that was caught in this hook, and that ends nothing.
#[cold]
pub(crate) fn tell_panic_in(hook: &'static str, message: &PanicMessage) {
    name_noted(Some(message), Some(hook));
    tell_noted();
}
