//! A change in bytes.
//!
//! ```text
//! Cleared  1
//! Put      2  key  value
//! Removed  3  key
//! Added    4  key  number  value
//! Taken    5  key  number
//! ```
//! A key and a value are each a value of the [codec](super::codec), behind its length. So a change ends
//! where it ends, and changes one behind the other are changes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{Parts, Undecodable, Unencodable, put, put_number};
use crate::table::Change;

const CLEARED: u8 = 1;
const PUT: u8 = 2;
const REMOVED: u8 = 3;
const ADDED: u8 = 4;
const TAKEN: u8 = 5;

/// Puts a change behind the bytes that are there. After an error there may be a part of it.
pub(super) fn put_change<K, V>(change: Change<&K, &V>, into: &mut Vec<u8>) -> Result<(), Unencodable>
where
    K: Serialize,
    V: Serialize,
{
    match change {
        Change::Cleared => put_cleared(into),
        Change::Put(key, value) => {
            into.push(PUT);
            put(key, into)?;
            put(value, into)?;
        }
        Change::Removed(key) => {
            into.push(REMOVED);
            put(key, into)?;
        }
        Change::Added(key, number, value) => {
            into.push(ADDED);
            put(key, into)?;
            put_number(number, into);
            put(value, into)?;
        }
        Change::Taken(key, number) => {
            into.push(TAKEN);
            put(key, into)?;
            put_number(number, into);
        }
    }
    Ok(())
}

/// Puts a change that removes all rows.
pub(super) fn put_cleared(into: &mut Vec<u8>) {
    into.push(CLEARED);
}

/// Takes a change from the front.
pub(super) fn take_change<K, V>(parts: &mut Parts<'_>) -> Result<Change<K, V>, Undecodable>
where
    K: DeserializeOwned,
    V: DeserializeOwned,
{
    match parts.byte()? {
        CLEARED => Ok(Change::Cleared),
        PUT => Ok(Change::Put(parts.value()?, parts.value()?)),
        REMOVED => Ok(Change::Removed(parts.value()?)),
        ADDED => Ok(Change::Added(parts.value()?, parts.number()?, parts.value()?)),
        TAKEN => Ok(Change::Taken(parts.value()?, parts.number()?)),
        _ => Err(Undecodable::Malformed),
    }
}
