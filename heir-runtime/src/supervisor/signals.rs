//! The signals that ask a program to end (feature `signal`).
//!
//! The first signal asks, and the second one ends the process at once: see
//! `docs/decisions/a-second-signal-ends-at-once.md`.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::supervisor::Supervisor;
use crate::supervisor::report::ShutdownReport;
use crate::supervisor::signals::platform::Signals;

impl<H> Supervisor<H> {
    /// Waits until the program is asked to end, or for the tree's own end, and stops the tree in
    /// order: the end of a service's `main`. Needs the feature `signal`.
    ///
    /// On Unix ctrl-c (SIGINT) and SIGTERM ask the program to end, elsewhere ctrl-c does. The tree
    /// stops as with [`shutdown`](Self::shutdown):
    /// [`SupervisorBuilder::shutdown`](crate::SupervisorBuilder::shutdown) bounds how long that may
    /// take. If the tree [ends by itself](Self::run_until), the report says why.
    ///
    /// A second signal ends the process at once, with exit code 128 + its number (130 for ctrl-c,
    /// 143 for SIGTERM): no destructor runs, and no output is flushed. This holds also if workers
    /// block all threads of the runtime.
    ///
    /// The process listens from the first poll on; before that a signal ends the process, as it does
    /// in any program. Once this has returned, or was dropped, a signal ends the process at once, as
    /// a second one does, so a `main` that goes on can still be stopped. Several trees of one
    /// process are all asked by the first signal.
    ///
    /// The report is what `main` returns, for the [exit code](ShutdownReport::exit_code):
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::Shutdown;
    /// use heir_runtime::supervision::ShutdownReport;
    /// # #[heir] struct Counter { #[table(keep)] unused: () }
    /// # #[handlers] impl Counter {}
    /// # #[supervisor] struct App { counter: Counter }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<ShutdownReport, BoxError> {
    ///     let patience = Shutdown::Timeout(Duration::from_secs(20));
    ///     let app = App::spec().shutdown(patience).start().await?;
    ///     Ok(app.run_until_shutdown().await)
    /// }
    /// ```
    ///
    /// Dropping the future drops the `Supervisor`, which stops the tree.
    ///
    /// # Panics
    /// In a tokio runtime without I/O (`enable_io`, or `enable_all`), and if the operating system
    /// does not let the process listen for these signals.
    pub async fn run_until_shutdown(self) -> ShutdownReport {
        let _listening = Listening::begin();
        let mut signals = Signals::new();
        self.run_until(async { signals.until_asked().await }).await
    }
}

/// Whether the next signal ends the process. Each signal sets it, wherever the runtime's threads
/// are: on Unix in the handler, elsewhere in a thread of its own.
static ENDS_NEXT: AtomicBool = AtomicBool::new(false);

/// Not the crate's own lock: loom has none that is made before a program begins.
static LISTENERS: Mutex<Listeners> = Mutex::new(Listeners { trees: 0, is_registered: false });

struct Listeners {
    /// How many trees wait for a signal, or stop because of one.
    trees: usize,
    /// Whether signals set `ENDS_NEXT`. What has been registered stays, as with tokio's handlers.
    is_registered: bool,
}

impl Listeners {
    fn lock() -> MutexGuard<'static, Self> {
        LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tree that waits for a signal, or stops because of one. While there is none, the next signal
/// ends the process.
struct Listening;

impl Listening {
    fn begin() -> Self {
        let mut listeners = Listeners::lock();
        if !listeners.is_registered {
            allowed(platform::register());
            listeners.is_registered = true;
        }
        if listeners.trees == 0 {
            ENDS_NEXT.store(false, Ordering::SeqCst);
        }
        listeners.trees += 1;
        Self
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = Listeners::lock();
        listeners.trees -= 1;
        if listeners.trees == 0 {
            ENDS_NEXT.store(true, Ordering::SeqCst);
        }
    }
}

/// Whether a signal has come since the first tree that listens began to.
fn has_come() -> bool {
    ENDS_NEXT.load(Ordering::SeqCst)
}

fn allowed<T>(listens: io::Result<T>) -> T {
    listens.expect("the operating system lets a process listen for the signals that ask it to end")
}

#[cfg(unix)]
mod platform {
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{ENDS_NEXT, allowed, has_come};

    /// The signals that ask, as the runtime hears of them.
    pub(super) struct Signals([Signal; 2]);

    /// Handlers run in the order in which they are registered: the one that looks at the flag comes
    /// before the one that sets it.
    pub(super) fn register() -> io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, &ENDS_NEXT)?;
            flag::register(signal, &ENDS_NEXT)?;
        }
        Ok(())
    }

    impl Signals {
        pub(super) fn new() -> Self {
            Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| allowed(signal(kind))))
        }

        pub(super) async fn until_asked(&mut self) {
            poll_fn(|cx| {
                let asked = self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
                // One that came before the streams were made is not in them.
                if asked || has_come() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::io;
    use std::process;
    use std::sync::atomic::Ordering;
    use std::thread;

    use tokio::runtime;
    use tokio::signal::windows::{CtrlC, ctrl_c};

    use super::{ENDS_NEXT, allowed, has_come};

    /// Ctrl-c, as the runtime hears of it.
    pub(super) struct Signals(CtrlC);

    /// Windows runs handlers in a thread of its own, and tokio's wakes this one, which needs no
    /// thread of the tree's runtime.
    pub(super) fn register() -> io::Result<()> {
        let mut ctrl_c = ctrl_c()?;
        let alone = runtime::Builder::new_current_thread().build()?;
        let end_at_second = async move {
            while ctrl_c.recv().await.is_some() {
                if ENDS_NEXT.swap(true, Ordering::SeqCst) {
                    process::exit(130);
                }
            }
        };
        thread::Builder::new().name("heir-ctrl-c".into()).spawn(move || alone.block_on(end_at_second))?;
        Ok(())
    }

    impl Signals {
        pub(super) fn new() -> Self {
            Self(allowed(ctrl_c()))
        }

        pub(super) async fn until_asked(&mut self) {
            if !has_come() {
                self.0.recv().await;
            }
        }
    }
}
