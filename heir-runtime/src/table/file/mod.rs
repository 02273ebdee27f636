//! Tables in files: versioned, checksummed, replaced atomically, loaded wholly or not at all.
//!
//! A file is written and read a page at a time, as `format.rs` says.

mod format;
mod read;
mod write;

use std::fs::File;
use std::hash::Hash;
use std::io::BufReader;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::format::FileError;
use self::write::{Unfinished, Writer};
use super::any::AnyCore as _;
use super::boundary::{Exchanged, Taking};
use super::snapshot::at_a_boundary;
use super::{
    BagTable, BagTableReader, OrderedTable, OrderedTableReader, Recorded, Table, TableKind, TableReader,
};
use super::{hashed, sorted};

/// Why rows are no more written to a file.
enum Stopped {
    /// They have been exchanged for others: those that are there now are to be written.
    Exchanged,
    Failed(FileError),
}

impl From<Exchanged> for Stopped {
    fn from(Exchanged: Exchanged) -> Self {
        Self::Exchanged
    }
}

impl<E: Into<FileError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

macro_rules! files {
    (
        $table:ident, $reader:ident, $kind:ident, [$($bound:tt)+], $layout:ident,
        |$page:ident, $writer:ident| $write:expr
    ) => {
        impl<K, V> $reader<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// Saves the rows of the last message boundary to a file, which is replaced as a whole (ETS
            /// `tab2file`).
            ///
            /// The file is of one boundary, as a [`snapshot`](Self::snapshot) is, but the rows are written
            /// page by page: a page of them is in memory, not all. The owner goes on meanwhile; what it
            /// replaces is kept until the last row is written, in memory.
            ///
            /// It blocks the thread until the file is on the disk: in async code, have a reader do it in
            /// `spawn_blocking`.
            ///
            /// # Errors
            /// [`FileError::Io`] and [`FileError::Row`]; the file is then what it was, and nothing is
            /// left beside it.
            ///
            /// # Panics
            /// In the `Clone` or `Serialize` of a row, if that panics, and if it is called in the `Clone`,
            /// `Eq`, `Hash` or `Ord` of a row. The file is then what it was, too.
            pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError>
            where
                K: Serialize,
                V: Serialize,
            {
                let give_up = || self.core.give_up_replaced();
                let write = |taking: &Taking| match self.write_at(taking, path.as_ref()) {
                    Ok(file) => Some(Ok(file)),
                    Err(Stopped::Failed(error)) => Some(Err(error)),
                    Err(Stopped::Exchanged) => None,
                };
                let (_, written) = at_a_boundary(&self.core.boundaries, write, give_up);
                // The disk may take long: what the owner replaces now is kept no more.
                Ok(written?.put_in_place()?)
            }

            fn write_at(&self, taking: &Taking, path: &Path) -> Result<Unfinished, Stopped>
            where
                K: Serialize,
                V: Serialize,
            {
                let mut $writer = Writer::new(Unfinished::beside(path)?, TableKind::$kind)?;
                let mut past = $layout::Past::new(&self.core, taking);
                while let Some($page) = past.next_page()? {
                    $write
                }
                Ok($writer.finish()?)
            }
        }

        impl<K, V> $table<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// Saves the rows of the last message boundary to a file, as its [readers](Self::reader) do:
            /// without what the message under way has written.
            ///
            /// # Errors
            /// [`FileError::Io`] and [`FileError::Row`]; the file is then what it was.
            ///
            /// # Panics
            /// As the `save` of its readers does.
            pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError>
            where
                K: Serialize,
                V: Serialize,
            {
                self.reader().save(path)
            }

            /// Puts the rows of a file, all or none, beside those that are there (ETS `file2tab`). Returns
            /// how many.
            ///
            /// Like every write it belongs to the message under way. The rows are in memory once, and a page
            /// of them encoded. It blocks the thread while it reads. Rows carry no types: a file of other
            /// types is refused if it cannot be read as these, and read wrongly if it can.
            ///
            /// # Errors
            /// Every [`FileError`] but `Row`: the table is then what it was.
            pub fn load(&mut self, path: impl AsRef<Path>) -> Result<usize, FileError>
            where
                K: DeserializeOwned,
                V: DeserializeOwned,
            {
                let pages = read::read(BufReader::new(File::open(path)?), TableKind::$kind)?;
                let count = pages.iter().map(Vec::len).sum();
                self.fill(pages.into_iter().flatten());
                Ok(count)
            }
        }
    };
}

files!(Table, TableReader, Table, [Eq + Hash], hashed, |page, writer| for (key, value) in &page.0 {
    writer.row(&(key, value))?;
});
files!(
    OrderedTable,
    OrderedTableReader,
    Ordered,
    [Ord],
    sorted,
    |page, writer| for (key, value) in &page.0 {
        writer.row(&(key, value))?;
    }
);
files!(BagTable, BagTableReader, Bag, [Eq + Hash], hashed, |page, writer| for (key, list) in &page.0 {
    for (_, value) in &list.0 {
        writer.row(&(key, value))?;
    }
});

#[cfg(test)]
mod tests;
