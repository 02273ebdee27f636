//! What an estate says of itself, and why it refuses.

use std::sync::Arc;
use std::time::Instant;

use crate::process::exit::Exit;

/// The owner of an estate's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Owner {
    /// The name under which the owner claimed the tables, or was given them.
    pub name: Arc<str>,
    /// The owner's number, higher than the number of every owner before it. A heir holds the tables
    /// under the number of the owner whose end brought them to it.
    pub incarnation: u64,
    /// When it became the owner.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "elapsed", serialize_with = "crate::util::elapsed::serialize")
    )]
    pub since: Instant,
}

/// What an estate knows of itself, at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EstateInfo {
    /// The name of the estate.
    pub name: Arc<str>,
    /// Whether its tables have been created.
    pub founded: bool,
    /// Who owns the tables: `None` while they are in the estate.
    pub owner: Option<Owner>,
    /// Who gets the tables when their owner ends.
    pub heir: Option<Arc<str>>,
    /// The number of the newest incarnation that has owned the tables; 0 before the first.
    pub incarnation: u64,
    /// How and why the last owner ended.
    pub last_exit: Option<Exit>,
}

/// Why tables could not be claimed. Nothing has changed, and the tables are where they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The tables have not been created yet.
    #[error("the tables have not been created yet")]
    NotFounded,
    /// Somebody owns the tables.
    #[error("the tables are owned by {} (incarnation {})", .0.name, .0.incarnation)]
    Owned(Owner),
    /// Nobody owns the tables at the moment, but they are on their way to their heir.
    #[error("the tables pass to their heir, {0}")]
    Promised(Arc<str>),
}

/// An estate has one heir at a time, and this estate has another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the estate has an heir already: {heir}")]
#[non_exhaustive]
pub struct HeirTaken {
    /// The name of the other heir.
    pub heir: Arc<str>,
}

/// Where tables come from that an owner gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Origin {
    /// They have been created, and nobody has owned them.
    #[default]
    New,
    /// They have been loaded from a store, and nobody has owned them in this process.
    Loaded,
    /// Another owner had them before.
    Regained,
    /// They have been made anew in the place of tables that were reset or quarantined.
    Reset,
}
