//! OTP's rules, naively: who is stopped and started when somebody ends.

use heir_runtime::{Restart, Strategy};

use super::grown::{Kind, Node, State};

/// How a member has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Normally,
    Otherwise,
}

/// What is told on the way.
pub(super) type Told = Vec<String>;

impl Node {
    /// It is started, and everybody below it that is not gone.
    pub(super) fn start(&mut self, told: &mut Told) {
        if matches!(self.state, State::Gone | State::Up) {
            return;
        }
        self.state = State::Up;
        match &mut self.kind {
            Kind::Worker(worker) => {
                worker.incarnation += 1;
                told.push(format!("{} starts", self.name));
            }
            Kind::Sup(sup) => {
                sup.restarts = 0;
                for child in &mut sup.children {
                    child.start(told);
                }
            }
        }
    }

    /// It is stopped in order, last things first.
    pub(super) fn stop(&mut self, told: &mut Told) {
        if self.state != State::Up {
            return;
        }
        self.state = State::Down;
        match &mut self.kind {
            Kind::Worker(_) => told.push(format!("{} stops", self.name)),
            Kind::Sup(sup) => {
                for child in sup.children.iter_mut().rev() {
                    child.stop(told);
                }
            }
        }
    }

    /// It ends where it stands, with everybody below it.
    pub(super) fn killed(&mut self) {
        if self.state == State::Up {
            self.state = State::Down;
            if let Kind::Sup(sup) = &mut self.kind {
                sup.children.iter_mut().for_each(Self::killed);
            }
        }
    }

    /// It is over.
    pub(super) fn gone(&mut self) {
        self.state = State::Gone;
        if let Kind::Sup(sup) = &mut self.kind {
            sup.children.iter_mut().for_each(Self::gone);
        }
    }

    /// Whoever is at the end of this path has ended by itself, and is down; this is the root.
    pub(super) fn ended(&mut self, path: &[usize], how: How, told: &mut Told) {
        let Some((&index, above)) = path.split_last() else {
            // There is nobody to restart a root.
            self.gone();
            return;
        };
        let sup = self.at(above).sup_mut();
        let child = &mut sup.children[index];
        let again = match child.restart {
            Restart::Temporary => false,
            Restart::Transient => how == How::Otherwise,
            _ => true,
        };
        if !again {
            child.gone();
            return;
        }
        if !self.counts_a_restart(above, told) {
            return;
        }
        let sup = self.at(above).sup_mut();
        let child = &mut sup.children[index];
        let first = match sup.strategy {
            Strategy::OneForAll => 0,
            Strategy::RestForOne => index,
            _ => {
                child.start(told);
                return;
            }
        };
        for other in (first..sup.children.len()).rev() {
            let sibling = &mut sup.children[other];
            sibling.stop(told);
            if sibling.restart == Restart::Temporary {
                sibling.gone();
            }
        }
        for child in sup.children.iter_mut().skip(first) {
            child.start(told);
        }
    }

    /// A child of the supervisor at the end of this path is to be restarted: a worker's manager, too. Says whether that is allowed.
    pub(super) fn counts_a_restart(&mut self, path: &[usize], told: &mut Told) -> bool {
        let node = self.at(path);
        let sup = node.sup_mut();
        sup.restarts = sup.restarts.saturating_add(1);
        let is_allowed = sup.restarts <= sup.intensity;
        if !is_allowed {
            node.stop(told);
            self.ended(path, How::Normally, told);
        }
        is_allowed
    }
}
