//! What a message has written, before its commit.

use super::entries::{Entries, Entry};
use super::kind::Kind;
use crate::table::drops::drop_quietly;

/// The writes of the message under way: what they leave of each row that they touch.
pub(super) struct WriteSet<K, D: Kind> {
    /// Whether nothing is left of the rows that were there before the message.
    pub(super) is_cleared: bool,
    pub(super) entries: Entries<K, D::Change>,
    /// How many more values there are than before the message, or than none if it is cleared.
    pub(super) more: isize,
    /// How many more rows there are, as well.
    pub(super) more_rows: isize,
}

impl<K, D: Kind> WriteSet<K, D> {
    pub(super) fn new() -> Self {
        Self { is_cleared: false, entries: Entries::new(), more: 0, more_rows: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.is_cleared
    }

    /// Forgets all entries, whose changes have been made: their room is used again.
    pub(super) fn reset(&mut self) {
        self.is_cleared = false;
        self.more = 0;
        self.more_rows = 0;
        self.entries.reset();
    }

    /// Drops all entries, one value after the other, each caught.
    pub(super) fn drop_entries(&mut self) {
        for Entry { key, content, .. } in self.entries.take() {
            drop_quietly(key);
            D::drop_change(content);
        }
        self.reset();
    }

    /// Everything goes that was there before, and everything that the message has written.
    pub(super) fn clear(&mut self) {
        self.drop_entries();
        self.is_cleared = true;
    }
}

impl<K, D: Kind> Drop for WriteSet<K, D> {
    fn drop(&mut self) {
        self.drop_entries();
    }
}
