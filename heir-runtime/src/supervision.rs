//! For who looks at a tree or manages its children while it runs: what a supervisor reports and
//! refuses.
//!
//! [`SupervisorHandle`](crate::SupervisorHandle) has the methods that return these.

pub use crate::supervisor::{
    Ailment, AutoShutdown, Child, ChildCounts, ChildError, ChildPlan, ChildSpec, DynamicError, Health, Key,
    KindCounts, LeftOut, NamedArgs, NoArgs, OverdueChild, Page, Problem, Reserved, ShutdownReport,
    StatusCounts, SubtreeStatus, SupervisorCounts, TableNode, TakeError, Tree, TreeCounts, TreeNode,
    WorkerNode,
};
pub use crate::worker::Later;
