//! The lock over the rows of a table, which a thread that is inside may read again.

use std::cell::Cell;

use parking_lot::RwLock;

thread_local! {
    /// How many locks of rows this thread holds.
    static HELD: Cell<usize> = const { Cell::new(0) };

    /// The lock under which this thread compares keys to put one in order; 0 for none.
    static ORDERING: Cell<usize> = const { Cell::new(0) };
}

/// Rows behind a lock under which a user's code may run: `Eq` and `Ord` of keys, and the `Clone` of
/// a row or of a page of rows for a reader.
///
/// Such code may panic: no lock poisons. It may ask the table whose lock its thread holds: a read
/// in a read does not wait, not even behind a writer that waits for the lock. (A writer waits for
/// readers that began before it; readers that begin later wait for the writer, so that it gets its
/// turn.)
pub(super) struct RowLock<T>(RwLock<T>);

impl<T> RowLock<T> {
    pub(super) const fn new(rows: T) -> Self {
        Self(RwLock::new(rows))
    }

    #[inline]
    pub(super) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let held = Held::one_more();
        let rows = if held.is_outermost() {
            self.0.read()
        } else {
            assert!(
                ORDERING.get() != self.address(),
                "the `Ord` of a key asked the table into which the key is being put"
            );
            self.0.read_recursive()
        };
        look(&rows)
    }

    /// `work` moves, and runs none of a user's code.
    #[inline]
    pub(super) fn write<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.write())
    }

    /// `work` also compares keys, by a user's `Ord`.
    pub(super) fn write_in_order<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let _held = Held::one_more();
        let mut rows = self.0.write();
        let _ordering = Ordering::under(self.address());
        work(&mut rows)
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Whether this thread is under a lock of rows, in a user's `Clone`, `Eq` or `Ord`. What waits for
/// a writer must not be asked for there: the writer may wait for this thread.
pub(super) fn is_held() -> bool {
    HELD.get() > 0
}

/// Counts a lock of this thread while it lives.
struct Held(usize);

impl Held {
    #[inline]
    fn one_more() -> Self {
        let before = HELD.get();
        HELD.set(before + 1);
        Self(before)
    }

    fn is_outermost(&self) -> bool {
        self.0 == 0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(self.0);
    }
}

/// Says under which lock this thread puts keys in order, while it lives.
struct Ordering(usize);

impl Ordering {
    fn under(address: usize) -> Self {
        Self(ORDERING.replace(address))
    }
}

impl Drop for Ordering {
    fn drop(&mut self) {
        ORDERING.set(self.0);
    }
}
