//! Encoding what was written to a table, so that it can be read back.

use std::sync::atomic::{AtomicU32, Ordering};

use super::change::{put_change, take_change};
use super::codec::Parts;
use super::error::{RowError, Why};
use super::stores::Stores;
use crate::table::{Change, Written};

/// How many rows of a table are read back when they are encoded. With debug assertions all are.
const READ_BACK: u32 = 16;

/// A table whose rows are encoded.
#[derive(Clone, Copy)]
pub(super) struct Writing<'t> {
    /// Its place among the recorded tables of its worker.
    pub(super) place: usize,
    pub(super) name: &'static str,
    /// How many rows have been read back.
    pub(super) read_back: &'t AtomicU32,
}

impl Writing<'_> {
    /// Puts a change behind the bytes that are there. After an error there may be a part of it.
    pub(super) fn put<T: Stores>(
        self,
        change: Change<&T::Key, &T::Value>,
        into: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let before = into.len();
        put_change(change, into).map_err(|error| Why::from(error).of(self.name))?;
        if self.is_to_be_read_back() {
            reads_back::<T>(change, &into[before..]).map_err(|why| why.of(self.name))?;
        }
        Ok(())
    }

    pub(super) fn is_to_be_read_back(self) -> bool {
        cfg!(debug_assertions)
            || self.read_back.load(Ordering::Relaxed) < READ_BACK
                && self.read_back.fetch_add(1, Ordering::Relaxed) < READ_BACK
    }
}

/// Puts what a message has written to a table behind the bytes that are there. After an
/// error the bytes are as before.
pub(super) fn encode<T: Stores>(
    table: Writing<'_>,
    written: &Written<'_>,
    into: &mut Vec<u8>,
) -> Result<(), RowError> {
    let (start, mut encoded) = (into.len(), Ok(()));
    written.each_change::<T>(table.place, |change| {
        if encoded.is_ok() {
            encoded = table.put::<T>(change, into);
        }
    });
    if encoded.is_err() {
        into.truncate(start);
    }
    encoded
}

fn reads_back<T: Stores>(change: Change<&T::Key, &T::Value>, encoded: &[u8]) -> Result<(), Why> {
    let back = take_change::<T::Key, T::Value>(&mut Parts(encoded)).map_err(Why::OneWay)?;
    if key_of(change) == key_of(back.by_ref()) { Ok(()) } else { Err(Why::OtherKey) }
}

fn key_of<'k, K, V>(change: Change<&'k K, &'k V>) -> Option<&'k K> {
    match change {
        Change::Cleared => None,
        Change::Put(key, _) | Change::Removed(key) | Change::Added(key, ..) | Change::Taken(key, _) => {
            Some(key)
        }
    }
}
