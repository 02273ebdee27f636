//! Links and monitors between two incarnations: each end has its own half.
//!
//! A half is made first at the end that asks, then at the other end, and removed in the same order;
//! a signal that arrives for a half that is gone is dropped. That makes every interleaving with an
//! unlink, or with the death of either end, one of the two orders, without both locks at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::process::exit::ExitReason;
use crate::process::inbox::Source;
use crate::process::process::{Fate, Link, LinkRole, Peer, Process, Relations, State};
use crate::process::signal::{Down, ExitSignal, ExitSource, LinkId, MonitorId, Signal};

impl Process {
    /// Links this incarnation, whose task asks for it, and `other` (`link/1`).
    pub(crate) fn link(self: &Arc<Self>, other: &Arc<Self>) {
        if Arc::ptr_eq(self, other) {
            return;
        }
        let id = LinkId::new();
        let is_new = self.with(|state| {
            let is_new = !state.relations().links.is_linked(Peer::of(other));
            if is_new {
                state.link(other, id, LinkRole::Linked);
            }
            is_new
        });
        if is_new && !other.with(|state| state.accept(self, id, LinkRole::Linked)) {
            self.unlink_half(id);
            self.no_proc(&other.name);
        }
    }

    /// There was no incarnation to link to.
    pub(crate) fn no_proc(&self, name: &Arc<str>) {
        let from = ExitSource::Worker { name: Arc::clone(name), incarnation: None };
        self.exit(ExitSignal { from, reason: ExitReason::NoProc });
    }

    /// Removes the links between this incarnation, whose task asks for it, and all incarnations of
    /// the worker that `other` belongs to (`unlink/1`). Signals that have come over these links and
    /// have not been served are not served.
    pub(crate) fn unlink(&self, other: &Self) {
        let worker = other.worker();
        let (unlinked, unserved) = self.with(|state| {
            let Relations { links, inbox, .. } = state.relations();
            let removed = (links.unlink_worker(worker), inbox.remove_from(Source::Over(worker)));
            self.settle_flags(state);
            removed
        });
        drop(unserved);
        for (id, link) in unlinked {
            link.peer.unlink_half(id);
        }
    }

    /// Monitors `other` from this incarnation, whose task asks for it (`monitor/2`).
    pub(crate) fn monitor(self: &Arc<Self>, other: Option<&Arc<Self>>, name: &Arc<str>) -> MonitorId {
        let id = LinkId::new();
        self.listens.store(true, Ordering::Relaxed);
        if let Some(other) = other {
            self.with(|state| state.link(other, id, LinkRole::Monitors));
            if other.with(|state| state.accept(self, id, LinkRole::Monitored)) {
                return MonitorId(id);
            }
            self.unlink_half(id);
        }
        self.enqueue(self.lock(), Signal::Down(Down::no_proc(MonitorId(id), name)), None);
        MonitorId(id)
    }

    /// Ends a monitor of this incarnation, whose task asks for it (`demonitor/1`, with `flush`).
    pub(crate) fn demonitor(&self, MonitorId(id): MonitorId) {
        let (ended, unserved) = self.with(|state| {
            let Relations { links, inbox, .. } = state.relations();
            let removed = (links.remove(id), inbox.remove_from(Source::Monitor(id)));
            self.settle_flags(state);
            removed
        });
        drop(unserved);
        if let Some(link) = ended {
            link.peer.unlink_half(id);
        }
    }

    /// Removes this end's half of a link or monitor.
    fn unlink_half(&self, id: LinkId) {
        // The half may be the last to hold its peer.
        drop(self.with(|state| state.relations.as_mut()?.links.remove(id)));
    }
}

impl State {
    fn link(&mut self, peer: &Arc<Process>, id: LinkId, role: LinkRole) {
        self.relations().links.insert(id, Link { peer: Arc::clone(peer), role });
    }

    /// Makes the half of the end that was not asked, unless that end has ended.
    fn accept(&mut self, peer: &Arc<Process>, id: LinkId, role: LinkRole) -> bool {
        let alive = !matches!(self.fate, Fate::Ended(_));
        if alive {
            self.link(peer, id, role);
        }
        alive
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
