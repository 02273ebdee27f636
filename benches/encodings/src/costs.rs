//! What a row costs: bytes and time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codecs::Codec;

/// How many rows are encoded one behind the other.
const ROWS: u32 = 1_000;

/// How often they are, at least for this long.
const AT_LEAST: Duration = Duration::from_millis(300);

/// What a row costs.
pub struct Cost {
    pub bytes: f64,
    pub encode: f64,
    pub decode: f64,
}

/// A row of six fields.
#[derive(Serialize, Deserialize)]
pub struct Six {
    id: u64,
    name: String,
    email: String,
    balance: i64,
    is_active: bool,
    rate: f64,
}

/// A key of 8 bytes, and a value of 40.
pub fn small(key: u32) -> (u64, serde_bytes::ByteBuf) {
    (u64::from(key) << 33 | 1, serde_bytes::ByteBuf::from(vec![key as u8; 40]))
}

pub fn six(key: u32) -> Six {
    Six {
        id: u64::from(key) << 20,
        name: format!("name {key}"),
        email: format!("{key}@example.org"),
        balance: i64::from(key) * -1_000,
        is_active: key % 2 == 0,
        rate: f64::from(key) / 7.0,
    }
}

pub fn cost<C: Codec, T: Serialize + DeserializeOwned>(row: impl Fn(u32) -> T) -> Cost {
    let rows: Vec<T> = (0..ROWS).map(row).collect();
    let mut one = Vec::new();
    let encoded: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| {
            one.clear();
            C::put(row, &mut one).unwrap();
            one.clone()
        })
        .collect();
    let mut buffer = Vec::new();
    let encode = best(|| {
        for row in &rows {
            buffer.clear();
            C::put(row, &mut buffer).unwrap();
            black_box(&buffer);
        }
    });
    let decode = best(|| {
        for row in &encoded {
            black_box(C::take::<T>(row).unwrap());
        }
    });
    let bytes = encoded.iter().map(Vec::len).sum::<usize>() as f64 / f64::from(ROWS);
    Cost { bytes, encode, decode }
}

/// The fastest of many runs, in nanoseconds a row.
fn best(mut run: impl FnMut()) -> f64 {
    let (start, mut best) = (Instant::now(), Duration::MAX);
    while start.elapsed() < AT_LEAST {
        let before = Instant::now();
        run();
        best = best.min(before.elapsed());
    }
    best.as_nanos() as f64 / f64::from(ROWS)
}
