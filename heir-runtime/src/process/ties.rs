//! Links and monitors between two incarnations: each end has its own half.
//!
//! A half is made first at the end that asks, then at the other one, and removed in the same order; whatever arrives for a
//! half that is gone is dropped. That makes every interleaving with an unlink, or with the death of either end, one of the two
//! orders, without both locks at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inbox::Source;
use super::signal::Bond;
use super::{Down, ExitSignal, ExitSource, Fate, MonitorId, Process, Relations, SIGNALLED, Signal, State};
use crate::exit::ExitReason;

/// One incarnation's halves of its links and monitors. Each is found by its bond, and links by their peer too: an incarnation may
/// have very many, and most of them end one by one.
#[derive(Default)]
pub(super) struct Ties {
    by_bond: BTreeMap<Bond, Tie>,
    links: BTreeSet<(Peer, Bond)>,
}

/// One incarnation's half of a link or monitor.
pub(super) struct Tie {
    peer: Arc<Process>,
    role: Role,
}

/// An incarnation, by where it and what its worker has in common are in memory: nothing else is there while a tie holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Peer {
    worker: usize,
    incarnation: usize,
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
            if state.relations().ties.is_linked(Peer::of(other)) {
                return;
            }
            state.tie(other, bond, Role::Linked);
        }
        if !other.lock().accept(self, bond, Role::Linked) {
            self.untie(bond);
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
        let worker = other.worker();
        let (unlinked, unserved) = {
            let mut state = self.lock();
            let Relations { ties, inbox, .. } = state.relations();
            let (unlinked, unserved) = (ties.unlink_worker(worker), inbox.remove_from(Source::Over(worker)));
            self.settle_flags(&state);
            (unlinked, unserved)
        };
        drop(unserved);
        for (bond, tie) in unlinked {
            tie.peer.untie(bond);
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
            self.untie(bond);
        }
        self.enqueue(self.lock(), Signal::Down(Down::no_proc(MonitorId(bond), name)), None);
        MonitorId(bond)
    }

    /// Ends a monitor of this incarnation, whose task it is that asks (`demonitor/1`, with `flush`).
    pub(crate) fn demonitor(&self, MonitorId(bond): MonitorId) {
        let (ended, unserved) = {
            let mut state = self.lock();
            let Relations { ties, inbox, .. } = state.relations();
            let (ended, unserved) = (ties.remove(bond), inbox.remove_from(Source::Monitor(bond)));
            self.settle_flags(&state);
            (ended, unserved)
        };
        drop(unserved);
        if let Some(tie) = ended {
            tie.peer.untie(bond);
        }
    }

    /// This incarnation has ended for `reason`: the other ends of these ties are told.
    pub(super) fn tell_all(self: &Arc<Self>, ties: Ties, reason: &ExitReason) {
        for (bond, tie) in ties.by_bond {
            self.tell(bond, &tie, reason);
        }
    }

    fn tell(self: &Arc<Self>, bond: Bond, Tie { peer, role }: &Tie, reason: &ExitReason) {
        let mut state = peer.lock();
        let Some(relations) = state.relations.as_deref_mut() else { return };
        match role {
            // Two that link to each other at the same moment have two links, and tell each other once.
            Role::Linked => {
                let halves = relations.ties.unlink(Peer::of(self));
                if !halves.is_empty() {
                    let from = ExitSource::Worker {
                        name: Arc::clone(&self.name),
                        incarnation: Some(self.incarnation),
                    };
                    peer.receive(state, ExitSignal { from, reason: reason.clone() }, Some(self));
                }
            }
            Role::Watched => {
                if let Some(_half) = relations.ties.remove(bond) {
                    let down = self.down(MonitorId(bond), reason.clone());
                    peer.enqueue(state, Signal::Down(down), None);
                }
            }
            Role::Watches => {
                let half = relations.ties.remove(bond);
                drop(state);
                drop(half);
            }
        }
    }

    pub(super) fn down(&self, monitor: MonitorId, reason: ExitReason) -> Down {
        Down { monitor, from: Arc::clone(&self.name), incarnation: Some(self.incarnation), reason }
    }

    /// Removes this end's half of a link or monitor.
    fn untie(&self, bond: Bond) {
        let half = self.lock().relations.as_mut().and_then(|relations| relations.ties.remove(bond));
        // It may be the last to hold its peer.
        drop(half);
    }

    /// What all incarnations of one worker have in common, and no others.
    pub(super) fn worker(&self) -> usize {
        Arc::as_ptr(&self.outliving).addr()
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
        self.relations().ties.insert(bond, Tie { peer: Arc::clone(peer), role });
    }

    /// Makes the half of the end that was not asked, unless it has ended.
    fn accept(&mut self, peer: &Arc<Process>, bond: Bond, role: Role) -> bool {
        let alive = !matches!(self.fate, Fate::Ended(_));
        if alive {
            self.tie(peer, bond, role);
        }
        alive
    }
}

impl Peer {
    fn of(process: &Arc<Process>) -> Self {
        Self { worker: process.worker(), incarnation: Arc::as_ptr(process).addr() }
    }
}

impl Ties {
    fn insert(&mut self, bond: Bond, tie: Tie) {
        if tie.role == Role::Linked {
            self.links.insert((Peer::of(&tie.peer), bond));
        }
        self.by_bond.insert(bond, tie);
    }

    fn remove(&mut self, bond: Bond) -> Option<Tie> {
        let tie = self.by_bond.remove(&bond)?;
        if tie.role == Role::Linked {
            self.links.remove(&(Peer::of(&tie.peer), bond));
        }
        Some(tie)
    }

    fn is_linked(&self, peer: Peer) -> bool {
        self.links.range((peer, Bond::MIN)..=(peer, Bond::MAX)).next().is_some()
    }

    /// Removes the links to this incarnation.
    fn unlink(&mut self, peer: Peer) -> Vec<(Bond, Tie)> {
        self.unlink_between(peer, peer)
    }

    /// Removes the links to all incarnations of this worker.
    fn unlink_worker(&mut self, worker: usize) -> Vec<(Bond, Tie)> {
        let [first, last] = [usize::MIN, usize::MAX].map(|incarnation| Peer { worker, incarnation });
        self.unlink_between(first, last)
    }

    fn unlink_between(&mut self, first: Peer, last: Peer) -> Vec<(Bond, Tie)> {
        let linked = self.links.range((first, Bond::MIN)..=(last, Bond::MAX));
        let bonds: Vec<_> = linked.map(|(_, bond)| *bond).collect();
        bonds.into_iter().filter_map(|bond| Some((bond, self.remove(bond)?))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::assert_no_square;

    fn process() -> Arc<Process> {
        Arc::new(Process::new(&Arc::from("worker"), 1, true, &Arc::default()))
    }

    fn processes(many: usize) -> Vec<Arc<Process>> {
        (0..many).map(|_| process()).collect()
    }

    fn end(process: &Arc<Process>) {
        process.ended(Some(ExitReason::Killed));
    }

    fn served(process: &Process) -> usize {
        std::iter::from_fn(|| match process.poll_signal() {
            std::task::Poll::Ready(signal) => signal,
            std::task::Poll::Pending => None,
        })
        .count()
    }

    #[test]
    fn the_end_of_many_who_are_monitored_or_linked_takes_a_search_for_each() {
        assert_no_square(|many| {
            let (one, others) = (process(), processes(many));
            for other in &others {
                one.monitor(Some(other), &other.name);
                one.link(other);
                other.link(&one);
            }
            others.iter().rev().for_each(end);
            assert_eq!(
                served(&one),
                2 * many,
                "each tells its end once over the link, and once to the monitor"
            );
        });
    }

    #[test]
    fn the_end_of_one_who_monitors_or_is_linked_to_many_takes_a_search_for_each() {
        assert_no_square(|many| {
            let (one, others) = (process(), processes(many));
            for other in &others {
                one.monitor(Some(other), &other.name);
                other.monitor(Some(&one), &one.name);
                one.link(other);
            }
            end(&one);
            assert!(others.iter().all(|other| served(other) == 2));
        });
    }

    #[test]
    fn links_and_monitors_that_are_taken_back_one_by_one_take_a_search_for_each() {
        assert_no_square(|many| {
            let (one, others) = (process(), processes(2 * many));
            let monitors: Vec<_> = others.iter().map(|other| one.monitor(Some(other), &other.name)).collect();
            for other in &others {
                one.link(other);
            }
            // Of half of them the signals are there already.
            others.iter().step_by(2).for_each(end);
            for monitor in monitors.iter().rev() {
                one.demonitor(*monitor);
            }
            for other in others.iter().rev() {
                one.unlink(other);
            }
            assert_eq!(served(&one), 0);
            others.iter().for_each(end);
            assert_eq!(served(&one), 0);
        });
    }
}
