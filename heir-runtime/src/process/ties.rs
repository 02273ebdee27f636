//! Links and monitors between two incarnations: each end has its own half.
//!
//! A half is made first at the end that asks, then at the other one, and removed in the same order; whatever arrives for a
//! half that is gone is dropped. That makes every interleaving with an unlink, or with the death of either end, one of the two
//! orders, without both locks at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::signal::Bond;
use super::{
    Down, ExitSignal, ExitSource, Fate, MonitorId, Process, Received, Relations, SIGNALLED, Signal, State,
};
use crate::exit::ExitReason;

/// One incarnation's half of a link or monitor.
pub(super) struct Tie {
    peer: Arc<Process>,
    bond: Bond,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Linked,
    /// It monitors its peer.
    Watches,
    /// Its peer monitors it.
    Watched,
}

impl Process {
    /// Links this incarnation, whose task it is that asks, and `other` (`link/1`).
    pub(crate) fn link(self: &Arc<Self>, other: &Arc<Self>) {
        if Arc::ptr_eq(self, other) {
            return;
        }
        let bond = Bond::new();
        {
            let mut state = self.lock();
            if state
                .relations()
                .ties
                .iter()
                .any(|tie| tie.role == Role::Linked && Arc::ptr_eq(&tie.peer, other))
            {
                return;
            }
            state.tie(other, bond, Role::Linked);
        }
        if !other.lock().accept(self, bond, Role::Linked) {
            self.lock().untie(|tie| tie.bond == bond);
            self.no_proc(&other.name);
        }
    }

    /// There was nobody to link to.
    pub(crate) fn no_proc(&self, name: &Arc<str>) {
        let from = ExitSource::Worker { name: Arc::clone(name), incarnation: None };
        self.exit(ExitSignal { from, reason: ExitReason::NoProc });
    }

    /// Removes what links this incarnation, whose task it is that asks, and any of the worker that `other` is one of
    /// (`unlink/1`). Signals that have come over it and have not been served are not served.
    pub(crate) fn unlink(&self, other: &Self) {
        let unlinked: Vec<_> = {
            let mut state = self.lock();
            state
                .relations()
                .inbox
                .retain(|received| !received.over.as_ref().is_some_and(|peer| peer.is_of(other)));
            self.settle_flags(&state);
            state
                .relations()
                .ties
                .extract_if(.., |tie| tie.role == Role::Linked && tie.peer.is_of(other))
                .collect()
        };
        for tie in unlinked {
            tie.peer.lock().untie(|half| half.bond == tie.bond);
        }
    }

    /// Monitors `other` from this incarnation, whose task it is that asks (`monitor/2`).
    pub(crate) fn monitor(self: &Arc<Self>, other: Option<&Arc<Self>>, name: &Arc<str>) -> MonitorId {
        let bond = Bond::new();
        self.listens.store(true, Ordering::Relaxed);
        if let Some(other) = other {
            self.lock().tie(other, bond, Role::Watches);
            if other.lock().accept(self, bond, Role::Watched) {
                return MonitorId(bond);
            }
            self.lock().untie(|tie| tie.bond == bond);
        }
        self.enqueue(self.lock(), Signal::Down(Down::no_proc(MonitorId(bond), name)), None);
        MonitorId(bond)
    }

    /// Ends a monitor of this incarnation, whose task it is that asks (`demonitor/1`, with `flush`).
    pub(crate) fn demonitor(&self, MonitorId(bond): MonitorId) {
        let ended: Vec<_> = {
            let mut state = self.lock();
            state.relations().inbox.retain(
                |received| !matches!(&received.signal, Signal::Down(down) if down.monitor == MonitorId(bond)),
            );
            self.settle_flags(&state);
            state
                .relations()
                .ties
                .extract_if(.., |tie| tie.role == Role::Watches && tie.bond == bond)
                .collect()
        };
        for tie in ended {
            tie.peer.lock().untie(|half| half.bond == bond);
        }
    }

    /// This incarnation has ended for `reason`: the other end of this tie is told.
    pub(super) fn tell(self: &Arc<Self>, tie: &Tie, reason: &ExitReason) {
        let Tie { peer, bond, role } = tie;
        let mut state = peer.lock();
        match role {
            // Two that link to each other at the same moment have two links, and tell each other once.
            Role::Linked => {
                if state.untie(|half| half.role == Role::Linked && Arc::ptr_eq(&half.peer, self)) {
                    let from = ExitSource::Worker {
                        name: Arc::clone(&self.name),
                        incarnation: Some(self.incarnation),
                    };
                    peer.receive(state, ExitSignal { from, reason: reason.clone() }, Some(self));
                }
            }
            Role::Watched => {
                if state.untie(|half| half.bond == *bond) {
                    let down = self.down(MonitorId(*bond), reason.clone());
                    peer.enqueue(state, Signal::Down(down), None);
                }
            }
            Role::Watches => {
                state.untie(|half| half.bond == *bond);
            }
        }
    }

    pub(super) fn down(&self, monitor: MonitorId, reason: ExitReason) -> Down {
        Down { monitor, from: Arc::clone(&self.name), incarnation: Some(self.incarnation), reason }
    }

    /// Whether both are incarnations of one worker.
    fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.outliving, &other.outliving)
    }

    /// Signals have been removed.
    fn settle_flags(&self, state: &State) {
        if state.relations.as_ref().is_none_or(|relations| relations.inbox.is_empty()) {
            self.flags.fetch_and(!SIGNALLED, Ordering::Relaxed);
        }
    }
}

impl State {
    fn tie(&mut self, peer: &Arc<Process>, bond: Bond, role: Role) {
        self.relations().ties.push(Tie { peer: Arc::clone(peer), bond, role });
    }

    /// Makes the half of the end that was not asked, unless it has ended.
    fn accept(&mut self, peer: &Arc<Process>, bond: Bond, role: Role) -> bool {
        let alive = !matches!(self.fate, Fate::Ended(_));
        if alive {
            self.tie(peer, bond, role);
        }
        alive
    }

    /// Removes these ties, and says whether there were any.
    fn untie(&mut self, these: impl Fn(&Tie) -> bool) -> bool {
        let Some(Relations { ties, .. }) = self.relations.as_deref_mut() else { return false };
        let before = ties.len();
        ties.retain(|tie| !these(tie));
        ties.len() < before
    }
}

impl Down {
    pub(crate) fn no_proc(monitor: MonitorId, name: &Arc<str>) -> Self {
        Self { monitor, from: Arc::clone(name), incarnation: None, reason: ExitReason::NoProc }
    }
}

impl MonitorId {
    pub(crate) fn new() -> Self {
        Self(Bond::new())
    }
}

impl Received {
    pub(super) fn new(signal: Signal, over: Option<&Arc<Process>>) -> Self {
        Self { signal, over: over.map(Arc::clone) }
    }
}
