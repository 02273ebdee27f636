//! The bytes of a record: what a message has changed, table by table.
//!
//! A record is written in two steps. The worker's task writes the changes ([`RecordWriter`]), and the
//! place where records are kept puts them into a frame ([`frame`]). A frame is
//!
//! | bytes | what is in it |
//! |---|---|
//! | 4 | how many bytes of it follow the checksum |
//! | 4 | the CRC-32 of the bytes that follow |
//! | 4, 8, 8 | the worker, the number of the record, the number of the worker's record before it |
//! | 4, 4, .. | for each table: its number, how many bytes its changes have, and these |
//!
//! Numbers are little-endian. What the changes say is not known here.

use crate::store::engine::{Record, TableId, WorkerId};

/// How many bytes stand before those that are checked.
const PREFIX: usize = 4 + 4;
/// How many bytes a frame has before the tables.
const HEAD: usize = PREFIX + 4 + 8 + 8;
/// How many bytes stand before the changes of a table.
const TABLE_HEAD: usize = 4 + 4;

/// Writes the changes of a message, table by table.
#[must_use = "what is not finished is not written"]
pub(crate) struct RecordWriter {
    out: Vec<u8>,
}

impl RecordWriter {
    /// Begins a record, in a buffer whose bytes are not needed any more.
    pub(crate) fn new(mut out: Vec<u8>) -> Self {
        out.clear();
        Self { out }
    }

    /// Writes the changes of a table. If `write` fails, or leaves no bytes, or more than a record can
    /// have, nothing of this table is in the record.
    pub(crate) fn table<E>(
        &mut self,
        table: TableId,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.out.len();
        self.out.extend(table.0.to_le_bytes());
        self.out.extend([0; 4]);
        let written = write(&mut self.out);
        let len = self.out.len().checked_sub(start + TABLE_HEAD).and_then(|len| u32::try_from(len).ok());
        match len {
            Some(len) if len > 0 && written.is_ok() => {
                self.out[start + 4..start + TABLE_HEAD].copy_from_slice(&len.to_le_bytes());
            }
            _ => self.out.truncate(start),
        }
        written
    }

    /// The bytes of the [`Record`]. They are empty if nothing was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// What is wrong with bytes that should be a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRecord {
    #[error("a record ends too early")]
    Short,
    #[error("the checksum of a record is wrong")]
    Checksum,
    #[error("the tables of a record do not add up to its bytes")]
    Tables,
}

/// Appends the frame of a record to `out`.
pub(crate) fn frame(record: &Record, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; PREFIX]);
    out.extend(record.worker.0.to_le_bytes());
    out.extend(record.number.to_le_bytes());
    out.extend(record.after.to_le_bytes());
    out.extend(&record.bytes);
    let checked = &out[start + PREFIX..];
    let (len, checksum) = (len_32(checked.len()), crc32fast::hash(checked));
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..start + PREFIX].copy_from_slice(&checksum.to_le_bytes());
}

/// A length that a frame can say. What is longer is refused before it is framed.
pub(crate) fn len_32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// How many bytes the frame of this record has.
pub(crate) fn framed_len(record: &Record) -> usize {
    HEAD + record.bytes.len()
}

/// A frame that has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed<'f> {
    pub(crate) worker: WorkerId,
    pub(crate) number: u64,
    pub(crate) after: u64,
    tables: &'f [u8],
}

impl<'f> Framed<'f> {
    /// The tables that are changed, in the order in which they were written, each with its changes.
    pub(crate) fn tables(&self) -> Tables<'f> {
        Tables(self.tables)
    }
}

/// Reads the frames of a sequence, one after another. After an error there are no more.
pub(crate) struct Frames<'f>(pub(crate) &'f [u8]);

impl<'f> Iterator for Frames<'f> {
    type Item = Result<Framed<'f>, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        let framed = read(bytes).map(|(framed, rest)| {
            self.0 = rest;
            framed
        });
        Some(framed)
    }
}

/// Reads the frame at the start of `bytes`; returns it, and the bytes behind it.
fn read(bytes: &[u8]) -> Result<(Framed<'_>, &[u8]), BadRecord> {
    let (len, bytes) = number_32(bytes).ok_or(BadRecord::Short)?;
    let (checksum, bytes) = number_32(bytes).ok_or(BadRecord::Short)?;
    let (checked, rest) = bytes.split_at_checked(len as usize).ok_or(BadRecord::Short)?;
    if crc32fast::hash(checked) != checksum {
        return Err(BadRecord::Checksum);
    }
    let (worker, checked) = number_32(checked).ok_or(BadRecord::Short)?;
    let (number, checked) = number_64(checked).ok_or(BadRecord::Short)?;
    let (after, tables) = number_64(checked).ok_or(BadRecord::Short)?;
    check_tables(tables)?;
    Ok((Framed { worker: WorkerId(worker), number, after, tables }, rest))
}

/// Checks that the tables of a record add up to its bytes.
pub(crate) fn check_tables(mut bytes: &[u8]) -> Result<(), BadRecord> {
    while !bytes.is_empty() {
        (_, bytes) = split_table(bytes).ok_or(BadRecord::Tables)?;
    }
    Ok(())
}

/// The tables of a record whose bytes have been checked.
#[derive(Clone, Debug)]
pub(crate) struct Tables<'f>(pub(crate) &'f [u8]);

impl<'f> Iterator for Tables<'f> {
    type Item = OfTable<'f>;

    fn next(&mut self) -> Option<Self::Item> {
        let (table, rest) = split_table(self.0)?;
        self.0 = rest;
        Some(table)
    }
}

/// A table with its changes.
type OfTable<'f> = (TableId, &'f [u8]);

/// The table at the start of `bytes` with its changes, and what is behind them.
fn split_table(bytes: &[u8]) -> Option<(OfTable<'_>, &[u8])> {
    let (table, bytes) = number_32(bytes)?;
    let (len, bytes) = number_32(bytes)?;
    let (changes, rest) = bytes.split_at_checked(len as usize)?;
    Some(((TableId(table), changes), rest))
}

/// The number at the start of `bytes`, and what is behind it.
pub(crate) fn number_32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// The number at the start of `bytes`, and what is behind it.
pub(crate) fn number_64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn bytes() -> Vec<u8> {
        let mut writer = RecordWriter::new(b"from before".to_vec());
        for (table, changes) in [(7, &b"put"[..]), (9, b"removed")] {
            let written = writer.table(TableId(table), |out| {
                out.extend(changes);
                Ok::<_, Infallible>(())
            });
            written.unwrap();
        }
        writer.finish()
    }

    fn record() -> Record {
        Record { worker: WorkerId(3), number: 12, after: 10, bytes: bytes() }
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let mut out = Vec::new();
        frame(&record(), &mut out);
        frame(&Record { number: 13, after: 12, bytes: Vec::new(), ..record() }, &mut out);
        let frames: Vec<_> = Frames(&out).map(Result::unwrap).collect();
        let [first, second] = frames[..] else { panic!("{frames:?}") };
        assert_eq!((first.worker, first.number, first.after), (WorkerId(3), 12, 10));
        let tables: Vec<_> = first.tables().collect();
        assert_eq!(tables, [(TableId(7), &b"put"[..]), (TableId(9), b"removed")]);
        assert_eq!((second.number, second.after, second.tables().count()), (13, 12, 0));
        assert_eq!(out.len(), framed_len(&record()) + HEAD);
    }

    #[test]
    fn a_table_that_cannot_be_written_leaves_nothing_in_the_record() {
        let mut writer = RecordWriter::new(bytes());
        let failed = writer.table(TableId(1), |out| {
            out.extend(b"half");
            Err("cannot be written")
        });
        assert_eq!(failed, Err("cannot be written"));
        assert_eq!(writer.table(TableId(2), |_| Ok::<_, ()>(())), Ok(()));
        assert_eq!(writer.finish(), b"");
    }

    #[test]
    fn a_frame_with_any_bit_changed_is_an_error() {
        let mut good = Vec::new();
        frame(&record(), &mut good);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Frames(&bad).next().unwrap().is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_frame_of_any_other_length_is_an_error() {
        let mut good = Vec::new();
        frame(&record(), &mut good);
        for len in 1..good.len() {
            assert_eq!(Frames(&good[..len]).next(), Some(Err(BadRecord::Short)), "{len} bytes");
        }
        good.push(0);
        let frames: Vec<_> = Frames(&good).collect();
        assert!(matches!(frames[..], [Ok(_), Err(BadRecord::Short)]));
    }

    #[test]
    fn tables_that_do_not_add_up_are_an_error_also_under_a_right_checksum() {
        for bytes in [&b"x"[..], &[1, 0, 0, 0, 2, 0, 0, 0, 5], &[1, 0, 0, 0, 255, 255, 255, 255]] {
            let mut out = Vec::new();
            frame(&Record { bytes: bytes.to_vec(), ..record() }, &mut out);
            assert_eq!(Frames(&out).next(), Some(Err(BadRecord::Tables)));
        }
    }
}
