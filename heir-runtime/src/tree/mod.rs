//! What a whole tree shares: its names and observers, its events, and the way from a child to its parent.

pub(crate) mod events;
pub(crate) mod parent;
pub(crate) mod registry;
