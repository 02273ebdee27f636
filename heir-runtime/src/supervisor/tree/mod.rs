//! Pictures of a tree, and counts of what is in it: data, and ways to draw it.

mod counts;
mod diagram;
mod dot;
mod drawn;
mod mermaid;
mod nodes;
mod status;

pub use self::counts::{KindCounts, LeftOut, StatusCounts, SupervisorCounts, TreeCounts};
pub(crate) use self::nodes::View;
pub use self::nodes::{Page, TableNode, Tree, TreeNode, WorkerNode};
pub use self::status::SubtreeStatus;
