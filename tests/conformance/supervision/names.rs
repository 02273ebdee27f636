//! Names in a tree: typed, surviving restarts, never outside of it.

use heir_runtime::{StartError, Supervisor};
use heir_tests::Log;

use super::{Member, member};
use crate::workers::Counter;

#[tokio::test(start_paused = true)]
async fn a_registered_worker_is_found_from_anywhere_in_its_tree_whichever_incarnation_serves() {
    let log = Log::default();
    let mut io = Supervisor::builder("io");
    let a = io.child(member("a", &log).registered("deep"));
    let mut tree = Supervisor::builder("app");
    let io = tree.child(io);
    let tree = tree.start().await.unwrap();
    a.die().await.unwrap();
    for place in [&*tree, &io] {
        place.whereis::<Member>("deep").unwrap().count().await.unwrap();
    }
    assert_eq!(a.count().await.unwrap(), 3);
    assert!(tree.whereis::<Member>("a").is_none(), "a child's name is not registered by itself");
    assert!(tree.whereis::<Counter>("deep").is_none(), "it is a worker of another type");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_free_when_its_worker_has_stopped_for_good() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).registered("one"));
    let tree = tree.start().await.unwrap();
    let taken = tree.start_child(member("b", &log).registered("one")).await.unwrap_err();
    assert_eq!(taken, StartError::DuplicateRegistration("one".into()));
    assert_eq!(tree.whereis::<Member>("one").unwrap().name(), "a", "whoever was refused has taken nothing");
    a.stop().await;
    assert!(tree.whereis::<Member>("one").is_none());
    tree.start_child(member("b", &log).registered("one")).await.unwrap();
    assert_eq!(tree.whereis::<Member>("one").unwrap().name(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_two_workers_of_a_tree_have_is_an_error_before_anything_starts() {
    let log = Log::default();
    let mut io = Supervisor::builder("io");
    io.child(member("a", &log).registered("one"));
    let mut tree = Supervisor::builder("app");
    tree.child(member("b", &log).registered("one"));
    tree.child(io);
    assert_eq!(tree.start().await.unwrap_err(), StartError::DuplicateRegistration("one".into()));
    assert!(log.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_trees_have_names_of_their_own() {
    let log = Log::default();
    let mut trees = Vec::new();
    for _ in 0..2 {
        let mut tree = Supervisor::builder("app");
        tree.child(member("a", &log).registered("one"));
        trees.push(tree.start().await.unwrap());
    }
    trees[0].whereis::<Member>("one").unwrap().count().await.unwrap();
    assert_eq!(trees[1].whereis::<Member>("one").unwrap().count().await.unwrap(), 1);
}
