//! Reading a file, page by page.

use std::io::Read;

use crc32fast::Hasher;
use serde::de::DeserializeOwned;

use super::format::{CHECKSUM, FileError, MAGIC, PAGE_HEADER, VERSION};
use crate::table::TableKind;

/// Reads all rows, in the pages in which they were written. A row is decoded once its page is known
/// to be undamaged.
pub(super) fn read<K, V>(from: impl Read, kind: TableKind) -> Result<Vec<Vec<(K, V)>>, FileError>
where
    K: DeserializeOwned,
    V: DeserializeOwned,
{
    let mut reader = Reader { from, checksum: Hasher::new(), part: Vec::new() };
    reader.begin(kind)?;
    let (mut pages, mut row) = (Vec::new(), 0);
    while let Some((rows, mut encoded)) = reader.page()? {
        let mut page = Vec::with_capacity(usize::from(rows).min(encoded.len()));
        for _ in 0..rows {
            let other = |error: postcard::Error| FileError::OtherTypes { row, reason: error.to_string() };
            let (one, left) = postcard::take_from_bytes(encoded).map_err(other)?;
            page.push(one);
            encoded = left;
            row += 1;
        }
        if !encoded.is_empty() {
            let reason = "bytes are left after the last row of its page".to_owned();
            return Err(FileError::OtherTypes { row: row.saturating_sub(1), reason });
        }
        pages.push(page);
    }
    Ok(pages)
}

struct Reader<R> {
    from: R,
    checksum: Hasher,
    /// The part that was read last.
    part: Vec<u8>,
}

impl<R: Read> Reader<R> {
    fn begin(&mut self, kind: TableKind) -> Result<(), FileError> {
        self.read_on(MAGIC.len() as u64)?;
        if self.part != MAGIC {
            return Err(FileError::Foreign);
        }
        self.read_on(2)?;
        let version = self.part[MAGIC.len()..].first_chunk().ok_or(FileError::Damaged)?;
        let found = u16::from_le_bytes(*version);
        if found > VERSION {
            return Err(FileError::Newer { found, known: VERSION });
        }
        self.read_on(1)?;
        self.check()?;
        if found == 0 {
            return Err(FileError::Damaged);
        }
        let found = match self.part.last() {
            Some(1) => TableKind::Table,
            Some(2) => TableKind::Ordered,
            Some(3) => TableKind::Bag,
            _ => return Err(FileError::Damaged),
        };
        if found == kind { Ok(()) } else { Err(FileError::OtherKind { found }) }
    }

    /// How many rows the next page has, and the rows; `None` at the end.
    fn page(&mut self) -> Result<Option<(u16, &[u8])>, FileError> {
        self.part.clear();
        self.read_on(PAGE_HEADER as u64)?;
        let (rows, bytes) = self.part.split_first_chunk().ok_or(FileError::Damaged)?;
        let rows = u16::from_le_bytes(*rows);
        let bytes = u64::from_le_bytes(*bytes.first_chunk().ok_or(FileError::Damaged)?);
        // A damaged number makes this read to the end of the file, and no further.
        self.read_on(bytes)?;
        self.check()?;
        if rows > 0 {
            return Ok(Some((rows, &self.part[PAGE_HEADER..])));
        }
        self.part.clear();
        self.read_on(1)?;
        if bytes == 0 && self.part.is_empty() { Ok(None) } else { Err(FileError::Damaged) }
    }

    /// Reads so many bytes more of this part, or those that there are.
    fn read_on(&mut self, bytes: u64) -> Result<(), FileError> {
        self.from.by_ref().take(bytes).read_to_end(&mut self.part)?;
        Ok(())
    }

    /// Reads the checksum behind this part, and compares it with that of everything so far.
    fn check(&mut self) -> Result<(), FileError> {
        self.checksum.update(&self.part);
        let mut found = [0; CHECKSUM];
        match self.from.read_exact(&mut found) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(FileError::Damaged),
            Err(error) => Err(error.into()),
            Ok(()) if found == self.checksum.clone().finalize().to_le_bytes() => Ok(()),
            Ok(()) => Err(FileError::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::write::Writer;
    use super::*;

    type Rows = Vec<(u32, String)>;

    /// Rows for two pages.
    fn rows() -> Rows {
        (0..300).map(|number| (number, format!("number {number}"))).collect()
    }

    fn encoded(rows: &Rows) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), TableKind::Table).unwrap();
        rows.iter().try_for_each(|row| writer.row(row)).unwrap();
        writer.finish().unwrap()
    }

    fn decoded(bytes: &[u8]) -> Result<Rows, FileError> {
        Ok(read(bytes, TableKind::Table)?.concat())
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        assert_eq!(decoded(&encoded(&rows())).unwrap(), rows());
        assert_eq!(decoded(&encoded(&Vec::new())).unwrap(), []);
        let large = vec![(1, "x".repeat(200_000)), (2, "y".to_owned())];
        assert_eq!(decoded(&encoded(&large)).unwrap(), large);
        let mut writer = Writer::new(Vec::new(), TableKind::Bag).unwrap();
        (0..1000).try_for_each(|_| writer.row(&((), ()))).unwrap();
        assert_eq!(read(&*writer.finish().unwrap(), TableKind::Bag).unwrap().concat(), [((), ()); 1000]);
    }

    #[test]
    fn a_file_with_any_bit_changed_is_an_error() {
        let good = encoded(&rows());
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(decoded(&bad).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_file_of_any_other_length_is_an_error() {
        let good = encoded(&rows());
        assert!(matches!(decoded(&[&good[..], b"\0"].concat()), Err(FileError::Damaged)));
        assert!(matches!(decoded(&[&good[..], &good[..]].concat()), Err(FileError::Damaged)));
        for len in MAGIC.len()..good.len() {
            assert!(matches!(decoded(&good[..len]), Err(FileError::Damaged)), "{len} bytes");
        }
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        assert!(matches!(decoded(b""), Err(FileError::Foreign)));
        assert!(matches!(decoded(b"something else"), Err(FileError::Foreign)));
        let good = encoded(&rows());
        let mut newer = good.clone();
        newer[MAGIC.len()] = 2;
        assert!(matches!(decoded(&newer), Err(FileError::Newer { found: 2, known: 1 })));
        let bag = read::<u32, String>(&*good, TableKind::Bag);
        assert!(matches!(bag, Err(FileError::OtherKind { found: TableKind::Table })));
        let other = read::<String, String>(&*good, TableKind::Table);
        assert!(matches!(other, Err(FileError::OtherTypes { .. })));
        let other = read::<(), ()>(&*good, TableKind::Table);
        assert!(matches!(other, Err(FileError::OtherTypes { row: 255, .. })));
    }
}
