//! The health of a tree: is it ready, is it alive, and who has which trouble?

use std::fmt;
use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;

/// How many problems a [`Health`] lists.
const LISTED: usize = 100;

/// Whether a tree is ready and alive, and what is not well in it: from
/// [`SupervisorHandle::health`](crate::SupervisorHandle::health).
///
/// | field | what it is for | when it is `false` |
/// |---|---|---|
/// | `ready` | a readiness or startup probe: send no requests here | a worker cannot serve yet, or again; or the tree is being stopped |
/// | `alive` | a liveness probe: end this process, and start another one | the tree has stopped for good, or a worker blocks a thread |
///
/// A worker that is restarted is well, unless its last incarnation did not come to serve: meanwhile
/// its mailbox takes messages. So is a worker that is paused, one that has ended as its restart type
/// allows, and one that was stopped on request.
///
/// The workers of a [`Dynamic`](crate::Dynamic) are many, and each has its own callers: their
/// problems are listed, and do not count against `ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Whether every child has been up, and serves, or is being restarted after it was up; but for
    /// the workers of a [`Dynamic`](crate::Dynamic). While the tree is stopped, it is not ready.
    pub ready: bool,
    /// Whether a new process would be no better: this supervisor has not stopped for good, and no
    /// worker is known to block its thread, also none of a [`Dynamic`](crate::Dynamic).
    ///
    /// Most troubles do not count against it. A supervisor restarts what can be restarted; and the
    /// end of the process would lose the tables of all workers, also those that are quarantined.
    pub alive: bool,
    /// What is not well: first what counts against `ready` or `alive`, then the rest; each in the
    /// order of the tree. At most 100 are listed.
    pub problems: Vec<Problem>,
    /// How many more problems there are.
    pub more: usize,
}

/// What is not well with one child, or with the supervisor itself, in a [`Health`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Problem {
    /// The child's name after those of all supervisors above it: `app/shop/stock`.
    pub path: String,
    /// What it has.
    pub ailment: Ailment,
}

/// What is not well with a worker or a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Ailment {
    /// It starts, and its last start has not led to anything, if there was one. Counts against
    /// `ready`.
    Starting,
    /// It does not run, and its last start has not led to anything, if there was one. Counts
    /// against `ready`.
    Down,
    /// An incarnation does not yield to the runtime, and keeps the tables until it does: its
    /// [heartbeat](crate::Spec::heartbeat) was missed, or it went on after it was aborted. Counts
    /// against `ready` and `alive`.
    Unresponsive,
    /// It is being stopped for good, with everything below it. Counts against `ready`.
    Stopping,
    /// Somebody [terminated](crate::SupervisorHandle::terminate_child) it, and nobody has restarted
    /// it. Counts against `ready`.
    Terminated,
    /// Its [`Dynamic`](crate::Dynamic) has given up on it: it was restarted too often, the last time
    /// for this reason, and waits with its tables until it is
    /// [restarted](crate::Dynamic::restart) or [taken](crate::Dynamic::take).
    GivenUp(ExitReason),
    /// It has stopped for good, and was not asked to. Counts against `ready`; of the supervisor that
    /// was asked for its health also if it was asked to, and against `alive`, too.
    Stopped(Stopped),
    /// Tables of the worker are [quarantined](crate::Handle::take_quarantined), and wait for
    /// somebody to take them out. Counts against nothing: the worker may serve with other tables.
    #[non_exhaustive]
    Quarantined {
        /// How many bundles of tables are parked.
        parked: usize,
    },
}

/// A walk through a tree that looks for problems.
pub(crate) struct Survey {
    health: Health,
    /// What counts against nothing: listed last.
    harmless: Vec<Problem>,
    /// All problems, also those that are not listed.
    found: usize,
    /// The names of the supervisors above the children that are looked at.
    above: Vec<Arc<str>>,
    scope: Scope,
}

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// All.
    Everything,
    /// All, but `ready` does not ask: the children of a `Dynamic`.
    OwnTrouble,
    /// Only who blocks a thread: the supervisor above does not run, so no child can.
    OnlyBlocked,
}

impl Survey {
    pub(crate) fn new() -> Self {
        Self {
            health: Health { ready: true, alive: true, problems: Vec::new(), more: 0 },
            harmless: Vec::new(),
            found: 0,
            above: Vec::new(),
            scope: Scope::Everything,
        }
    }

    /// Looks at the children of this supervisor; `scope` says what matters there, if all matters
    /// at the supervisor itself.
    pub(crate) fn enter(&mut self, supervisor: &Arc<str>, scope: Scope, look: impl FnOnce(&mut Self)) {
        let before = self.scope;
        self.scope = before.max(scope);
        self.above.push(Arc::clone(supervisor));
        look(self);
        self.above.pop();
        self.scope = before;
    }

    /// The supervisor that was asked has stopped for good.
    pub(crate) fn is_over(&mut self) {
        self.health.alive = false;
    }

    /// Notes what is not well with a child.
    pub(crate) fn note(&mut self, name: &Arc<str>, ailment: Ailment) {
        let is_blocked = ailment == Ailment::Unresponsive;
        if self.scope == Scope::OnlyBlocked && !is_blocked {
            return;
        }
        let hinders = match &ailment {
            Ailment::Quarantined { .. } => false,
            _ => self.scope == Scope::Everything,
        };
        self.health.ready &= !hinders;
        self.health.alive &= !is_blocked;
        self.found += 1;
        let list = if hinders || is_blocked { &mut self.health.problems } else { &mut self.harmless };
        if list.len() < LISTED {
            let above: usize = self.above.iter().map(|name| name.len() + 1).sum();
            let mut path = String::with_capacity(above + name.len());
            for supervisor in &self.above {
                path.push_str(supervisor);
                path.push('/');
            }
            path.push_str(name);
            list.push(Problem { path, ailment });
        }
    }

    pub(crate) fn result(mut self) -> Health {
        let room = LISTED - self.health.problems.len();
        self.harmless.truncate(room);
        self.health.problems.append(&mut self.harmless);
        self.health.more = self.found - self.health.problems.len();
        self.health
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.ready, self.alive) {
            (true, true) => "ready and alive",
            (false, true) => "alive, and not ready",
            (true, false) => "ready, and not alive",
            (false, false) => "neither ready nor alive",
        })?;
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { ": " } else { "; " })?;
        }
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.ailment)
    }
}

/// What follows the name in a sentence.
impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("is starting"),
            Self::Down => f.write_str("is down"),
            Self::Unresponsive => {
                f.write_str("does not yield to the runtime, and keeps its tables until it does")
            }
            Self::Stopping => f.write_str("is being stopped"),
            Self::Terminated => f.write_str("was terminated, and has not been restarted"),
            Self::GivenUp(reason) => {
                write!(f, "was given up, after too many restarts, the last because of {reason}")
            }
            Self::Stopped(why) => write!(f, "has stopped for good: {why}"),
            Self::Quarantined { parked } => {
                write!(f, "has {parked} bundles of quarantined tables, to be taken out")
            }
        }
    }
}
