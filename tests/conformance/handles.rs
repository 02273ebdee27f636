//! Handles: which are equal, what a timeout changes in one, and what one waits for; and which
//! readers are equal. This file names nothing of heir but its prelude.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use heir_runtime::prelude::*;

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }

    // Not names that every handle has.
    fn timeout(&mut self) {}

    fn wait(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }
}

#[supervisor]
struct Pair {
    left: Counter,
    right: Counter,
}

#[tokio::test]
async fn handles_are_equal_if_they_are_on_one_worker() {
    let pair = Pair::start().await.unwrap();
    let (left, right): (&Handle<Counter>, &Handle<Counter>) = (&pair.left, &pair.right);
    assert!(left == &left.clone() && left != right);
    let patient = left.with_timeout(Duration::from_secs(1));
    assert!(left == &*patient, "whatever their timeouts are");

    left.kill().unwrap();
    left.wait_serving(2).await.unwrap();
    assert!(left == &*pair.left, "whichever incarnation serves");

    let known = HashSet::from([left.clone(), left.clone(), right.clone()]);
    assert!(known.len() == 2 && known.contains(&*patient));
    pair.shutdown().await;
}

#[tokio::test]
async fn weak_handles_are_equal_if_they_are_on_one_worker_also_when_it_is_gone() {
    let pair = Pair::start().await.unwrap();
    let (left, right) = (pair.left.downgrade(), pair.right.downgrade());
    let known = HashSet::from([left.clone(), pair.left.downgrade(), right.clone()]);
    assert_eq!(known.len(), 2);
    pair.shutdown().await;
    assert!(left.upgrade().is_none(), "the last handle was the tree's");
    assert!(left == left.clone() && left != right && known.contains(&left));
}

#[tokio::test]
async fn handles_on_supervisors_are_equal_if_they_are_on_one() {
    let mut tree = Supervisor::builder("app");
    let (one, other) = (tree.child(Pair::spec().name("one")), tree.child(Pair::spec().name("other")));
    let tree = tree.start().await.unwrap();
    let (one, other): (&SupervisorHandle, &SupervisorHandle) = (&one, &other);
    assert!(one == &one.clone() && one != other && one != &*tree);
    assert_eq!(HashSet::from([one.clone(), one.clone(), other.clone()]).len(), 2);
    tree.shutdown().await;
}

/// Asserts that two readers are equal, and that another one is not, also as keys.
fn assert_two_of_three<R: Clone + Eq + Hash>(one: R, same: R, other: R) {
    assert!(one == one.clone() && one == same && one != other);
    assert_eq!(HashSet::from([one, same, other]).len(), 2);
}

#[tokio::test]
async fn readers_are_equal_if_they_read_one_table_of_one_worker() {
    let pair = Pair::start().await.unwrap();
    let left = pair.left.counts();
    assert_two_of_three(left.clone(), pair.left.counts(), pair.right.counts());

    pair.left.count("hits".into()).await.unwrap();
    pair.left.kill().unwrap();
    pair.left.wait_serving(2).await.unwrap();
    assert!(left == pair.left.counts(), "whatever its rows are, and whichever incarnation owns it");
    pair.shutdown().await;
}

#[test]
fn readers_of_tables_with_equal_rows_are_not_equal() {
    macro_rules! assert_known_by_the_table {
        ($table:ident) => {
            let mut tables = [$table::for_tests(), $table::for_tests()];
            for table in &mut tables {
                table.extend([("hits", 1)]);
                table.commit();
            }
            let [one, other] = tables;
            assert_two_of_three(one.reader(), one.reader(), other.reader());
        };
    }
    assert_known_by_the_table!(Table);
    assert_known_by_the_table!(OrderedTable);
    assert_known_by_the_table!(BagTable);
}

#[tokio::test(start_paused = true)]
async fn a_handle_waits_for_the_end_of_its_worker_for_good() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec().restart(Restart::Transient));
    let tree = tree.start().await.unwrap();
    assert_eq!(counter.count("hits".into()).await.unwrap(), 1);
    let stopped = tokio::spawn({
        let counter = counter.clone();
        async move { counter.wait_stopped().await }
    });
    counter.kill().unwrap();
    counter.wait_serving(2).await.unwrap();
    counter.timeout().await.unwrap();
    assert!(!stopped.is_finished(), "it was restarted");
    counter.wait().await.unwrap();
    assert_eq!(stopped.await.unwrap(), Stopped::Ended(ExitReason::Normal));
    tree.shutdown().await;
}
