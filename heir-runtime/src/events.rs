//! For who watches a tree: the events that its observers get.
//!
//! [`SupervisorBuilder::observe`](crate::SupervisorBuilder::observe) takes an observer:
//!
//! ```
//! use heir_runtime::events::EventKind;
//! use heir_runtime::prelude::*;
//!
//! let tree = Supervisor::builder("app").observe(|event| {
//!     if let EventKind::Restarting { role, reason, .. } = &event.kind {
//!         eprintln!("{}: its {role} is started again: {reason}", event.child);
//!     }
//! });
//! ```

pub use crate::tree::events::{Event, EventKind, Role};
pub use crate::tree::subscription::{EventStream, Missed};
