//! How a tree ended, why one did not start, and why a child could not be managed.

use std::sync::Arc;

use crate::events::Role;
use crate::exit::ExitReason;
use crate::status::Stopped;

/// How a tree ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Why.
    pub why: Stopped,
    /// The children that did not stop within their shutdown timeout at this end, and were aborted.
    pub aborted: Vec<(Arc<str>, Role)>,
    /// Those that went on after they were aborted, at this end or before, because they do not yield to the runtime. What each
    /// holds comes back to its estate when it lets go.
    pub unresponsive: Vec<(Arc<str>, Role)>,
}

impl ShutdownReport {
    pub(super) fn new(why: Stopped) -> Self {
        Self { why, aborted: Vec::new(), unresponsive: Vec::new() }
    }
}

/// Who did not stop in time, in one supervisor and the subtrees below it.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    pub(super) aborted: Vec<(Arc<str>, Role)>,
    pub(super) unresponsive: Vec<(Arc<str>, Role)>,
}

impl Overdue {
    /// Who was left behind may still hold its tables at the end, whenever that was.
    pub(super) fn left_behind(&mut self, who: (Arc<str>, Role)) {
        if !self.unresponsive.contains(&who) {
            self.unresponsive.push(who);
        }
    }

    /// Adds what a subtree has to report; who was aborted is of interest in the end only.
    pub(super) fn append(&mut self, mut other: Self, is_ending: bool) {
        if is_ending {
            self.aborted.append(&mut other.aborted);
        }
        other.unresponsive.into_iter().for_each(|who| self.left_behind(who));
    }
}

/// Why a tree, or a child of one, did not start. What had been started was stopped again, in reverse order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two children of one supervisor have one name.
    #[error("two children are called `{0}`: give one of them another name with `Spec::name`")]
    DuplicateName(Arc<str>),
    /// Two workers of one tree are registered under one name.
    #[error("two workers are registered as `{0}`: give one of them another name with `Spec::registered`")]
    DuplicateRegistration(Arc<str>),
    /// A child is significant that is always restarted: it can never end.
    #[error(
        "`{0}` is significant and permanent, but a significant child is one that may end: make it transient or temporary"
    )]
    SignificantPermanent(Arc<str>),
    /// A child is significant, and its supervisor does not look at that.
    #[error(
        "`{0}` is significant, but its supervisor never shuts down by itself: give that `AutoShutdown::AnySignificant` or \
         `AutoShutdown::AllSignificant`"
    )]
    SignificantForNobody(Arc<str>),
    /// A child ended before it was up.
    #[error("the {role} of `{child}` did not start: {reason}")]
    #[non_exhaustive]
    Child {
        /// Its name.
        child: Arc<str>,
        /// The worker, its manager (which creates the tables), or a supervisor.
        role: Role,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The tree was stopped, or gave up, before its last child was up; or the one child that was started was.
    #[error("it ended while it was starting: {0}")]
    Stopped(Stopped),
}

/// Why a child could not be managed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The supervisor has no child of this name.
    #[error("there is no child `{0}`")]
    NotFound(Arc<str>),
    /// The child runs, or is about to be restarted.
    #[error("the child runs: terminate it first")]
    Running,
    /// The child has ended for good. Its place is free: delete it, and start another one.
    #[error("the child has ended for good: delete it, and start another one")]
    Ended,
    /// The child, or the whole supervisor, is being stopped at this moment.
    #[error("the child is being stopped")]
    Ending,
    /// The child was started, and did not get up. It is terminated, as before.
    #[error(transparent)]
    NotStarted(#[from] StartError),
    /// The supervisor is gone.
    #[error("the supervisor is gone")]
    Gone,
}
