//! What is the same for each kind of table: the runtime asks the table, and the table's owner or
//! reader does it.

/// Writes these functions of [`Recorded`](super::Recorded), for a table that has an `owner`.
macro_rules! owned {
    () => {
        fn boundaries(&self) -> &Arc<Boundaries> {
            &self.owner.core.boundaries
        }

        fn is_dirty(&self) -> bool {
            self.owner.is_dirty()
        }

        fn prepare(&mut self) {
            self.owner.prepare();
        }

        fn hand_over(&mut self, commit: u64) -> Box<dyn PreparedTable> {
            Box::new(self.owner.hand_over(commit))
        }

        fn apply(&mut self, passing: &Passing<'_>) {
            self.owner.apply(passing);
        }

        fn commit_alone(&mut self) {
            self.owner.commit_alone();
        }

        fn sweep(&mut self) {
            self.owner.sweep();
        }

        fn discard(&mut self) {
            self.owner.discard();
        }

        fn exchange(&mut self, other: &mut Self, passing: &mut Passing<'_>) {
            self.owner.exchange(&mut other.owner, passing);
        }

        fn fill(&mut self, rows: impl IntoIterator<Item = (K, V)>) {
            self.extend(rows);
        }

        fn reader(&self) -> Self::Reader {
            self.reader()
        }

        fn is_of(&self, reader: &Self::Reader) -> bool {
            Arc::ptr_eq(&self.owner.core, &reader.core) && self.owner.is_current()
        }

        fn open(reader: &Self::Reader) -> Self {
            Self { owner: Owner::new(Arc::clone(&reader.core)) }
        }

        fn rows_at(reader: &Self::Reader, taking: &Taking) -> Option<Self::Rows> {
            reader.rows_at(taking)
        }

        fn give_up_replaced(reader: &Self::Reader) {
            reader.core.give_up_replaced();
        }
    };
}
