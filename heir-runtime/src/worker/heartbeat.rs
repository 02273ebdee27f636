//! The heartbeat: notices a worker that blocks its thread, from a thread that no worker can block.
//!
//! The runtime's own timers cannot do it: they stand still when the thread that drives them is the one that is blocked. So there is one thread for all workers with a heartbeat, there only while there are any. It sleeps
//! until the first poll under way would be too long, and looks then; when a whole heartbeat has passed in which no worker was
//! polled, it sleeps until one is.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::caught::caught;

/// The polls of one incarnation's task.
pub(super) struct Pulse {
    /// No poll lasts longer.
    heartbeat: Duration,
    born: Instant,
    /// When the poll under way began, in nanoseconds since its birth, and not zero; zero between two polls.
    polled_since: AtomicU64,
    /// Told once, in the runtime of the worker.
    missed: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    runtime: runtime::Handle,
}

impl Pulse {
    /// Watches the polls that go through [`beat`](Self::beat), until it is dropped.
    pub(super) fn watch(heartbeat: Duration, missed: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let pulse = Arc::new(Self {
            heartbeat,
            born: Instant::now(),
            polled_since: AtomicU64::new(0),
            missed: Mutex::new(Some(Box::new(missed))),
            runtime: runtime::Handle::current(),
        });
        WATCH.add(Arc::downgrade(&pulse));
        pulse
    }

    /// Drives `life`, each poll of it watched.
    pub(super) async fn beat<F: Future>(&self, mut life: Pin<Box<F>>) -> F::Output {
        poll_fn(|cx| {
            self.polled_since.store(self.now(), Ordering::SeqCst);
            WATCH.wake();
            let poll = life.as_mut().poll(cx);
            self.polled_since.store(0, Ordering::Release);
            poll
        })
        .await
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// How long the poll under way may still last: `None` if there is none, or nobody waits to be told.
    fn left(&self) -> Option<Duration> {
        let since = self.polled_since.load(Ordering::SeqCst);
        if since == 0 || self.missed().is_none() {
            return None;
        }
        let lasted = Duration::from_nanos(self.now().saturating_sub(since));
        // This thread may have stood still between the two looks: then it is another poll by now, or none.
        let still = self.polled_since.load(Ordering::SeqCst) == since;
        still.then(|| self.heartbeat.saturating_sub(lasted))
    }

    /// The poll under way lasts too long.
    fn miss(&self) {
        let missed = self.missed().take();
        let _guard = self.runtime.enter();
        // It tells observers and callers.
        let _ = caught(|| missed.map(|missed| missed()));
    }

    fn missed(&self) -> MutexGuard<'_, Option<Box<dyn FnOnce() + Send>>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static WATCH: Watch = Watch { resting: AtomicBool::new(false), watched: Mutex::new(Watched::NOBODY) };

/// The thread, and whom it watches.
struct Watch {
    /// Whether it sleeps until a poll begins.
    resting: AtomicBool,
    watched: Mutex<Watched>,
}

struct Watched {
    thread: Option<Thread>,
    pulses: Vec<Weak<Pulse>>,
}

impl Watched {
    const NOBODY: Self = Self { thread: None, pulses: Vec::new() };
}

impl Watch {
    fn add(&'static self, pulse: Weak<Pulse>) {
        let mut watched = self.lock();
        watched.pulses.push(pulse);
        if let Some(thread) = &watched.thread {
            // This one's heartbeat may be shorter than those it sleeps for.
            thread.unpark();
        } else {
            // Without a thread nobody is watched; the next worker that starts tries again.
            let started = thread::Builder::new().name("heir heartbeat".into()).spawn(|| self.run());
            match started {
                Ok(thread) => watched.thread = Some(thread.thread().clone()),
                Err(error) => {
                    drop(watched);
                    let _ =
                        caught(|| tracing::error!(target: "heir", "no thread to watch heartbeats: {error}"));
                }
            }
        }
    }

    /// A poll begins. Against the store in `rest`: either this sees that the thread rests, or the thread sees the poll.
    fn wake(&self) {
        if self.resting.load(Ordering::SeqCst) {
            self.resting.store(false, Ordering::Relaxed);
            self.unpark();
        }
    }

    fn unpark(&self) {
        let thread = self.lock().thread.clone();
        if let Some(thread) = thread {
            thread.unpark();
        }
    }

    fn run(&self) {
        let mut quiet = false;
        while let Some(pulses) = self.pulses() {
            let under_way = look(&pulses);
            if under_way.is_none() && quiet {
                self.rest(pulses);
                quiet = false;
                continue;
            }
            quiet = under_way.is_none();
            // A poll that begins now is looked at before it is too long.
            let shortest = pulses.iter().map(|pulse| pulse.heartbeat).min().unwrap_or_default();
            drop(pulses);
            thread::park_timeout(under_way.unwrap_or(shortest).min(shortest));
        }
    }

    /// Sleeps until a poll begins, or whom it watches changes.
    fn rest(&self, pulses: Vec<Arc<Pulse>>) {
        self.resting.store(true, Ordering::SeqCst);
        if look(&pulses).is_none() {
            drop(pulses);
            thread::park();
        }
        self.resting.store(false, Ordering::Relaxed);
    }

    /// Whom it watches. `None` if there is nobody: then the thread ends.
    fn pulses(&self) -> Option<Vec<Arc<Pulse>>> {
        let mut watched = self.lock();
        let mut pulses = Vec::with_capacity(watched.pulses.len());
        watched.pulses.retain(|pulse| pulse.upgrade().map(|pulse| pulses.push(pulse)).is_some());
        if pulses.is_empty() {
            watched.thread = None;
            return None;
        }
        Some(pulses)
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of the polls that last too long, and returns how long the next one of the others may last.
fn look(pulses: &[Arc<Pulse>]) -> Option<Duration> {
    let under_way = pulses.iter().filter_map(|pulse| match pulse.left()? {
        Duration::ZERO => {
            pulse.miss();
            None
        }
        left => Some(left),
    });
    under_way.min()
}

impl Drop for Pulse {
    fn drop(&mut self) {
        WATCH.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn blocks(heartbeat: Duration, release: mpsc::Receiver<()>) -> mpsc::Receiver<()> {
        let (missed, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _guard = runtime.enter();
            let pulse = Pulse::watch(heartbeat, move || missed.send(()).unwrap());
            runtime.block_on(pulse.beat(Box::pin(async { release.recv() }))).unwrap();
        });
        told
    }

    #[test]
    fn a_poll_that_is_too_long_is_told_even_after_the_thread_has_rested() {
        for _ in 0..3 {
            let (release, released) = mpsc::channel();
            let told = blocks(Duration::from_millis(5), released);
            told.recv().unwrap();
            assert!(told.try_recv().is_err(), "it is told once");
            release.send(()).unwrap();
            while !WATCH.resting.load(Ordering::SeqCst) && WATCH.lock().thread.is_some() {
                thread::yield_now();
            }
        }
    }
}
