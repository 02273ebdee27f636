//! How long a child that ended waits before it is started again.

use std::time::Duration;

use tokio::time::Instant;

/// How long a child that ended waits before it is started again. Its messages wait with it.
///
/// It spreads out the restarts of a child that cannot start because of something that takes time to mend; the
/// [intensity](crate::SupervisorBuilder::intensity) still counts each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// Not at all, as in OTP.
    #[default]
    None,
    /// Always as long as this. [`Duration::MAX`] is for ever: then the child is not started again
    /// before it is asked for.
    Fixed(Duration),
    /// The first restart in a row waits for up to `first`, each further one for up to twice as long as the one before, none for
    /// longer than `max`. Which part of that (from a half to the whole) is drawn at random, so that children that ended together
    /// do not start together.
    ///
    /// A row ends when an incarnation has lived for longer than `max`.
    Exponential {
        /// The bound of the first wait.
        first: Duration,
        /// The bound of every wait.
        max: Duration,
    },
}

/// The restarts of one child in a row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// The bound of the next wait; `None` for the first.
    next: Option<Duration>,
    started: Option<Instant>,
}

impl Row {
    /// The child has been started.
    pub(crate) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// How long the child that ended just now waits.
    pub(crate) fn delay(&mut self, backoff: Backoff, now: Instant) -> Duration {
        match backoff {
            Backoff::None => Duration::ZERO,
            Backoff::Fixed(delay) => delay,
            Backoff::Exponential { first, max } => {
                if self.started.is_some_and(|started| now.duration_since(started) > max) {
                    self.next = None;
                }
                let bound = self.next.unwrap_or(first).min(max);
                self.next = Some(bound.saturating_mul(2));
                // Less than half of it is taken off: of the longest that there is, too.
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
        let (now, mut row) = (Instant::now(), Row::default());
        for bound in [100, 200, 400, 800, 1000, 1000] {
            row.started(now);
            assert!(is_up_to(row.delay(EXPONENTIAL, now), bound));
        }
        // Nor does it overflow, ever.
        for _ in 0..100 {
            assert!(is_up_to(row.delay(EXPONENTIAL, now), 1000));
        }
    }

    #[test]
    fn a_long_life_ends_the_row() {
        let (now, mut row) = (Instant::now(), Row::default());
        row.started(now);
        row.delay(EXPONENTIAL, now);
        row.delay(EXPONENTIAL, now);
        assert!(is_up_to(row.delay(EXPONENTIAL, now + Duration::from_millis(1001)), 100));
    }

    #[test]
    fn delays_are_drawn_at_random() {
        let now = Instant::now();
        let first = || Row::default().delay(EXPONENTIAL, now);
        let delays: std::collections::HashSet<_> = (0..100).map(|_| first()).collect();
        assert!(delays.len() > 50, "{delays:?}");
    }
}
