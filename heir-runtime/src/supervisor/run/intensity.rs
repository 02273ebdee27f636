//! The restart intensity: how many restarts a supervisor allows in a period.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A sliding window over the restarts of one supervisor: no more than `restarts` in any `period`.
#[derive(Debug)]
pub(crate) struct Intensity {
    restarts: u32,
    period: Duration,
    recent: VecDeque<Instant>,
}

impl Intensity {
    pub(crate) fn new(restarts: u32, period: Duration) -> Self {
        Self { restarts, period, recent: VecDeque::new() }
    }

    /// Forgets all restarts.
    pub(crate) fn reset(&mut self) {
        self.recent.clear();
    }

    /// Counts one more restart, and says whether the intensity allows it.
    pub(crate) fn count_restart(&mut self) -> bool {
        self.restarts == u32::MAX || self.count_at(Instant::now())
    }

    fn count_at(&mut self, now: Instant) -> bool {
        while self.recent.front().is_some_and(|then| now.duration_since(*then) > self.period) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() <= self.restarts as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut intensity = Intensity::new(2, Duration::from_secs(10));
        assert!(intensity.count_at(at(0)));
        assert!(intensity.count_at(at(9)));
        // At 11 s the restart at 0 s has left the window; the one at 9 s has not.
        assert!(intensity.count_at(at(11)));
        assert!(!intensity.count_at(at(12)));
    }

    #[test]
    fn none_allowed_means_none() {
        assert!(!Intensity::new(0, Duration::from_secs(1)).count_at(Instant::now()));
    }
}
