//! The clock of a worker that has ticks: it stays while incarnations come and go.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use crate::mailbox::{Mailbox, Message};
use crate::util::sync::Lock;
use crate::worker::alarm::{Alarm, Reason};
use crate::worker::schedule::Schedule;
use crate::worker::tick::Tick;

/// The ticks of a worker, and when each is due.
pub(crate) struct Clock<M> {
    ticks: Box<[Tick<M>]>,
    schedule: Arc<Lock<Schedule>>,
    alarm: Lock<Alarm>,
    /// The schedule of the worker whose place this one is to take.
    predecessor: Lock<Option<Arc<Lock<Schedule>>>>,
}

impl<M: Message> Clock<M> {
    /// The clock of a worker with its `own` ticks, and those of its spec, which replace ticks of
    /// the same name; `None` if there are none. In a box, because most workers have none.
    ///
    /// Messages are made here to have their names, which is a user's code: it may panic.
    pub(crate) fn of(own: &[Tick<M>], of_spec: &[Tick<M>]) -> Option<Box<Self>> {
        if own.is_empty() && of_spec.is_empty() {
            return None;
        }
        let mut ticks: Vec<(&'static str, Tick<M>)> = own.iter().map(|tick| (tick.name(), *tick)).collect();
        for tick in of_spec {
            let name = tick.name();
            match ticks.iter_mut().find(|(other, _)| *other == name) {
                Some((_, before)) => *before = tick.in_place_of(before),
                None => ticks.push((name, *tick)),
            }
        }
        let schedule = Schedule::new(ticks.iter().map(|(name, tick)| (*name, tick.period, tick.missed)));
        Some(Box::new(Self {
            ticks: ticks.into_iter().map(|(_, tick)| tick).collect(),
            schedule: Arc::new(Lock::new(schedule)),
            alarm: Lock::default(),
            predecessor: Lock::default(),
        }))
    }

    /// An incarnation serves.
    pub(crate) fn goes_on(&self) {
        self.schedule.with(|schedule| schedule.goes_on(Instant::now()));
    }

    /// The worker is terminated.
    pub(crate) fn stands_still(&self) {
        self.schedule.with(|schedule| schedule.stands_still(Instant::now()));
        self.stop();
    }

    /// No incarnation waits for a tick: drops the timer.
    pub(crate) fn stop(&self) {
        drop(self.alarm.take());
    }

    /// Polls for a tick that is due, and whose turn it is, for the one incarnation that owns the
    /// tables. The message before it counts as served.
    ///
    /// Whether a tick is due is read off the clock, not off the timer: tokio turns its timers only
    /// when tasks yield. The timer wakes a worker that has nothing to serve.
    /// With the tick it says how many of the same handler are skipped, because this one is late.
    pub(crate) fn poll_tick(
        &self,
        mailbox: &Mailbox<M>,
        incarnation: u64,
        cx: &mut Context<'_>,
    ) -> Poll<(M, u64)> {
        let now = Instant::now();
        let tick = self.tick_at(now, mailbox, incarnation, cx);
        tick.map_or_else(
            |reason| {
                self.alarm.with(|alarm| alarm.reason = reason);
                Poll::Pending
            },
            |(position, skipped)| Poll::Ready((self.ticks[position].message(), skipped)),
        )
    }

    /// Takes a tick that is due `now`: its position, and how many are skipped.
    fn tick_at(
        &self,
        now: Instant,
        mailbox: &Mailbox<M>,
        incarnation: u64,
        cx: &mut Context<'_>,
    ) -> Result<(usize, u64), Reason> {
        if self.due().is_none_or(|due| now < due) {
            return Err(Reason::NotDue);
        }
        let Poll::Ready(turn) = poll_proceed(cx) else { return Err(Reason::Yields) };
        if !mailbox.begin_tick(incarnation) {
            return Err(Reason::NotItsTurn);
        }
        turn.made_progress();
        self.schedule.with(|schedule| schedule.take(now)).ok_or(Reason::NotDue)
    }

    /// There was neither a tick nor a message to serve: has the task of this poll woken when the
    /// next tick is due.
    pub(crate) fn wait(&self, mailbox: &Mailbox<M>, cx: &mut Context<'_>) {
        match self.alarm.with(|alarm| alarm.reason) {
            Reason::NotDue => {
                if let Some(due) = self.due() {
                    self.alarm.with(|alarm| alarm.set(due, cx));
                }
            }
            Reason::Yields => {}
            // The mailbox, which is paused or closed, wakes the worker: unless it was resumed since
            // the tick was polled for.
            Reason::NotItsTurn => {
                if mailbox.hands_out() {
                    cx.waker().wake_by_ref();
                }
            }
        }
    }

    /// When the next tick is due, if ever.
    fn due(&self) -> Option<Instant> {
        self.schedule.with(|schedule| schedule.due())
    }

    /// Notes the clock of the worker whose place this one is to take.
    pub(crate) fn follow<P: Message>(&self, predecessor: &Clock<P>) {
        self.predecessor.set(Some(Arc::clone(&predecessor.schedule)));
    }

    /// Takes over the grids of the predecessor, whose last incarnation has ended.
    pub(crate) fn take_over(&self) {
        if let Some(predecessor) = self.predecessor.take() {
            self.schedule.with(|schedule| predecessor.with(|before| schedule.take_over(before)));
        }
    }
}
