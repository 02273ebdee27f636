//! Why a row cannot be stored, or not be loaded.

use super::codec::{Undecodable, Unencodable};
use crate::store::StoreError;
use crate::table::NoSuchChange;

/// Why a row of a table cannot be stored, or not be loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a row of `{table}` {why}")]
pub(crate) struct RowError {
    /// The name of the table's field.
    pub(crate) table: &'static str,
    why: Why,
}

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Why {
    #[error("cannot be stored: {0}")]
    Unencodable(#[from] Unencodable),
    #[error(
        "cannot be stored, because it could not be read back: {0} (a type within it does not read what it \
         writes; often it is an untagged or internally tagged enum, or has a flattened field, with a `u128`, \
         or with a key of a map that is no text: write `#[serde(tag = .., content = ..)]` or `#[serde(with = ..)]`)"
    )]
    OneWay(Undecodable),
    #[error(
        "cannot be stored, because its key would be read back as another one (`Some(None)` is read as `None`, \
         and a field that is skipped as its default: make the key of other types)"
    )]
    OtherKey,
    #[error("cannot be read as what it is declared to be: {0}")]
    Undecodable(#[from] Undecodable),
    #[error("cannot be loaded: {0}")]
    NoSuchChange(#[from] NoSuchChange),
}

impl Why {
    pub(super) fn of(self, table: &'static str) -> RowError {
        RowError { table, why: self }
    }
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        Self::Row { table: error.table.to_owned(), reason: error.why.to_string() }
    }
}
