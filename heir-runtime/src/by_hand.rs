//! For who writes a worker by hand, without `#[heir]` and `#[handlers]`: the traits that these
//! implement, the messages that they make, and what the methods of a handle return.
//!
//! [`Worker`] has an example. Programs that use the macros name nothing of this.

pub use crate::mailbox::{Call, Cast, CastAllError, Message, MessageArgs, ReplyGate, Tell, Unsent};
pub use crate::manager::Manager;
pub use crate::worker::{
    AnsweredCall, CallRequest, CastRequest, Handlers, Outgoing, TakesOver, Tick, Worker,
};
