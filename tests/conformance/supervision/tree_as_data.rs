//! What an operator sees of a tree: data, pages of it, counts, and diagrams.

use std::cmp::Ordering;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use heir_runtime::supervision::{
    KindCounts, Page, SubtreeStatus, TableNode, Tree, TreeCounts, TreeNode, WorkerNode,
};
use heir_runtime::{
    Backoff, BagTable, Dynamic, OrderedTable, Reply, Restart, Spec, Status, Strategy, Supervisor,
    SupervisorHandle, Table, Verdict, handlers, heir,
};
use heir_tests::waits::{in_time, quiet, wait_until};

/// Has a recorded table of each kind, and one that is not recorded.
#[heir(quarantine = fresh)]
struct Keeper {
    #[table]
    notes: Table<u32, u32>,
    #[table(keep)]
    puts: u32,
    #[table]
    marks: OrderedTable<u32, u32>,
    #[table]
    r#type: BagTable<u32, u32>,
}

/// With this note its tables are quarantined.
const BAD: u32 = 13;

#[handlers]
impl Keeper {
    fn put(&mut self, notes: u32, marks: u32, types: u32) {
        self.puts += 1;
        for n in 0..notes {
            self.notes.insert(n, n);
        }
        for n in 0..marks {
            self.marks.insert(n, n);
        }
        for n in 0..types {
            self.r#type.insert(n / 2, n);
        }
    }

    fn remove(&mut self, key: u32) {
        self.notes.remove(&key);
        self.marks.remove(&key);
        self.r#type.remove(&key);
    }

    fn clear(&mut self) {
        self.marks.clear();
    }

    fn spoil(&mut self) {
        self.notes.insert(BAD, 0);
    }

    fn later(&mut self, reply: Reply<()>) {
        std::mem::forget(reply);
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    #[on(verify)]
    fn verify(tables: &mut KeeperTables) -> Verdict {
        if tables.notes.contains_key(&BAD) { Verdict::quarantine("a bad note") } else { Verdict::Accept }
    }
}

/// Has no recorded table.
#[heir]
struct Plain {
    #[table(keep)]
    unused: (),
}

#[handlers]
impl Plain {}

fn worker<'t>(tree: &'t Tree, name: &str) -> &'t WorkerNode {
    let found = tree.children.iter().find(|child| child.name() == name);
    let Some(TreeNode::Worker(worker)) = found else { panic!("no worker {name} in\n{tree}") };
    worker
}

fn subtree<'t>(tree: &'t Tree, name: &str) -> &'t Tree {
    let found = tree.children.iter().find(|child| child.name() == name);
    let Some(TreeNode::Supervisor(below)) = found else { panic!("no supervisor {name} in\n{tree}") };
    below
}

fn names(children: &[TreeNode]) -> Vec<&str> {
    children.iter().map(TreeNode::name).collect()
}

fn rows(worker: &WorkerNode) -> Vec<(&str, usize)> {
    worker.tables.iter().map(|TableNode { name, rows, .. }| (*name, *rows)).collect()
}

/// Many workers, of which each has its own window of restarts.
type Many = Dynamic<u32, Keeper>;

async fn begin(many: &Many, keys: impl IntoIterator<Item = u32>) -> Vec<KeeperHandle> {
    let mut workers = Vec::new();
    for key in keys {
        workers.push(many.start(key, Keeper::spec().name("keeper")).await.unwrap());
    }
    workers
}

/// app has a plain worker, and shop below it, which has a keeper and many more.
async fn shop() -> (Supervisor, SupervisorHandle, KeeperHandle, Many) {
    let mut shop = Supervisor::builder("Shop").name("shop").strategy(Strategy::RestForOne).intensity(3);
    let keeper = shop.child(Keeper::spec().name("keeper"));
    let many = shop.child(Many::spec().name("many").intensity(2).period(Duration::from_secs(30)));
    let mut app = Supervisor::builder("app");
    app.child(Plain::spec());
    let shop = app.child(shop);
    (app.start().await.unwrap(), shop, keeper, many)
}

#[tokio::test(start_paused = true)]
async fn a_path_begins_with_the_supervisor_that_was_asked_and_a_kind_is_the_name_of_a_type() {
    let (app, shop, _, many) = shop().await;
    begin(&many, [1]).await;
    let tree = app.tree();
    let below = subtree(&tree, "shop");
    let deepest = subtree(below, "many");
    let keeper = worker(deepest, "keeper[1]");
    assert_eq!([&*tree.path, &below.path, &deepest.path], ["app", "app/shop", "app/shop/many"]);
    assert_eq!((keeper.path.as_str(), keeper.kind), ("app/shop/many/keeper[1]", "Keeper"));
    assert_eq!((worker(&tree, "Plain").path.as_str(), tree.children[0].path()), ("app/Plain", "app/Plain"));
    assert_eq!([&*tree.kind, &below.kind, &deepest.kind], ["app", "Shop", "Keeper"]);
    assert_eq!([tree.dynamic, below.dynamic, deepest.dynamic], [false, false, true]);
    let asked = shop.tree();
    assert_eq!((&*asked.path, asked.children[0].path()), ("shop", "shop/keeper"));
    assert_eq!(worker(subtree(&asked, "many"), "keeper[1]").path, "shop/many/keeper[1]");
}

#[tokio::test(start_paused = true)]
async fn an_incarnation_is_as_old_as_tokios_clock_says_and_the_next_is_young() {
    let (app, shop, keeper, _) = shop().await;
    let seen = || {
        let tree = shop.tree();
        let keeper = worker(&tree, "keeper");
        (keeper.incarnation, keeper.age)
    };
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(seen(), (Some(1), Some(Duration::from_secs(60))));
    keeper.die().await.unwrap();
    keeper.wait_serving(2).await.unwrap();
    assert_eq!(seen(), (Some(2), Some(Duration::ZERO)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(seen(), (Some(2), Some(Duration::from_secs(5))));
    assert_eq!(worker(&app.tree(), "Plain").age, Some(Duration::from_secs(65)));
    shop.terminate_child("keeper").await.unwrap();
    assert_eq!(seen(), (Some(2), None), "it has ended");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_never_been_started_has_no_incarnation() {
    let mut kept = None;
    let mut tree = Supervisor::builder("app").declared(|handle| {
        kept = Some(handle.clone());
        handle
    });
    let _reserved = tree.reserve(Spec::<Plain, _>::later());
    let tree = kept.unwrap().tree();
    let plain = worker(&tree, "Plain");
    assert_eq!((plain.incarnation, plain.age, &plain.status), (None, None, &Status::Down));
    assert!(!plain.estate.founded && plain.tables.is_empty());
    assert_eq!(tree.status, SubtreeStatus::Down);
}

#[tokio::test(start_paused = true)]
async fn restarts_count_until_they_are_older_than_the_period() {
    let (app, shop, keeper, _) = shop().await;
    let restarts = || shop.tree().restarts;
    let tree = shop.tree();
    assert_eq!((tree.restarts, tree.intensity, tree.period), (0, Some(3), Duration::from_secs(10)));
    assert!(!tree.for_each_key && worker(&tree, "keeper").restarts.is_none());
    for incarnation in 2..=3 {
        tokio::time::sleep(Duration::from_secs(6)).await;
        keeper.die().await.unwrap();
        keeper.wait_serving(incarnation).await.unwrap();
    }
    assert_eq!((restarts(), app.tree().restarts), (2, 0), "each supervisor counts its own");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(restarts(), 2, "the first is as old as the period, and not older");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(restarts(), 1);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(restarts(), 0, "nobody had to count");
}

#[tokio::test(start_paused = true)]
async fn each_worker_of_a_dynamic_has_its_restarts_for_itself_until_it_is_started_anew() {
    let (_app, _shop, _, many) = shop().await;
    let workers = begin(&many, [1, 2]).await;
    let seen = || {
        let tree = many.supervisor().tree();
        assert!(tree.for_each_key && tree.restarts == 0);
        assert_eq!((tree.intensity, tree.period), (Some(2), Duration::from_secs(30)));
        ["keeper[1]", "keeper[2]"].map(|name| worker(&tree, name).restarts)
    };
    assert_eq!(seen(), [Some(0), Some(0)]);
    for incarnation in 2..=3 {
        workers[0].die().await.unwrap();
        workers[0].wait_serving(incarnation).await.unwrap();
    }
    assert_eq!(seen(), [Some(2), Some(0)]);
    workers[0].die().await.unwrap();
    in_time(wait_until(|| matches!(workers[0].status(), Status::GaveUp(_)))).await;
    assert_eq!(seen(), [Some(3), Some(0)], "one more than is allowed");
    many.restart(&1).await.unwrap();
    assert_eq!(seen(), [Some(0), Some(0)]);
    workers[1].die().await.unwrap();
    workers[1].wait_serving(2).await.unwrap();
    assert_eq!(seen(), [Some(0), Some(1)]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(seen(), [Some(0), Some(0)]);
}

#[tokio::test(start_paused = true)]
async fn the_next_life_of_a_supervisor_has_had_no_restarts() {
    let (_app, shop, keeper, many) = shop().await;
    let workers = begin(&many, [1]).await;
    keeper.die().await.unwrap();
    keeper.wait_serving(2).await.unwrap();
    workers[0].wait_serving(2).await.unwrap();
    workers[0].die().await.unwrap();
    workers[0].wait_serving(3).await.unwrap();
    let seen = || {
        let tree = shop.tree();
        (tree.restarts, worker(subtree(&tree, "many"), "keeper[1]").restarts)
    };
    assert_eq!(seen(), (1, Some(1)));
    shop.kill();
    workers[0].wait_serving(4).await.unwrap();
    assert_eq!(seen(), (0, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn where_any_number_of_restarts_is_allowed_nobody_counts_them() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let keeper = tree.child(Keeper::spec().name("keeper"));
    let many = tree.child(Many::spec().intensity(u32::MAX));
    let tree = tree.start().await.unwrap();
    let workers = begin(&many, [1]).await;
    for worker in [&keeper, &workers[0]] {
        worker.die().await.unwrap();
        worker.wait_serving(2).await.unwrap();
    }
    let tree = tree.tree();
    let many = subtree(&tree, "Keeper");
    assert_eq!([(tree.restarts, tree.intensity), (many.restarts, many.intensity)], [(0, None), (0, None)]);
    assert!(!many.for_each_key && worker(many, "keeper[1]").restarts.is_none());
}

#[tokio::test(start_paused = true)]
async fn each_recorded_table_has_its_name_and_the_rows_that_are_committed() {
    let (_app, shop, keeper, _) = shop().await;
    let seen = || rows(worker(&shop.tree(), "keeper")).into_iter().map(|(_, rows)| rows).collect::<Vec<_>>();
    assert_eq!(rows(worker(&shop.tree(), "keeper")), [("notes", 0), ("marks", 0), ("type", 0)]);
    keeper.put(3, 4, 5).await.unwrap();
    assert_eq!(seen(), [3, 4, 5], "of a bag, the pairs");
    assert_eq!(worker(&shop.tree(), "keeper").rows(), 12);
    keeper.remove(1).await.unwrap();
    assert_eq!(seen(), [2, 3, 3]);
    keeper.clear().await.unwrap();
    assert_eq!(seen(), [2, 0, 3]);
    keeper.put(0, 1000, 0).await.unwrap();
    assert_eq!(seen(), [2, 1000, 3]);
    shop.terminate_child("keeper").await.unwrap();
    assert_eq!(seen(), [2, 1000, 3], "also while nobody owns them");
    assert!(shop.tree().to_string().contains("keeper worker: terminated, 0 queued, 1005 rows\n"));
}

#[tokio::test(start_paused = true)]
async fn parked_tables_open_replies_and_queued_messages_are_told() {
    let (_app, shop, keeper, _) = shop().await;
    keeper.put(1, 1, 1).await.unwrap();
    keeper.spoil().await.unwrap();
    keeper.die().await.unwrap();
    keeper.wait_serving(2).await.unwrap();
    let tree = shop.tree();
    let told = worker(&tree, "keeper");
    assert_eq!((told.parked, told.queued, told.open_replies), (1, 0, 0));
    assert_eq!(rows(told), [("notes", 0), ("marks", 0), ("type", 0)], "those of the fresh tables");
    let waits = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.later().await }
    });
    quiet().await;
    keeper.pause().await.unwrap();
    for _ in 0..2 {
        keeper.die().await.unwrap();
    }
    let tree = shop.tree();
    let told = worker(&tree, "keeper");
    assert_eq!((told.parked, told.queued, told.open_replies), (1, 2, 1));
    assert!(
        tree.to_string()
            .contains("keeper worker: incarnation 2 serving, 2 queued, 0 rows, 1 replies owed, 1 parked\n"),
        "{tree}"
    );
    assert_eq!(told.estate.owner.as_ref().map(|owner| &*owner.name), Some("keeper"));
    assert_eq!(told.estate.heir.as_deref(), Some("keeper manager"));
    let counts = shop.counts();
    let keepers = counts.kind("Keeper").unwrap();
    assert_eq!((keepers.parked, keepers.queued, keepers.open_replies), (1, 2, 1));
    assert_eq!(
        counts.to_string(),
        "supervisors: 2 running\nKeeper: 1 serving; 2 queued, 1 replies owed, 1 parked"
    );
    assert_eq!(keeper.take_quarantined().len(), 1);
    assert_eq!(worker(&shop.tree(), "keeper").parked, 0);
    waits.abort();
}

/// A key that looks at the tree whenever it is compared.
#[derive(Clone, PartialEq, Eq)]
struct Nosy(u32);

static WATCHED: OnceLock<SupervisorHandle> = OnceLock::new();
static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

impl PartialOrd for Nosy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Nosy {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(tree) = WATCHED.get() {
            let rows = worker(&tree.tree(), "Sorts").rows();
            assert_eq!(tree.counts().kind("Sorts").unwrap().rows, rows);
            SEEN.lock().unwrap().push(rows);
        }
        self.0.cmp(&other.0)
    }
}

#[heir]
struct Sorts {
    #[table]
    keys: OrderedTable<Nosy, ()>,
}

#[handlers]
impl Sorts {
    fn put(&mut self, key: u32) {
        self.keys.insert(Nosy(key), ());
    }
}

#[tokio::test(start_paused = true)]
async fn rows_are_told_also_while_an_ord_of_a_key_holds_the_table() {
    let mut tree = Supervisor::builder("app");
    let sorts = tree.child(Sorts::spec());
    let tree = tree.start().await.unwrap();
    sorts.put(1).await.unwrap();
    assert!(WATCHED.set(SupervisorHandle::clone(&tree)).is_ok());
    sorts.put(2).await.unwrap();
    sorts.put(3).await.unwrap();
    let seen = SEEN.lock().unwrap();
    assert!(seen.contains(&1) && seen.contains(&2) && !seen.contains(&3), "{seen:?}");
    assert_eq!(worker(&tree.tree(), "Sorts").rows(), 3);
}

#[test]
fn a_tree_is_told_while_a_worker_blocks_the_only_thread_of_its_runtime() {
    #[heir]
    struct Blocks {
        #[table]
        rows: Table<u32, u32>,
    }

    #[handlers]
    impl Blocks {
        fn ask(&mut self, ask: std::sync::mpsc::Sender<()>, go_on: std::sync::mpsc::Receiver<()>) {
            self.rows.insert(1, 1);
            ask.send(()).unwrap();
            go_on.recv().unwrap();
        }
    }

    let (asks, asked) = std::sync::mpsc::channel();
    let (goes_on, go_on) = std::sync::mpsc::channel();
    let (give, tree) = std::sync::mpsc::channel::<SupervisorHandle>();
    let operator = std::thread::spawn(move || {
        let tree = tree.recv().unwrap();
        asked.recv().unwrap();
        let seen = (tree.tree(), tree.counts(), tree.page("app", 0, 10));
        goes_on.send(()).unwrap();
        seen
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut tree = Supervisor::builder("app");
        let blocks = tree.child(Blocks::spec());
        let tree = tree.start().await.unwrap();
        give.send(SupervisorHandle::clone(&tree)).unwrap();
        blocks.ask(asks, go_on).await.unwrap();
    });
    let (tree, counts, page) = operator.join().unwrap();
    assert_eq!(rows(worker(&tree, "Blocks")), [("rows", 0)], "the message is under way");
    assert_eq!(counts.kind("Blocks").unwrap().statuses.serving, 1);
    assert_eq!(names(&page.unwrap().children), ["Blocks"]);
}

#[tokio::test(start_paused = true)]
async fn pages_have_each_child_once_while_others_come_and_go() {
    let (app, _, _, many) = shop().await;
    let workers = begin(&many, 0..10).await;
    let page = |from| app.page("app/shop/many", from, 3).unwrap();
    let keys = |page: &Page| {
        let keys = page.children.iter().map(|child| child.name().strip_prefix("keeper[").unwrap());
        keys.map(|key| key.trim_end_matches(']').parse::<u32>().unwrap()).collect::<Vec<_>>()
    };
    let first = page(0);
    assert_eq!(keys(&first), [0, 1, 2]);
    assert_eq!(first.children[0].path(), "app/shop/many/keeper[0]", "as in the tree");
    // Of the page before, of the next page, the one with which the next page was to begin, and new ones.
    for gone in [1, 3, 5] {
        workers[gone].stop().await;
    }
    begin(&many, 10..12).await;
    let second = page(first.next.unwrap());
    assert_eq!(keys(&second), [4, 6, 7]);
    let third = page(second.next.unwrap());
    assert_eq!(keys(&third), [8, 9, 10]);
    let last = page(third.next.unwrap());
    assert_eq!((keys(&last), last.next), (vec![11], None));
    assert_eq!((page(u64::MAX).children, page(u64::MAX).next), (vec![], None));
    let exact = app.page("app/shop/many", 0, 9).unwrap();
    assert_eq!((exact.children.len(), exact.next), (9, None), "no page is empty for nothing");
    let none = app.page("app/shop/many", 0, 0).unwrap();
    assert_eq!((none.children.len(), none.next.is_some()), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_page_is_of_the_supervisor_at_its_path() {
    let mut odd = Supervisor::builder("a/b");
    odd.child(Plain::spec().name("in a/b"));
    let mut deep = Supervisor::builder("b");
    deep.child(Plain::spec().name("in b"));
    let mut wide = Supervisor::builder("a");
    wide.child(deep);
    wide.child(Plain::spec().name("worker"));
    let mut tree = Supervisor::builder("app");
    tree.child(odd);
    tree.child(wide);
    let tree = tree.start().await.unwrap();
    let page = |path: &str| {
        let page = tree.page(path, 0, 10)?;
        assert_eq!(page.next, None);
        Some(page.children)
    };
    assert_eq!(names(&page("app").unwrap()), ["a/b", "a"]);
    assert_eq!(names(&page("app/a").unwrap()), ["b", "worker"]);
    assert_eq!(names(&page("app/a/b").unwrap()), ["in b"], "the shorter name is looked for first");
    assert_eq!(page("app/a/b").unwrap()[0].path(), "app/a/b/in b");
    for nowhere in ["", "ap", "apps", "app/", "/app", "app//a", "app/a/worker", "app/a/b/c", "a"] {
        assert!(page(nowhere).is_none(), "{nowhere:?}");
    }
    tree.terminate_child("a").await.unwrap();
    tree.delete_child("a").await.unwrap();
    assert_eq!(names(&page("app/a/b").unwrap()), ["in a/b"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_on_a_page_lists_nobody_and_counts_all_below_it() {
    let (app, shop, _, many) = shop().await;
    begin(&many, 0..5).await;
    let page = app.page("app", 0, 10).unwrap();
    let [TreeNode::Worker(plain), TreeNode::Supervisor(below)] = &page.children[..] else { panic!() };
    assert_eq!((&*plain.name, &*below.path, below.children.len()), ("Plain", "app/shop", 0));
    let left_out = below.left_out.as_ref().unwrap();
    assert_eq!((left_out.children, left_out.counts.workers()), (2, 6));
    let mut counts = left_out.counts.clone();
    counts.supervisors.running += 1;
    assert_eq!(counts, shop.counts());
}

#[tokio::test(start_paused = true)]
async fn a_tree_up_to_so_many_children_counts_the_others() {
    let (app, shop, _, many) = shop().await;
    begin(&many, 0..5).await;
    let tree = app.tree_up_to(2);
    let many = subtree(subtree(&tree, "shop"), "many");
    assert_eq!(names(&many.children), ["keeper[0]", "keeper[1]"]);
    let left_out = many.left_out.as_ref().unwrap();
    assert_eq!((left_out.children, left_out.counts.workers()), (3, 3));
    assert!(tree.left_out.is_none() && subtree(&tree, "shop").left_out.is_none());
    assert!(tree.to_string().ends_with("└── and 3 more"), "{tree}");
    assert!(tree.to_mermaid().contains("--> n7[\"and 3 more\"]\n"), "{}", tree.to_mermaid());
    assert!(tree.to_dot().contains("n7 [label=\"and 3 more\"]\n"), "{}", tree.to_dot());
    let tree = app.tree_up_to(1);
    assert_eq!(names(&tree.children), ["Plain"]);
    let mut counts = tree.left_out.unwrap().counts;
    assert_eq!(counts, shop.counts());
    counts.supervisors.running += 1;
    assert_eq!(tree.children.len() + counts.workers(), app.counts().workers());
    assert_eq!(app.tree_up_to(usize::MAX).children.len(), 2);
}

/// Counts what is in the tree, node by node.
fn count(tree: &Tree, kinds: &mut Vec<KindCounts>, supervisors: &mut usize) {
    *supervisors += usize::from(tree.status == SubtreeStatus::Running);
    for child in &tree.children {
        let worker = match child {
            TreeNode::Supervisor(tree) => {
                count(tree, kinds, supervisors);
                continue;
            }
            TreeNode::Worker(worker) => worker,
            _ => unreachable!("there is nothing else"),
        };
        let at = kinds.iter().position(|kind| kind.kind == worker.kind).unwrap_or_else(|| {
            let mut kind = KindCounts::default();
            kind.kind = worker.kind;
            kinds.push(kind);
            kinds.len() - 1
        });
        let kind = &mut kinds[at];
        kind.workers += 1;
        match worker.status {
            Status::Serving { .. } => kind.statuses.serving += 1,
            Status::Down => kind.statuses.down += 1,
            Status::Terminated => kind.statuses.terminated += 1,
            Status::GaveUp(_) => kind.statuses.gave_up += 1,
            Status::Stopped(_) => kind.statuses.stopped += 1,
            _ => panic!("{}", worker.status),
        }
        kind.rows += worker.rows();
        kind.queued += worker.queued;
        kind.open_replies += worker.open_replies;
        kind.parked += worker.parked;
    }
}

#[tokio::test(start_paused = true)]
async fn counts_are_the_sums_over_all_nodes_of_the_tree() {
    let (app, shop, keeper, many) = shop().await;
    let workers = begin(&many, 0..10).await;
    for (key, worker) in (0..).zip(&workers) {
        worker.put(key, 2 * key, 3 * key).await.unwrap();
    }
    keeper.put(1, 1, 1).await.unwrap();
    workers[1].pause().await.unwrap();
    workers[1].die().await.unwrap();
    for incarnation in 2..=3 {
        workers[2].die().await.unwrap();
        workers[2].wait_serving(incarnation).await.unwrap();
    }
    workers[2].die().await.unwrap();
    in_time(wait_until(|| matches!(workers[2].status(), Status::GaveUp(_)))).await;
    many.supervisor().terminate_child("keeper[3]").await.unwrap();
    app.start_child(Plain::spec().name("ended")).await.unwrap().stop().await;
    app.start_child(Keeper::spec().name("delayed").backoff(Backoff::Fixed(Duration::from_secs(60))))
        .await
        .unwrap()
        .die()
        .await
        .unwrap();
    quiet().await;

    let (mut kinds, mut supervisors) = (Vec::new(), 0);
    count(&app.tree(), &mut kinds, &mut supervisors);
    kinds.sort_by_key(|kind| kind.kind);
    let counts = app.counts();
    assert_eq!((&counts.kinds, counts.supervisors.running), (&kinds, supervisors));
    assert_eq!((counts.workers(), counts.kinds.len()), (14, 2));
    let keepers = counts.kind("Keeper").unwrap();
    assert_eq!(
        keepers.to_string(),
        "Keeper: 9 serving, 1 down, 1 terminated, 1 given up; 1 queued, 273 rows"
    );
    assert_eq!(counts.kind("Plain").unwrap().to_string(), "Plain: 1 serving, 1 stopped; 0 queued");
    assert!(counts.kind("Nobody").is_none());

    app.terminate_child("shop").await.unwrap();
    let counts = shop.counts();
    assert_eq!((counts.supervisors.terminated, counts.supervisors.down), (1, 1));
    assert_eq!(TreeCounts::default().to_string(), "supervisors: none");
}

#[tokio::test(start_paused = true)]
async fn children_are_counted_without_a_look_at_what_is_below_them() {
    let (app, shop, _, many) = shop().await;
    begin(&many, 0..5).await;
    app.terminate_child("Plain").await.unwrap();
    let [app, shop, many] = [app.count_children(), shop.count_children(), many.supervisor().count_children()];
    assert_eq!((app.specs, app.active, app.workers, app.supervisors), (2, 1, 1, 1));
    assert_eq!((shop.specs, shop.active, shop.workers, shop.supervisors), (2, 2, 1, 1));
    assert_eq!((many.specs, many.active, many.workers, many.supervisors), (5, 5, 5, 0));
}

/// A tree whose worker has ended, and whose subtree does not run.
async fn small() -> Supervisor {
    let mut io = Supervisor::builder("io").strategy(Strategy::OneForAll).period(Duration::from_millis(1500));
    io.child(Plain::spec().name("reader"));
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let keeper = tree.child(Keeper::spec().name("keeper"));
    let gone = tree.child(Plain::spec().name("gone").restart(Restart::Transient));
    tree.child(io);
    let tree = tree.start().await.unwrap();
    keeper.put(1, 2, 3).await.unwrap();
    keeper.pause().await.unwrap();
    keeper.die().await.unwrap();
    gone.stop().await;
    tree.terminate_child("io").await.unwrap();
    tree
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_written_for_mermaid() {
    assert_eq!(
        small().await.tree().to_mermaid(),
        r#"flowchart LR
    n0(["app<br>one_for_one, any number of restarts"])
    n0 --> n1["keeper<br>incarnation 1 serving<br>notes: 1 row<br>marks: 2 rows<br>type: 3 rows<br>1 queued"]
    n0 --> n2["gone<br>stopped: it was shut down"]:::down
    n0 --> n3(["io<br>one_for_all, 10 restarts in 1.5s<br>terminated"]):::down
    n3 --> n4["reader<br>down"]:::down
    classDef down fill:#ffdddd,stroke:#bb0000,color:#000000
"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_written_for_graphviz() {
    assert_eq!(
        small().await.tree().to_dot(),
        r##"digraph tree {
    rankdir=LR
    node [shape=box, style="filled", fillcolor="white"]
    n0 [label="app\none_for_one, any number of restarts", style="filled,rounded"]
    n0 -> n1
    n1 [label="keeper\nincarnation 1 serving\nnotes: 1 row\nmarks: 2 rows\ntype: 3 rows\n1 queued"]
    n0 -> n2
    n2 [label="gone\nstopped: it was shut down", class="down", fillcolor="#ffdddd", color="#bb0000"]
    n0 -> n3
    n3 [label="io\none_for_all, 10 restarts in 1.5s\nterminated", style="filled,rounded", class="down", fillcolor="#ffdddd", color="#bb0000"]
    n3 -> n4
    n4 [label="reader\ndown", class="down", fillcolor="#ffdddd", color="#bb0000"]
}
"##
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_may_have_any_characters_in_a_diagram() {
    let names =
        ["say \"hi\"", "m[1](x)", "end", "a\nb", r"C:\new", "Zähler 計数 🦀", "<b>&amp;#35;", "style:x#"];
    let mut tree = Supervisor::builder("1. %%{init}%%");
    for name in names {
        tree.child(Plain::spec().name(name));
    }
    let tree = tree.start().await.unwrap().tree();
    let label = |line: &str| {
        let from = line.find('"').unwrap() + 1;
        line[from..]
            .split_once("<br>")
            .or_else(|| line[from..].split_once(r"\nincarn"))
            .map(|(name, _)| name.to_owned())
    };
    let mermaid: Vec<_> = tree.to_mermaid().lines().skip(1).take(9).filter_map(label).collect();
    assert_eq!(
        mermaid,
        [
            "1#46; #37;#37;#123;init#125;#37;#37;",
            "say #34;hi#34;",
            "m#91;1#93;#40;x#41;",
            "end",
            "a#92;#8203;nb",
            "C#58;#92;#8203;new",
            "Zähler 計数 #129408;",
            "#60;b#62;#38;amp#59;#35;35#59;",
            "style#58;x#35;",
        ]
    );
    let dot: Vec<_> =
        tree.to_dot().lines().filter(|line| line.contains(" serving")).filter_map(label).collect();
    assert_eq!(
        dot,
        [
            r#"say \"hi\""#,
            "m[1](x)",
            "end",
            r"a\\nb",
            r"C:\\new",
            "Zähler 計数 🦀",
            "<b>&amp;amp;#35;",
            "style:x#",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn two_pictures_of_a_tree_at_rest_are_equal() {
    let (app, ..) = shop().await;
    assert_eq!(app.tree(), app.tree());
    assert_eq!(
        (app.tree(), Some(app.tree().children)),
        (app.tree_up_to(9), app.page("app", 0, 9).map(|_| app.which_children()))
    );
    fn plain_data<T: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static>() {}
    plain_data::<Tree>();
    plain_data::<Page>();
    plain_data::<TreeCounts>();
}
