//! Recorded tables: crash-consistent for their owner, readable by everyone, without a gap.
//!
//! - [`Table`]: one row a key (ETS `set`); [`OrderedTable`]: in order (`ordered_set`); [`BagTable`]: any number of values a
//!   key (`bag`, `duplicate_bag`).
//! - The table is the one writer, and belongs to a worker. Its **reader** is for everyone else: it can be cloned and sent,
//!   and goes on working while nobody owns the table.
//! - What a message writes goes into the table's **write set**. When the message is over, all of it becomes visible, in all
//!   tables of the worker together; if the worker dies in it, it is dropped, and nobody has seen it.
//! - Inside a message the owner reads its own writes. Readers, also those used inside the message, see the rows that were
//!   committed, row by row; a **snapshot** is of one message boundary: of one table, or with `handle.snapshot()` of all
//!   recorded tables of a worker.
//! - Reads give clones. A clone is made under the lock of some rows: one that blocks holds the owner up. Put large values
//!   into an `Arc`.
//!
//! # From ETS
//!
//! | `ets` | here |
//! |---|---|
//! | `all/0` | none: tables have no global names; a worker's handle gives its readers |
//! | `delete/1` | none: a table lives as long as its estate; `clear` empties it |
//! | `delete/2` | `remove` |
//! | `delete_all_objects/1` | `clear` |
//! | `delete_object/2` | [`BagTable::remove_value`]; `remove_if` on one key's row in the others |
//! | `file2tab/1,2`, `tab2file/2,3` | `load`, `save` (feature `table-files`); of one boundary, page by page, each page with a checksum |
//! | `tabfile_info/1` | none: the error of `load` says what a file is |
//! | `first/1`, `last/1`, `first_lookup/1`, `last_lookup/1` | [`OrderedTableReader::first`], [`last`](OrderedTableReader::last); tables in no order have `first_page` |
//! | `next/2`, `prev/2`, `next_lookup/2`, `prev_lookup/2` | [`OrderedTableReader::next`], [`prev`](OrderedTableReader::prev), also from a key that is not there; `page_after` on the others |
//! | `foldl/3`, `foldr/3` | `for_each`; `iter().fold(..)`, `iter().rev().fold(..)` |
//! | `from_dets/2`, `to_dets/2` | none: there is no dets; see `load` and `save` |
//! | `fun2ms/1`, `match_spec_compile/1`, `match_spec_run/2`, `is_compiled_ms/1`, `test_ms/2` | none: a predicate is a closure |
//! | `give_away/3` | [`Lease::give_away`](crate::estate::Lease::give_away): tables are given away together, as an estate |
//! | `i/0..3` | `Debug` |
//! | `info/1,2` | `info`, and [`Estate::info`](crate::estate::Estate::info) for the owner and the heir |
//! | `init_table/2` | `#[table(init = rows)]`, `extend` |
//! | `insert/2` | `insert`; `extend` for many; readers see them when the message is over |
//! | `insert_new/2` | `insert_new`, `entry` |
//! | `lookup/2` | `get` |
//! | `lookup_element/3,4` | `with`, `get_or` |
//! | `match/1..3`, `match_object/1..3` | `select`, `selection` |
//! | `match_delete/2`, `select_delete/2` | `remove_if`, `retain` |
//! | `member/2` | `contains_key`; [`BagTableReader::contains`] |
//! | `new/2` | `#[table]` in a worker; `set`, `ordered_set`, `bag` are the types; `{keypos, N}` is the type parameter `K`; `{heir, ..}` is the manager; `{read_concurrency, _}` and its like have nothing to choose |
//! | `new/2` with `protected`, `private`, `public` | a recorded table with readers; `#[table(keep)]` on a std collection; `#[table(keep)]` on a concurrent map |
//! | `rename/2`, `whereis/1` | none: a table is known by its field's name |
//! | `repair_continuation/2` | none: a [`Selection`] needs none |
//! | `safe_fixtable/2` | none: iteration beside a writer is always safe |
//! | `select/1..3`, `select_reverse/1..3` | `select`, `selection`; `.rev()` on what `range` or `select` gave |
//! | `select_count/2` | `count` |
//! | `select_replace/2` | `replace_if` |
//! | `setopts/2` | none: the heir is the manager |
//! | `slot/2` | none: `first_page`, `page_after` |
//! | `tab2list/1` | `iter`, `snapshot` |
//! | `table/1,2` | none: there is no qlc; a snapshot derefs to a std collection |
//! | `take/2` | `remove`, `remove_entry` |
//! | `update_counter/3,4` | `add`, `add_up_to` |
//! | `update_element/3,4` | `update`, `entry` |

#[macro_use]
mod identity;
#[macro_use]
mod walks;

mod any;
mod bag;
pub(crate) mod boundary;
pub(crate) mod commit;
mod drops;
#[cfg(feature = "table-files")]
mod file;
mod hashed;
mod info;
mod journal;
#[cfg(feature = "store")]
mod kept;
mod lock;
mod ordered;
mod readers;
mod recorded;
mod replaced;
mod rows;
mod set;
mod shown;
mod snapshot;
mod sorted;
mod unshown;
#[cfg(feature = "store")]
mod values;

#[doc(hidden)]
pub use self::any::{AnyTable, AnyTables};
pub use self::bag::{BagTable, BagTableReader};
#[doc(hidden)]
pub use self::boundary::{Boundaries, Passing, PreparedTable, Taking};
pub use self::commit::Commit;
#[cfg(feature = "table-files")]
pub use self::file::FileError;
#[cfg(feature = "store")]
pub(crate) use self::hashed::NoSuchChange;
pub use self::info::TableInfo;
#[cfg(any(feature = "store", feature = "table-files"))]
pub use self::info::TableKind;
#[doc(hidden)]
pub use self::journal::{Encoded, Journal, Written};
#[cfg(feature = "store")]
pub(crate) use self::kept::{Kept, Loading};
pub use self::ordered::{OrderedEntry, OrderedRows, OrderedTable, OrderedTableReader};
pub use self::readers::{Copying, Readers};
#[doc(hidden)]
pub use self::readers::{MakeRows, rows_first};
pub(crate) use self::recorded::sealed::Sealed as AnyRecorded;
#[doc(hidden)]
pub use self::recorded::{Change, Recorded, any};
pub use self::rows::{Rows, Selection};
pub use self::set::{Entry, Table, TableReader};
pub use self::snapshot::Snapshot;
#[cfg(feature = "store")]
pub(crate) use self::values::{EncodedValue, ValueRows, beside};
