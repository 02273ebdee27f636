//! The mailbox: a worker's queue of messages, which outlives each of its incarnations.

mod args;
mod call;
mod error;
mod later;
#[cfg(all(test, heir_loom))]
mod loom;
#[expect(clippy::module_inception, reason = "it is named for its type")]
mod mailbox;
mod message;
mod permits;
mod queue;
mod refusal;
mod undelivered;
mod waitlist;
mod watched;

pub use self::args::MessageArgs;
pub use self::call::{Call, Cast};
pub use self::error::{
    CallError, CallResult, CastAllError, CastError, CastResult, MessageError, NotSent, Unsent,
};
pub(crate) use self::later::OpenReplies;
pub use self::later::Reply;
pub(crate) use self::mailbox::Mailbox;
pub(crate) use self::message::Caller;
pub use self::message::{Message, ReplyGate, Tell};
pub(crate) use self::permits::{Batch, Permit, Reserve};
pub(crate) use self::refusal::Heard;
pub use self::refusal::Refusal;
pub(crate) use self::undelivered::OnUndelivered;
pub use self::undelivered::Undelivered;
pub(crate) use self::watched::messages_may_be_watched;
