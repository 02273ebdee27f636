//! The recorded tables of a worker together, whatever their rows are: so that what the runtime does with all of them is written once.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Recorded;

const SAME: &str = "the recorded tables of a worker are always listed in one order";

/// The reader of a recorded table, whatever its rows are.
pub struct AnyReader(Box<dyn Any + Send + Sync>);

/// The reader of a table of type `T` that does not exist yet.
pub fn reader_first<T: Recorded>() -> AnyReader {
    AnyReader(Box::new(T::reader_first()))
}

/// The readers of a worker's recorded tables, in the order of its fields: made before the tables are, good after them.
#[derive(Clone, Default)]
pub struct Readers {
    readers: Arc<[AnyReader]>,
}

impl Readers {
    /// The reader of the table at this place, whose type is `T`.
    ///
    /// # Panics
    /// If there is none, or of another type.
    pub fn get<T: Recorded>(&self, place: usize) -> T::Reader {
        self.at::<T>(place).clone()
    }

    /// The one table that the reader at this place reads. To be called once for readers made first: there is one writer.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn open<T: Recorded>(&self, place: usize) -> T {
        T::open(self.at::<T>(place))
    }

    fn at<T: Recorded>(&self, place: usize) -> &T::Reader {
        self.readers.get(place).and_then(|reader| reader.0.downcast_ref()).expect(SAME)
    }
}

impl FromIterator<AnyReader> for Readers {
    fn from_iter<I: IntoIterator<Item = AnyReader>>(readers: I) -> Self {
        Self { readers: readers.into_iter().collect() }
    }
}

impl<const N: usize> From<[AnyReader; N]> for Readers {
    fn from(readers: [AnyReader; N]) -> Self {
        Self { readers: Arc::from(readers) }
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("tables", &self.readers.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for AnyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyReader").finish_non_exhaustive()
    }
}

/// A recorded table, whatever its rows are.
pub struct AnyTable<'t>(&'t mut dyn Erased);

/// All recorded tables of a worker, in the order of its fields.
pub type AnyTables<'t> = Vec<AnyTable<'t>>;

/// A recorded table as one of all that a worker has.
pub fn any<T: Recorded>(table: &mut T) -> AnyTable<'_> {
    AnyTable(table)
}

impl AnyTable<'_> {
    pub(crate) fn reader(&self) -> AnyReader {
        self.0.any_reader()
    }

    /// Ends the message under way: what it wrote stays.
    pub(crate) fn commit(&mut self) {
        self.0.commit_any();
    }

    /// How many messages have written to it.
    pub(crate) fn written(&self) -> u64 {
        self.0.written_any()
    }

    /// Undoes the message under way. It may be called again after a panic of the user's code, and then goes on.
    pub(crate) fn rollback(&mut self) {
        self.0.rollback_any();
    }

    /// Puts the rows of `new` in the place of its own, as changes of the message under way.
    pub(crate) fn adopt(&mut self, new: &Self) {
        self.0.adopt_any(new.0.as_any());
    }

    /// Changes places with another table of its type, its readers included. Runs no user code.
    pub(crate) fn swap(&mut self, other: &mut Self) {
        self.0.swap_any(other.0.as_any_mut());
    }
}

impl fmt::Debug for AnyTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyTable").finish_non_exhaustive()
    }
}

trait Erased {
    fn any_reader(&self) -> AnyReader;
    fn commit_any(&mut self);
    fn written_any(&self) -> u64;
    fn rollback_any(&mut self);
    fn adopt_any(&mut self, new: &dyn Any);
    fn swap_any(&mut self, other: &mut dyn Any);
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Recorded> Erased for T {
    fn any_reader(&self) -> AnyReader {
        AnyReader(Box::new(self.reader()))
    }

    fn commit_any(&mut self) {
        self.commit();
    }

    fn written_any(&self) -> u64 {
        // The message under way has written if it could not be undone.
        self.message() - u64::from(!self.is_dirty())
    }

    fn rollback_any(&mut self) {
        self.rollback();
    }

    fn adopt_any(&mut self, new: &dyn Any) {
        self.adopt(new.downcast_ref().expect(SAME));
    }

    fn swap_any(&mut self, other: &mut dyn Any) {
        std::mem::swap(self, other.downcast_mut().expect(SAME));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
