//! What becomes of a row when its type is changed, or when it is of a type that asks much of an encoding.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codecs::Codec;

/// What becomes of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Right,
    Wrong,
    Error,
    Panic,
}

/// A change, and what becomes of the old type's row.
pub struct Case {
    pub what: &'static str,
    pub outcome: Outcome,
}

fn case<C: Codec, Old, New>(what: &'static str, old: &Old, expected: &New) -> Case
where
    Old: Serialize,
    New: DeserializeOwned + PartialEq,
{
    let mut bytes = Vec::new();
    let read =
        catch_unwind(AssertUnwindSafe(|| C::put(old, &mut bytes).and_then(|()| C::take::<New>(&bytes))));
    let outcome = match read {
        Ok(Ok(read)) if read == *expected => Outcome::Right,
        Ok(Ok(_)) => Outcome::Wrong,
        Ok(Err(_)) => Outcome::Error,
        Err(_) => Outcome::Panic,
    };
    Case { what, outcome }
}

#[derive(Serialize)]
struct Row {
    id: u32,
    name: &'static str,
    size: f32,
    note: Option<u8>,
}

#[derive(PartialEq, Deserialize)]
struct Added {
    id: u32,
    name: String,
    size: f32,
    note: Option<u8>,
    #[serde(default)]
    tags: Vec<u8>,
}

#[derive(PartialEq, Deserialize)]
struct Removed {
    id: u32,
    size: f32,
    note: Option<u8>,
}

#[derive(PartialEq, Deserialize)]
struct Moved {
    note: Option<u8>,
    size: f32,
    name: String,
    id: u32,
}

#[derive(PartialEq, Deserialize)]
struct Wider {
    id: u64,
    name: String,
    size: f64,
    note: Option<u8>,
}

#[derive(PartialEq, Deserialize)]
struct Plain {
    id: u32,
    name: String,
    size: f32,
    #[serde(default)]
    note: u8,
}

#[derive(Serialize)]
enum State {
    Idle,
    Busy(u8),
}

#[derive(PartialEq, Deserialize)]
enum Between {
    Idle,
    Queued,
    Busy(u8),
}

#[derive(PartialEq, Deserialize)]
enum Fuller {
    Idle { since: Option<u8> },
    Busy(u8),
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged<T> {
    Of { value: T },
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged<T> {
    Of(T),
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Flat<T> {
    #[serde(flatten)]
    rest: Within<T>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Within<T> {
    value: T,
}

#[derive(PartialEq, Serialize, Deserialize)]
enum Nested {
    Leaf,
    Within(Box<Nested>),
}

fn nested(levels: usize) -> Nested {
    (0..levels).fold(Nested::Leaf, |nested, _| Nested::Within(Box::new(nested)))
}

fn same<C: Codec, T: Serialize + DeserializeOwned + PartialEq>(what: &'static str, value: &T) -> Case {
    case::<C, T, T>(what, value, value)
}

pub fn all<C: Codec>() -> Vec<Case> {
    let row = || Row { id: 70_000, name: "ada", size: 0.1, note: None };
    let name = || "ada".to_owned();
    let address = || IpAddr::V4(Ipv4Addr::LOCALHOST);
    vec![
        case::<C, _, _>(
            "a field is added, with `serde(default)`",
            &row(),
            &Added { id: 70_000, name: name(), size: 0.1, note: None, tags: Vec::new() },
        ),
        case::<C, _, _>(
            "a field in the middle is removed",
            &row(),
            &Removed { id: 70_000, size: 0.1, note: None },
        ),
        case::<C, _, _>(
            "fields are moved",
            &row(),
            &Moved { note: None, size: 0.1, name: name(), id: 70_000 },
        ),
        case::<C, _, _>(
            "`u32` and `f32` become `u64` and `f64`",
            &row(),
            &Wider { id: 70_000, name: name(), size: f64::from(0.1_f32), note: None },
        ),
        case::<C, _, _>(
            "`None` becomes a plain field with a default",
            &row(),
            &Plain { id: 70_000, name: name(), size: 0.1, note: 0 },
        ),
        case::<C, _, _>("a variant is added in the middle", &State::Busy(7), &Between::Busy(7)),
        case::<C, _, _>("a variant without fields gets one", &State::Idle, &Fuller::Idle { since: None }),
        case::<C, _, _>(
            "`Vec<u8>` becomes `serde_bytes`",
            &vec![1_u8, 200, 3],
            &serde_bytes::ByteBuf::from(vec![1_u8, 200, 3]),
        ),
        same::<C, _>("`IpAddr` in an internally tagged enum", &Tagged::Of { value: address() }),
        same::<C, _>("`IpAddr` in an untagged enum", &Untagged::Of(address())),
        same::<C, _>("`IpAddr` in a flattened field", &Flat { rest: Within { value: address() } }),
        same::<C, _>("`u128` in an internally tagged enum", &Tagged::Of { value: 1_u128 << 70 }),
        same::<C, _>("`Some(None)`", &Some(None::<u8>)),
        same::<C, _>("200 enums in each other", &nested(200)),
    ]
}
