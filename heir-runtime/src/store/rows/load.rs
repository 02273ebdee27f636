//! Loading the rows of a table.

use serde::de::DeserializeOwned;

use super::change::take_change;
use super::codec::Parts;
use super::error::{RowError, Why};
use super::stores::Stores;
use crate::table::{Loading, Readers};

/// Makes encoded changes, for the rows of a table that was made anew.
pub(crate) trait Loader: Send {
    /// Makes these changes, which come behind those before.
    ///
    /// # Errors
    /// If the bytes are none, or the changes cannot be made to the rows. The rows are then of no use.
    ///
    /// # Panics
    /// In the `Deserialize`, `Hash`, `Eq` or `Ord` of a row, if that panics: as after an error.
    fn changes(&mut self, encoded: &[u8]) -> Result<(), RowError>;

    /// All changes are made.
    ///
    /// # Errors
    /// If the value of a field cannot be decoded.
    ///
    /// # Panics
    /// In its `Deserialize`, if that panics.
    fn check(&self) -> Result<(), RowError> {
        Ok(())
    }

    /// All changes are made: the table has the rows now. Without this it has none.
    fn finish(self: Box<Self>);
}

pub(super) struct Loads<K, V> {
    rows: Box<dyn Loading<K, V>>,
    /// The name of the table.
    name: &'static str,
}

/// Loads rows of this table, which is at this place among the tables that were made anew.
pub(super) fn loader<T: Stores>(place: usize, name: &'static str, loaded: &Readers) -> Box<dyn Loader> {
    Box::new(Loads { rows: T::loading(&loaded.get::<T>(place)), name })
}

impl<K: DeserializeOwned, V: DeserializeOwned> Loader for Loads<K, V> {
    fn changes(&mut self, encoded: &[u8]) -> Result<(), RowError> {
        let mut parts = Parts(encoded);
        while !parts.0.is_empty() {
            let change = take_change(&mut parts).map_err(|error| Why::from(error).of(self.name))?;
            self.rows.change(change).map_err(|error| Why::from(error).of(self.name))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) {
        self.rows.finish();
    }
}
