//! Every place an item can stand in, every sort of name and parameter it can have.

use std::collections::BTreeMap;

use heir_runtime::{OrderedTable, Supervisor, Table, handlers, heir};

macro_rules! counter {
    ($(#[$attribute:meta])* $vis:vis $name:ident, $handler:ident, $key:ty, $by:expr) => {
        $(#[$attribute])*
        #[heir(crate = $crate::hygiene::places::reexported)]
        $vis struct $name {
            #[table]
            counts: Table<$key, u64>,
            #[table(rollback, init = $by)]
            by: u64,
        }

        #[handlers(crate = $crate::hygiene::places::reexported)]
        impl $name {
            $vis fn $handler(&mut self, key: $key) -> u64 {
                let by = self.by;
                self.counts.add(key, by)
            }
        }
    };
}

mod reexported {
    pub(super) use heir_runtime::*;
}

mod first {
    use super::*;

    counter!(
        /// One of two.
        pub(super) Twice, count, String, 1
    );
}

mod second {
    use super::*;

    counter!(pub(in crate::hygiene) Twice, count, &'static str, { 1 + 1 });
}

#[tokio::test]
async fn two_workers_of_one_name_come_from_one_macro_in_two_modules() {
    let mut tree = Supervisor::builder("app");
    let one = tree.worker(first::Twice::spec().name("one"));
    let two = tree.worker(second::Twice::spec().name("two"));
    let _tree = tree.start().await.unwrap();
    assert_eq!((one.count("a".into()).await.unwrap(), two.count("a").await.unwrap()), (1, 2));
}

#[tokio::test]
async fn a_worker_can_be_declared_in_a_function() {
    #[derive(Clone)]
    struct Local(u64);

    #[heir]
    struct Inner {
        #[table(keep)]
        count: u64,
        #[arg]
        by: Local,
    }

    #[handlers]
    impl Inner {
        fn count(&mut self) -> u64 {
            self.count += self.by.0;
            self.count
        }
    }

    let mut tree = Supervisor::builder("app");
    let inner = tree.worker(Inner::spec(Local(3)));
    let _tree = tree.start().await.unwrap();
    assert_eq!(inner.count().await.unwrap(), 3);
}

/// A worker whose names are no ASCII, or keywords.
#[heir]
struct Zähler {
    #[table]
    größen: OrderedTable<String, u64>,
    #[table(keep)]
    r#type: u64,
    #[arg]
    r#in: u64,
}

#[handlers]
impl Zähler {
    fn zähle(&mut self, größe: String, r#for: u64) -> u64 {
        self.r#type += 1;
        self.größen.insert(größe, r#for);
        self.r#in + r#for
    }

    fn r#match(&mut self) -> u64 {
        self.r#type
    }
}

#[tokio::test]
async fn names_can_be_raw_and_need_not_be_ascii() {
    let mut tree = Supervisor::builder("app");
    let zähler = tree.worker(Zähler::spec(4));
    let _tree = tree.start().await.unwrap();
    assert_eq!(zähler.zähle("groß".into(), 3).await.unwrap(), 7);
    assert_eq!(zähler.r#match().await.unwrap(), 1);
    assert_eq!(zähler.größen().get("groß"), Some(3));
}

trait Kind {
    type Value: Clone + Default + Send + Sync + 'static;
    const WIDTH: usize;
}

struct Numbers;

impl Kind for Numbers {
    type Value = u64;
    const WIDTH: usize = 2;
}

/// A worker with every sort of parameter and bound.
#[heir]
struct Rows<K: Kind + Send + 'static, F, const N: usize = 4>
where
    K::Value: From<u8> + Into<u64>,
    F: Fn(K::Value) -> u64 + Clone + Send + 'static,
    Self: Sized,
{
    #[table(keep)]
    rows: BTreeMap<usize, [u64; N]>,
    #[table(rollback)]
    last: K::Value,
    #[arg]
    map: F,
    #[cfg(test)]
    here: u8,
    #[cfg(not(test))]
    gone: NoSuchType,
}

#[handlers]
impl<K: Kind + Send + 'static, F, const N: usize> Rows<K, F, N>
where
    K::Value: From<u8> + Into<u64>,
    F: Fn(K::Value) -> u64 + Clone + Send + 'static,
    Self: Sized,
{
    fn put(&mut self, at: usize, value: K::Value) -> u64 {
        self.last = value.clone();
        self.here += 1;
        let mapped = (self.map)(value);
        self.rows.insert(at * K::WIDTH, [mapped; N]);
        self.rows.values().flatten().sum()
    }

    #[cfg(test)]
    fn last(&mut self) -> K::Value {
        self.last.clone()
    }

    #[cfg(not(test))]
    fn last(&mut self, gone: NoSuchType) {}
}

#[tokio::test]
async fn parameters_are_types_and_constants_bound_in_every_way() {
    let mut tree = Supervisor::builder("app");
    let rows = tree.worker(Rows::<Numbers, _, 3>::spec(|value| value + 1));
    let _tree = tree.start().await.unwrap();
    assert_eq!(rows.put(1, 6).await.unwrap(), 21);
    assert_eq!(rows.last().await.unwrap(), 6);
}
