//! The rows of a recorded table in a store: how they are encoded, and loaded.
//!
//! What a message has written is stored as the changes that it makes, in order; the rows of a base are
//! changes as well. A load makes all of them, one after the other.

mod base;
mod change;
mod codec;
mod error;
mod load;
mod stored;
mod stores;
mod value;
pub(crate) mod values;
mod written;

pub(crate) use self::base::BasePage;
pub(crate) use self::load::Loader;
pub use self::stored::{StoredTable, stored, stored_value};
pub use self::stores::{Stores, StoresValue};

#[cfg(test)]
mod evolution;
#[cfg(test)]
mod tests;
