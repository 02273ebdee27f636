//! A recorded table as the store knows it.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU32;

use super::base::{BasePage, base};
use super::change::put_cleared;
use super::error::RowError;
use super::load::{Loader, loader};
use super::stores::{Stores, StoresValue};
use super::value;
use super::written::{Writing, encode};
use crate::table::{Readers, TableKind, Written};

/// A recorded table that a store keeps.
#[doc(hidden)]
pub struct StoredTable {
    /// Its place among the recorded tables of its worker, if it is one.
    pub(crate) place: usize,
    /// The name of its field.
    pub(crate) name: &'static str,
    /// Its type, as it is written.
    pub(crate) ty: &'static str,
    pub(crate) kind: TableKind,
    encode: Encode,
    loader: MakeLoader,
    base: WalkBase,
    /// How many rows have been read back when they were encoded.
    read_back: AtomicU32,
}

type Encode = fn(Writing<'_>, &Written<'_>, &mut Vec<u8>) -> Result<(), RowError>;
type MakeLoader = fn(usize, &'static str, &Readers) -> Box<dyn Loader>;
type WalkBase = fn(
    Writing<'_>,
    &Readers,
    &mut dyn FnMut(BasePage) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, RowError>;

/// The table at this place among the recorded tables of a worker, which a store keeps: by the name of its
/// field, and its type as it is written.
#[doc(hidden)]
pub fn stored<T: Stores>(place: usize, name: &'static str, ty: &'static str) -> StoredTable {
    StoredTable {
        place,
        name,
        ty,
        kind: T::KIND,
        encode: encode::<T>,
        loader: loader::<T>,
        base: base::<T>,
        read_back: AtomicU32::new(0),
    }
}

/// The value of this field, which a store keeps.
#[doc(hidden)]
pub fn stored_value<T: StoresValue>(name: &'static str, ty: &'static str) -> StoredTable {
    StoredTable {
        place: NO_PLACE,
        name,
        ty,
        kind: TableKind::Value,
        encode: value::encode::<T>,
        loader: value::loader::<T>,
        base: value::base,
        read_back: AtomicU32::new(0),
    }
}

/// The value of a field is found by its name: another worker may take over, with its fields in another order.
const NO_PLACE: usize = usize::MAX;

impl StoredTable {
    /// Encodes what a message has written to the table, behind the bytes that are there. After an error the
    /// bytes are as before.
    ///
    /// # Errors
    /// If a row cannot be encoded, or could not be read back: the message must die.
    ///
    /// # Panics
    /// In the `Serialize`, `Deserialize`, `Eq` or destructor of a row, if that panics.
    pub(crate) fn encode(&self, written: &Written<'_>, into: &mut Vec<u8>) -> Result<(), RowError> {
        (self.encode)(self.writing(), written, into)
    }

    /// Loads the rows into tables that were made [anew](Readers::anew), for [`Readers::take_over`].
    pub(crate) fn loader(&self, loaded: &Readers) -> Box<dyn Loader> {
        (self.loader)(self.place, self.name, loaded)
    }

    /// Shows the rows as of one boundary, page by page, until `show` breaks off. The owner goes on
    /// meanwhile; what it replaces is kept until the walk is over.
    ///
    /// # Errors
    /// If a row cannot be encoded, or could not be read back.
    ///
    /// # Panics
    /// In `show`, and in the `Clone`, `Serialize`, `Deserialize`, `Eq` or destructor of a row: the caller
    /// catches it.
    pub(crate) fn base(
        &self,
        readers: &Readers,
        show: &mut dyn FnMut(BasePage) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, RowError> {
        (self.base)(self.writing(), readers, show)
    }

    /// Encodes the rows as of one boundary as changes that put them in the place of all that were there
    /// before, behind the bytes that are there.
    ///
    /// # Errors
    /// As [`base`](Self::base).
    ///
    /// # Panics
    /// As [`base`](Self::base).
    pub(crate) fn replacement(&self, readers: &Readers, into: &mut Vec<u8>) -> Result<(), RowError> {
        let start = into.len();
        let walked = self.base(readers, &mut |page| {
            match page {
                BasePage::Begins(_) => {
                    into.truncate(start);
                    put_cleared(into);
                }
                BasePage::Rows(rows) => into.extend(rows),
            }
            ControlFlow::Continue(())
        });
        walked.map(|_| ())
    }

    fn writing(&self) -> Writing<'_> {
        Writing { place: self.place, name: self.name, read_back: &self.read_back }
    }
}

impl fmt::Debug for StoredTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, name, ty, kind, .. } = self;
        let mut shown = f.debug_struct("StoredTable");
        shown.field("place", place).field("name", name).field("type", ty).field("kind", kind);
        shown.finish_non_exhaustive()
    }
}
