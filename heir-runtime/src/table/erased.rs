//! The recorded tables of a worker together, whatever their rows are: so that what the runtime does
//! with all of them is written once.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::task::Context;

use super::boundary::{Boundaries, Passing, PreparedTable, Taking};
use super::journal::Journal;
use super::recorded::Recorded;
use super::snapshot::Snapshot;

const SAME: &str = "the recorded tables of a worker are always listed in one order";

/// The reader of a recorded table, whatever its rows are.
pub struct AnyReader {
    reader: Box<dyn Any + Send + Sync>,
    anew: fn(&dyn Any, &Arc<Boundaries>) -> AnyReader,
    give_up_replaced: fn(&dyn Any),
}

impl AnyReader {
    fn of<T: Recorded>(reader: T::Reader) -> Self {
        let anew = |reader: &dyn Any, boundaries: &Arc<Boundaries>| {
            let reader = reader.downcast_ref().expect(SAME);
            AnyReader::of::<T>(T::reader_anew(reader, boundaries))
        };
        let give_up_replaced = |reader: &dyn Any| {
            T::give_up_replaced(reader.downcast_ref().expect(SAME));
        };
        Self { reader: Box::new(reader), anew, give_up_replaced }
    }
}

/// Makes the reader of a recorded table that does not exist yet.
pub type MakeReader = fn(&Arc<Boundaries>) -> AnyReader;

/// Makes the reader of a table of type `T` that does not exist yet.
pub fn reader_first<T: Recorded>() -> MakeReader {
    |boundaries| AnyReader::of::<T>(T::reader_first(boundaries))
}

/// The readers of a worker's recorded tables, in the order of its fields: made before the tables
/// are, good after them.
#[derive(Clone)]
pub struct Readers {
    readers: Arc<[AnyReader]>,
    boundaries: Arc<Boundaries>,
}

impl Readers {
    /// The reader of the table at this place, whose type is `T`.
    ///
    /// # Panics
    /// If there is none, or of another type.
    pub fn get<T: Recorded>(&self, place: usize) -> T::Reader {
        self.at::<T>(place).clone()
    }

    /// The table that the reader at this place reads. It may write from now on, and none before it.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn open<T: Recorded>(&self, place: usize) -> T {
        T::open(self.at::<T>(place))
    }

    /// A copy of tables as of one message boundary: what `copy` makes of them.
    ///
    /// It takes time and memory for every row, in the caller's thread. The owner goes on meanwhile;
    /// what it replaces is kept until the copy is done. `copy` is called again if all rows have been
    /// exchanged for others meanwhile.
    ///
    /// # Panics
    /// In the code of a user that `copy` calls; and if it is called in the `Clone`, `Eq` or `Ord` of
    /// a row.
    pub fn snapshot<R>(&self, mut copy: impl FnMut(&Copying<'_>) -> Option<R>) -> Snapshot<R> {
        let give_up = || self.readers.iter().for_each(|any| (any.give_up_replaced)(&*any.reader));
        Snapshot::take(&self.boundaries, |taking| copy(&Copying { readers: self, taking }), give_up)
    }

    /// Readers of tables that are still to be made, like these: this journal keeps their commits, and
    /// says when they become visible.
    #[doc(hidden)]
    #[must_use]
    pub fn kept_by(&self, journal: Arc<dyn Journal>) -> Self {
        self.with(Boundaries::kept_by(journal))
    }

    /// Shows the commits up to this number, in order, in this thread: for the journal that keeps them.
    #[doc(hidden)]
    pub fn show_up_to(&self, commit: u64) {
        self.boundaries.show_up_to(commit);
    }

    /// Whether the owner of the tables, which waits for messages, is to mark a boundary, so that it
    /// drops what commits have replaced that a journal has shown. It is woken when it is.
    #[inline]
    pub(crate) fn poll_replaced(&self, cx: &Context<'_>) -> bool {
        self.boundaries.unshown().is_some_and(|unshown| unshown.poll_replaced(cx))
    }

    /// The number of the last commit, visible or not.
    pub(crate) fn last_commit(&self) -> u64 {
        self.boundaries.last_commit()
    }

    /// Waits until all commits are visible.
    pub(crate) async fn until_all_shown(&self) {
        if let Some(unshown) = self.boundaries.unshown() {
            unshown.until_all_shown().await;
        }
    }

    /// Readers of tables that are still to be made, with which these can be exchanged.
    pub(crate) fn anew(&self) -> Self {
        self.with(Boundaries::new())
    }

    fn with(&self, boundaries: Arc<Boundaries>) -> Self {
        let anew = self.readers.iter().map(|any| (any.anew)(&*any.reader, &boundaries)).collect();
        Self { readers: anew, boundaries }
    }

    /// Readers of tables that exist.
    pub(crate) fn of(tables: &[AnyTable<'_>]) -> Self {
        let boundaries =
            tables.first().map_or_else(Boundaries::new, |table| Arc::clone(table.0.any_boundaries()));
        Self { readers: tables.iter().map(|table| table.0.any_reader()).collect(), boundaries }
    }

    /// The boundaries of the tables.
    pub(crate) fn boundaries(&self) -> &Arc<Boundaries> {
        &self.boundaries
    }

    /// Whether this is the table at a place.
    #[inline]
    pub(super) fn are_of(&self, place: usize, table: &AnyTable<'_>) -> bool {
        self.readers.get(place).is_some_and(|reader| table.0.is_of_any(&*reader.reader))
    }

    /// Opens a table anew, over its own rows, at each place whose table was taken out. Neither the
    /// table that was taken out nor the table that was put in its place may write any more.
    pub(crate) fn mend(&self, tables: Vec<AnyTable<'_>>) {
        for (place, table) in tables.into_iter().enumerate() {
            if !self.are_of(place, &table) {
                let reader = self.readers.get(place).expect(SAME);
                table.0.reopen_any(&*reader.reader);
            }
        }
    }

    fn at<T: Recorded>(&self, place: usize) -> &T::Reader {
        self.readers.get(place).and_then(|any| any.reader.downcast_ref()).expect(SAME)
    }
}

/// A snapshot of a worker's recorded tables that is being taken: from [`Readers::snapshot`].
#[derive(Debug)]
pub struct Copying<'r> {
    readers: &'r Readers,
    taking: &'r Taking,
}

impl Copying<'_> {
    /// The rows of the table at this place, whose type is `T`: `None` if all rows have been exchanged
    /// for others since the snapshot began, so that it has to begin anew.
    ///
    /// # Panics
    /// As [`Readers::get`], and in the `Clone`, `Eq`, `Ord` or `Hash` of a row, if that panics.
    pub fn rows<T: Recorded>(&self, place: usize) -> Option<T::Rows> {
        T::rows_at(self.readers.at::<T>(place), self.taking)
    }
}

impl Default for Readers {
    fn default() -> Self {
        Self { readers: Arc::from([]), boundaries: Boundaries::new() }
    }
}

impl<const N: usize> From<[MakeReader; N]> for Readers {
    fn from(make: [MakeReader; N]) -> Self {
        let boundaries = Boundaries::new();
        Self { readers: make.iter().map(|make| make(&boundaries)).collect(), boundaries }
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
#[inline]
pub fn any<T: Recorded>(table: &mut T) -> AnyTable<'_> {
    AnyTable(table)
}

impl AnyTable<'_> {
    #[inline]
    pub(super) fn is_dirty(&self) -> bool {
        self.0.is_any_dirty()
    }

    pub(super) fn prepare(&mut self) {
        self.0.prepare_any();
    }

    pub(super) fn hand_over(&mut self, commit: u64) -> Box<dyn PreparedTable> {
        self.0.hand_over_any(commit)
    }

    pub(super) fn apply(&mut self, passing: &Passing<'_>) {
        self.0.apply_any(passing);
    }

    pub(super) fn sweep(&mut self) {
        self.0.sweep_any();
    }

    /// Drops what has been written to it since the last boundary.
    pub(crate) fn discard(&mut self) {
        self.0.discard_any();
    }

    pub(super) fn boundaries(&self) -> &Arc<Boundaries> {
        self.0.any_boundaries()
    }

    pub(super) fn exchange(&mut self, other: &mut AnyTable<'_>, passing: &mut Passing<'_>) {
        self.0.exchange_any(other.0.as_any_mut(), passing);
    }

    pub(super) fn as_any(&self) -> &dyn Any {
        self.0.as_any()
    }

    /// Changes places with another table of its type, its readers included. Runs no user code.
    pub(super) fn swap(&mut self, other: &mut AnyTable<'_>) {
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
    fn any_boundaries(&self) -> &Arc<Boundaries>;
    fn is_of_any(&self, reader: &dyn Any) -> bool;
    fn reopen_any(&mut self, reader: &dyn Any);
    fn is_any_dirty(&self) -> bool;
    fn prepare_any(&mut self);
    fn hand_over_any(&mut self, commit: u64) -> Box<dyn PreparedTable>;
    fn apply_any(&mut self, passing: &Passing<'_>);
    fn sweep_any(&mut self);
    fn discard_any(&mut self);
    fn exchange_any(&mut self, other: &mut dyn Any, passing: &mut Passing<'_>);
    fn swap_any(&mut self, other: &mut dyn Any);
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Recorded> Erased for T {
    fn any_reader(&self) -> AnyReader {
        AnyReader::of::<T>(self.reader())
    }

    fn any_boundaries(&self) -> &Arc<Boundaries> {
        self.boundaries()
    }

    fn is_of_any(&self, reader: &dyn Any) -> bool {
        reader.downcast_ref().is_some_and(|reader| self.is_of(reader))
    }

    fn reopen_any(&mut self, reader: &dyn Any) {
        *self = T::open(reader.downcast_ref().expect(SAME));
    }

    fn is_any_dirty(&self) -> bool {
        self.is_dirty()
    }

    fn prepare_any(&mut self) {
        self.prepare();
    }

    fn hand_over_any(&mut self, commit: u64) -> Box<dyn PreparedTable> {
        self.hand_over(commit)
    }

    fn apply_any(&mut self, passing: &Passing<'_>) {
        self.apply(passing);
    }

    fn sweep_any(&mut self) {
        self.sweep();
    }

    fn discard_any(&mut self) {
        self.discard();
    }

    fn exchange_any(&mut self, other: &mut dyn Any, passing: &mut Passing<'_>) {
        self.exchange(other.downcast_mut().expect(SAME), passing);
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
