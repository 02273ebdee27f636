//! The restart intensity: how many restarts a supervisor allows in a period.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// No more than `restarts` in any `period`; `u32::MAX` of them are no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) restarts: u32,
    pub(crate) period: Duration,
}

impl Limit {
    /// Whether any number of restarts is allowed.
    pub(crate) fn is_none(self) -> bool {
        self.restarts == u32::MAX
    }
}

/// A sliding window over the restarts of all children of a supervisor, or of one key of a
/// [`Dynamic`](crate::Dynamic).
#[derive(Debug, Default)]
pub(crate) struct Window {
    recent: VecDeque<Instant>,
}

impl Window {
    /// Forgets all restarts.
    pub(crate) fn reset(&mut self) {
        self.recent.clear();
    }

    /// Counts one more restart, and says whether the limit allows it.
    pub(crate) fn count_restart(&mut self, limit: Limit) -> bool {
        limit.is_none() || self.count_at(Instant::now(), limit)
    }

    fn count_at(&mut self, now: Instant, limit: Limit) -> bool {
        while self.recent.front().is_some_and(|then| now.duration_since(*then) > limit.period) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() <= limit.restarts as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let limit = Limit { restarts: 2, period: Duration::from_secs(10) };
        let mut window = Window::default();
        assert!(window.count_at(at(0), limit));
        assert!(window.count_at(at(9), limit));
        // At 11 s the restart at 0 s has left the window; the one at 9 s has not.
        assert!(window.count_at(at(11), limit));
        assert!(!window.count_at(at(12), limit));
    }

    #[test]
    fn none_allowed_means_none() {
        let limit = Limit { restarts: 0, period: Duration::from_secs(1) };
        assert!(!Window::default().count_restart(limit));
    }
}
