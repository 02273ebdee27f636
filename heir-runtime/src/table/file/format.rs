//! What a table's file looks like, and what can be wrong with it.
//!
//! A file is
//!
//! | part | what is in it |
//! |---|---|
//! | the head | the magic, the version of the format (`u16`), the kind of table (`u8`) |
//! | a page | how many rows it has (`u16`), in how many bytes (`u64`); the rows, in postcard |
//! | the end | a page without rows |
//!
//! Behind each part is the CRC-32 of everything before it (`u32`). Numbers are little-endian.

use std::io;

use crate::table::TableKind;

pub(super) const MAGIC: &[u8; 8] = b"\x89heirtab";
pub(super) const VERSION: u16 = 1;
/// How many bytes the numbers before the rows of a page take.
pub(super) const PAGE_HEADER: usize = 2 + 8;
pub(super) const CHECKSUM: usize = 4;

/// Why a table could not be saved, or loaded. Whatever it is, the table is as it was; and so is the
/// file, unless it is its folder that could not be written to the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file system said no.
    #[error("the file system failed: {0}")]
    Io(#[from] io::Error),
    /// A row could not be encoded: its `Serialize` failed.
    #[error("a row could not be encoded: {0}")]
    Row(String),
    /// Not a file that `save` has written, or its first bytes are damaged.
    #[error("this is not a table's file")]
    Foreign,
    /// Written by a later version of this crate.
    #[error("the file has format {found}, and this version of the crate knows formats up to {known}")]
    Newer {
        /// The version of its format.
        found: u16,
        /// The newest version known here.
        known: u16,
    },
    /// Damaged: cut short, overwritten, or changed.
    #[error("the file is damaged")]
    Damaged,
    /// Another kind of table.
    #[error("the file holds a table of another kind ({found:?})")]
    OtherKind {
        /// The kind it holds.
        found: TableKind,
    },
    /// Undamaged, but its rows are of other types than the table's.
    #[error("row {row} of the file is not of the table's types: {reason}")]
    OtherTypes {
        /// The number of the first such row, from 0.
        row: u64,
        /// What decoding said.
        reason: String,
    },
}
