//! Rows in the order of their keys: what `OrderedTable` is made of.

mod ahead;
mod core;
mod index;
mod owner;
mod past;
mod write_set;

pub(super) use self::core::Core;
pub(super) use self::owner::{Owner, Seen};
#[cfg(feature = "table-files")]
pub(super) use self::past::Past;
