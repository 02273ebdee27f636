//! For who looks at a tree or manages its children while it runs: what a supervisor reports and
//! refuses.
//!
//! [`SupervisorHandle`](crate::SupervisorHandle) has the methods that return these. For who looks at a
//! tree from outside, none of them asks a task:
//!
//! | | what it tells | what it takes |
//! |---|---|---|
//! | [`health`](crate::SupervisorHandle::health) | who is not well | time for each worker |
//! | [`counts`](crate::SupervisorHandle::counts) | how many there are of each kind and status, and sums | time for each worker, memory for each kind |
//! | [`page`](crate::SupervisorHandle::page) | some children of one supervisor | time and memory for these |
//! | [`tree_up_to`](crate::SupervisorHandle::tree_up_to) | the first children of each supervisor, and counts of the others | time for each worker, memory for those |
//! | [`tree`](crate::SupervisorHandle::tree) | all | time and memory for each worker |

pub use crate::supervisor::{
    Ailment, AutoShutdown, Child, ChildCounts, ChildError, ChildPlan, ChildSpec, DynamicError, Health, Key,
    KindCounts, LeftOut, NamedArgs, NoArgs, OverdueChild, Page, Problem, Reserved, ShutdownReport,
    StatusCounts, SubtreeStatus, SupervisorCounts, TableNode, TakeError, Tree, TreeCounts, TreeNode,
    WorkerNode,
};
pub use crate::worker::Later;
