//! Rows by the hash of their key: what `Table` and `BagTable` are made of.

mod core;
mod kind;
mod many;
mod one;
mod owner;
mod pages;
mod shards;
mod write_set;

pub(super) use self::core::Core;
pub(super) use self::many::{Edits, List, Many};
pub(super) use self::one::One;
pub(super) use self::owner::{Owner, Seen};
pub(super) use self::pages::cut_page;
pub(super) use self::shards::position;
