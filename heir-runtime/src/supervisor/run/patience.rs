//! How long a supervisor waits for a task that is to end.

use std::time::Duration;

use tokio::time::Instant;

/// How long an aborted task has to reach its next await, before it is called unresponsive.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// How often the supervisor looks in that time whether the runtime goes on.
const LOOKS: u8 = 4;

const PAUSE: Duration = Duration::from_millis(250);

/// What is left of the time in which a task is to end.
///
/// A task ends when the runtime polls it. The runtime may stand still, with its whole process or on
/// an overloaded machine: the supervisor notices that it looks too late, by more than half a pause,
/// and looks once more. It excuses four late looks: on a machine that is always late, a task that
/// does not end is still aborted, and left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    next: Instant,
    /// How many looks are left.
    looks: u8,
    /// How many late looks are still excused.
    excused: u8,
}

impl Patience {
    /// The task was asked to end by this time.
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { next: deadline, looks: 1, excused: LOOKS }
    }

    /// The task was aborted `now`: it has its [`GRACE`].
    pub(crate) fn with_aborted(now: Instant) -> Self {
        Self { next: now + PAUSE, looks: LOOKS, excused: LOOKS }
    }

    /// When the supervisor is to look next.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// The supervisor looks `now`. Returns what is left: `None` if the time is over.
    pub(crate) fn look(self, now: Instant) -> Option<Self> {
        let Self { next, looks, excused } = self;
        let is_late = now.saturating_duration_since(next) > PAUSE / 2;
        if is_late && let Some(excused) = excused.checked_sub(1) {
            return Some(Self { next: now + PAUSE, looks, excused });
        }
        let next = if is_late { now } else { next } + PAUSE;
        (looks > 1).then_some(Self { next, looks: looks - 1, excused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each time so much too late. Returns when the time is over.
    fn is_over(patience: Patience, late: impl Fn(u32) -> Duration) -> Instant {
        let (mut patience, mut now) = (Some(patience), patience.next());
        for look in 0.. {
            assert!(look < 100, "there is no end to it");
            let Some(left) = patience else { break };
            now = left.next() + late(look);
            patience = left.look(now);
        }
        now
    }

    const A_LITTLE: Duration = Duration::from_millis(125);
    const STANDSTILL: Duration = Duration::from_mins(1);

    #[test]
    fn an_aborted_task_has_a_second() {
        let begin = Instant::now();
        let aborted = Patience::with_aborted(begin);
        assert_eq!(is_over(aborted, |_| Duration::ZERO), begin + GRACE);
        assert_eq!(is_over(aborted, |_| A_LITTLE), begin + GRACE + A_LITTLE, "that is on time");
    }

    #[test]
    fn a_task_that_was_asked_to_end_has_its_time() {
        let deadline = Instant::now();
        let asked = Patience::until(deadline);
        assert_eq!(is_over(asked, |_| Duration::ZERO), deadline);
        assert_eq!(is_over(asked, |_| A_LITTLE), deadline + A_LITTLE);
    }

    #[test]
    fn a_standstill_of_the_runtime_does_not_count() {
        let begin = Instant::now();
        let stands_still = |during| move |look| if look == during { STANDSTILL } else { Duration::ZERO };
        for during in 0..u32::from(LOOKS) {
            let over = is_over(Patience::with_aborted(begin), stands_still(during));
            assert_eq!(over, begin + GRACE + STANDSTILL + PAUSE, "look {during}");
        }
        assert_eq!(is_over(Patience::until(begin), stands_still(0)), begin + STANDSTILL + PAUSE);
    }

    #[test]
    fn a_runtime_that_is_always_late_has_four_looks_more_and_no_others() {
        let begin = Instant::now();
        let late = PAUSE;
        let aborted = is_over(Patience::with_aborted(begin), |_| late);
        assert_eq!(aborted, begin + (PAUSE + late) * 2 * u32::from(LOOKS));
        let asked = is_over(Patience::until(begin), |_| late);
        assert_eq!(asked, begin + late + (PAUSE + late) * u32::from(LOOKS));
    }
}
