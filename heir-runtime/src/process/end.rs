//! The end of an incarnation, and how the others hear of it.

use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::process::process::{Fate, Link, LinkRole, Links, Peer, Process, Relations};
use crate::process::signal::{Down, ExitSignal, ExitSource, LinkId, MonitorId, Signal};
use crate::util::caught::caught;

impl Process {
    /// It ends, for its own reason if it has one. Returns the reason of its end, and aborts its
    /// tasks.
    pub(crate) fn ending(&self, own: Option<ExitReason>) -> ExitReason {
        let (reason, tasks) = self.with(|state| {
            let tasks = state.relations.as_mut().map(|relations| std::mem::take(&mut relations.tasks));
            (state.fix_reason(own), tasks)
        });
        if let Some(tasks) = tasks {
            tasks.end(&self.outliving);
        }
        reason
    }

    /// It has ended, and its tables are home: tells the incarnations that are linked to it or
    /// monitor it.
    pub(crate) fn ended(self: &Arc<Self>, own: Option<ExitReason>) {
        let (reason, task, relations) = self.with(|state| {
            let reason = state.fix_reason(own);
            state.fate = Fate::Ended(reason.clone());
            (reason, state.task.take(), state.relations.take())
        });
        drop(task);
        let Some(relations) = relations else { return };
        let Relations { links, outside_monitors, tasks, .. } = *relations;
        // There are tasks only if it never had its tables.
        tasks.end(&self.outliving);
        self.tell_all(links, &reason);
        for (id, monitor_from_outside) in outside_monitors {
            // The waker of the monitor is not our code.
            let _ = caught(|| monitor_from_outside.send(self.down(MonitorId(id), reason.clone())));
        }
    }

    /// Tells the other ends of these links and monitors the reason of its end.
    fn tell_all(self: &Arc<Self>, links: Links, reason: &ExitReason) {
        for (id, link) in links.by_id {
            self.tell(id, &link, reason);
        }
    }

    fn tell(self: &Arc<Self>, id: LinkId, Link { peer, role }: &Link, reason: &ExitReason) {
        let mut state = peer.lock();
        let Some(relations) = state.relations.as_deref_mut() else { return };
        match role {
            // Two that link to each other at the same moment have two links, and tell each other
            // once.
            LinkRole::Linked => {
                let halves = relations.links.unlink(Peer::of(self));
                if !halves.is_empty() {
                    let from = ExitSource::Worker {
                        name: Arc::clone(&self.name),
                        incarnation: Some(self.incarnation),
                    };
                    peer.receive(state, ExitSignal { from, reason: reason.clone() }, Some(self));
                }
            }
            LinkRole::Monitored => {
                if let Some(_half) = relations.links.remove(id) {
                    let down = self.down(MonitorId(id), reason.clone());
                    peer.enqueue(state, Signal::Down(down), None);
                }
            }
            LinkRole::Monitors => {
                let half = relations.links.remove(id);
                drop(state);
                drop(half);
            }
        }
    }

    fn down(&self, monitor: MonitorId, reason: ExitReason) -> Down {
        Down { monitor, from: Arc::clone(&self.name), incarnation: Some(self.incarnation), reason }
    }
}
