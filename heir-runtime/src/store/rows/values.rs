//! The `rollback` fields of a worker whose values a store keeps.

use std::fmt;

use super::error::{RowError, Why};
use super::stores::StoresValue;
use super::value::{decode_value, encode_value};
use crate::table::{AnyTable, Commit, Readers};

/// A `rollback` field whose value a store keeps.
#[doc(hidden)]
pub struct Value<'v> {
    /// The name of the field.
    name: &'static str,
    value: &'v mut dyn AnyValue,
}

trait AnyValue {
    fn encoded(&self) -> Result<Vec<u8>, Why>;
    fn replace(&mut self, encoded: &[u8]) -> Result<(), Why>;
}

impl<T: StoresValue> AnyValue for T {
    fn encoded(&self) -> Result<Vec<u8>, Why> {
        Ok(encode_value(self)?)
    }

    fn replace(&mut self, encoded: &[u8]) -> Result<(), Why> {
        *self = decode_value(encoded)?;
        Ok(())
    }
}

impl Value<'_> {
    fn encoded(&self) -> Vec<u8> {
        self.value.encoded().unwrap_or_else(|why| refuse(&why.of(self.name)))
    }
}

/// These readers, for a worker that has the values of these fields stored.
#[doc(hidden)]
#[must_use]
pub fn with_values(readers: Readers, names: &[&'static str]) -> Readers {
    readers.with_values(names)
}

/// The value of a field.
#[doc(hidden)]
pub fn value<'v, T: StoresValue>(name: &'static str, value: &'v mut T) -> Value<'v> {
    Value { name, value }
}

/// Commits what a message has written to these tables, and these values if they have changed.
///
/// # Panics
/// As [`Commit::all`], and if a value cannot be encoded. Then nothing has changed.
#[doc(hidden)]
pub fn commit(commit: Commit<'_>, tables: &mut [AnyTable<'_>], values: &[Value<'_>]) {
    commit.all_beside(tables, &encoded(values));
}

/// The value of a field that a store has, in place of its first value.
///
/// # Panics
/// If it cannot be decoded, although it could be when it was loaded.
#[doc(hidden)]
#[must_use]
pub fn loaded<T: StoresValue>(readers: &Readers, name: &'static str) -> Option<T> {
    let row = readers.value(name)?;
    Some(decode_value(&row.0).unwrap_or_else(|error| refuse(&Why::from(error).of(name))))
}

/// Values as they are now, encoded, each with the name of its field.
///
/// # Panics
/// If one cannot be encoded, and in its `Serialize`, if that panics.
pub(crate) fn encoded(values: &[Value<'_>]) -> Vec<(&'static str, Vec<u8>)> {
    values.iter().map(|value| (value.name, value.encoded())).collect()
}

/// Values that are not as of the last boundary return to what they were there.
///
/// # Panics
/// As [`encoded`] and [`loaded`], and in the destructor of a value.
pub(crate) fn return_to_rows(readers: &Readers, values: &mut [Value<'_>]) {
    for value in values {
        if let Some(row) = readers.value(value.name)
            && value.encoded() != *row.0
        {
            value.value.replace(&row.0).unwrap_or_else(|why| refuse(&why.of(value.name)));
        }
    }
}

fn refuse(error: &RowError) -> ! {
    panic!("{error}")
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("name", &self.name).finish_non_exhaustive()
    }
}
