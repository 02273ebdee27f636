//! The rows, and their bytes.

use std::fmt;

use rmp_serde::{Deserializer, Serializer};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Serialize};

/// A kind of row. Its key is a `u64`.
pub trait Row: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    const NAME: &str;
    /// Its columns in SQL, and places for their values.
    const COLUMNS: (&str, &str);

    fn nth(n: u64) -> Self;

    fn with_columns<R>(&self, run: impl FnOnce(&[&dyn rusqlite::ToSql]) -> R) -> R;
}

/// So many bytes.
#[derive(Clone)]
pub struct Bytes<const N: usize>(pub [u8; N]);

/// A row as most are.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    name: String,
    email: String,
    age: u32,
    balance: i64,
    active: bool,
    changed: u64,
}

impl<const N: usize> Row for Bytes<N> {
    const NAME: &str = if N == 40 { "8 + 40 B" } else { "8 + 1,024 B" };
    const COLUMNS: (&str, &str) = ("value BLOB NOT NULL", "?");

    fn nth(n: u64) -> Self {
        let mut bytes = [0; N];
        for (at, eight) in bytes.chunks_exact_mut(8).enumerate() {
            eight.copy_from_slice(&scattered(n + at as u64).to_le_bytes());
        }
        Self(bytes)
    }

    fn with_columns<R>(&self, run: impl FnOnce(&[&dyn rusqlite::ToSql]) -> R) -> R {
        run(&[&&self.0[..]])
    }
}

impl Row for Account {
    const NAME: &str = "six fields";
    const COLUMNS: (&str, &str) = (
        "name TEXT NOT NULL, email TEXT NOT NULL, age INTEGER NOT NULL, balance INTEGER NOT NULL,
         active INTEGER NOT NULL, changed INTEGER NOT NULL",
        "?, ?, ?, ?, ?, ?",
    );

    fn nth(n: u64) -> Self {
        let scattered = scattered(n);
        Self {
            name: format!("customer {}", scattered % 10_000_000),
            email: format!("c{}@example.org", scattered % 10_000_000),
            age: (scattered % 90) as u32,
            balance: (scattered >> 30) as i64 - (1 << 33),
            active: scattered.is_multiple_of(3),
            changed: 1_700_000_000_000 + n,
        }
    }

    fn with_columns<R>(&self, run: impl FnOnce(&[&dyn rusqlite::ToSql]) -> R) -> R {
        let changed = self.changed as i64;
        run(&[&self.name, &self.email, &self.age, &self.balance, &self.active, &changed])
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected<const N: usize>;

        impl<const N: usize> Visitor<'_> for Expected<N> {
            type Value = Bytes<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes<N>, E> {
                bytes.try_into().map(Bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }

        deserializer.deserialize_bytes(Expected)
    }
}

/// Numbers that do not compress.
fn scattered(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// Puts a value behind the bytes that are there, as a store does.
pub fn encode(value: &impl Serialize, into: &mut Vec<u8>) {
    let mut encoder = Serializer::new(into).with_struct_map().with_human_readable();
    value.serialize(&mut encoder).expect("the rows can be encoded");
}

/// The value at the beginning of these bytes, which are then those behind it.
pub fn decode<T: DeserializeOwned>(bytes: &mut &[u8]) -> T {
    // So it is told where the value ends: each stands behind its length.
    let (len, rest) = bytes.split_first_chunk().expect("a length");
    let (value, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
    *bytes = rest;
    let mut decoder = Deserializer::from_read_ref(value).with_human_readable();
    T::deserialize(&mut decoder).expect("the rows can be decoded")
}

/// The same for [`decode`].
pub fn encode_behind_length(value: &impl Serialize, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend([0; 4]);
    encode(value, into);
    let len = (into.len() - start - 4) as u32;
    into[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// As many bytes as a store's record of a message that puts this row: a frame of 36, what is done, and the
/// key and the row behind their lengths.
pub fn record(key: u64, row: &impl Serialize) -> Vec<u8> {
    let mut record = vec![0; 36];
    record.push(2);
    for_length(&mut record, |into| encode(&key, into));
    for_length(&mut record, |into| encode(row, into));
    record
}

fn for_length(record: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = record.len();
    record.push(0);
    write(record);
    record[start] = (record.len() - start - 1) as u8;
}
