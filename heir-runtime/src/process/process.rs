//! One incarnation, as others see it: its name and fate, its links, its inbox and its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::task::Waker;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::process::exit::ExitReason;
use crate::process::inbox::Inbox;
use crate::process::signal::{Down, LinkId};
use crate::process::tasks::{Outliving, Tasks};
use crate::util::sync::{Lock, Locked};

/// One incarnation, as others see it, from its start to its end. It holds nothing of the worker's.
///
/// Whatever ends it, it ends in two steps: the reason is fixed when its tables go home, and when
/// they are home the linked and monitoring incarnations are told. An exit signal that is not
/// trapped fixes the reason before, and aborts the task. The locks of two incarnations are never
/// held together, and neither of them while a task is aborted or woken.
pub(crate) struct Process {
    pub(super) name: Arc<str>,
    pub(super) incarnation: u64,
    pub(super) traps_exits: bool,
    /// Whether it has monitors, or traps exits: then it can be woken for a signal.
    pub(super) listens: AtomicBool,
    /// What its task must know before its next message: one load for each.
    pub(super) flags: AtomicU8,
    state: Lock<State>,
    /// The tasks that outlive the incarnations of its worker.
    pub(super) outliving: Arc<Outliving>,
}

/// There are signals to be served.
pub(super) const SIGNALLED: u8 = 1;
/// Its task has been aborted, or is about to be.
pub(super) const ABORTED: u8 = 2;

pub(super) struct State {
    pub(super) fate: Fate,
    /// `None` until the task is known: an abort before that waits for it.
    pub(super) task: Option<AbortHandle>,
    /// `None` for most incarnations.
    pub(super) relations: Option<Box<Relations>>,
}

/// How far an incarnation is on the way to its end.
///
/// ```text
///          kill, or a signal           its tables             they are home,
///          that is not trapped         go home                the others are told
///  Alive ──────────────────▶ Aborted ───────────▶ Ending ───────────────────▶ Ended
///    │                                              ▲
///    └──────────────────────────────────────────────┘
///       it ends by itself
/// ```
pub(super) enum Fate {
    Alive,
    /// Its task ends for this reason, at its next await.
    Aborted(ExitReason),
    /// It has ended for this reason; its tables may still be on their way.
    Ending(ExitReason),
    /// Its tables are home, and the linked and monitoring incarnations have been told this reason.
    Ended(ExitReason),
}

/// What an incarnation has to do with others.
#[derive(Default)]
pub(super) struct Relations {
    pub(super) inbox: Inbox,
    /// The waker of its task, while the task waits for a message.
    pub(super) waker: Option<Waker>,
    pub(super) links: Links,
    /// Monitors from outside any worker.
    pub(super) outside_monitors: BTreeMap<LinkId, oneshot::Sender<Down>>,
    pub(super) tasks: Tasks,
}

/// One incarnation's halves of its links and monitors, found by their ids, and the links by their
/// peers too: an incarnation may have very many, and most of them end one by one.
#[derive(Default)]
pub(super) struct Links {
    pub(super) by_id: BTreeMap<LinkId, Link>,
    by_peer: BTreeSet<(Peer, LinkId)>,
}

/// One incarnation's half of a link or monitor.
pub(super) struct Link {
    pub(super) peer: Arc<Process>,
    pub(super) role: LinkRole,
}

/// What the peer of a link or monitor is to its owner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkRole {
    /// The two are linked.
    Linked,
    /// The owner monitors the peer.
    Monitors,
    /// The peer monitors the owner.
    Monitored,
}

/// An incarnation, by the addresses of its process and of its worker's [`Outliving`]: no other has
/// them while the link holds the peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer {
    worker: usize,
    incarnation: usize,
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

    /// What all incarnations of one worker have in common, and no others.
    pub(super) fn worker(&self) -> usize {
        self.outliving.worker()
    }

    /// The reason why it has ended: `None` while it has not.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.with(|state| match &state.fate {
            Fate::Alive | Fate::Aborted(_) => None,
            Fate::Ending(reason) | Fate::Ended(reason) => Some(reason.clone()),
        })
    }

    pub(super) fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }

    pub(super) fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        self.state.with(work)
    }
}

impl State {
    pub(super) fn relations(&mut self) -> &mut Relations {
        self.relations.get_or_insert_default()
    }

    /// Fixes the reason of its end, once: its own reason, if it has one.
    pub(super) fn fix_reason(&mut self, own: Option<ExitReason>) -> ExitReason {
        let reason = match (&self.fate, own) {
            (Fate::Ending(reason) | Fate::Ended(reason), _) => return reason.clone(),
            (Fate::Alive | Fate::Aborted(_), Some(own)) => own,
            (Fate::Aborted(reason), None) => reason.clone(),
            (Fate::Alive, None) => ExitReason::Killed,
        };
        self.fate = Fate::Ending(reason.clone());
        reason
    }
}

impl Peer {
    pub(super) fn of(process: &Arc<Process>) -> Self {
        Self { worker: process.worker(), incarnation: Arc::as_ptr(process).addr() }
    }
}

impl Links {
    pub(super) fn insert(&mut self, id: LinkId, link: Link) {
        if link.role == LinkRole::Linked {
            self.by_peer.insert((Peer::of(&link.peer), id));
        }
        self.by_id.insert(id, link);
    }

    pub(super) fn remove(&mut self, id: LinkId) -> Option<Link> {
        let link = self.by_id.remove(&id)?;
        if link.role == LinkRole::Linked {
            self.by_peer.remove(&(Peer::of(&link.peer), id));
        }
        Some(link)
    }

    pub(super) fn is_linked(&self, peer: Peer) -> bool {
        self.by_peer.range((peer, LinkId::MIN)..=(peer, LinkId::MAX)).next().is_some()
    }

    /// Removes the links to this incarnation.
    pub(super) fn unlink(&mut self, peer: Peer) -> Vec<(LinkId, Link)> {
        self.unlink_between(peer, peer)
    }

    /// Removes the links to all incarnations of this worker.
    pub(super) fn unlink_worker(&mut self, worker: usize) -> Vec<(LinkId, Link)> {
        let [first, last] = [usize::MIN, usize::MAX].map(|incarnation| Peer { worker, incarnation });
        self.unlink_between(first, last)
    }

    fn unlink_between(&mut self, first: Peer, last: Peer) -> Vec<(LinkId, Link)> {
        let linked = self.by_peer.range((first, LinkId::MIN)..=(last, LinkId::MAX));
        let ids: Vec<_> = linked.map(|(_, id)| *id).collect();
        ids.into_iter().filter_map(|id| Some((id, self.remove(id)?))).collect()
    }
}
