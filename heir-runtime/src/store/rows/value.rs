//! The value of a `rollback` field as the one row of a table: how it is encoded, and loaded.

use std::ops::ControlFlow;

use super::base::{self, BasePage};
use super::change::take_change;
use super::codec::{Parts, Undecodable, Unencodable, put};
use super::error::{RowError, Why};
use super::load::Loader;
use super::stores::StoresValue;
use super::written::{self, Writing};
use crate::table::{Change, EncodedValue, Kept as _, Loading, Readers, ValueRows, Written};

/// Encodes a value, behind its length.
pub(super) fn encode_value(value: &impl serde::Serialize) -> Result<Vec<u8>, Unencodable> {
    let mut encoded = Vec::new();
    put(value, &mut encoded)?;
    Ok(encoded)
}

pub(super) fn decode_value<T: StoresValue>(encoded: &[u8]) -> Result<T, Undecodable> {
    let mut parts = Parts(encoded);
    let value = parts.value()?;
    if parts.0.is_empty() { Ok(value) } else { Err(Undecodable::Longer) }
}

/// Encodes what a message has made of the value, if it is another one.
pub(super) fn encode<T: StoresValue>(
    value: Writing<'_>,
    message: &Written<'_>,
    into: &mut Vec<u8>,
) -> Result<(), RowError> {
    let Some(place) = message.place_of_value(value.name) else { return Ok(()) };
    let mut reads_back = Ok(());
    message.each_change::<ValueRows>(place, |change| {
        if let Change::Put((), encoded) = change
            && value.is_to_be_read_back()
        {
            reads_back = decode_value::<T>(&encoded.0).map(drop);
        }
    });
    reads_back.map_err(|error| Why::OneWay(error).of(value.name))?;
    written::encode::<ValueRows>(Writing { place, ..value }, message, into)
}

/// The value as of one boundary: see [`base::base`].
pub(super) fn base(
    value: Writing<'_>,
    readers: &Readers,
    show: &mut dyn FnMut(BasePage) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, RowError> {
    let place = place(value.name, readers);
    base::base::<ValueRows>(Writing { place, ..value }, readers, show)
}

fn place(name: &str, readers: &Readers) -> usize {
    readers.place_of_value(name).expect("a worker has the values that are stored")
}

/// Loads the row, and decodes the value to see whether it can be.
struct LoadsValue {
    rows: Box<dyn Loading<(), EncodedValue>>,
    last: Option<EncodedValue>,
    /// The name of the field.
    name: &'static str,
    decode: fn(&[u8]) -> Result<(), Undecodable>,
}

pub(super) fn loader<T: StoresValue>(_place: usize, name: &'static str, loaded: &Readers) -> Box<dyn Loader> {
    let rows = ValueRows::loading(&loaded.get::<ValueRows>(place(name, loaded)));
    Box::new(LoadsValue { rows, last: None, name, decode: |value| decode_value::<T>(value).map(drop) })
}

impl Loader for LoadsValue {
    fn changes(&mut self, encoded: &[u8]) -> Result<(), RowError> {
        let mut parts = Parts(encoded);
        while !parts.0.is_empty() {
            let change = take_change(&mut parts).map_err(|error| Why::from(error).of(self.name))?;
            self.last = match &change {
                Change::Put((), value) => Some(EncodedValue::clone(value)),
                _ => None,
            };
            self.rows.change(change).map_err(|error| Why::from(error).of(self.name))?;
        }
        Ok(())
    }

    // Only the last value: those before it may be of an older program.
    fn check(&self) -> Result<(), RowError> {
        let Some(last) = &self.last else { return Ok(()) };
        (self.decode)(&last.0).map_err(|error| Why::from(error).of(self.name))
    }

    fn finish(self: Box<Self>) {
        self.rows.finish();
    }
}
