//! How long a child that ended waits before it is started again.

use std::time::Duration;

use tokio::time::Instant;

/// How long a child that ended waits before it is started again. Its messages wait with it.
///
/// A back-off gives a child time whose start needs something else to recover first. The
/// [intensity](crate::SupervisorBuilder::intensity) still counts each restart.
///
/// ```
/// use std::time::Duration;
/// # use heir_runtime::{Backoff, handlers, heir};
/// # #[heir]
/// # struct Connection { #[table(keep)] sent: u64 }
/// # #[handlers]
/// # impl Connection { fn sent(&mut self) -> u64 { self.sent } }
///
/// let spec = Connection::spec().backoff(Backoff::Exponential {
///     first: Duration::from_millis(100),
///     max: Duration::from_secs(30),
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// The child is started again at once, as in OTP.
    #[default]
    None,
    /// The child always waits as long as this. With [`Duration::MAX`] it is not started again
    /// before somebody asks for it.
    Fixed(Duration),
    /// The first restart waits for up to `first`, each further restart for up to twice as long as
    /// the one before, and none for longer than `max`. The delay is drawn at random between a half
    /// of that and the whole, so that children that ended together do not start together.
    ///
    /// When an incarnation has lived for longer than `max`, the next restart is a first one again.
    Exponential {
        /// The longest delay of the first restart.
        first: Duration,
        /// The longest delay of any restart.
        max: Duration,
    },
}

/// How far the back-off of one child has grown.
#[derive(Debug, Default)]
pub(crate) struct BackoffState {
    /// The longest delay of the next restart; `None` for the first.
    next: Option<Duration>,
    started: Option<Instant>,
}

impl BackoffState {
    /// The child has been started.
    pub(crate) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// How long the child that ended just now waits. Each call counts one more end.
    pub(crate) fn next_delay(&mut self, backoff: Backoff, now: Instant) -> Duration {
        match backoff {
            Backoff::None => Duration::ZERO,
            Backoff::Fixed(delay) => delay,
            Backoff::Exponential { first, max } => {
                if self.started.is_some_and(|started| now.duration_since(started) > max) {
                    self.next = None;
                }
                let bound = self.next.unwrap_or(first).min(max);
                self.next = Some(bound.saturating_mul(2));
                // Less than a half is taken off, also from `Duration::MAX`.
                bound.saturating_sub(bound.mul_f64(fastrand::f64() / 2.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPONENTIAL: Backoff =
        Backoff::Exponential { first: Duration::from_millis(100), max: Duration::from_secs(1) };

    /// Whether it is from a half to the whole of so many milliseconds.
    fn is_up_to(delay: Duration, bound: u64) -> bool {
        (Duration::from_millis(bound / 2)..=Duration::from_millis(bound)).contains(&delay)
    }

    #[test]
    fn an_exponential_delay_doubles_up_to_its_cap() {
        let (now, mut state) = (Instant::now(), BackoffState::default());
        for bound in [100, 200, 400, 800, 1000, 1000] {
            state.started(now);
            assert!(is_up_to(state.next_delay(EXPONENTIAL, now), bound));
        }
        // Nor does it overflow, ever.
        for _ in 0..100 {
            assert!(is_up_to(state.next_delay(EXPONENTIAL, now), 1000));
        }
    }

    #[test]
    fn a_long_life_begins_the_backoff_again() {
        let (now, mut state) = (Instant::now(), BackoffState::default());
        state.started(now);
        state.next_delay(EXPONENTIAL, now);
        state.next_delay(EXPONENTIAL, now);
        assert!(is_up_to(state.next_delay(EXPONENTIAL, now + Duration::from_millis(1001)), 100));
    }

    #[test]
    fn delays_are_drawn_at_random() {
        let now = Instant::now();
        let first = || BackoffState::default().next_delay(EXPONENTIAL, now);
        let delays: std::collections::HashSet<_> = (0..100).map(|_| first()).collect();
        assert!(delays.len() > 50, "{delays:?}");
    }
}
