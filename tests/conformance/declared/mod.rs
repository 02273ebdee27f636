//! A tree that is declared is the tree one would build by hand.

mod acquainted;
mod clean;
mod hygiene;

use std::collections::HashMap;

use heir_runtime::by_hand::{Handlers, Worker};
use heir_runtime::{Context, Dynamic, Stopped, Supervisor, SupervisorHandle, handlers, heir, supervisor};
use heir_tests::{Recorder, event};

/// Says what it was started with, and ends as it is told.
#[heir]
struct Teller {
    #[table(rollback)]
    told: u64,
    #[arg]
    words: String,
    #[arg]
    number: u8,
}

#[handlers]
impl Teller {
    fn tell(&mut self) -> (String, u8, u64) {
        self.told += 1;
        (self.words.clone(), self.number, self.told)
    }

    #[cast]
    fn finish(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }
}

/// Counts, and is not started again unless its place in a tree says so.
#[heir(restart = temporary)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }
}

#[supervisor(strategy = one_for_all)]
struct Io {
    #[child(restart = permanent)]
    reader: Counter,
    #[child(args(words: String, number: u8), name = "pen")]
    writer: Teller,
}

#[supervisor(name = "app", intensity = 5, period = "1h")]
struct App {
    #[child(args(words = greeting: String, number = size: u8))]
    teller: Teller,
    #[child(restart = permanent, shutdown = "1s")]
    counter: Counter,
    once: Counter,
    #[child(args(words: String, number: u8))]
    io: Io,
    many: Dynamic<String, Counter>,
    #[cfg(test)]
    r#type: Counter,
    #[cfg(not(test))]
    gone: NoSuchType,
}

async fn start() -> Supervisor<AppHandle> {
    App::start("hello".into(), 1, "write".into(), 2).await.unwrap()
}

#[tokio::test]
async fn the_arguments_of_the_children_are_those_of_the_tree_in_the_fields_order() {
    let app = start().await;
    assert_eq!(app.teller.tell().await.unwrap(), ("hello".into(), 1, 1));
    assert_eq!(app.io.writer.tell().await.unwrap(), ("write".into(), 2, 1));
}

#[tokio::test]
async fn the_tree_is_reached_through_its_fields_and_its_supervisor_behind_them() {
    let app = start().await;
    assert_eq!(app.io.reader.count().await.unwrap(), 1);
    app.many.start("one".into(), Counter::spec()).await.unwrap();
    assert_eq!(app.many.get("one").unwrap().count().await.unwrap(), 1);
    assert_eq!(app.which_children().len(), 6);
    assert_eq!(app.io.name(), "io");

    // What it derefs to can be kept, and sent about.
    fn is_shared<T: Clone + Send + Sync + 'static>(handle: &T) -> T {
        handle.clone()
    }
    let handle = is_shared::<AppHandle>(&app);
    assert!(format!("{handle:?}").contains(r#"name: "app""#), "{handle:?}");
    drop(app);
    assert_eq!(handle.wait_stopped().await, Stopped::Dropped);
}

#[tokio::test]
async fn a_child_is_called_as_its_field_unless_it_says_otherwise() {
    let app = start().await;
    assert_eq!(
        app.tree().to_string().lines().map(|line| line.split([':', '(']).next().unwrap()).collect::<Vec<_>>(),
        [
            "app ",
            "├── teller worker",
            "├── teller manager",
            "├── counter worker",
            "├── counter manager",
            "├── once worker",
            "├── once manager",
            "├── io ",
            "│   ├── reader worker",
            "│   ├── reader manager",
            "│   ├── pen worker",
            "│   └── pen manager",
            "├── many ",
            "├── type worker",
            "└── type manager",
        ]
    );
    assert!(app.tree().to_string().starts_with("app (one_for_one, 5 restarts in 3600s)"));
    assert_eq!(app.io.tree().limits, "one_for_all, 10 restarts in 10s");
}

#[tokio::test]
async fn what_a_place_in_the_tree_says_goes_before_what_the_worker_says() {
    let app = start().await;
    app.counter.die().await.unwrap();
    assert_eq!(app.counter.wait_serving(2).await, Ok(2));
    app.once.die().await.unwrap();
    assert!(matches!(app.once.wait_stopped().await, Stopped::Ended(_)));
}

#[tokio::test]
async fn the_children_end_together_as_the_strategy_says() {
    let app = start().await;
    app.io.writer.tell().await.unwrap();
    app.io.reader.die().await.unwrap();
    assert_eq!(app.io.writer.wait_serving(2).await, Ok(2));
    assert_eq!(app.io.writer.tell().await.unwrap(), ("write".into(), 2, 2));
    assert_eq!(app.counter.incarnation(), 1);
}

#[tokio::test]
async fn a_declared_tree_can_be_observed_and_be_a_branch_of_one_built_by_hand() {
    let (mut tree, recorder) = Recorder::tree();
    let io = tree.child(Io::spec("x".into(), 3).name("in and out"));
    let tree = tree.start().await.unwrap();
    assert_eq!(io.writer.tell().await.unwrap(), ("x".into(), 3, 1));
    assert_eq!(tree.which_children()[0].name(), "in and out");
    assert_eq!(recorder.count(event!("reader": Serving { .. })), 1);
}

#[supervisor(auto_shutdown = any_significant, strategy = rest_for_one)]
struct Job {
    #[child(args(words: String, number: u8), restart = transient, significant)]
    work: Teller,
    help: Counter,
}

#[tokio::test]
async fn a_tree_ends_with_its_significant_child() {
    let mut job = Job::start("work".into(), 1).await.unwrap();
    job.work.finish().await.unwrap();
    assert!(matches!(job.wait().await.why, Stopped::Significant(_)), "{:?}", job.wait().await.why);
    assert!(matches!(job.help.wait_stopped().await, Stopped::Significant(_)));
}

#[supervisor(intensity = 0)]
struct Brittle {
    #[child(restart = permanent, backoff = "1ms")]
    counter: Counter,
}

#[tokio::test]
async fn an_intensity_of_none_allows_no_restart() {
    let mut tree = Brittle::start().await.unwrap();
    tree.counter.die().await.unwrap();
    assert!(matches!(tree.wait().await.why, Stopped::GaveUp(_)), "{:?}", tree.wait().await.why);
}

/// Keeps one value a key.
#[heir]
struct Store<K, const N: usize>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    #[table(keep)]
    rows: HashMap<K, [u8; N]>,
}

#[handlers]
impl<K, const N: usize> Store<K, N>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    fn put(&mut self, key: K, value: [u8; N]) -> usize {
        self.rows.insert(key, value);
        self.rows.len()
    }
}

/// One worker is the parameter itself.
#[supervisor]
struct Stores<K = String, W: Handlers + Worker<Args = ()> = Counter, const N: usize = 2>
where
    K: std::fmt::Debug + std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    first: Store<K, N>,
    second: Store<u8, 1>,
    each: Dynamic<K, Store<K, N>>,
    any: W,
}

#[tokio::test]
async fn a_declared_tree_can_be_generic() {
    let stores = Stores::<String>::start().await.unwrap();
    assert_eq!(stores.first.put("one".into(), [1, 2]).await.unwrap(), 1);
    assert_eq!(stores.second.put(1, [1]).await.unwrap(), 1);
    assert_eq!(stores.any.count().await.unwrap(), 1);
    let each = stores.each.start("two".into(), Store::spec()).await.unwrap();
    assert_eq!(each.put("one".into(), [3, 4]).await.unwrap(), 1);
}

/// In a module of its own, for the fields' visibilities.
mod seen {
    use heir_runtime::supervisor;

    use super::Counter;

    #[supervisor]
    pub(super) struct Seen {
        private: Counter,
        pub(in crate::declared) restricted: Counter,
        pub(self) hidden: Counter,
    }

    impl SeenHandle {
        pub(super) async fn count(&self) -> u64 {
            self.hidden.count().await.unwrap()
        }
    }
}

#[tokio::test]
async fn a_private_field_is_as_visible_as_its_struct() {
    let seen = seen::Seen::start().await.unwrap();
    assert_eq!(seen.private.count().await.unwrap(), 1);
    assert_eq!(seen.restricted.count().await.unwrap(), 1);
    assert_eq!(seen.count().await, 1);
}

#[tokio::test]
async fn a_child_of_a_declared_tree_is_managed_as_any_other() {
    let app = start().await;
    let supervisor: &SupervisorHandle = &app;
    assert_eq!(app.counter.count().await.unwrap(), 1);
    supervisor.terminate_child("counter").await.unwrap();
    supervisor.restart_child("counter").await.unwrap();
    assert_eq!(app.counter.count().await.unwrap(), 2);
}
