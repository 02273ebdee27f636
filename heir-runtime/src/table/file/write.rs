//! Writing a file: page by page, and then in place of the file that is there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crc32fast::Hasher;
use serde::Serialize;

use super::format::{FileError, MAGIC, PAGE_HEADER, VERSION};
use crate::table::TableKind;

/// How many rows a page has at most, and after how many bytes it is full.
const ROWS: u16 = 256;
const BYTES: usize = 64 * 1024;

/// Writes the rows of a table: it holds one page of them, encoded.
pub(super) struct Writer<W> {
    to: W,
    checksum: Hasher,
    /// The page under way, behind room for its header.
    page: Vec<u8>,
    rows: u16,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W, kind: TableKind) -> io::Result<Self> {
        let mut writer = Self { to, checksum: Hasher::new(), page: Vec::new(), rows: 0 };
        writer.page.extend(MAGIC);
        writer.page.extend(VERSION.to_le_bytes());
        writer.page.push(kind as u8);
        writer.write_part()?;
        Ok(writer)
    }

    pub(super) fn row(&mut self, row: &impl Serialize) -> Result<(), FileError> {
        let page = std::mem::take(&mut self.page);
        self.page = postcard::to_extend(row, page).map_err(|error| FileError::Row(error.to_string()))?;
        self.rows += 1;
        if self.rows == ROWS || self.page.len() >= BYTES {
            self.write_page()?;
        }
        Ok(())
    }

    /// Writes what is left, and the end.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.write_page()?;
        }
        self.write_page()?;
        Ok(self.to)
    }

    fn write_page(&mut self) -> io::Result<()> {
        let bytes = (self.page.len() - PAGE_HEADER) as u64;
        self.page[..2].copy_from_slice(&self.rows.to_le_bytes());
        self.page[2..PAGE_HEADER].copy_from_slice(&bytes.to_le_bytes());
        self.write_part()
    }

    /// Writes what is in `page`, with the checksum of everything up to there, and makes room for the
    /// header of the next page.
    fn write_part(&mut self) -> io::Result<()> {
        self.checksum.update(&self.page);
        self.page.extend(self.checksum.clone().finalize().to_le_bytes());
        self.to.write_all(&self.page)?;
        self.page.clear();
        self.page.shrink_to(2 * BYTES);
        self.page.resize(PAGE_HEADER, 0);
        self.rows = 0;
        Ok(())
    }
}

/// A file that is being written beside the one that it is to replace. It is removed unless it is put
/// in place.
pub(super) struct Unfinished {
    file: File,
    path: PathBuf,
    /// The file to replace, which need not be there.
    target: PathBuf,
    is_in_place: bool,
}

impl Unfinished {
    /// Beside the file at `target`, or beside the one that this is a link to.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        static SAVES: AtomicU64 = AtomicU64::new(0);

        let target = fs::canonicalize(target).unwrap_or_else(|_none| target.to_owned());
        let name = target.file_name();
        let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file's name"))?;
        let (path, file) = loop {
            let mut unfinished = OsString::from(name);
            let number = SAVES.fetch_add(1, Ordering::Relaxed);
            unfinished.push(format!(".{}-{number}.unfinished", std::process::id()));
            let path = target.with_file_name(unfinished);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                // A process of this number has left it, when it was killed in the middle of a save.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => break (path, opened?),
            }
        };
        let unfinished = Self { file, path, target, is_in_place: false };
        // Whoever may read the old one may read the new one, and nobody else.
        if let Ok(old) = fs::metadata(&unfinished.target) {
            fs::set_permissions(&unfinished.path, old.permissions())?;
        }
        Ok(unfinished)
    }

    /// Puts it in place: after a crash at any point there is the old file, or this one, whole.
    pub(super) fn put_in_place(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.is_in_place = true;
        // The new name is safe once the folder is; elsewhere than on Unix a folder cannot be synced.
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        if cfg!(unix) { File::open(folder.unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_in_place {
            // The error that matters is the one that has ended the saving.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that has room for so many bytes.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = bytes.len().min(self.0);
            self.0 -= written;
            if written == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(written) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_is_full_is_an_error_whenever_it_is() {
        fn write<W: Write>(to: W) -> Result<W, FileError> {
            let mut writer = Writer::new(to, TableKind::Table)?;
            (0..600_u32).try_for_each(|number| writer.row(&(number, number)))?;
            Ok(writer.finish()?)
        }
        let needed = write(Vec::new()).unwrap().len();
        for room in 0..needed {
            let full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
            assert!(matches!(write(Disk(room)), Err(FileError::Io(error)) if full(&error)), "{room} bytes");
        }
        assert!(write(Disk(needed)).is_ok());
    }
}
