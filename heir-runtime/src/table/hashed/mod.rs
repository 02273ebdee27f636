//! Rows by the hash of their key: what `Table` and `BagTable` are made of.

mod ahead;
mod core;
mod entries;
mod kind;
#[cfg(feature = "store")]
mod load;
mod many;
mod one;
mod owner;
mod pages;
mod past;
mod shards;
mod write_set;

pub(super) use self::core::Core;
pub(super) use self::kind::Kind;
#[cfg(feature = "store")]
pub(super) use self::load::Loading;
#[cfg(feature = "store")]
pub(crate) use self::load::NoSuchChange;
pub(super) use self::many::{Edits, ListView, Many};
pub(super) use self::one::One;
pub(super) use self::owner::{Owner, Seen};
pub(super) use self::pages::cut_page;
#[cfg(any(feature = "store", feature = "table-files"))]
pub(super) use self::past::Past;
pub(super) use self::shards::position;
