//! For workers that learn of the ends of others: what their hooks `#[on(exit)]` and `#[on(down)]`
//! get.
//!
//! [`Context::link`](crate::Context::link) and [`Context::monitor`](crate::Context::monitor) have
//! examples.

pub use crate::process::{Down, ExitSignal, ExitSource, MonitorId};
