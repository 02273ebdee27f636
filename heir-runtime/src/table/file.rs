//! Tables in files: versioned, checksummed, replaced atomically, loaded wholly or not at all.
//!
//! A file is: the magic, the version of the format (`u16`), the kind of table (`u8`), the number of rows (`u64`), the rows
//! (postcard, one after the other), and the CRC-32 of all that (`u32`). Numbers are little-endian.

use std::fs::{self, File, OpenOptions};
use std::hash::Hash;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BagTable, BagTableReader, OrderedTable, OrderedTableReader, Recorded, Table, TableReader};

const MAGIC: &[u8; 8] = b"\x89heirtab";
const VERSION: u16 = 1;
const HEADER: usize = MAGIC.len() + 2 + 1 + 8;
const CHECKSUM: usize = 4;

/// What kind of table a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum TableKind {
    /// A [`Table`].
    Table = 1,
    /// An [`OrderedTable`].
    Ordered = 2,
    /// A [`BagTable`].
    Bag = 3,
}

/// Why a table could not be saved, or loaded. Whatever it is, the table is as it was; and so is the file, unless it is its folder
/// that could not be written to the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file system said no.
    #[error("the file system failed: {0}")]
    Io(#[from] io::Error),
    /// A row could not be encoded: its `Serialize` failed.
    #[error("a row could not be encoded: {0}")]
    Row(String),
    /// Not a file that `save` has written, or its first bytes are damaged.
    #[error("this is not a table's file")]
    Foreign,
    /// Written by a later version of this crate.
    #[error("the file has format {found}, and this version of the crate knows formats up to {known}")]
    Newer {
        /// The version of its format.
        found: u16,
        /// The newest version known here.
        known: u16,
    },
    /// Damaged: cut short, overwritten, or changed.
    #[error("the file is damaged")]
    Damaged,
    /// Another kind of table.
    #[error("the file holds a table of another kind ({found:?})")]
    OtherKind {
        /// The kind it holds.
        found: TableKind,
    },
    /// Undamaged, but its rows are of other types than the table's.
    #[error("row {row} of the file is not of the table's types: {reason}")]
    OtherTypes {
        /// The number of the first such row, from 0.
        row: u64,
        /// What decoding said.
        reason: String,
    },
}

fn encode<'a, K, V>(kind: TableKind, rows: impl Iterator<Item = (&'a K, &'a V)>) -> Result<Vec<u8>, FileError>
where
    K: Serialize + 'a,
    V: Serialize + 'a,
{
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend(0_u64.to_le_bytes());
    let mut count = 0_u64;
    for row in rows {
        bytes = postcard::to_extend(&row, bytes).map_err(|error| FileError::Row(error.to_string()))?;
        count += 1;
    }
    bytes[HEADER - 8..HEADER].copy_from_slice(&count.to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

fn decode<K, V>(kind: TableKind, bytes: &[u8]) -> Result<Vec<(K, V)>, FileError>
where
    K: DeserializeOwned,
    V: DeserializeOwned,
{
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err(FileError::Foreign) };
    let (version, rest) = rest.split_first_chunk().ok_or(FileError::Damaged)?;
    let found = u16::from_le_bytes(*version);
    if found > VERSION {
        return Err(FileError::Newer { found, known: VERSION });
    }
    let (_, checksum) = rest.split_last_chunk::<CHECKSUM>().ok_or(FileError::Damaged)?;
    let checked = &bytes[..bytes.len() - CHECKSUM];
    if found == 0 || crc32fast::hash(checked) != u32::from_le_bytes(*checksum) {
        return Err(FileError::Damaged);
    }
    let (header, mut rows) = checked.split_first_chunk::<HEADER>().ok_or(FileError::Damaged)?;
    let found = match header[MAGIC.len() + 2] {
        1 => TableKind::Table,
        2 => TableKind::Ordered,
        3 => TableKind::Bag,
        _ => return Err(FileError::Damaged),
    };
    if found != kind {
        return Err(FileError::OtherKind { found });
    }
    let (_, count) = header.split_last_chunk::<8>().ok_or(FileError::Damaged)?;
    let mut decoded = Vec::new();
    let count = u64::from_le_bytes(*count);
    let most = if kind == TableKind::Bag { u64::from(u32::MAX) } else { 1 };
    if rows.is_empty() && count > most {
        // Rows of no size: a keyed table has one of them at most, and a crafted count would be counted for ever.
        return Err(FileError::Damaged);
    }
    for row in 0..count {
        let other = |error: postcard::Error| FileError::OtherTypes { row, reason: error.to_string() };
        let (one, left) = postcard::take_from_bytes(rows).map_err(other)?;
        decoded.push(one);
        rows = left;
    }
    if rows.is_empty() {
        Ok(decoded)
    } else {
        let row = decoded.len() as u64;
        Err(FileError::OtherTypes { row, reason: "bytes are left after the last row".to_owned() })
    }
}

/// Replaces the file at `path`, or the one it is a link to: after a crash at any point there is the old one, or the new one, whole.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static SAVES: AtomicU64 = AtomicU64::new(0);

    let target = fs::canonicalize(path);
    let path = target.as_deref().unwrap_or(path);
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file's name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut unfinished = name.to_owned();
    unfinished.push(format!(".{}-{}.unfinished", std::process::id(), SAVES.fetch_add(1, Ordering::Relaxed)));
    let unfinished = folder.join(unfinished);
    let written = write_new(&unfinished, bytes)
        .and_then(|()| match fs::metadata(path) {
            // Whoever may read the old one may read the new one, and nobody else.
            Ok(old) => fs::set_permissions(&unfinished, old.permissions()),
            Err(_none) => Ok(()),
        })
        .and_then(|()| fs::rename(&unfinished, path));
    if let Err(error) = written {
        // The error that matters is the first one.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    // The new name is safe once the folder is; elsewhere than on Unix a folder cannot be synced.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

macro_rules! files {
    ($table:ident, $reader:ident, $kind:ident, [$($bound:tt)+], |$snapshot:ident| $rows:expr) => {
        impl<K, V> $reader<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// Saves a [`snapshot`](Self::snapshot) to a file, which is replaced as a whole (ETS `tab2file`).
            ///
            /// It blocks the thread until the file is on the disk: in async code, have a reader do it in
            /// `spawn_blocking`. The file is encoded in memory first.
            ///
            /// # Errors
            /// [`FileError::Io`] and [`FileError::Row`]; the file is then what it was.
            pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError>
            where
                K: Serialize,
                V: Serialize,
            {
                let $snapshot = self.snapshot();
                let bytes = encode(TableKind::$kind, $rows)?;
                Ok(replace(path.as_ref(), &bytes)?)
            }
        }

        impl<K, V> $table<K, V>
        where
            K: $($bound)+ + Clone + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            /// Saves a [`snapshot`](Self::snapshot) to a file, as its [readers](Self::reader) do: without
            /// what the message under way has written.
            ///
            /// # Errors
            /// [`FileError::Io`] and [`FileError::Row`]; the file is then what it was.
            pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError>
            where
                K: Serialize,
                V: Serialize,
            {
                self.reader().save(path)
            }

            /// Puts the rows of a file, all or none, beside those that are there (ETS `file2tab`). Returns how many.
            ///
            /// Like every write it belongs to the message under way. It blocks the thread while it reads. Rows carry no types: a file
            /// of other types is refused if it cannot be read as these, and read wrongly if it can.
            ///
            /// # Errors
            /// Every [`FileError`] but `Row`: the table is then what it was.
            pub fn load(&mut self, path: impl AsRef<Path>) -> Result<usize, FileError>
            where
                K: DeserializeOwned,
                V: DeserializeOwned,
            {
                let rows = decode(TableKind::$kind, &fs::read(path)?)?;
                let count = rows.len();
                self.fill(rows);
                Ok(count)
            }
        }
    };
}

files!(Table, TableReader, Table, [Eq + Hash], |snapshot| snapshot.iter());
files!(OrderedTable, OrderedTableReader, Ordered, [Ord], |snapshot| snapshot.iter());
files!(BagTable, BagTableReader, Bag, [Eq + Hash], |snapshot| {
    snapshot.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
});

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<(String, u32)>;

    fn file() -> Vec<u8> {
        let rows = [("ada".to_owned(), 1_u32), ("grace".to_owned(), 70_000)];
        encode(TableKind::Table, rows.iter().map(|(key, value)| (key, value))).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Rows, FileError> {
        decode(TableKind::Table, bytes)
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        assert_eq!(read(&file()).unwrap(), [("ada".to_owned(), 1), ("grace".to_owned(), 70_000)]);
    }

    #[test]
    fn a_file_with_any_bit_changed_is_an_error() {
        let good = file();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(read(&bad).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_file_of_any_other_length_is_an_error() {
        let mut bytes = file();
        bytes.push(0);
        assert!(matches!(read(&bytes), Err(FileError::Damaged)));
        for len in 0..file().len() {
            assert!(read(&file()[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        assert!(matches!(read(b"something else"), Err(FileError::Foreign)));
        let mut newer = file();
        newer[MAGIC.len()] = 2;
        assert!(matches!(read(&newer), Err(FileError::Newer { found: 2, known: 1 })));
        assert!(matches!(
            decode::<String, u32>(TableKind::Bag, &file()),
            Err(FileError::OtherKind { found: TableKind::Table })
        ));
        assert!(matches!(decode::<u8, u8>(TableKind::Table, &file()), Err(FileError::OtherTypes { .. })));
    }

    #[test]
    fn a_save_replaces_the_file_and_leaves_nothing_beside_it() {
        let folder = std::env::temp_dir().join(format!("heir-table-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("names");
        let mut names = BagTable::for_tests();
        names.extend([(1, "ada".to_owned()), (1, "grace".to_owned()), (2, "ada".to_owned())]);
        names.save(&path).unwrap();
        assert!(BagTable::<u8, String>::for_tests().load(&path).unwrap() == 0, "nothing was committed yet");
        names.commit();
        names.save(&path).unwrap();

        let mut loaded = BagTable::<i32, String>::for_tests();
        assert_eq!(loaded.load(&path).unwrap(), 3);
        assert_eq!(loaded.get(&1), ["ada", "grace"]);
        assert!(loaded.is_dirty());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(matches!(loaded.load(folder.join("none")), Err(FileError::Io(_))));
        fs::remove_dir_all(&folder).unwrap();
    }
}
