//! A worker can have the tables of another one, and its settings wherever it is started.

use std::collections::HashSet;

use heir_runtime::by_hand::Worker;
use heir_runtime::{Exit, Spec, Table, Verdict, handlers, heir};

mod first {
    use std::collections::HashSet;

    use heir_runtime::{Table, handlers, heir};

    #[heir]
    pub(super) struct Visits {
        #[table]
        pub(super) counts: Table<String, u64>,
        #[table(keep)]
        pub(super) r#where: HashSet<String>,
    }

    #[handlers]
    impl Visits {}

    #[heir]
    pub(super) struct Last<T: Clone + Default + Send + 'static> {
        #[table(rollback)]
        pub(super) last: T,
    }

    #[handlers]
    impl<T: Clone + Default + Send + 'static> Last<T> {}
}

/// The same tables, in another order, of another kind, beside another field.
#[heir(tables = first::VisitsTables, restart = temporary)]
struct VisitsV2 {
    #[table(rollback)]
    r#where: HashSet<String>,
    #[fresh(3)]
    limit: usize,
    #[table(init = [("created".to_owned(), 1)])]
    counts: Table<String, u64>,
}

#[handlers]
impl VisitsV2 {
    fn is_full(&mut self) -> bool {
        self.r#where.len() >= self.limit
    }

    #[on(verify)]
    fn check(_: &mut first::VisitsTables, _: &Exit) -> Verdict {
        Verdict::Accept
    }
}

/// With the parameters of the first, and with one more.
#[heir(tables = first::LastTables)]
struct LastV2<T: Clone + Default + Send + 'static> {
    #[table(keep)]
    last: T,
}

#[handlers]
impl<T: Clone + Default + Send + 'static> LastV2<T> {}

#[heir(tables = first::LastTables<T>)]
struct LastV3<T: Clone + Default + Send + 'static, U: Default + Into<T> + Send + 'static> {
    #[table(keep)]
    last: T,
    next: U,
}

#[handlers]
impl<T: Clone + Default + Send + 'static, U: Default + Into<T> + Send + 'static> LastV3<T, U> {
    fn put(&mut self, next: U) {
        self.last = std::mem::replace(&mut self.next, next).into();
    }
}

fn with_the_tables_of<First: Worker, Second: Worker<Tables = First::Tables>>() {}

#[tokio::test]
async fn a_worker_takes_the_tables_of_another_as_they_are() {
    let mut tables = first::Visits::create((), first::Visits::readers()).await.unwrap();
    tables.counts.insert("hits".into(), 7);
    tables.r#where.insert("here".into());

    let mut worker = VisitsV2::incarnate(())(tables);
    assert_eq!((worker.counts.get("hits"), worker.counts.get("created")), (Some(7), None));
    assert!(!worker.is_full());
    let (tables, _rest) = worker.dismantle();
    assert!(tables.r#where.contains("here"));

    let tables = VisitsV2::create((), VisitsV2::readers()).await.unwrap();
    assert_eq!(tables.counts.get("created"), Some(1));
}

#[test]
fn the_tables_taken_have_the_parameters_of_their_worker() {
    with_the_tables_of::<first::Last<u8>, LastV2<u8>>();
    with_the_tables_of::<first::Last<u8>, LastV3<u8, bool>>();
}

#[test]
fn a_workers_settings_hold_for_every_spec_of_it() {
    for spec in [VisitsV2::spec(), Spec::new(())] {
        assert!(format!("{spec:?}").contains("restart: Temporary"), "{spec:?}");
    }
}
