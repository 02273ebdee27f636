//! Why a store, or the tables of a worker in it, cannot be had.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::table::TableKind;

/// Why a store cannot be opened, or the tables of a worker cannot be had from it. Whatever it is, the
/// store holds what it held.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system said no.
    #[error("the file system failed: {0}")]
    Io(Arc<io::Error>),
    /// The disk is full.
    #[error("the disk is full: {0}")]
    Full(Arc<io::Error>),
    /// The file could not be synced: what was written since is unknown, until the program starts again.
    #[error("the file could not be synced, so it is not known what of it is on the disk: {0}")]
    Sync(Arc<io::Error>),
    /// Another process has the file open, or this one has it open already.
    #[error("the store {} is open already: one process at a time has it", .0.display())]
    Open(PathBuf),
    /// Not a store.
    #[error("this is not a store of heir: {0}")]
    Foreign(String),
    /// Written by a later version of this crate.
    #[error("the store has format {found}, and this version of the crate knows formats up to {known}")]
    #[non_exhaustive]
    Newer {
        /// The version of its format.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Damaged: cut short, overwritten, or changed.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Two workers have one path, or a worker of this path runs in another tree.
    #[error("the tables of `{0}` are claimed already: two workers cannot have one path in one store")]
    Claimed(String),
    /// The table is there as another kind.
    #[error("the store has `{table}` of `{worker}` as a table of another kind ({found:?})")]
    #[non_exhaustive]
    OtherKind {
        /// The path of the worker.
        worker: String,
        /// The name of the field.
        table: String,
        /// The kind that the store has.
        found: TableKind,
    },
    /// The table is there with rows of another type:
    /// [`StoreOptions::renamed`](crate::store::StoreOptions::renamed) accepts one that has only another name.
    #[error(
        "the store has `{table}` of `{worker}` as a `{found}`, and it is declared as a `{declared}`: if the type has only \
         another name now, open the store with `StoreOptions::renamed(\"{found}\", \"{declared}\")`"
    )]
    #[non_exhaustive]
    OtherType {
        /// The path of the worker.
        worker: String,
        /// The name of the field.
        table: String,
        /// The type that the store has.
        found: String,
        /// The type that is declared.
        declared: String,
    },
    /// A row cannot be stored, or not be read as the type that the table has now.
    #[error("a row of `{table}` {reason}")]
    #[non_exhaustive]
    Row {
        /// The name of the field.
        table: String,
        /// Why.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether it is the file that has failed, and not what was asked of it.
    pub(crate) fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Full(_) | Self::Sync(_) | Self::Damaged(_))
    }
}
