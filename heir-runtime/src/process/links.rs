//! Links and monitors between two incarnations: each end has its own half.
//!
//! A half is made first at the end that asks, then at the other one, and removed in the same order; whatever arrives for a
//! half that is gone is dropped. That makes every interleaving with an unlink, or with the death of either end, one of the two
//! orders, without both locks at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::process::Down;
use crate::process::ExitSignal;
use crate::process::ExitSource;
use crate::process::Fate;
use crate::process::MonitorId;
use crate::process::Process;
use crate::process::Relations;
use crate::process::SIGNALLED;
use crate::process::Signal;
use crate::process::State;
use crate::process::exit::ExitReason;
use crate::process::inbox::Source;
use crate::process::signal::LinkId;

/// One incarnation's halves of its links and monitors. Each is found by its bond, and links by their peer too: an incarnation may
/// have very many, and most of them end one by one.
#[derive(Default)]
pub(crate) struct Links {
    by_bond: BTreeMap<LinkId, Link>,
    links: BTreeSet<(Peer, LinkId)>,
}

/// One incarnation's half of a link or monitor.
pub(crate) struct Link {
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
    WatchMany,
}

impl Process {
    /// Links this incarnation, whose task it is that asks, and `other` (`link/1`).
    pub(crate) fn link(self: &Arc<Self>, other: &Arc<Self>) {
        if Arc::ptr_eq(self, other) {
            return;
        }
        let id = LinkId::new();
        {
            let mut state = self.lock();
            if state.relations().links.is_linked(Peer::of(other)) {
                return;
            }
            state.link(other, id, Role::Linked);
        }
        if !other.lock().accept(self, id, Role::Linked) {
            self.unlink_half(id);
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
            let Relations { links, inbox, .. } = state.relations();
            let (unlinked, unserved) = (links.unlink_worker(worker), inbox.remove_from(Source::Over(worker)));
            self.settle_flags(&state);
            (unlinked, unserved)
        };
        drop(unserved);
        for (id, link) in unlinked {
            link.peer.unlink_half(id);
        }
    }

    /// Monitors `other` from this incarnation, whose task it is that asks (`monitor/2`).
    pub(crate) fn monitor(self: &Arc<Self>, other: Option<&Arc<Self>>, name: &Arc<str>) -> MonitorId {
        let id = LinkId::new();
        self.listens.store(true, Ordering::Relaxed);
        if let Some(other) = other {
            self.lock().link(other, id, Role::Watches);
            if other.lock().accept(self, id, Role::WatchMany) {
                return MonitorId(id);
            }
            self.unlink_half(id);
        }
        self.enqueue(self.lock(), Signal::Down(Down::no_proc(MonitorId(id), name)), None);
        MonitorId(id)
    }

    /// Ends a monitor of this incarnation, whose task it is that asks (`demonitor/1`, with `flush`).
    pub(crate) fn demonitor(&self, MonitorId(id): MonitorId) {
        let (ended, unserved) = {
            let mut state = self.lock();
            let Relations { links, inbox, .. } = state.relations();
            let (ended, unserved) = (links.remove(id), inbox.remove_from(Source::Monitor(id)));
            self.settle_flags(&state);
            (ended, unserved)
        };
        drop(unserved);
        if let Some(link) = ended {
            link.peer.unlink_half(id);
        }
    }

    /// This incarnation has ended for `reason`: the other ends of these ties are told.
    pub(crate) fn tell_all(self: &Arc<Self>, links: Links, reason: &ExitReason) {
        for (id, link) in links.by_bond {
            self.tell(id, &link, reason);
        }
    }

    fn tell(self: &Arc<Self>, id: LinkId, Link { peer, role }: &Link, reason: &ExitReason) {
        let mut state = peer.lock();
        let Some(relations) = state.relations.as_deref_mut() else { return };
        match role {
            // Two that link to each other at the same moment have two links, and tell each other once.
            Role::Linked => {
                let halves = relations.links.unlink(Peer::of(self));
                if !halves.is_empty() {
                    let from = ExitSource::Worker {
                        name: Arc::clone(&self.name),
                        incarnation: Some(self.incarnation),
                    };
                    peer.receive(state, ExitSignal { from, reason: reason.clone() }, Some(self));
                }
            }
            Role::WatchMany => {
                if let Some(_half) = relations.links.remove(id) {
                    let down = self.down(MonitorId(id), reason.clone());
                    peer.enqueue(state, Signal::Down(down), None);
                }
            }
            Role::Watches => {
                let half = relations.links.remove(id);
                drop(state);
                drop(half);
            }
        }
    }

    pub(crate) fn down(&self, monitor: MonitorId, reason: ExitReason) -> Down {
        Down { monitor, from: Arc::clone(&self.name), incarnation: Some(self.incarnation), reason }
    }

    /// Removes this end's half of a link or monitor.
    fn unlink_half(&self, id: LinkId) {
        let half = self.lock().relations.as_mut().and_then(|relations| relations.links.remove(id));
        // It may be the last to hold its peer.
        drop(half);
    }

    /// What all incarnations of one worker have in common, and no others.
    pub(crate) fn worker(&self) -> usize {
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
    fn link(&mut self, peer: &Arc<Process>, id: LinkId, role: Role) {
        self.relations().links.insert(id, Link { peer: Arc::clone(peer), role });
    }

    /// Makes the half of the end that was not asked, unless it has ended.
    fn accept(&mut self, peer: &Arc<Process>, id: LinkId, role: Role) -> bool {
        let alive = !matches!(self.fate, Fate::Ended(_));
        if alive {
            self.link(peer, id, role);
        }
        alive
    }
}

impl Peer {
    fn of(process: &Arc<Process>) -> Self {
        Self { worker: process.worker(), incarnation: Arc::as_ptr(process).addr() }
    }
}

impl Links {
    fn insert(&mut self, id: LinkId, link: Link) {
        if link.role == Role::Linked {
            self.links.insert((Peer::of(&link.peer), id));
        }
        self.by_bond.insert(id, link);
    }

    fn remove(&mut self, id: LinkId) -> Option<Link> {
        let link = self.by_bond.remove(&id)?;
        if link.role == Role::Linked {
            self.links.remove(&(Peer::of(&link.peer), id));
        }
        Some(link)
    }

    fn is_linked(&self, peer: Peer) -> bool {
        self.links.range((peer, LinkId::MIN)..=(peer, LinkId::MAX)).next().is_some()
    }

    /// Removes the links to this incarnation.
    fn unlink(&mut self, peer: Peer) -> Vec<(LinkId, Link)> {
        self.unlink_between(peer, peer)
    }

    /// Removes the links to all incarnations of this worker.
    fn unlink_worker(&mut self, worker: usize) -> Vec<(LinkId, Link)> {
        let [first, last] = [usize::MIN, usize::MAX].map(|incarnation| Peer { worker, incarnation });
        self.unlink_between(first, last)
    }

    fn unlink_between(&mut self, first: Peer, last: Peer) -> Vec<(LinkId, Link)> {
        let linked = self.links.range((first, LinkId::MIN)..=(last, LinkId::MAX));
        let bonds: Vec<_> = linked.map(|(_, id)| *id).collect();
        bonds.into_iter().filter_map(|id| Some((id, self.remove(id)?))).collect()
    }
}

impl Down {
    pub(crate) fn no_proc(monitor: MonitorId, name: &Arc<str>) -> Self {
        Self { monitor, from: Arc::clone(name), incarnation: None, reason: ExitReason::NoProc }
    }
}

impl MonitorId {
    pub(crate) fn new() -> Self {
        Self(LinkId::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::steps::assert_no_square;

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
