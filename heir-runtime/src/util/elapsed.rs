//! How an instant is serialized: nothing outside the process knows its clock.

use std::time::Instant;

use serde::{Serialize, Serializer};

/// Serializes how long ago it was.
pub(crate) fn serialize<S: Serializer>(instant: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    instant.elapsed().serialize(serializer)
}
