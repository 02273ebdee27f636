//! The members of one tree share its registry, its events, and the link from a child to its parent.

pub(crate) mod events;
pub(crate) mod panics;
pub(crate) mod parent;
pub(crate) mod registry;
pub(crate) mod subscription;
pub(crate) mod told;
