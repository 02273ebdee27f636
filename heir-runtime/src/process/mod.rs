//! What an incarnation is to others: they link to it, monitor it, send it exit signals, and kill
//! it.

mod attach;
mod delivery;
mod end;
pub(crate) mod exit;
mod inbox;
mod links;
mod monitor;
#[expect(clippy::module_inception, reason = "it is named for its type")]
mod process;
mod signal;
pub(crate) mod status;
mod tasks;

pub(crate) use self::attach::Running;
pub(crate) use self::process::Process;
pub(crate) use self::signal::Signal;
pub use self::signal::{Down, ExitSignal, ExitSource, MonitorId};
pub use self::tasks::Attachment;
pub(crate) use self::tasks::Outliving;
