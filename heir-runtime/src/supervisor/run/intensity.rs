//! The restart intensity: how many restarts a supervisor allows in a period.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::tree::parent::ChildId;
use crate::util::sync::Lock;

/// No more than `restarts` in any `period`; `u32::MAX` of them are no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The restarts of a supervisor's children that count at the moment. The supervisor's task counts
/// them; who looks at the tree reads them, and asks no task.
#[derive(Default)]
pub(crate) struct Windows {
    /// The restarts of all children that have no window of their own.
    together: Lock<Window>,
    /// The restarts of those keys of a [`Dynamic`](crate::Dynamic) that have been restarted.
    of_each: Lock<BTreeMap<ChildId, Window>>,
}

/// A sliding window over the restarts of all children of a supervisor, or of one key of a
/// [`Dynamic`](crate::Dynamic).
#[derive(Debug, Default)]
struct Window {
    recent: VecDeque<Instant>,
}

impl Windows {
    /// Counts one more restart, of this child alone or of all together, and says whether the limit
    /// allows it.
    pub(crate) fn count_restart(&self, of: Option<ChildId>, limit: Limit) -> bool {
        if limit.is_none() {
            return true;
        }
        let now = Instant::now();
        match of {
            None => self.together.with(|window| window.count_at(now, limit)),
            Some(id) => self.of_each.with(|of_each| of_each.entry(id).or_default().count_at(now, limit)),
        }
    }

    /// How many restarts count now, of this child alone or of all together.
    pub(crate) fn restarts(&self, of: Option<ChildId>, limit: Limit) -> usize {
        let now = Instant::now();
        match of {
            None => self.together.with(|window| window.restarts_at(now, limit)),
            Some(id) => self
                .of_each
                .with(|of_each| of_each.get(&id).map_or(0, |window| window.restarts_at(now, limit))),
        }
    }

    /// Forgets the restarts of one child, which begins anew, or is gone.
    pub(crate) fn forget(&self, id: ChildId) {
        self.of_each.with(|of_each| of_each.remove(&id));
    }

    /// Forgets all restarts.
    pub(crate) fn reset(&self) {
        self.together.take();
        self.of_each.take();
    }
}

impl Window {
    /// Counts one more restart, and says whether the limit allows it.
    fn count_at(&mut self, now: Instant, limit: Limit) -> bool {
        while self.recent.front().is_some_and(|then| now.duration_since(*then) > limit.period) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() <= limit.restarts as usize
    }

    /// How many restarts are not older than the period.
    fn restarts_at(&self, now: Instant, limit: Limit) -> usize {
        let is_over = |then: &Instant| now.saturating_duration_since(*then) > limit.period;
        self.recent.len() - self.recent.partition_point(is_over)
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
        let seen = [12, 19, 20, 22, 23].map(|seconds| window.restarts_at(at(seconds), limit));
        assert_eq!(seen, [3, 3, 2, 1, 0]);
    }

    #[test]
    fn each_child_has_a_window_until_it_is_forgotten() {
        let limit = Limit { restarts: 1, period: Duration::from_secs(10) };
        let windows = Windows::default();
        assert!(windows.count_restart(Some(1), limit) && windows.count_restart(Some(2), limit));
        assert!(windows.count_restart(None, limit) && !windows.count_restart(Some(2), limit));
        let all = [None, Some(1), Some(2), Some(3)];
        let seen = || all.map(|of| windows.restarts(of, limit));
        assert_eq!(seen(), [1, 1, 2, 0]);
        windows.forget(2);
        assert_eq!(seen(), [1, 1, 0, 0]);
        windows.reset();
        assert_eq!(seen(), [0; 4]);
    }

    #[test]
    fn none_allowed_means_none() {
        let limit = Limit { restarts: 0, period: Duration::from_secs(1) };
        assert!(!Windows::default().count_restart(None, limit));
    }
}
