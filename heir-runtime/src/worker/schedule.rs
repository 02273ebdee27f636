//! When the ticks of a worker are due: a state machine without a timer.
//!
//! ```text
//! each tick:  Unset ──(goes_on)──► Due(t) ──(take)──► Due(later), or Never
//! all ticks:  run ──(stands_still)──► stand ──(goes_on: each Due(t) is put off by the time between)──► run
//! ```
//!
//! The grid of a tick begins when the first incarnation serves: it has a point a period after that,
//! and one after each further period. Nothing but `goes_on` after `stands_still` moves a grid: a
//! restart does not, and neither does a tick that comes late.
//!
//! At most one tick of a handler is outstanding: from when it is due, but not before the one before
//! it has been taken. The tick that is outstanding for longest comes first. So a handler that has
//! many to catch up with delays no other by more than one of them.

use std::time::Duration;

use tokio::time::Instant;

use crate::worker::tick::Missed;

/// When each tick of a worker is due.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: Box<[Entry]>,
    /// Since when the worker is terminated, if it is.
    stands_since: Option<Instant>,
    /// How many ticks have been taken.
    taken: u64,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    period: Duration,
    missed: Missed,
    next: Next,
    /// The number of its last tick among all that have been taken.
    last: u64,
}

/// When a tick is due next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Its grid has not begun.
    Unset,
    /// Due at this point of its grid, and outstanding since that, or since the one before it was
    /// taken.
    Due { at: Instant, since: Instant },
    /// No `Instant` is that far away.
    Never,
}

impl Schedule {
    /// A schedule of these ticks, none of which is due yet: names, periods, and what becomes of
    /// those that are missed.
    pub(crate) fn new(ticks: impl Iterator<Item = (&'static str, Duration, Missed)>) -> Self {
        let entry = |(name, period, missed)| Entry { name, period, missed, next: Next::Unset, last: 0 };
        Self { entries: ticks.map(entry).collect(), stands_since: None, taken: 0 }
    }

    /// An incarnation serves: grids that have not begun begin, and those that stood still go on.
    pub(crate) fn goes_on(&mut self, now: Instant) {
        let stood = self.stands_since.take().map_or(Duration::ZERO, |since| now - since);
        for entry in &mut self.entries {
            entry.next = match entry.next {
                Next::Unset => Next::due(now.checked_add(entry.period), now),
                Next::Due { at, since } => {
                    Next::due(at.checked_add(stood), since.checked_add(stood).unwrap_or(since))
                }
                Next::Never => Next::Never,
            };
        }
    }

    /// The worker is terminated: its time stands still until an incarnation serves again.
    pub(crate) fn stands_still(&mut self, now: Instant) {
        self.stands_since.get_or_insert(now);
    }

    /// When the next tick is due, if ever.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.first().map(|(since, _)| since)
    }

    /// Takes the tick that is outstanding for longest, to serve it `now`: its position, and how many
    /// of its ticks are skipped because it is late. `None` if none is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(usize, u64)> {
        let (_, position) = self.first().filter(|(since, _)| *since <= now)?;
        self.taken += 1;
        let entry = &mut self.entries[position];
        entry.last = self.taken;
        let skipped = entry.next.skipped(entry.period, entry.missed, now);
        entry.next = entry.next.following(entry.period, entry.missed, now);
        Some((position, skipped))
    }

    /// Takes over the grids of another worker's ticks, those that have the same name and period.
    /// The grids of all others begin when an incarnation serves.
    pub(crate) fn take_over(&mut self, other: &Self) {
        for entry in &mut self.entries {
            let is_same = |before: &&Entry| before.name == entry.name && before.period == entry.period;
            if let Some(before) = other.entries.iter().find(is_same) {
                (entry.next, entry.last) = (before.next, before.last);
            }
        }
        self.taken = other.taken;
        self.stands_since = other.stands_since;
    }

    /// The tick that comes next, with the time from which it is outstanding. Of two at one time, it
    /// is the one that was not taken for longer, and else the one that is declared first.
    fn first(&self) -> Option<(Instant, usize)> {
        let outstanding = self.entries.iter().enumerate().filter_map(|(position, entry)| match entry.next {
            Next::Due { since, .. } => Some((since, entry.last, position)),
            Next::Unset | Next::Never => None,
        });
        let (since, _, position) = outstanding.min().filter(|_| self.stands_since.is_none())?;
        Some((since, position))
    }
}

impl Next {
    /// Due at this point, and not outstanding before `not_before`.
    fn due(at: Option<Instant>, not_before: Instant) -> Self {
        at.map_or(Self::Never, |at| Self::Due { at, since: at.max(not_before) })
    }

    /// How many points of the grid are skipped, if this one is served `now`.
    fn skipped(self, period: Duration, missed: Missed, now: Instant) -> u64 {
        match (self, missed) {
            (Self::Due { at, .. }, Missed::Skip) if now - at >= period => {
                u64::try_from((now - at).as_nanos() / period.as_nanos()).unwrap_or(u64::MAX)
            }
            _ => 0,
        }
    }

    /// When the tick is due after this time, if it is served `now`.
    fn following(self, period: Duration, missed: Missed, now: Instant) -> Self {
        let Self::Due { at, .. } = self else { return self };
        let next = match missed {
            Missed::CatchUp => at.checked_add(period),
            Missed::Skip => now.checked_add(to_next_point(now - at, period)),
        };
        Self::due(next, now)
    }
}

/// The time to the next point of a grid that has one each `period`, `late` after one of its points.
fn to_next_point(late: Duration, period: Duration) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let period = period.as_nanos();
    let left = period - late.as_nanos() % period;
    let seconds = u64::try_from(left / SECOND).expect("no more than the period has");
    Duration::new(seconds, u32::try_from(left % SECOND).expect("less than a second"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by counting each unit of time by itself.
    struct ByCounting {
        now: u32,
        ticks: Vec<Counted>,
        /// How many ticks have been taken.
        taken: u32,
        /// How long the grids have gone on.
        gone_on: Option<u32>,
        stands: bool,
    }

    struct Counted {
        period: u32,
        missed: Missed,
        /// The points that have passed and are not served.
        open: Vec<u32>,
        /// When it was taken last, and as which.
        last: (u32, u32),
    }

    impl ByCounting {
        fn pass(&mut self, units: u32) {
            for _ in 0..units {
                self.now += 1;
                let Some(gone_on) = self.gone_on.as_mut().filter(|_| !self.stands) else { continue };
                *gone_on += 1;
                for tick in &mut self.ticks {
                    if gone_on.is_multiple_of(tick.period) {
                        tick.open.push(*gone_on);
                    }
                }
            }
        }

        fn take(&mut self) -> Option<(usize, u64)> {
            if self.stands {
                return None;
            }
            let waits = |(position, tick): (usize, &Counted)| {
                let (when, number) = tick.last;
                Some((*tick.open.first()?.max(&when), number, position))
            };
            let (.., position) = self.ticks.iter().enumerate().filter_map(waits).min()?;
            self.taken += 1;
            let mut skipped = 0;
            let tick = &mut self.ticks[position];
            tick.last = (self.gone_on?, self.taken);
            match tick.missed {
                Missed::Skip => {
                    skipped = tick.open.len() as u64 - 1;
                    tick.open.clear();
                }
                Missed::CatchUp => drop(tick.open.remove(0)),
            }
            Some((position, skipped))
        }
    }

    #[test]
    fn whatever_happens_the_ticks_are_those_that_are_found_by_counting() {
        let origin = Instant::now();
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let ticks: Vec<(u32, Missed)> = (0..random.usize(1..4))
                .map(|_| (random.u32(1..20), if random.bool() { Missed::Skip } else { Missed::CatchUp }))
                .collect();
            let given = ticks
                .iter()
                .map(|(period, missed)| ("tick", Duration::from_millis((*period).into()), *missed));
            let mut schedule = Schedule::new(given);
            let mut model = ByCounting {
                now: 0,
                ticks: ticks
                    .into_iter()
                    .map(|(period, missed)| Counted { period, missed, open: Vec::new(), last: (0, 0) })
                    .collect(),
                taken: 0,
                gone_on: None,
                stands: false,
            };
            for _ in 0..300 {
                let now = origin + Duration::from_millis(model.now.into());
                match random.u32(..8) {
                    0 => {
                        schedule.goes_on(now);
                        model.gone_on.get_or_insert(0);
                        model.stands = false;
                    }
                    1 if random.bool() => {
                        schedule.stands_still(now);
                        model.stands = true;
                    }
                    2..5 => model.pass(random.u32(..30)),
                    _ => assert_eq!(schedule.take(now), model.take(), "seed {seed}"),
                }
            }
        }
    }

    fn of(period: Duration, missed: Missed) -> Schedule {
        Schedule::new([("tick", period, missed)].into_iter())
    }

    #[test]
    fn a_tick_is_never_due_if_its_period_reaches_past_the_end_of_time() {
        let mut never = of(Duration::MAX, Missed::Skip);
        never.goes_on(Instant::now());
        assert_eq!(never.due(), None);
        assert_eq!(never.take(Instant::now()), None);
    }

    #[test]
    fn skipping_passes_over_any_number_of_points_in_one_step() {
        let (start, period) = (Instant::now(), Duration::from_nanos(7));
        let mut schedule = of(period, Missed::Skip);
        schedule.goes_on(start);
        let late = start + Duration::from_hours(1);
        assert_eq!(schedule.take(late), Some((0, 514_285_714_284)), "the points from the second on");
        let next = schedule.due().unwrap();
        assert!(late < next && next <= late + period && (next - start).as_nanos().is_multiple_of(7));
    }

    #[test]
    fn a_successor_takes_over_the_ticks_that_have_the_same_name_and_period() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut before =
            Schedule::new([("same", second, Missed::Skip), ("other", second, Missed::Skip)].into_iter());
        before.goes_on(start);
        let given = [("new", second), ("other", 2 * second), ("same", second)];
        let mut after = Schedule::new(given.into_iter().map(|(name, period)| (name, period, Missed::Skip)));
        after.take_over(&before);
        let half = start + second / 2;
        after.goes_on(half);
        let mut due = Vec::new();
        while let Some(at) = after.due().filter(|at| *at < start + 3 * second) {
            due.push((at - start, given[after.take(at).unwrap().0].0));
        }
        assert_eq!(
            due,
            [
                (second, "same"),
                (second * 3 / 2, "new"),
                (second * 2, "same"),
                (second * 5 / 2, "other"),
                (second * 5 / 2, "new"),
            ]
        );
    }

    #[test]
    fn a_successor_of_a_terminated_worker_goes_on_when_it_serves() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut before = of(second, Missed::CatchUp);
        before.goes_on(start);
        before.stands_still(start + second / 4);
        let mut after = of(second, Missed::CatchUp);
        after.take_over(&before);
        assert_eq!(after.due(), None);
        after.goes_on(start + 10 * second);
        assert_eq!(after.due(), Some(start + 10 * second + second * 3 / 4));
    }
}
