//! What an incarnation is to others: whom they link to, monitor, send exit signals to, and kill.

pub(crate) mod exit;
mod inbox;
pub(crate) mod links;
pub(crate) mod monitor;
mod signal;
pub(crate) mod status;
mod tasks;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use self::inbox::{Inbox, Received};
use self::signal::LinkId;
pub(crate) use self::signal::Signal;
pub use self::signal::{Down, ExitSignal, ExitSource, MonitorId};
pub use self::tasks::Attachment;
use self::tasks::Tasks;
pub(crate) use self::tasks::{Outliving, Running};
use crate::process::exit::ExitReason;
use crate::process::links::Links;
use crate::util::caught::caught;
use crate::util::sync::{Lock, Locked};

/// One incarnation, as others see it, from its start to its end. It holds nothing of the worker's.
///
/// Whatever ends it, it ends in two steps: its reason is settled when its tables go home, and when they are home everybody is
/// told. An exit signal that is not trapped settles the reason before, and aborts the task. The locks of two incarnations are
/// never held together, and none of them while a task is aborted or woken.
pub(crate) struct Process {
    name: Arc<str>,
    incarnation: u64,
    traps_exits: bool,
    /// Whether it has monitors, or traps exits: then it can be woken for a signal.
    listens: AtomicBool,
    /// What its task must know before its next message: one load for each.
    flags: AtomicU8,
    state: Lock<State>,
    outliving: Arc<Outliving>,
}

/// There are signals to be served.
const SIGNALLED: u8 = 1;
/// Its task has been aborted, or is about to be.
const ABORTED: u8 = 2;

struct State {
    fate: Fate,
    /// Until it is known, what is to be aborted waits for it.
    task: Option<AbortHandle>,
    /// Most have none.
    relations: Option<Box<Relations>>,
}

/// What an incarnation has to do with others.
#[derive(Default)]
struct Relations {
    inbox: Inbox,
    /// Of its task, while that waits for a message.
    waker: Option<Waker>,
    links: Links,
    /// Monitors from outside any worker.
    outside_monitors: BTreeMap<LinkId, oneshot::Sender<Down>>,
    tasks: Tasks,
}

enum Fate {
    Alive,
    /// Its task ends for this reason, at its next await.
    Doomed(ExitReason),
    /// It has ended for this reason; its tables may still be on their way.
    Ending(ExitReason),
    /// Its tables are home, and everybody has been told.
    Ended(ExitReason),
}

impl State {
    fn relations(&mut self) -> &mut Relations {
        self.relations.get_or_insert_default()
    }

    /// The reason it ends for: settled once.
    fn settle(&mut self, own: Option<ExitReason>) -> ExitReason {
        let reason = match (&self.fate, own) {
            (Fate::Ending(reason) | Fate::Ended(reason), _) => return reason.clone(),
            (Fate::Alive | Fate::Doomed(_), Some(own)) => own,
            (Fate::Doomed(reason), None) => reason.clone(),
            (Fate::Alive, None) => ExitReason::Killed,
        };
        self.fate = Fate::Ending(reason.clone());
        reason
    }
}

impl Process {
    pub(crate) fn new(
        name: &Arc<str>,
        incarnation: u64,
        traps_exits: bool,
        outliving: &Arc<Outliving>,
    ) -> Self {
        let state = State { fate: Fate::Alive, task: None, relations: None };
        Self {
            name: Arc::clone(name),
            incarnation,
            traps_exits,
            listens: AtomicBool::new(traps_exits),
            flags: AtomicU8::new(0),
            state: Lock::new(state),
            outliving: Arc::clone(outliving),
        }
    }

    #[inline]
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// What runs it, known only after it has been started: an exit signal may have been before that.
    pub(crate) fn runs_as(&self, task: AbortHandle) {
        let mut state = self.lock();
        match state.fate {
            Fate::Alive => state.task = Some(task),
            Fate::Doomed(_) => {
                drop(state);
                task.abort();
            }
            Fate::Ending(_) | Fate::Ended(_) => {}
        }
    }

    /// Sends it an exit signal (`exit/2`).
    pub(crate) fn exit(&self, signal: ExitSignal) {
        self.receive(self.lock(), signal, None);
    }

    /// Aborts it, whether it traps exits or not. Says whether it was alive.
    pub(crate) fn kill(&self, reason: ExitReason) -> bool {
        self.abort_with(self.lock(), reason)
    }

    /// Why it has ended: `None` while it has not.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        match &self.lock().fate {
            Fate::Alive | Fate::Doomed(_) => None,
            Fate::Ending(reason) | Fate::Ended(reason) => Some(reason.clone()),
        }
    }

    /// Whether its task has been aborted, or is about to be.
    #[inline]
    pub(crate) fn is_doomed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & ABORTED != 0
    }

    /// An await at which its task ends, if it is to.
    #[inline]
    pub(crate) async fn checkpoint(&self) {
        if self.is_doomed() {
            // The abort is on its way.
            pending::<()>().await;
        }
    }

    /// It ends, for its own reason if it has one. Returns the reason it ends for, and aborts its tasks.
    pub(crate) fn ending(&self, own: Option<ExitReason>) -> ExitReason {
        let (reason, tasks) = {
            let mut state = self.lock();
            let tasks = state.relations.as_mut().map(|relations| std::mem::take(&mut relations.tasks));
            (state.settle(own), tasks)
        };
        if let Some(tasks) = tasks {
            tasks.end(&self.outliving);
        }
        reason
    }

    /// It has ended, and its tables are home: whoever is linked to it or monitors it is told.
    pub(crate) fn ended(self: &Arc<Self>, own: Option<ExitReason>) {
        let (reason, relations) = {
            let mut state = self.lock();
            let reason = state.settle(own);
            state.fate = Fate::Ended(reason.clone());
            state.task = None;
            (reason, state.relations.take())
        };
        let Some(relations) = relations else { return };
        let Relations { links, outside_monitors, tasks, .. } = *relations;
        // There are some only if it never had its tables.
        tasks.end(&self.outliving);
        self.tell_all(links, &reason);
        for (id, monitor_from_outside) in outside_monitors {
            // A waker that is not our code.
            let _ = caught(|| monitor_from_outside.send(self.down(MonitorId(id), reason.clone())));
        }
    }

    /// Whether there is anything to be looked at before the next message.
    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        self.flags.load(Ordering::Acquire) != 0
    }

    /// The signal that comes before the next message, if there is one.
    pub(crate) fn poll_signal(&self) -> Poll<Option<Signal>> {
        if self.is_doomed() {
            // The abort is on its way, and wakes the task.
            return Poll::Pending;
        }
        Poll::Ready(self.next_signal())
    }

    /// Has its task, which waits, woken for the next signal, if it may get one.
    #[inline]
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        if self.listens.load(Ordering::Relaxed) && self.wakes(cx.waker()) {
            cx.waker().wake_by_ref();
        }
    }

    fn next_signal(&self) -> Option<Signal> {
        let mut state = self.lock();
        let relations = state.relations();
        let received = relations.inbox.pop();
        if relations.inbox.is_empty() {
            self.flags.fetch_and(!SIGNALLED, Ordering::Relaxed);
        }
        drop(state);
        received.map(Received::into_signal)
    }

    /// Has `waker` woken for the next signal; says whether there is one already.
    fn wakes(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let relations = state.relations();
        if !relations.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            relations.waker = Some(waker.clone());
        }
        !relations.inbox.is_empty()
    }

    fn receive(&self, state: Locked<'_, State>, signal: ExitSignal, over: Option<&Arc<Self>>) {
        if self.traps_exits {
            self.enqueue(state, Signal::Exit(signal), over);
        } else if signal.reason != ExitReason::Normal {
            self.abort_with(state, signal.reason);
        }
    }

    fn enqueue(&self, mut state: Locked<'_, State>, signal: Signal, over: Option<&Arc<Self>>) {
        if !matches!(state.fate, Fate::Alive) {
            return;
        }
        let relations = state.relations();
        relations.inbox.push(signal, over);
        self.flags.fetch_or(SIGNALLED, Ordering::Release);
        let waker = relations.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn abort_with(&self, mut state: Locked<'_, State>, reason: ExitReason) -> bool {
        if !matches!(state.fate, Fate::Alive) {
            return false;
        }
        state.fate = Fate::Doomed(reason);
        self.flags.fetch_or(ABORTED, Ordering::Release);
        let task = state.task.clone();
        drop(state);
        if let Some(task) = task {
            task.abort();
        }
        true
    }

    fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }
}
