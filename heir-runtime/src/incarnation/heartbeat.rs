//! The heartbeat: notices a worker that blocks its thread, from a thread that no worker can block.
//!
//! The runtime's own timers cannot do it: they stand still when the thread that drives them is the
//! one that is blocked. So there is one thread for all workers with a heartbeat, there only while
//! there are any. Several times in a heartbeat it looks at the polls under way; when a whole
//! heartbeat has passed in which it saw none, it sleeps until one begins.
//!
//! The thread itself may stand still: with the whole process, stopped or frozen, or because the
//! machine has too much to do. It notices that it woke too late, and then takes no poll for longer
//! than it has seen ([`Beat`]).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::util::caught::caught;

/// The polls of one incarnation's task.
pub(crate) struct Pulse {
    heartbeat: Duration,
    born: Instant,
    /// Locked by the thread that watches only.
    beat: Mutex<Beat>,
    /// When the poll under way began, in nanoseconds since its birth, and not zero; zero between two polls.
    polled_since: AtomicU64,
    /// Told once, in the runtime of the worker.
    missed: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    runtime: runtime::Handle,
}

impl Pulse {
    /// Watches the polls that go through [`beat`](Self::beat), until it is dropped.
    pub(crate) fn watch(heartbeat: Duration, missed: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let born = Instant::now();
        let pulse = Arc::new(Self {
            heartbeat,
            born,
            beat: Mutex::new(Beat::new(heartbeat, born)),
            polled_since: AtomicU64::new(0),
            missed: Mutex::new(Some(Box::new(missed))),
            runtime: runtime::Handle::current(),
        });
        WATCH.add(Arc::downgrade(&pulse));
        pulse
    }

    /// Drives `life`, each poll of it watched.
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

    /// When the poll under way began: `None` if there is none, or nobody waits to be told.
    fn since(&self) -> Option<Instant> {
        let since = self.polled_since.load(Ordering::SeqCst);
        if since == 0 || self.missed().is_none() {
            return None;
        }
        self.born.checked_add(Duration::from_nanos(since))
    }

    /// Tells of the poll under way if it lasts too long; returns how long it may still last, if
    /// there is one.
    fn look(&self, now: Instant, late: Duration) -> Option<Duration> {
        let since = self.since();
        match self.lock_beat().look(now, late, since) {
            Look::Rests => None,
            Look::Lasts(left) => Some(left),
            Look::TooLong => {
                // It may have ended meanwhile.
                if self.since() == since {
                    self.miss();
                }
                None
            }
        }
    }

    /// The poll under way lasts too long.
    fn miss(&self) {
        let missed = self.missed().take();
        let _guard = self.runtime.enter();
        // It tells observers and callers.
        let _ = caught(|| missed.map(|missed| missed()));
    }

    fn lock_beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missed(&self) -> MutexGuard<'_, Option<Box<dyn FnOnce() + Send>>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the polls of one incarnation may last, as the thread sees them that watches.
///
/// When that wakes too late, by more than half a heartbeat, the whole process may have stood still,
/// and the poll under way with it: the poll gets one fresh beat, counted from there. It gets no
/// second one: on a machine where the thread is always late, a worker that hangs is told of after
/// two of its looks.
struct Beat {
    /// No poll lasts longer.
    heartbeat: Duration,
    /// No poll counts from before this. One that began before it has had its fresh beat.
    fresh: Instant,
}

/// What the thread finds when it looks at a worker.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// No poll is under way.
    Rests,
    /// The poll under way may last so long still.
    Lasts(Duration),
    TooLong,
}

impl Beat {
    fn new(heartbeat: Duration, born: Instant) -> Self {
        Self { heartbeat, fresh: born }
    }

    /// The thread looks `now`, and is so `late` for it, at a poll that has been under way since
    /// then.
    fn look(&mut self, now: Instant, late: Duration, since: Option<Instant>) -> Look {
        let has_had_one = since.is_some_and(|since| since < self.fresh);
        if late > self.heartbeat / 2 && !has_had_one {
            self.fresh = now;
        }
        let Some(since) = since else { return Look::Rests };
        let lasted = now.saturating_duration_since(since.max(self.fresh));
        match self.heartbeat.saturating_sub(lasted) {
            Duration::ZERO => Look::TooLong,
            left => Look::Lasts(left),
        }
    }
}

/// How often the thread looks in one heartbeat, while workers are polled. Less often, and it would
/// not know of a standstill that began soon after it looked.
const LOOKS: u32 = 4;

static WATCH: Watch = Watch { resting: AtomicBool::new(false), watched: Mutex::new(WatchMany::NOBODY) };

/// The thread, and whom it watches.
struct Watch {
    /// Whether it sleeps until a poll begins.
    resting: AtomicBool,
    watched: Mutex<WatchMany>,
}

struct WatchMany {
    thread: Option<Thread>,
    pulses: Vec<Weak<Pulse>>,
}

impl WatchMany {
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
        // When it was to look again: `None` if that is never.
        let mut due = Some(Instant::now());
        let mut quiet_since = None;
        while let Some(pulses) = self.pulses() {
            let now = Instant::now();
            let late = due.map_or(Duration::ZERO, |due| now.saturating_duration_since(due));
            let under_way = pulses.iter().filter_map(|pulse| pulse.look(now, late)).min();
            let shortest = pulses.iter().map(|pulse| pulse.heartbeat).min().unwrap_or_default();
            if under_way.is_some() {
                quiet_since = None;
            } else if now.saturating_duration_since(*quiet_since.get_or_insert(now)) >= shortest {
                quiet_since = None;
                // Of the time in which it rests it knows nothing: after it, every poll counts from
                // when it looks.
                due = Some(now);
                self.rest(pulses);
                continue;
            }
            drop(pulses);
            // From when it looked, not from here: it may stand still in between.
            let pause = under_way.unwrap_or(shortest).min(shortest / LOOKS);
            due = now.checked_add(pause);
            thread::park_timeout(pause.saturating_sub(now.elapsed()));
        }
    }

    /// Sleeps until a poll begins, or whom it watches changes.
    fn rest(&self, pulses: Vec<Arc<Pulse>>) {
        self.resting.store(true, Ordering::SeqCst);
        if pulses.iter().all(|pulse| pulse.since().is_none()) {
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

    fn lock(&self) -> MutexGuard<'_, WatchMany> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
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

    const BEAT: Duration = Duration::from_millis(100);
    const ON_TIME: Duration = Duration::ZERO;

    /// A worker's beat, and the instants after its birth, in hundredths of a heartbeat.
    fn born() -> (Beat, impl Fn(u32) -> Instant) {
        let born = Instant::now();
        (Beat::new(BEAT, born), move |after| born + after * BEAT / 100)
    }

    #[test]
    fn a_poll_lasts_no_longer_than_a_heartbeat() {
        let (mut beat, at) = born();
        assert_eq!(beat.look(at(10), ON_TIME, None), Look::Rests);
        assert_eq!(beat.look(at(50), ON_TIME, Some(at(30))), Look::Lasts(BEAT * 8 / 10));
        assert_eq!(beat.look(at(129), ON_TIME, Some(at(30))), Look::Lasts(BEAT / 100));
        assert_eq!(beat.look(at(130), ON_TIME, Some(at(30))), Look::TooLong);
    }

    #[test]
    fn a_thread_that_is_a_little_late_sees_what_it_sees() {
        let (mut beat, at) = born();
        assert_eq!(beat.look(at(200), BEAT / 2, Some(at(30))), Look::TooLong);
    }

    #[test]
    fn after_a_standstill_the_poll_under_way_has_one_fresh_beat() {
        let (mut beat, at) = born();
        assert_eq!(beat.look(at(1500), BEAT * 14, Some(at(30))), Look::Lasts(BEAT));
        assert_eq!(beat.look(at(1550), ON_TIME, Some(at(30))), Look::Lasts(BEAT / 2));
        assert_eq!(beat.look(at(1600), ON_TIME, Some(at(30))), Look::TooLong);
    }

    #[test]
    fn a_poll_has_no_second_fresh_beat_however_late_the_thread_is() {
        let (mut beat, at) = born();
        assert_eq!(beat.look(at(1500), BEAT * 14, Some(at(30))), Look::Lasts(BEAT));
        assert_eq!(beat.look(at(1520), ON_TIME, Some(at(30))), Look::Lasts(BEAT * 8 / 10));
        assert_eq!(beat.look(at(3000), BEAT * 14, Some(at(30))), Look::TooLong);
    }

    #[test]
    fn a_worker_that_hangs_is_seen_on_a_machine_where_the_thread_is_always_late() {
        for (pause, late) in [(75, 51), (100, 100), (1000, 900)] {
            let (mut beat, at) = born();
            let looks = (1..).map(|n| beat.look(at(n * pause), late * BEAT / 100, Some(at(1))));
            let seen = looks.take_while(|look| *look != Look::TooLong).count();
            assert!(seen <= 2, "{pause}, {late}: {seen} looks");
        }
    }

    #[test]
    fn the_next_poll_has_a_fresh_beat_of_its_own() {
        let (mut beat, at) = born();
        assert_eq!(beat.look(at(1500), BEAT * 14, Some(at(30))), Look::Lasts(BEAT));
        assert_eq!(beat.look(at(1550), ON_TIME, None), Look::Rests);
        assert_eq!(beat.look(at(3000), BEAT * 14, Some(at(1560))), Look::Lasts(BEAT));
    }

    #[test]
    fn a_poll_whose_beginning_is_seen_after_the_standstill_it_began_in_counts_from_there() {
        let (mut beat, at) = born();
        assert_eq!(beat.look(at(1500), BEAT * 14, None), Look::Rests);
        assert_eq!(beat.look(at(1510), ON_TIME, Some(at(30))), Look::Lasts(BEAT * 9 / 10));
        assert_eq!(beat.look(at(1600), BEAT * 14, Some(at(30))), Look::TooLong);
    }

    #[test]
    fn the_longest_heartbeat_is_never_missed() {
        let (_, at) = born();
        let mut beat = Beat::new(Duration::from_secs(u64::MAX), at(0));
        let left = beat.look(at(1_000_000), BEAT, Some(at(1)));
        assert!(matches!(left, Look::Lasts(_)), "{left:?}");
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
