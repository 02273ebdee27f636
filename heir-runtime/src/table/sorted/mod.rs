//! Rows in the order of their keys: what `OrderedTable` is made of.

mod core;
mod index;
mod owner;

pub(super) use self::core::Core;
pub(super) use self::owner::{Owner, Seen};
