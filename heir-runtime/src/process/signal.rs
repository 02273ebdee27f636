//! What reaches an incarnation beside its messages.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};

use crate::process::exit::ExitReason;
use crate::util::steps::made;

/// An exit signal, as a worker that traps exits gets it: the argument of its `#[on(exit)]` hook
/// (`{'EXIT', From, Reason}`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExitSignal {
    /// Who sent it.
    pub from: ExitSource,
    /// Why its sender has ended, or the reason that the sender gives.
    pub reason: ExitReason,
}

/// Who sends an exit signal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ExitSource {
    /// A linked incarnation, which has ended: its tables are home.
    #[non_exhaustive]
    Worker {
        /// The worker's name.
        name: Arc<str>,
        /// Which incarnation: `None` if there was none to link to.
        incarnation: Option<u64>,
    },
    /// A task that the incarnation itself has [spawned](crate::Context::spawn) or attached, by its
    /// name: it panicked.
    Task(Arc<str>),
    /// [`Handle::exit`](crate::Handle::exit).
    Handle,
}

/// A monitored incarnation has ended, and its tables are home: the argument of an `#[on(down)]`
/// hook, and the output of [`Handle::monitor`](crate::Handle::monitor) (`{'DOWN', MonitorRef,
/// process, Pid, Reason}`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Down {
    /// The monitor that tells it. It is used up.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub monitor: MonitorId,
    /// The name of the worker.
    pub from: Arc<str>,
    /// Which of its incarnations ended: `None` if there was none to monitor.
    pub incarnation: Option<u64>,
    /// Why it ended: [`NoProc`](ExitReason::NoProc) if there was none to monitor.
    pub reason: ExitReason,
}

/// One monitor: made by [`Context::monitor`](crate::Context::monitor), named in its [`Down`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MonitorId(pub(super) LinkId);

/// The identity of one link or monitor (`make_ref/0`), which both of its ends know.
#[derive(Clone, Copy, Debug, Eq)]
pub(super) struct LinkId(u64);

impl MonitorId {
    pub(crate) fn new() -> Self {
        Self(LinkId::new())
    }
}

impl Down {
    pub(crate) fn no_proc(monitor: MonitorId, name: &Arc<str>) -> Self {
        Self { monitor, from: Arc::clone(name), incarnation: None, reason: ExitReason::NoProc }
    }
}

impl LinkId {
    pub(super) const MIN: Self = Self(u64::MIN);
    pub(super) const MAX: Self = Self(u64::MAX);

    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, atomic::Ordering::Relaxed))
    }
}

impl Ord for LinkId {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        made(1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for LinkId {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for LinkId {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Hash for LinkId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// What an incarnation serves between two messages.
pub(crate) enum Signal {
    Exit(ExitSignal),
    Down(Down),
}

impl Signal {
    /// The hook that serves it.
    pub(crate) fn hook(&self) -> &'static str {
        match self {
            Self::Exit(_) => "#[on(exit)]",
            Self::Down(_) => "#[on(down)]",
        }
    }
}

impl fmt::Display for ExitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker { name, incarnation: Some(incarnation) } => {
                write!(f, "incarnation {incarnation} of `{name}`")
            }
            Self::Worker { name, incarnation: None } => write!(f, "`{name}`"),
            Self::Task(name) => write!(f, "task `{name}`"),
            Self::Handle => f.write_str("a handle"),
        }
    }
}

impl fmt::Display for ExitSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit signal from {}: {}", self.from, self.reason)
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            Some(incarnation) => {
                write!(f, "incarnation {incarnation} of `{}` is down: {}", self.from, self.reason)
            }
            None => write!(f, "`{}` is down: {}", self.from, self.reason),
        }
    }
}
