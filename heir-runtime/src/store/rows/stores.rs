//! Which tables a store can keep.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::table::{BagTable, Kept, OrderedTable, Table};

/// A recorded table that a store can keep: its keys and values are `Serialize` and `DeserializeOwned`.
///
/// For the runtime and the code the macros write.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "rows of `{Self}` cannot be stored",
    label = "a table of a worker with `survives = process` needs rows that serde can write and read",
    note = "derive `serde::Serialize` and `serde::Deserialize` for its key and value types, or write \
            `#[table(.., survives = task)]` for a table that the process takes with it",
    note = "a type parameter in its rows needs the bounds `serde::Serialize + serde::de::DeserializeOwned`"
)]
pub trait Stores: Kept<Key: Eq + Serialize + DeserializeOwned, Value: Serialize + DeserializeOwned> {}

macro_rules! stores {
    ($($table:ident)+) => {$(
        #[diagnostic::do_not_recommend]
        impl<K, V> Stores for $table<K, V>
        where
            Self: Kept<Key = K, Value = V>,
            K: Clone + Eq + Serialize + DeserializeOwned,
            V: Clone + Serialize + DeserializeOwned,
        {
        }
    )+};
}

stores!(Table OrderedTable BagTable);

/// The type of a `rollback` field whose value a store keeps.
///
/// For the runtime and the code the macros write.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the value of a `{Self}` cannot be stored",
    label = "a `rollback` field of a worker with `survives = process` needs a type that serde can write and read",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or write `#[table(rollback, .., survives = task)]` for \
            a value that the process takes with it",
    note = "a type parameter in it needs the bounds `serde::Serialize + serde::de::DeserializeOwned`"
)]
pub trait StoresValue: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> StoresValue for T {}
