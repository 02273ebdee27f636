//! A value in bytes: `MessagePack`, with the names of fields and in the readable form of each type, behind
//! its length.

use rmp_serde::decode::Error as DecodeError;
use rmp_serde::{Deserializer, Serializer};
use serde::Serialize;
use serde::de::{Deserialize as _, DeserializeOwned, IgnoredAny};

/// How many lists and maps may lie in each other in a value. What is read is on the stack of a thread, so
/// that there is a bound, and it holds when a value is written: what is written can be read.
pub(super) const DEPTH: usize = 256;

/// The longest value: lengths within it have 32 bits.
const LONGEST: usize = u32::MAX as usize;

/// Why a value cannot be encoded.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Unencodable {
    #[error("{0}")]
    Refused(String),
    #[error("more than {DEPTH} lists, maps and enums lie in each other")]
    Deep,
    #[error("it has more than 4 GiB")]
    Long,
}

/// Why bytes are no value.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Undecodable {
    #[error("{0}")]
    Refused(String),
    #[error("more than {DEPTH} lists, maps and enums lie in each other")]
    Deep,
    #[error("bytes are left behind the value")]
    Longer,
    #[error("the bytes are cut short, or are no changes")]
    Malformed,
}

/// Puts a value behind the bytes that are there, behind its length. After an error there is nothing of it.
pub(super) fn put(value: &impl Serialize, into: &mut Vec<u8>) -> Result<(), Unencodable> {
    let start = into.len();
    let put = put_at(value, into, start);
    if put.is_err() {
        into.truncate(start);
    }
    put
}

fn put_at(value: &impl Serialize, into: &mut Vec<u8>, start: usize) -> Result<(), Unencodable> {
    // The length of most values fits into a byte.
    into.push(0);
    let mut encoder = Serializer::new(&mut *into).with_struct_map().with_human_readable();
    value.serialize(&mut encoder).map_err(|error| Unencodable::Refused(error.to_string()))?;
    let value = &into[start + 1..];
    let len = value.len();
    if len > LONGEST {
        return Err(Unencodable::Long);
    }
    if is_too_deep(value) {
        return Err(Unencodable::Deep);
    }
    let mut number = [0; NUMBER];
    match write_number(len as u64, &mut number) {
        [byte] => into[start] = *byte,
        number => drop(into.splice(start..=start, number.iter().copied())),
    }
    Ok(())
}

/// The value of these bytes, of all of them.
pub(super) fn decode<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, Undecodable> {
    // Enums that lie in each other are not counted by the decoder, and would overflow the stack.
    if is_too_deep(encoded) {
        return Err(Undecodable::Deep);
    }
    let mut decoder = Deserializer::from_read_ref(encoded).with_human_readable();
    let value = T::deserialize(&mut decoder).map_err(|error| Undecodable::Refused(error.to_string()))?;
    match u8::deserialize(&mut decoder) {
        Err(DecodeError::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(Undecodable::Longer),
    }
}

/// Whether more than [`DEPTH`] lists and maps lie in each other. Bytes that are no value are not.
fn is_too_deep(encoded: &[u8]) -> bool {
    // Each of them has a byte of its own.
    if encoded.len() <= DEPTH {
        return false;
    }
    let mut decoder = Deserializer::from_read_ref(encoded);
    decoder.set_max_depth(DEPTH + 1);
    matches!(IgnoredAny::deserialize(&mut decoder), Err(DecodeError::DepthLimitExceeded))
}

/// The most bytes that a number has.
const NUMBER: usize = 10;

/// Puts a number behind the bytes that are there: seven bits a byte, the lowest first.
pub(super) fn put_number(number: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(write_number(number, &mut [0; NUMBER]));
}

fn write_number(mut number: u64, into: &mut [u8; NUMBER]) -> &[u8] {
    let mut len = 0;
    loop {
        let low = (number & 0x7F) as u8;
        number >>= 7;
        into[len] = if number == 0 { low } else { low | 0x80 };
        len += 1;
        if number == 0 {
            return &into[..len];
        }
    }
}

/// Encoded changes that are read from the front.
pub(super) struct Parts<'e>(pub(super) &'e [u8]);

impl Parts<'_> {
    pub(super) fn byte(&mut self) -> Result<u8, Undecodable> {
        let (byte, rest) = self.0.split_first().ok_or(Undecodable::Malformed)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, Undecodable> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Undecodable::Malformed)
    }

    /// A value that was [`put`].
    pub(super) fn value<T: DeserializeOwned>(&mut self) -> Result<T, Undecodable> {
        let len = usize::try_from(self.number()?).map_err(|_| Undecodable::Malformed)?;
        let (encoded, rest) = self.0.split_at_checked(len).ok_or(Undecodable::Malformed)?;
        self.0 = rest;
        decode(encoded)
    }
}
