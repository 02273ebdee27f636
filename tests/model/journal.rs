//! A journal that keeps what it is given, and shows it late: its owner sees everything at once, and everybody else
//! what has been shown.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use heir_runtime::table::{
    BagTable, Change, Encoded, Journal, OrderedTable, Readers, Table, Written, rows_first,
};
use heir_tests::Random;
use proptest::prelude::*;

use crate::operations::{Model, Operation, operation};
use crate::subject::{Key, Rebuilt, Rows, Subject};

/// Rebuilds the rows of one table from its changes, and remembers them by the number of the commit.
struct Kept<T> {
    commits: Mutex<Commits>,
    table: PhantomData<fn() -> T>,
}

/// The rows after each commit; before the first there are none.
struct Commits {
    last: u64,
    rebuilt: HashMap<u64, Rebuilt>,
}

impl<T: Subject> Kept<T> {
    fn new() -> Arc<Self> {
        let commits = Commits { last: 0, rebuilt: HashMap::from([(0, Rebuilt::default())]) };
        Arc::new(Self { commits: Mutex::new(commits), table: PhantomData })
    }

    fn last(&self) -> u64 {
        self.commits.lock().unwrap().last
    }

    fn rows(&self, commit: u64) -> Rows {
        self.commits.lock().unwrap().rebuilt[&commit].rows()
    }

    /// The commits after this one could not be kept.
    fn forget_after(&self, commit: u64) {
        self.commits.lock().unwrap().last = commit;
    }
}

impl<T: Subject> Journal for Kept<T> {
    fn encode(&self, commit: &Written<'_>) -> Encoded {
        Box::new(commit.changes::<T>(0))
    }

    fn append(&self, commit: u64, encoded: Encoded) {
        let changes: Box<Vec<Change<Key, u16>>> = encoded.downcast().unwrap();
        let mut commits = self.commits.lock().unwrap();
        assert_eq!(commit, commits.last + 1, "commits come in order, and none is left out");
        commits.last = commit;
        let mut rebuilt = commits.rebuilt[&(commit - 1)].clone();
        rebuilt.apply(*changes);
        commits.rebuilt.insert(commit, rebuilt);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Do(Operation),
    /// So many commits more are shown.
    Show(u64),
    /// The table is opened anew, as after it was taken out of its place.
    Reopen,
    /// The owner dies, and the commits that are not shown are forgotten. Its table goes on, or is opened anew.
    Forget {
        reopens: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        8 => operation().prop_map(Step::Do),
        3 => Just(Step::Do(Operation::Commit)),
        2 => (1..4_u64).prop_map(Step::Show),
        1 => Just(Step::Reopen),
        1 => any::<bool>().prop_map(|reopens| Step::Forget { reopens }),
    ];
    proptest::collection::vec(one, 0..80)
}

fn check<T: Subject>(steps: Vec<Step>) {
    let journal = Kept::<T>::new();
    let readers = Readers::from([rows_first::<T>()]).kept_by(Arc::<Kept<T>>::clone(&journal));
    let (mut table, mut model) = (readers.open::<T>(0), Model::default());
    let mut shown = 0;
    for step in steps {
        match step {
            Step::Do(operation) => model.step(&mut table, operation),
            Step::Show(more) => {
                shown = journal.last().min(shown + more);
                readers.show_up_to(shown);
            }
            Step::Reopen => {
                table = readers.open(0);
                model.step(&mut table, Operation::Rollback);
            }
            Step::Forget { reopens } => {
                table.discard();
                readers.forget_unshown();
                journal.forget_after(shown);
                let rows = journal.rows(shown);
                model = Model { now: rows.clone(), boundary: rows, dirty: false, number: shown };
                if reopens {
                    table = readers.open(0);
                }
            }
        }
        assert_eq!(journal.rows(model.number), model.boundary);
        assert_eq!(table.rows(), model.now);
        assert_eq!(table.pages(3), model.now);
        assert_eq!(table.len(), model.len());
        assert_eq!(table.is_dirty(), model.dirty);
        assert_eq!(table.shown(), journal.rows(shown));
        assert_eq!(table.snapshot(), (journal.rows(shown), shown));
    }
    readers.show_up_to(u64::MAX);
    table.discard();
    assert_eq!(table.rows(), model.boundary);
    assert_eq!(table.shown(), model.boundary);
}

proptest! {
    #[test]
    fn a_table_that_is_shown_late_does_what_its_model_does(steps in steps()) {
        check::<Table<Key, u16>>(steps);
    }

    #[test]
    fn an_ordered_table_that_is_shown_late_does_what_its_model_does(steps in steps()) {
        check::<OrderedTable<Key, u16>>(steps);
    }

    #[test]
    fn a_bag_table_that_is_shown_late_does_what_its_model_does(steps in steps()) {
        check::<BagTable<Key, u16>>(steps);
    }
}

/// The owner works, one thread shows commits, and two read.
fn check_beside<T: Subject>() {
    let mut random = Random::new();
    println!("{random}");
    let journal = Kept::<T>::new();
    let readers = Readers::from([rows_first::<T>()]).kept_by(Arc::<Kept<T>>::clone(&journal));
    let mut table = readers.open::<T>(0);
    let (done, mut of_another) = (AtomicBool::new(false), random.another());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut shown = 0;
            while !done.load(Ordering::Relaxed) {
                let waits = journal.last() - shown;
                shown += u64::from(of_another.below(u32::try_from(waits.min(8)).unwrap() + 1));
                readers.show_up_to(shown);
                std::thread::yield_now();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let snapshot = readers.snapshot(|copying| copying.rows::<T>(0));
                    assert!(last <= snapshot.boundary());
                    last = snapshot.boundary();
                    assert_eq!(T::as_rows(&snapshot), journal.rows(last));
                }
            });
        }
        let mut model = Model::default();
        for _ in 0..2_000 {
            model.step(&mut table, arbitrary(&mut random));
            assert_eq!(table.rows(), model.now, "{random}");
            assert_eq!(table.pages(4), model.now, "{random}");
            assert_eq!(table.len(), model.len(), "{random}");
        }
        done.store(true, Ordering::Relaxed);
    });
    readers.show_up_to(u64::MAX);
    assert_eq!(table.shown(), journal.rows(journal.last()), "{random}");
}

fn arbitrary(random: &mut Random) -> Operation {
    let key = |random: &mut Random| u8::try_from(random.below(12)).unwrap();
    let value = u16::try_from(random.below(40)).unwrap();
    match random.below(24) {
        0..6 => Operation::Insert((key(random), value)),
        6..8 => Operation::InsertNew((key(random), value)),
        8..11 => Operation::Add((key(random), value)),
        11..14 => Operation::Remove(key(random)),
        14 => Operation::RemoveIf(1 + value % 4),
        15 => Operation::Clear,
        16..22 => Operation::Commit,
        _ => Operation::Rollback,
    }
}

#[test]
fn a_table_does_what_its_model_does_while_a_thread_shows_its_commits() {
    check_beside::<Table<Key, u16>>();
}

#[test]
fn an_ordered_table_does_what_its_model_does_while_a_thread_shows_its_commits() {
    check_beside::<OrderedTable<Key, u16>>();
}

#[test]
fn a_bag_table_does_what_its_model_does_while_a_thread_shows_its_commits() {
    check_beside::<BagTable<Key, u16>>();
}
