//! The heartbeat: a thread of its own notices a worker that blocks its thread.
//!
//! tokio's timers cannot notice it: they stand still if the blocked thread is the thread that
//! drives them. So one thread watches all workers with a heartbeat, and exists only while there are
//! any. Several times in a heartbeat it looks at the polls in progress; when it has seen none for a
//! whole heartbeat, it sleeps until a poll begins.
//!
//! The watching thread itself may stand still, with the whole process (stopped or frozen) or
//! because the machine is overloaded. It notices that it woke too late, and then gives the poll in
//! progress a fresh beat ([`Beat`]).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::incarnation::beat::{Beat, Due, Look};
use crate::util::caught::caught;
use crate::util::sync::{Lock, Locked};

/// The polls of one incarnation's task.
pub(crate) struct Pulse {
    heartbeat: Duration,
    born: Instant,
    /// Only the watching thread locks it.
    beat: Lock<Beat>,
    /// When the poll in progress began, in nanoseconds since `born`, and at least 1; 0 between two
    /// polls.
    polled_since: AtomicU64,
    /// Called once, in the runtime of the worker, when a poll lasts too long.
    missed: Lock<Option<Box<dyn FnOnce() + Send>>>,
    runtime: runtime::Handle,
}

impl Pulse {
    /// Has the thread watch the polls that go through [`beat`](Self::beat), until the pulse is
    /// dropped.
    pub(crate) fn watch(heartbeat: Duration, missed: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let born = Instant::now();
        let pulse = Arc::new(Self {
            heartbeat,
            born,
            beat: Lock::new(Beat::new(heartbeat, born)),
            polled_since: AtomicU64::new(0),
            missed: Lock::new(Some(Box::new(missed))),
            runtime: runtime::Handle::current(),
        });
        WATCH.add(Arc::downgrade(&pulse));
        pulse
    }

    /// Drives the future of an incarnation, with each poll watched.
    pub(crate) async fn beat<F: Future>(&self, mut life: Pin<Box<F>>) -> F::Output {
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

    /// When the poll in progress began: `None` between two polls, and once a poll has been
    /// reported.
    fn since(&self) -> Option<Instant> {
        let since = self.polled_since.load(Ordering::SeqCst);
        if since == 0 || self.missed.with(|missed| missed.is_none()) {
            return None;
        }
        self.born.checked_add(Duration::from_nanos(since))
    }

    /// Reports the poll in progress if it lasts too long. Returns how long it may still last, if
    /// there is one.
    fn look(&self, now: Instant, late: Duration) -> Option<Duration> {
        let since = self.since();
        match self.beat.with(|beat| beat.look(now, late, since)) {
            Look::Rests => None,
            Look::Lasts(left) => Some(left),
            Look::TooLong => {
                // The poll may have ended meanwhile.
                if self.since() == since {
                    self.miss();
                }
                None
            }
        }
    }

    /// Reports the poll in progress, which lasts too long.
    fn miss(&self) {
        let missed = self.missed.take();
        let _guard = self.runtime.enter();
        // It runs observers and wakes callers, which is a user's code.
        let _ = caught(|| missed.map(|missed| missed()));
    }
}

/// How often the thread looks in one heartbeat, while workers are polled. With fewer looks it would
/// miss a standstill that begins soon after a look.
const LOOKS: u32 = 4;

static WATCH: Watch = Watch { resting: AtomicBool::new(false), watched: LazyLock::new(Lock::default) };

/// The watching thread, and the pulses that it watches.
struct Watch {
    /// Whether the thread sleeps until a poll begins.
    resting: AtomicBool,
    // Lazy, because the lock of a loom model is made at run time.
    watched: LazyLock<Lock<Watched>>,
}

#[derive(Default)]
struct Watched {
    /// `None` while there is nothing to watch.
    thread: Option<Thread>,
    pulses: Vec<Weak<Pulse>>,
}

impl Watch {
    /// Watches one more pulse, and starts the thread if there is none.
    fn add(&'static self, pulse: Weak<Pulse>) {
        let mut watched = self.lock();
        watched.pulses.push(pulse);
        if let Some(thread) = &watched.thread {
            // The new heartbeat may be shorter than those for which the thread sleeps.
            thread.unpark();
        } else {
            // Without a thread no worker is watched; the next worker that starts tries again.
            // The standstill may come before the thread has run at all.
            let now = Instant::now();
            let started = thread::Builder::new().name("heir heartbeat".into()).spawn(move || self.run(now));
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

    /// Wakes the thread if it rests, because a poll begins. Together with the store in `rest`:
    /// either this sees that the thread rests, or the thread sees the poll.
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

    /// Watches, from when the thread was to begin.
    fn run(&self, began: Instant) {
        let mut due = Due::At(began);
        let mut quiet_since = None;
        while let Some(pulses) = self.pulses() {
            let now = Instant::now();
            let late = due.late(now, pulses.iter().filter_map(|pulse| pulse.since()).min());
            let under_way = pulses.iter().filter_map(|pulse| pulse.look(now, late)).min();
            let shortest = pulses.iter().map(|pulse| pulse.heartbeat).min().unwrap_or_default();
            if under_way.is_some() {
                quiet_since = None;
            } else if now.saturating_duration_since(*quiet_since.get_or_insert(now)) >= shortest {
                quiet_since = None;
                due = Due::AtPoll;
                self.rest(pulses);
                continue;
            }
            drop(pulses);
            // Counted from the look, not from here: the thread may stand still in between.
            let pause = under_way.unwrap_or(shortest).min(shortest / LOOKS);
            due = now.checked_add(pause).map_or(Due::Never, Due::At);
            thread::park_timeout(pause.saturating_sub(now.elapsed()));
        }
    }

    /// Sleeps until a poll begins, or a pulse is added or dropped.
    fn rest(&self, pulses: Vec<Arc<Pulse>>) {
        self.resting.store(true, Ordering::SeqCst);
        if pulses.iter().all(|pulse| pulse.since().is_none()) {
            drop(pulses);
            thread::park();
        }
        self.resting.store(false, Ordering::Relaxed);
    }

    /// The pulses that are watched. `None` if there are none: then the thread ends.
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

    fn lock(&self) -> Locked<'_, Watched> {
        self.watched.lock()
    }
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

    #[test]
    fn a_poll_that_begins_while_the_thread_rests_wakes_it() {
        let ((release, released), (missed, told)) = (mpsc::channel::<()>(), mpsc::channel());
        let begins = Arc::new(tokio::sync::Notify::new());
        let polled = thread::spawn({
            let begins = Arc::clone(&begins);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let _guard = runtime.enter();
                let pulse = Pulse::watch(Duration::from_millis(5), move || missed.send(()).unwrap());
                let life = async move {
                    begins.notified().await;
                    released.recv()
                };
                runtime.block_on(pulse.beat(Box::pin(life))).unwrap();
            }
        });
        while !WATCH.resting.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        begins.notify_one();
        told.recv().unwrap();
        release.send(()).unwrap();
        polled.join().unwrap();
    }
}
