//! When a poll has lasted too long: what the watching thread concludes from the times at which it
//! looks.

use std::time::{Duration, Instant};

/// How long the polls of one incarnation may last, as the watching thread sees them.
///
/// When the thread wakes too late, by more than half a heartbeat, the whole process may have stood
/// still, and the poll in progress with it: the poll gets one fresh beat, counted from there. It
/// gets no second: on a machine where the thread is always late, two looks report a worker that
/// hangs.
pub(super) struct Beat {
    /// How long a poll may last.
    heartbeat: Duration,
    /// The start of the fresh beat: an earlier poll counts from here, and has had its fresh beat.
    fresh: Instant,
}

/// The state in which the thread finds a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// No poll is in progress.
    Rests,
    /// The poll in progress may last so long still.
    Lasts(Duration),
    /// The poll in progress has lasted for longer than its beat.
    TooLong,
}

impl Beat {
    pub(super) fn new(heartbeat: Duration, born: Instant) -> Self {
        Self { heartbeat, fresh: born }
    }

    /// Looks at the poll in progress, which began at `since`. The thread looks `now`, and is so
    /// `late`.
    pub(super) fn look(&mut self, now: Instant, late: Duration, since: Option<Instant>) -> Look {
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

/// When the thread is to look next.
#[derive(Clone, Copy)]
pub(super) enum Due {
    At(Instant),
    /// Never, because each heartbeat is longer than time.
    Never,
    /// As soon as a poll begins: the thread rests.
    AtPoll,
}

impl Due {
    /// How late a look `now` is. The earliest poll in progress began at `since`.
    pub(super) fn late(self, now: Instant, since: Option<Instant>) -> Duration {
        let due = match self {
            Self::At(due) => Some(due),
            Self::Never => None,
            Self::AtPoll => since,
        };
        due.map_or(Duration::ZERO, |due| now.saturating_duration_since(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_millis(100);
    const ON_TIME: Duration = Duration::ZERO;

    /// The beat of a new worker, and a clock that counts hundredths of a heartbeat from its birth.
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
    fn a_standstill_in_the_first_poll_after_a_rest_has_its_fresh_beat() {
        let (mut beat, at) = born();
        // The thread has rested ever since, and wakes as the poll begins.
        let (began, woke) = (Some(at(9000)), at(9001));
        let late = Due::AtPoll.late(woke, began);
        assert_eq!(beat.look(woke, late, began), Look::Lasts(BEAT * 99 / 100));
        let late = Due::At(at(9026)).late(at(9500), began);
        assert_eq!(beat.look(at(9500), late, began), Look::Lasts(BEAT));
        assert_eq!(beat.look(at(9600), ON_TIME, began), Look::TooLong);
    }

    #[test]
    fn a_standstill_that_keeps_the_thread_from_waking_after_a_rest_is_one() {
        let (mut beat, at) = born();
        let began = Some(at(9000));
        let late = Due::AtPoll.late(at(9500), began);
        assert_eq!(beat.look(at(9500), late, began), Look::Lasts(BEAT));
    }

    #[test]
    fn a_rest_that_ends_without_a_poll_is_no_standstill() {
        let (_, at) = born();
        assert_eq!(Due::AtPoll.late(at(9000), None), ON_TIME);
        assert_eq!(Due::Never.late(at(9000), Some(at(1))), ON_TIME);
    }

    #[test]
    fn the_longest_heartbeat_is_never_missed() {
        let (_, at) = born();
        let mut beat = Beat::new(Duration::from_secs(u64::MAX), at(0));
        let left = beat.look(at(1_000_000), BEAT, Some(at(1)));
        assert!(matches!(left, Look::Lasts(_)), "{left:?}");
    }
}
