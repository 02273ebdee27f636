//! What a supervisor reports: how a tree ended, why it did not start, why a child could not be
//! managed.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::tree::events::Role;

/// How a tree ended: returned by [`Supervisor::shutdown`](crate::Supervisor::shutdown) and
/// [`Supervisor::wait`](crate::Supervisor::wait).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Why the tree ended.
    pub why: Stopped,
    /// The children that did not stop within their shutdown timeouts at this end, and were aborted.
    pub aborted: Vec<OverdueChild>,
    /// The children that went on after they were aborted, at this end or before, because they do
    /// not yield to the runtime. When such a child ends at last, its tables come home to its
    /// estate.
    pub unresponsive: Vec<OverdueChild>,
}

/// A child that did not stop in time, in a [`ShutdownReport`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OverdueChild {
    /// The child's name.
    pub child: Arc<str>,
    /// Which of the child's tasks: the worker, its manager, or a supervisor.
    pub role: Role,
}

impl fmt::Display for OverdueChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of `{}`", self.role, self.child)
    }
}

impl ShutdownReport {
    pub(super) fn new(why: Stopped) -> Self {
        Self { why, aborted: Vec::new(), unresponsive: Vec::new() }
    }
}

/// The children that did not stop in time, of one supervisor and the subtrees below it.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    aborted: VecDeque<OverdueChild>,
    unresponsive: Once<OverdueChild>,
}

impl Overdue {
    pub(super) fn aborted(&mut self, child: Arc<str>, role: Role) {
        self.aborted.push_back(OverdueChild { child, role });
    }

    /// Kept also before the end: a child that was left behind may still hold its tables then.
    pub(super) fn left_behind(&mut self, child: Arc<str>, role: Role) {
        self.unresponsive.push(OverdueChild { child, role });
    }

    /// Adds a subtree's report. Aborted children are reported only of the end.
    pub(super) fn append(&mut self, other: Self, is_ending: bool) {
        if is_ending {
            append(&mut self.aborted, other.aborted);
        }
        self.unresponsive.append(other.unresponsive);
    }

    pub(super) fn report(self, why: Stopped) -> ShutdownReport {
        ShutdownReport { why, aborted: self.aborted.into(), unresponsive: self.unresponsive.in_order.into() }
    }
}

/// A list without duplicates, in the order of the first occurrences.
#[derive(Debug)]
struct Once<T> {
    in_order: VecDeque<T>,
    known: BTreeSet<T>,
}

impl<T: Ord + Clone> Once<T> {
    fn push(&mut self, one: T) {
        if self.known.insert(one.clone()) {
            self.in_order.push_back(one);
        }
    }

    /// Adds the shorter list to the longer one, so that a long list is not moved at each supervisor
    /// on its way up.
    fn append(&mut self, mut other: Self) {
        if other.in_order.len() <= self.in_order.len() {
            other.in_order.into_iter().for_each(|one| self.push(one));
            return;
        }
        std::mem::swap(self, &mut other);
        for one in other.in_order.into_iter().rev() {
            if self.known.insert(one.clone()) {
                self.in_order.push_front(one);
            }
        }
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { in_order: VecDeque::new(), known: BTreeSet::new() }
    }
}

/// Appends `last` to `first`, moving the shorter of the two.
fn append<T>(first: &mut VecDeque<T>, mut last: VecDeque<T>) {
    if last.len() <= first.len() {
        first.append(&mut last);
        return;
    }
    std::mem::swap(first, &mut last);
    last.into_iter().rev().for_each(|one| first.push_front(one));
}

/// Why a tree, or one more child of a tree, did not start. What had been started was stopped again,
/// in reverse order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two children of one supervisor have the same name.
    #[error("two children are called `{0}`: give one of them another name with `Spec::name`")]
    DuplicateName(Arc<str>),
    /// Two workers of one tree are registered under the same name.
    #[error("two workers are registered as `{0}`: give one of them another name with `Spec::registered`")]
    DuplicateRegistration(Arc<str>),
    /// A worker of a [`Dynamic`](crate::Dynamic) has a name for the whole tree: each key would have
    /// the same.
    #[error(
        "a worker that is registered as `{0}` cannot be started for each key of a `Dynamic`: leave its registered name out"
    )]
    RegisteredInDynamic(Arc<str>),
    /// A child was [reserved](crate::SupervisorBuilder::reserve) and never got its arguments, or
    /// those of a child of another tree.
    #[error(
        "`{0}` was reserved, and never got its arguments: give them with `SupervisorBuilder::fill`, on the same builder"
    )]
    NotFilled(Arc<str>),
    /// A child is significant, but permanent: it is always restarted, so it never ends for good.
    #[error(
        "`{0}` is significant and permanent, but a significant child is one that may end: make it transient or temporary"
    )]
    SignificantPermanent(Arc<str>),
    /// A child is significant, but its supervisor never ends by itself: its
    /// [`AutoShutdown`](crate::supervision::AutoShutdown) is `Never`.
    #[error(
        "`{0}` is significant, but its supervisor never shuts down by itself: give that `AutoShutdown::AnySignificant` or \
         `AutoShutdown::AllSignificant`"
    )]
    SignificantForNobody(Arc<str>),
    /// A child ended before it was up.
    #[error("the {role} of `{child}` did not start: {reason}")]
    #[non_exhaustive]
    Child {
        /// The child's name.
        child: Arc<str>,
        /// Which of the child's tasks: the worker, its manager (which creates the tables), or a
        /// supervisor.
        role: Role,
        /// Why that task ended.
        reason: ExitReason,
    },
    /// The tree was stopped, or gave up, before its last child was up; or the added child was
    /// stopped before it was up.
    #[error("it ended while it was starting: {0}")]
    Stopped(Stopped),
}

/// Why a request about a child failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The supervisor has no child of this name.
    #[error("there is no child `{0}`")]
    NotFound(Arc<str>),
    /// The child runs, or is about to be restarted.
    #[error("the child runs: terminate it first")]
    Running,
    /// The child has ended for good: [delete](crate::SupervisorHandle::delete_child) it, and start
    /// another one.
    #[error("the child has ended for good: delete it, and start another one")]
    Ended,
    /// The child, or its whole supervisor, is being stopped at the moment.
    #[error("the child is being stopped")]
    Ending,
    /// The child was started, and ended before it was up. It is terminated, as before.
    #[error(transparent)]
    NotStarted(#[from] StartError),
    /// Of a worker and its successor one is declared with `survives = process`, and the other is not.
    #[error(
        "one of the two survives the process, and the other does not: declare both with `survives = process`, or neither"
    )]
    OtherStore,
    /// The supervisor is gone for good.
    #[error("the supervisor is gone")]
    Gone,
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::util::steps::{assert_no_square, made};

    /// Counts its comparisons, and counts each clone as a move.
    #[derive(Debug)]
    struct Counted(usize);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            made(1);
            Self(self.0)
        }
    }

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            made(1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for Counted {}

    fn numbers(list: Once<Counted>) -> Vec<usize> {
        list.in_order.into_iter().map(|Counted(number)| number).collect()
    }

    #[test]
    fn a_report_of_many_who_were_left_behind_takes_a_search_for_each() {
        assert_no_square(|many| {
            let mut list = Once::default();
            (0..many).chain(0..many).for_each(|number| list.push(Counted(number)));
            assert!(numbers(list).into_iter().eq(0..many));
        });
    }

    #[test]
    fn a_report_that_goes_up_through_many_supervisors_is_not_moved_at_each() {
        assert_no_square(|many| {
            let mut list = Once::default();
            for number in (0..many).rev() {
                let mut above = Once::default();
                above.push(Counted(number));
                above.append(std::mem::take(&mut list));
                list = above;
            }
            assert!(numbers(list).into_iter().eq(0..many), "in their order");
        });
    }
}
