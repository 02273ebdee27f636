//! The status of a worker, and the ways to wait for a change of it.
//!
//! ```text
//! Down -- starting --> Starting(n) -- serving --> Serving(n)
//!  ^                        |                         |
//!  |                        +----- unresponsive ------+
//!  |                        |           v             |
//!  |                        |    Unresponsive(n)      |
//!  +--------- down ---------+-----------+-------------+
//!
//! any status -- terminated --> Terminated -----+
//! any status -- gave_up -----> GaveUp(reason) --+-- starting --> Starting(n + 1)
//! any status -- stopped -----> Stopped(why), which no other status follows
//! ```

use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::exit::ExitReason;
use crate::process::status::{Status, Stopped};
use crate::util::race::finished_in;
use crate::util::sync::WatchMany;

/// The status of a worker.
pub(crate) struct Lifecycle(WatchMany<LifecycleState>);

struct LifecycleState {
    status: Status,
    /// Counted only if the worker's spec bounds it
    /// ([`WhileDown::WaitFor`](crate::WhileDown::WaitFor)).
    downtime: Option<Box<Downtime>>,
    /// Whether the incarnation started last has served.
    served: bool,
    /// Whether the one before it had.
    served_before: bool,
}

impl Lifecycle {
    /// No incarnation has been started yet.
    pub(crate) fn new(counts_downtime: bool) -> Self {
        let downtime = counts_downtime.then(|| Box::new(Downtime::begin()));
        Self(WatchMany::new(LifecycleState {
            status: Status::Down,
            downtime,
            served: false,
            served_before: false,
        }))
    }

    pub(crate) fn status(&self) -> Status {
        self.0.read(|state| state.status.clone())
    }

    /// Looks at the status, under the lock.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Status) -> R) -> R {
        self.0.read(|state| look(&state.status))
    }

    /// The status, and whether the incarnation has served that ended last, if none serves.
    pub(crate) fn status_after(&self) -> (Status, bool) {
        self.0.read(|state| {
            let is_starting = matches!(state.status, Status::Starting { .. });
            (state.status.clone(), if is_starting { state.served_before } else { state.served })
        })
    }

    /// The supervisor is about to start an incarnation.
    pub(crate) fn starting(&self, incarnation: u64) {
        self.0.update(|state| {
            state.served_before = std::mem::take(&mut state.served);
            state.enter(Status::Starting { incarnation });
        });
    }

    /// The incarnation serves. Says whether the status is entered: not if that incarnation was left
    /// behind as unresponsive, whatever the worker does meanwhile.
    pub(crate) fn serving(&self, incarnation: u64) -> bool {
        self.0.update(|state| {
            let is_starting = state.status == Status::Starting { incarnation };
            let entered = is_starting && state.enter(Status::Serving { incarnation });
            state.served |= entered;
            entered
        })
    }

    /// The incarnation has ended; another may follow.
    pub(crate) fn down(&self) {
        self.0.update(|state| state.enter(Status::Down));
    }

    /// The incarnation does not yield to the runtime. Says whether the status is entered: not if
    /// that incarnation neither starts nor serves any more.
    pub(crate) fn unresponsive(&self, incarnation: u64) -> bool {
        self.0.update(|state| {
            let is_alive = match state.status {
                Status::Starting { incarnation: newest } | Status::Serving { incarnation: newest } => {
                    newest == incarnation
                }
                _ => false,
            };
            is_alive && state.enter(Status::Unresponsive { incarnation })
        })
    }

    /// The worker was stopped on request: no incarnation follows before somebody asks for it.
    pub(crate) fn terminated(&self) {
        self.0.update(|state| {
            state.served = false;
            state.enter(Status::Terminated);
        });
    }

    /// The supervisor has given up on the worker: no incarnation follows before somebody asks for
    /// it.
    pub(crate) fn gave_up(&self, reason: ExitReason) {
        self.0.update(|state| {
            state.served = false;
            state.enter(Status::GaveUp(reason));
        });
    }

    /// The worker has stopped for good. Says whether the status is entered.
    pub(crate) fn stopped(&self, why: Stopped) -> bool {
        self.0.update(|state| state.enter(Status::Stopped(why)))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.read(|state| matches!(state.status, Status::Stopped(_)))
    }

    /// Whether no incarnation follows, unless somebody asks for it.
    pub(crate) fn is_over(&self) -> bool {
        self.0
            .read(|state| matches!(state.status, Status::Terminated | Status::GaveUp(_) | Status::Stopped(_)))
    }

    /// Whether the incarnation started last has served, even if it has ended since.
    pub(crate) fn has_served(&self) -> bool {
        self.0.read(|state| state.served)
    }

    /// Waits until the incarnation started last has served.
    pub(crate) async fn until_served(&self) {
        self.0.until(|state| state.served.then_some(())).await;
    }

    /// Waits until the incarnation started last has served; or no incarnation follows, because the
    /// supervisor has given up on the worker, or it has stopped for good.
    pub(crate) async fn until_served_or_over(&self) -> Result<(), Status> {
        self.0
            .until(|state| match &state.status {
                Status::GaveUp(_) | Status::Stopped(_) => Some(Err(state.status.clone())),
                _ => state.served.then_some(Ok(())),
            })
            .await
    }

    /// Waits until an incarnation with at least this number serves, or the worker has stopped for
    /// good.
    pub(crate) async fn until_serving(&self, at_least: u64) -> Result<u64, Stopped> {
        self.0
            .until(|state| match &state.status {
                Status::Serving { incarnation } if *incarnation >= at_least => Some(Ok(*incarnation)),
                Status::Stopped(why) => Some(Err(why.clone())),
                _ => None,
            })
            .await
    }

    /// Waits until the worker has stopped for good.
    pub(crate) async fn until_stopped(&self) -> Stopped {
        self.0
            .until(|state| match &state.status {
                Status::Stopped(why) => Some(why.clone()),
                _ => None,
            })
            .await
    }

    /// The status, if no incarnation serves.
    pub(crate) fn not_serving(&self) -> Option<Status> {
        self.0.read(LifecycleState::not_serving)
    }

    /// Waits until no incarnation serves, and returns the status.
    pub(crate) async fn until_not_serving(&self) -> Status {
        self.0.until(|state| state.not_serving()).await
    }

    /// Waits until the time in which no incarnation serves, from now on, adds up to `bound`. Only
    /// for a worker whose downtime is counted.
    pub(crate) async fn until_down_for(&self, bound: Duration) {
        let end = self.0.read(LifecycleState::downtime).saturating_add(bound);
        loop {
            let left =
                |state: &mut LifecycleState| (!state.serves()).then(|| end.saturating_sub(state.downtime()));
            let left = self.0.until(left).await;
            if left.is_zero() {
                return;
            }
            let served = self.0.until(|state| state.serves().then_some(()));
            // Whichever came first, the downtime has been counted.
            let _ = finished_in(left, pin!(served)).await;
        }
    }
}

impl LifecycleState {
    /// Enters a status, unless the worker has stopped for good: an incarnation that was left behind
    /// as unresponsive may get here after that. Says whether the status is entered.
    fn enter(&mut self, status: Status) -> bool {
        let open = !matches!(self.status, Status::Stopped(_));
        if open {
            self.status = status;
            let serves = self.serves();
            if let Some(downtime) = &mut self.downtime {
                downtime.enter(serves);
            }
        }
        open
    }

    fn serves(&self) -> bool {
        matches!(self.status, Status::Serving { .. })
    }

    fn not_serving(&self) -> Option<Status> {
        (!self.serves()).then(|| self.status.clone())
    }

    /// How long no incarnation has served, added up.
    fn downtime(&self) -> Duration {
        self.downtime.as_deref().map_or(Duration::ZERO, Downtime::so_far)
    }
}

/// How long no incarnation of a worker has served, added up.
struct Downtime {
    /// When the last incarnation ceased to serve; `None` while one serves.
    since: Option<Instant>,
    /// The downtime before that.
    before: Duration,
}

impl Downtime {
    /// Counts from here on.
    fn begin() -> Self {
        Self { since: Some(Instant::now()), before: Duration::ZERO }
    }

    /// From here on an incarnation serves, or none does.
    fn enter(&mut self, serves: bool) {
        match self.since {
            Some(since) if serves => {
                self.before += since.elapsed();
                self.since = None;
            }
            None if !serves => self.since = Some(Instant::now()),
            Some(_) | None => {}
        }
    }

    fn so_far(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(incarnation: u64) -> Lifecycle {
        let lifecycle = Lifecycle::new(false);
        lifecycle.starting(incarnation);
        assert!(lifecycle.serving(incarnation) && lifecycle.has_served());
        lifecycle
    }

    #[test]
    fn nothing_comes_after_a_stop() {
        let lifecycle = serving(1);
        assert!(lifecycle.stopped(Stopped::Shutdown));
        assert!(!lifecycle.stopped(Stopped::Dropped) && !lifecycle.serving(2) && !lifecycle.unresponsive(1));
        lifecycle.starting(2);
        lifecycle.down();
        lifecycle.terminated();
        assert_eq!(lifecycle.status(), Status::Stopped(Stopped::Shutdown));
    }

    #[test]
    fn only_the_newest_incarnation_is_called_unresponsive_and_only_while_it_is_at_work() {
        let lifecycle = serving(1);
        lifecycle.starting(2);
        assert!(!lifecycle.unresponsive(1));
        assert_eq!(lifecycle.status(), Status::Starting { incarnation: 2 });
        assert!(lifecycle.unresponsive(2) && !lifecycle.unresponsive(2));
        lifecycle.down();
        assert!(!lifecycle.unresponsive(2));
    }

    #[test]
    fn only_the_incarnation_that_starts_comes_to_serve() {
        let lifecycle = serving(1);
        assert!(!lifecycle.serving(1) && !lifecycle.serving(2));
        lifecycle.starting(2);
        assert!(!lifecycle.serving(1) && lifecycle.unresponsive(2) && !lifecycle.serving(2));
        lifecycle.terminated();
        assert!(!lifecycle.serving(2) && !lifecycle.has_served());
    }

    #[test]
    fn a_start_that_was_is_none_of_a_child_that_was_terminated_or_is_started_again() {
        let lifecycle = serving(1);
        lifecycle.terminated();
        assert!(!lifecycle.has_served());
        let lifecycle = serving(1);
        lifecycle.down();
        assert!(lifecycle.has_served());
        lifecycle.starting(2);
        assert!(!lifecycle.has_served());
    }
}
