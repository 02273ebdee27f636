//! What becomes of rows when a program is changed: the old type's bytes, read by the new type.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codec::{Parts, put};

mod old {
    use super::*;

    #[derive(Serialize)]
    pub(super) struct Row {
        pub(super) id: u32,
        pub(super) name: String,
        pub(super) size: f32,
        pub(super) note: Option<u8>,
    }

    #[derive(Serialize)]
    pub(super) struct Pair(pub(super) u8, pub(super) u8);

    #[derive(Serialize)]
    pub(super) enum State {
        Idle,
        Busy(u8),
        Done { code: u8 },
    }
}

#[expect(dead_code, reason = "that it can be read is what is asked")]
mod new {
    use super::*;

    #[derive(Debug, Deserialize)]
    pub(super) struct Added {
        id: u32,
        name: String,
        size: f32,
        note: Option<u8>,
        #[serde(default)]
        tags: Vec<String>,
        also: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct AddedWithout {
        id: u32,
        tags: Vec<String>,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Removed {
        id: u32,
        note: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Moved {
        note: Option<u8>,
        size: f32,
        name: String,
        id: u32,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Renamed {
        #[serde(alias = "name")]
        title: String,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Wider {
        id: i64,
        size: f64,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Plain {
        #[serde(default)]
        note: u8,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Narrow {
        id: u8,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Triple(u8, u8, u8);

    #[derive(Debug, Deserialize)]
    pub(super) enum Between {
        Idle,
        Queued,
        Busy(u8),
        Done { code: u8 },
    }

    #[derive(Debug, Deserialize)]
    pub(super) enum Fuller {
        Idle { since: Option<u8> },
        Done { code: u8, why: Option<String> },
    }

    #[derive(Debug, Deserialize)]
    pub(super) enum Fewer {
        Idle,
    }
}

fn row() -> old::Row {
    old::Row { id: 300, name: "ada".to_owned(), size: 0.1, note: None }
}

/// What the new type reads, or `None` if that is an error.
fn read<New: DeserializeOwned + Debug>(old: impl Serialize) -> Option<String> {
    let mut encoded = Vec::new();
    put(&old, &mut encoded).unwrap();
    let read: Result<New, _> = Parts(&encoded).value();
    read.ok().map(|new| format!("{new:?}"))
}

#[test]
fn rows_of_an_older_program_are_read_by_name_or_are_an_error() {
    use old::{Pair, State};
    let cases = [
        (
            "fields are added, with a default or as an option",
            read::<new::Added>(row()),
            Some("Added { id: 300, name: \"ada\", size: 0.1, note: None, tags: [], also: None }"),
        ),
        ("a field is added without a default", read::<new::AddedWithout>(row()), None),
        ("fields are removed", read::<new::Removed>(row()), Some("Removed { id: 300, note: None }")),
        (
            "fields are moved",
            read::<new::Moved>(row()),
            Some("Moved { note: None, size: 0.1, name: \"ada\", id: 300 }"),
        ),
        ("a field is renamed", read::<new::Renamed>(row()), Some("Renamed { title: \"ada\" }")),
        (
            "numbers become wider",
            read::<new::Wider>(row()),
            Some("Wider { id: 300, size: 0.10000000149011612 }"),
        ),
        ("a number becomes too narrow", read::<new::Narrow>(row()), None),
        ("an option that is none becomes plain", read::<new::Plain>(row()), None),
        (
            "an option that is some becomes plain",
            read::<new::Plain>(old::Row { note: Some(3), ..row() }),
            Some("Plain { note: 3 }"),
        ),
        ("a field is added to a tuple", read::<new::Triple>(Pair(1, 2)), None),
        ("a tuple becomes a list", read::<Vec<u8>>(Pair(1, 2)), Some("[1, 2]")),
        ("a variant is added in the middle", read::<new::Between>(State::Busy(7)), Some("Busy(7)")),
        (
            "a variant is added before the last",
            read::<new::Between>(State::Done { code: 1 }),
            Some("Done { code: 1 }"),
        ),
        ("a variant is added behind the first", read::<new::Between>(State::Idle), Some("Idle")),
        (
            "a field is added to a variant",
            read::<new::Fuller>(State::Done { code: 1 }),
            Some("Done { code: 1, why: None }"),
        ),
        ("a variant without fields gets some", read::<new::Fuller>(State::Idle), None),
        ("a variant is removed", read::<new::Fewer>(State::Busy(7)), None),
        ("bytes become a list", read::<Vec<u8>>([200_u8; 20]), Some(&*format!("{:?}", [200; 20]))),
    ];
    for (case, read, expected) in cases {
        assert_eq!(read.as_deref(), expected, "{case}");
    }
}

#[test]
fn types_whose_readable_form_is_another_one_are_read_within_tagged_and_flattened_types() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Host { address: std::net::IpAddr },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        tagged: Tagged,
        port: u16,
    }
    let row = || Flat { tagged: Tagged::Host { address: [127, 0, 0, 1].into() }, port: 80 };
    assert_eq!(read::<Flat>(row()), Some(format!("{:?}", row())));
}
