//! The recorded tables of a worker together, as everybody but the owner knows them.

use std::fmt;
#[cfg(feature = "store")]
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::task::Context;

use super::any::{AnyCore, AnyTable};
use super::boundary::{Boundaries, Taking};
use super::journal::Journal;
use super::recorded::Recorded;
use super::snapshot::Snapshot;

const SAME: &str = "the recorded tables of a worker are always listed in one order";

/// Makes the rows of a table that does not exist yet, whose commits pass these boundaries.
pub type MakeRows = fn(&Arc<Boundaries>) -> Arc<dyn AnyCore>;

/// Makes the rows of a table of type `T` that does not exist yet.
pub fn rows_first<T: Recorded>() -> MakeRows {
    T::rows_first
}

/// The readers of a worker's recorded tables, in the order of its fields: made before the tables
/// are, good after them.
#[derive(Clone)]
pub struct Readers {
    cores: Arc<[Arc<dyn AnyCore>]>,
    boundaries: Arc<Boundaries>,
    /// `None` for none: most workers have none.
    #[cfg(feature = "store")]
    stored: Option<Arc<Stored>>,
}

/// What readers know of a store.
#[cfg(feature = "store")]
#[derive(Clone, Default)]
struct Stored {
    /// The places of the tables that are there before they are created.
    known: Vec<usize>,
    /// The values of `rollback` fields, each with the name of its field. Their places are behind those of
    /// the recorded tables.
    values: Vec<(&'static str, Arc<dyn AnyCore>)>,
}

impl Readers {
    /// The reader of the table at this place, whose type is `T`.
    ///
    /// # Panics
    /// If there is none, or of another type.
    pub fn get<T: Recorded>(&self, place: usize) -> T::Reader {
        T::reader_of(self.at(place))
    }

    /// The table that the reader at this place reads. It may write from now on, and none before it.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn open<T: Recorded>(&self, place: usize) -> T {
        T::open(self.at(place))
    }

    /// Whether no store has had the table at this place: only then does the table get its first rows.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn is_new(&self, place: usize) -> bool {
        self.stored.as_deref().is_none_or(|stored| !stored.known.contains(&place))
    }

    /// These readers, for a worker of which a store has the tables at these places, also if they have no
    /// rows. All others are new, and so are all that [`anew`](Self::anew) is for.
    #[cfg(feature = "store")]
    #[must_use]
    pub(crate) fn known(self, places: impl IntoIterator<Item = usize>) -> Self {
        let stored = Stored { known: places.into_iter().collect(), values: self.values().to_vec() };
        Self { stored: Some(Arc::new(stored)), ..self }
    }

    /// These readers, for a worker that has the values of these `rollback` fields stored, beside its recorded
    /// tables.
    #[cfg(feature = "store")]
    #[must_use]
    pub(super) fn with_values_in(self, names: &[&'static str], make: MakeRows) -> Self {
        let values = names.iter().map(|name| (*name, make(&self.boundaries))).collect();
        Self { stored: Some(Arc::new(Stored { known: Vec::new(), values })), ..self }
    }

    /// These readers, for a worker that takes over from another: the values of its own fields, in their
    /// order, are those of the other's fields of these names. What only the other has stays behind them.
    #[cfg(feature = "store")]
    #[must_use]
    pub(crate) fn with_values_of(self, own: &Self, before: &Self) -> Self {
        let boundaries = Arc::clone(&before.boundaries);
        let mut left = before.values().to_vec();
        let mut values = Vec::new();
        for (name, rows) in own.values() {
            let there = left.iter().position(|(other, _)| other == name).map(|at| left.remove(at));
            values.push(there.unwrap_or_else(|| (*name, rows.anew(&boundaries))));
        }
        values.extend(left);
        let stored = Stored { known: Vec::new(), values };
        Self { boundaries, stored: Some(Arc::new(stored)), ..self }
    }

    #[cfg(feature = "store")]
    fn values(&self) -> &[(&'static str, Arc<dyn AnyCore>)] {
        self.stored.as_deref().map_or(&[], |stored| &stored.values)
    }

    /// The place of the value of a field.
    #[cfg(feature = "store")]
    pub(crate) fn place_of_value(&self, name: &str) -> Option<usize> {
        let at = self.values().iter().position(|(field, _)| *field == name)?;
        Some(self.cores.len() + at)
    }

    /// The rows of the recorded tables, and then those of the values.
    #[cfg(feature = "store")]
    fn all(&self) -> impl Iterator<Item = &Arc<dyn AnyCore>> {
        self.cores.iter().chain(self.values().iter().map(|(_, rows)| rows))
    }

    #[cfg(not(feature = "store"))]
    fn all(&self) -> impl Iterator<Item = &Arc<dyn AnyCore>> {
        self.cores.iter()
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
        let give_up = || self.all().for_each(|core| core.give_up_replaced());
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

    /// Boundaries and commits go on after this number.
    #[cfg(feature = "store")]
    pub(crate) fn go_on_after(&self, number: u64) {
        self.boundaries.go_on_after(number);
    }

    /// Drops the commits that are not shown, and what they leave of the rows, while nobody owns the
    /// tables: the commit after the last that was shown is the next one.
    ///
    /// It is for a journal that could not keep them. The rows are dropped in this thread, each caught.
    #[doc(hidden)]
    pub fn forget_unshown(&self) {
        if self.boundaries.unshown().is_some() {
            self.boundaries.forget_unshown();
            self.all().for_each(|core| core.forget_ahead());
        }
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

    /// How many rows each table has, in the order of the fields; of a bag, how many pairs. It waits for
    /// nobody.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = usize> {
        self.cores.iter().map(|core| core.row_count())
    }

    /// Readers of tables that are still to be made, with which these can be exchanged.
    pub(crate) fn anew(&self) -> Self {
        self.with(Boundaries::new())
    }

    fn with(&self, boundaries: Arc<Boundaries>) -> Self {
        let anew = Self::new(self.cores.iter().map(|core| core.anew(&boundaries)).collect(), boundaries);
        #[cfg(feature = "store")]
        if !self.values().is_empty() {
            let values = self.values().iter().map(|(name, rows)| (*name, rows.anew(&anew.boundaries)));
            let stored = Stored { known: Vec::new(), values: values.collect() };
            return Self { stored: Some(Arc::new(stored)), ..anew };
        }
        anew
    }

    /// Exchanges all rows for those of tables that were made [anew](Self::anew), while nobody owns
    /// either; boundaries and commits go on after this number. Only moves.
    ///
    /// # Panics
    /// If a commit is not shown yet.
    #[cfg(feature = "store")]
    pub(crate) fn take_over(&self, loaded: &Self, last: u64) {
        let mut passing = self.boundaries.pass();
        for (core, loaded) in self.all().zip(loaded.all()) {
            core.exchange_with(loaded, &mut passing);
        }
        passing.finish_at(last);
    }

    /// The names of the values, of those that are among so many tables, behind the recorded ones.
    #[cfg(feature = "store")]
    pub(super) fn names_of_values(&self, tables: usize) -> Vec<&'static str> {
        self.values().iter().map(|(name, _)| *name).take(tables - self.cores.len()).collect()
    }

    /// The places of the values.
    #[cfg(feature = "store")]
    pub(super) fn places_of_values(&self) -> Range<usize> {
        let first = self.cores.len();
        first..first + self.values().len()
    }

    /// Readers of tables that exist.
    pub(crate) fn of(tables: &[AnyTable<'_>]) -> Self {
        let boundaries =
            tables.first().map_or_else(Boundaries::new, |table| Arc::clone(table.0.boundaries()));
        Self::new(tables.iter().map(|table| table.0.core()).collect(), boundaries)
    }

    fn new(cores: Arc<[Arc<dyn AnyCore>]>, boundaries: Arc<Boundaries>) -> Self {
        Self {
            cores,
            boundaries,
            #[cfg(feature = "store")]
            stored: None,
        }
    }

    /// The boundaries of the tables.
    pub(crate) fn boundaries(&self) -> &Arc<Boundaries> {
        &self.boundaries
    }

    /// Whether this is the table at a place.
    #[inline]
    pub(super) fn are_of(&self, place: usize, table: &AnyTable<'_>) -> bool {
        match self.cores.get(place) {
            Some(core) => table.0.is_of(core),
            None => self.value_at(place).is_some_and(|core| table.0.is_of(core)),
        }
    }

    /// The rows of the value at a place, which is behind those of the recorded tables.
    #[cold]
    fn value_at(&self, place: usize) -> Option<&Arc<dyn AnyCore>> {
        self.all().nth(place)
    }

    /// Opens a table anew, over its own rows, at each place whose table was taken out. Neither the
    /// table that was taken out nor the table that was put in its place may write any more.
    pub(crate) fn mend(&self, tables: Vec<AnyTable<'_>>) {
        for (place, table) in tables.into_iter().enumerate() {
            if !self.are_of(place, &table) {
                table.0.reopen(self.at(place));
            }
        }
    }

    fn at(&self, place: usize) -> Arc<dyn AnyCore> {
        Arc::clone(self.cores.get(place).or_else(|| self.value_at(place)).expect(SAME))
    }
}

/// A snapshot of a worker's recorded tables that is being taken: from [`Readers::snapshot`].
#[derive(Debug)]
pub struct Copying<'r> {
    pub(super) readers: &'r Readers,
    pub(super) taking: &'r Taking,
}

impl Copying<'_> {
    /// The rows of the table at this place, whose type is `T`: `None` if all rows have been exchanged
    /// for others since the snapshot began, so that it has to begin anew.
    ///
    /// # Panics
    /// As [`Readers::get`], and in the `Clone`, `Eq`, `Ord` or `Hash` of a row, if that panics.
    pub fn rows<T: Recorded>(&self, place: usize) -> Option<T::Rows> {
        T::rows_at(&self.readers.get::<T>(place), self.taking)
    }
}

/// Those of no tables: they are the same for all workers that have none.
impl Default for Readers {
    fn default() -> Self {
        static NONE: OnceLock<Readers> = OnceLock::new();
        let none = || Self::new(Arc::from([]), Boundaries::new());
        NONE.get_or_init(none).clone()
    }
}

impl<const N: usize> From<[MakeRows; N]> for Readers {
    fn from(make: [MakeRows; N]) -> Self {
        let boundaries = Boundaries::new();
        Self::new(make.iter().map(|make| make(&boundaries)).collect(), boundaries)
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("tables", &self.cores.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "store"))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::by_hand::Worker;
    use crate::{Table, handlers, heir};

    #[heir(crate = crate, survives = process)]
    struct Counter {
        #[table(init = first_rows(&made))]
        counts: Table<u64, u64>,
        #[table(init = first_rows(&made), survives = task)]
        cached: Table<u64, u64>,
        #[arg]
        made: Arc<AtomicU32>,
    }

    #[handlers(crate = crate)]
    impl Counter {
        fn count(&mut self) {
            self.made.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn first_rows(made: &AtomicU32) -> [(u64, u64); 1] {
        made.fetch_add(1, Ordering::Relaxed);
        [(1, 1)]
    }

    /// How many rows the two tables have when they are created, and how often first rows were made.
    async fn created(readers: Readers) -> (usize, usize, u32) {
        let made = Arc::new(AtomicU32::new(0));
        let tables =
            Counter::create(CounterArgs { made: Arc::clone(&made) }, readers).await.expect("nothing fails");
        (tables.counts.len(), tables.cached.len(), made.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn only_a_new_table_gets_its_first_rows() {
        assert_eq!(created(Counter::readers()).await, (1, 1, 2));
        let known = Counter::readers().known([0]);
        assert!(!known.is_new(0) && known.is_new(1));
        assert_eq!(created(known.clone()).await, (0, 1, 1));
        assert_eq!(created(known.anew()).await, (1, 1, 2), "after a reset all tables are new");
    }
}
