//! The values of `rollback` fields that a store keeps: each is the one row of a recorded table that only the
//! runtime knows.
//!
//! The owner of such a table is opened for one commit. What has committed belongs to the rows, and a table
//! that is dropped in the middle of a commit takes with it what was written.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::any::{AnyTable, AnyTables};
use super::commit::Commit;
use super::readers::{Readers, rows_first};
use super::recorded::any;
use super::set::Table;

/// The value of a field, encoded, under the only key.
pub(crate) type ValueRows = Table<(), EncodedValue>;

/// A value as a store keeps it. A clone is the same bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EncodedValue(pub(crate) Arc<[u8]>);

impl Readers {
    /// These readers, for a worker that has the values of these `rollback` fields stored.
    pub(crate) fn with_values(self, names: &[&'static str]) -> Self {
        self.with_values_in(names, rows_first::<ValueRows>())
    }

    /// The tables of the values. They may write from now on, and none before them.
    pub(crate) fn open_values(&self) -> Vec<ValueRows> {
        self.places_of_values().map(|place| self.open(place)).collect()
    }

    /// The value of a field as of the last boundary, encoded: `None` if there is none yet.
    pub(crate) fn value(&self, name: &str) -> Option<EncodedValue> {
        self.get::<ValueRows>(self.place_of_value(name)?).get(&())
    }
}

impl Commit<'_> {
    /// As [`all`](Self::all), with the values of fields as they are now, encoded: what has changed is
    /// written.
    ///
    /// # Panics
    /// As [`all`](Self::all), and if the worker has no such value.
    pub(crate) fn all_beside(self, tables: &mut [AnyTable<'_>], values: &[(&'static str, Vec<u8>)]) {
        if values.is_empty() {
            return self.all(tables);
        }
        let readers = self.readers();
        let mut values: Vec<ValueRows> =
            values.iter().map(|(name, value)| written(readers, name, value)).collect();
        let values = values.iter_mut().map(any);
        let mut tables: Vec<_> =
            tables.iter_mut().map(|table| AnyTable(&mut *table.0)).chain(values).collect();
        self.all(&mut tables);
    }
}

/// Tables, and behind them those of values.
pub(crate) fn beside<'t>(mut tables: AnyTables<'t>, values: &'t mut [ValueRows]) -> AnyTables<'t> {
    tables.extend(values.iter_mut().map(any));
    tables
}

/// The table of a value, into which the value is written if it is another one.
fn written(readers: &Readers, name: &str, value: &[u8]) -> ValueRows {
    let place = readers.place_of_value(name).expect("a worker lists the values that it has stored");
    let mut rows: ValueRows = readers.open(place);
    if rows.with(&(), |before| *before.0 == *value) != Some(true) {
        rows.insert((), EncodedValue(Arc::from(value)));
    }
    rows
}

impl Serialize for EncodedValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for EncodedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = EncodedValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a value")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<EncodedValue, E> {
                Ok(EncodedValue(Arc::from(bytes)))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
