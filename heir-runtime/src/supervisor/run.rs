//! The supervisor's task: what has happened, and what follows from it.

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::child::Child;
use super::intensity::Intensity;
use super::slot::{GRACE, Slot, State};
use super::{ShutdownReport, StartError};
use crate::caught::message_of;
use crate::events::{Event, EventKind, Events};
use crate::exit::ExitReason;
use crate::mailbox::Stopped;
use crate::post::Command;
use crate::race::{Either, race};
use crate::worker::Restart;

/// A supervisor at work.
pub(super) struct Run {
    name: Arc<str>,
    events: Events,
    /// In the order in which they are started: at even places workers, behind each its manager.
    slots: Vec<Slot>,
    tasks: JoinSet<ExitReason>,
    places: HashMap<Id, usize>,
    intensity: Intensity,
    requests: mpsc::UnboundedReceiver<Command>,
    /// The places of children that have been asked to stop, or aborted.
    stopping: BTreeSet<usize>,
    /// Once set, no child is started again, and the last pair that is left is being stopped.
    ending: Option<Stopped>,
    /// How many places there are up to that pair.
    left: usize,
    report: ShutdownReport,
}

/// What a supervisor wakes for.
enum Wake {
    Ended(usize, ExitReason),
    Command(Command),
    Deadline,
}

impl Run {
    pub(super) fn new(
        name: Arc<str>,
        events: Events,
        children: Vec<Box<dyn Child>>,
        intensity: Intensity,
        requests: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let slots: Vec<_> = children.into_iter().map(Slot::new).collect();
        Self {
            left: slots.len(),
            stopping: BTreeSet::new(),
            name,
            events,
            slots,
            tasks: JoinSet::new(),
            places: HashMap::new(),
            intensity,
            requests,
            ending: None,
            report: ShutdownReport::new(Stopped::Shutdown),
        }
    }

    /// Starts the children, says how that went, and supervises them until the end.
    pub(super) async fn run(mut self, started: oneshot::Sender<Result<(), StartError>>) -> ShutdownReport {
        let start = self.start().await;
        if let Err(error) = start {
            self.end(Stopped::Shutdown);
            self.supervise().await;
            // Told when everything is stopped again.
            let _ = started.send(Err(error));
            return self.report;
        }
        let _ = started.send(Ok(()));
        self.supervise().await;
        self.report
    }

    /// Starts one pair after the other.
    async fn start(&mut self) -> Result<(), StartError> {
        for worker in (0..self.slots.len()).step_by(2) {
            if self.slots[worker].finished.is_some() {
                // Stopped by its handle before its turn.
                continue;
            }
            self.spawn(worker);
            self.spawn(worker + 1);
            let mut up = self.slots[worker].child.up();
            while let Either::Right(wake) = race(&mut up, self.wake()).await {
                if let Some((place, reason)) = wake.failure_of(worker) {
                    let (failed, why) =
                        (self.not_started(place, reason.clone()), Stopped::Ended(reason.clone()));
                    self.slots[place].stopped();
                    self.finish(worker, &why);
                    return Err(failed);
                }
                self.react(wake);
                if let Some(why) = &self.ending {
                    return Err(StartError::Stopped(why.clone()));
                }
                match &self.slots[worker].finished {
                    None => {}
                    Some(Stopped::Shutdown) => break,
                    Some(why) => return Err(StartError::Stopped(why.clone())),
                }
            }
        }
        Ok(())
    }

    fn not_started(&self, place: usize, reason: ExitReason) -> StartError {
        let child = &self.slots[place].child;
        StartError::Child { child: Arc::clone(child.name()), role: child.role(), reason }
    }

    async fn supervise(&mut self) {
        while self.left > 0 || self.ending.is_none() {
            let wake = self.wake().await;
            self.react(wake);
        }
    }

    /// Waits for whatever happens next. Cancel safe.
    async fn wake(&mut self) -> Wake {
        let deadline = self.next_deadline();
        let ended = async {
            loop {
                let (id, reason) = match self.tasks.join_next_with_id().await {
                    None => pending().await,
                    Some(Ok((id, reason))) => (id, Some(reason)),
                    Some(Err(error)) => (error.id(), reason_of(error)),
                };
                if let Some(place) = self.places.remove(&id) {
                    return (place, reason);
                }
            }
        };
        let asked = async {
            match self.requests.recv().await {
                Some(command) => Wake::Command(command),
                None => pending().await,
            }
        };
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
            Wake::Deadline
        };
        // Requests first: a storm of crashes must not keep a shutdown waiting.
        match race(asked, race(late, ended)).await {
            Either::Left(wake) | Either::Right(Either::Left(wake)) => wake,
            Either::Right(Either::Right((place, reason))) => {
                let reason = reason.or_else(|| self.slots[place].child.exit_reason());
                Wake::Ended(place, reason.unwrap_or(ExitReason::Killed))
            }
        }
    }

    fn react(&mut self, wake: Wake) {
        match wake {
            Wake::Ended(place, reason) => self.ended(place, reason),
            Wake::Command(Command::Terminate(name)) => self.terminate(&name, &Stopped::Shutdown),
            Wake::Command(Command::Quarantine(name, reason)) => {
                self.terminate(&name, &Stopped::Quarantined(reason));
            }
            Wake::Command(Command::Shutdown) => self.end(Stopped::Shutdown),
            Wake::Deadline => self.enforce_deadlines(),
        }
    }

    fn spawn(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let task = slot.child.spawn(&mut self.tasks);
        self.places.insert(task.abort.id(), place);
        slot.state = State::Running(task);
    }

    /// A child has ended: it is started again, or it is over.
    fn ended(&mut self, place: usize, reason: ExitReason) {
        let slot = &mut self.slots[place];
        slot.stopped();
        self.stopping.remove(&place);
        if slot.finished.is_some() {
            self.go_on_finishing(worker_of(place));
            return self.go_on_ending();
        }
        if self.ending.is_some() {
            // Its turn to be stopped comes.
            return;
        }
        let again = match slot.child.restart() {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_normal(),
            Restart::Temporary => false,
        };
        if !again {
            return self.finish(worker_of(place), &Stopped::Ended(reason));
        }
        if !self.intensity.allows(Instant::now()) {
            return self.give_up(reason);
        }
        slot.child.emit(EventKind::Restarting { role: slot.child.role(), reason });
        self.spawn(place);
    }

    fn give_up(&mut self, reason: ExitReason) {
        let event =
            || Event { child: Arc::clone(&self.name), kind: EventKind::GaveUp { reason: reason.clone() } };
        self.events.emit(event);
        self.end(Stopped::GaveUp(reason));
    }

    /// Stops everything, in reverse order. Every worker's senders are told at once.
    fn end(&mut self, why: Stopped) {
        if self.ending.is_none() {
            for slot in &self.slots {
                slot.child.close(&why);
            }
            self.report.why = why.clone();
            self.ending = Some(why);
            self.go_on_ending();
        }
    }

    fn go_on_ending(&mut self) {
        let Some(why) = self.ending.clone() else { return };
        while self.left > 0 {
            let last = worker_of(self.left - 1);
            if !self.slots[last].retired {
                self.finish(last, &why);
            }
            if !self.slots[last].retired {
                return;
            }
            self.left = last;
        }
    }

    fn terminate(&mut self, name: &Arc<str>, why: &Stopped) {
        if let Some(worker) = self.slots.iter().position(|slot| slot.child.name() == name) {
            self.finish(worker, why);
        }
    }

    /// Stops a pair for good: the manager, then the worker.
    fn finish(&mut self, worker: usize, why: &Stopped) {
        for slot in &mut self.slots[worker..=worker + 1] {
            slot.finished.get_or_insert_with(|| why.clone());
            slot.child.close(why);
        }
        if !self.slots[worker].retired {
            self.go_on_finishing(worker);
        }
    }

    fn go_on_finishing(&mut self, worker: usize) {
        for place in [worker + 1, worker] {
            if !matches!(self.slots[place].state, State::Down) {
                self.slots[place].ask_to_stop();
                self.stopping.insert(place);
                return;
            }
        }
        let Some(why) = self.slots[worker].finished.clone() else { return };
        let undelivered = self.slots[worker].child.retire(&why);
        self.slots[worker].child.emit(EventKind::Retired { why, undelivered });
        self.slots[worker].retired = true;
        self.slots[worker + 1].retired = true;
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.stopping.iter().filter_map(|place| self.slots[*place].deadline()).min()
    }

    /// Aborts what did not stop in time, and leaves behind what does not even abort.
    fn enforce_deadlines(&mut self) {
        let now = Instant::now();
        let late: Vec<_> = self
            .stopping
            .iter()
            .copied()
            .filter(|place| self.slots[*place].deadline().is_some_and(|deadline| deadline <= now))
            .collect();
        for place in late {
            let slot = &mut self.slots[place];
            match &slot.state {
                State::Asked(task, _) => {
                    task.abort.abort();
                    slot.state = State::Aborted(now + GRACE);
                }
                State::Aborted(_) => {
                    let (name, role) = (Arc::clone(slot.child.name()), slot.child.role());
                    slot.child.emit(EventKind::Unresponsive { role });
                    slot.stopped();
                    self.report.unresponsive.push((name, role));
                    self.places.retain(|_, held| *held != place);
                    self.stopping.remove(&place);
                    self.go_on_finishing(worker_of(place));
                    self.go_on_ending();
                }
                State::Down | State::Running(_) => {}
            }
        }
    }
}

impl Wake {
    /// Whether it says that a child of this pair failed. One that was killed or stopped from outside did not fail.
    fn failure_of(&self, worker: usize) -> Option<(usize, &ExitReason)> {
        match self {
            Self::Ended(place, reason) if worker_of(*place) == worker && reason.is_failure() => {
                Some((*place, reason))
            }
            Self::Ended(..) | Self::Command(_) | Self::Deadline => None,
        }
    }
}

/// Why a task ended that did not say so itself: `None` if it was aborted.
fn reason_of(error: JoinError) -> Option<ExitReason> {
    Some(ExitReason::Panic(message_of(error.try_into_panic().ok()?)))
}

/// The place of the worker of the pair that this place belongs to.
fn worker_of(place: usize) -> usize {
    place & !1
}
