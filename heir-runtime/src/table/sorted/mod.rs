//! Rows in the order of their keys: what `OrderedTable` is made of.

mod ahead;
mod core;
mod index;
#[cfg(feature = "store")]
mod load;
mod owner;
mod past;
mod write_set;

pub(super) use self::core::Core;
#[cfg(feature = "store")]
pub(super) use self::load::Loading;
pub(super) use self::owner::{Owner, Seen};
#[cfg(any(feature = "store", feature = "table-files"))]
pub(super) use self::past::Past;
