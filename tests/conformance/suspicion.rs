//! Which deaths speak against the tables, where one is enough; and what is said of a death before the first message.

use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;

use heir_runtime::{AfterQuarantine, ExitReason, Supervisor, handlers, heir};
use heir_tests::fuse::die;
use tokio::sync::Notify;

thread_local! {
    /// Whether the next field that is made of nothing panics.
    static UNLUCKY: Cell<bool> = const { Cell::new(false) };
}

struct Luck;

impl Default for Luck {
    fn default() -> Self {
        assert!(!UNLUCKY.take(), "out of luck");
        Self
    }
}

#[heir]
struct Suspect {
    #[table(keep)]
    count: u32,
    #[table(keep)]
    dies_at_start: bool,
    #[table(keep)]
    hangs_at_start: bool,
    #[arg]
    hanging: Arc<Notify>,
    _luck: Luck,
}

#[handlers]
impl Suspect {
    #[on(start)]
    async fn start(&mut self) {
        if self.dies_at_start {
            die();
        }
        if std::mem::take(&mut self.hangs_at_start) {
            self.hanging.notify_one();
            pending().await
        }
    }

    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    #[cast]
    fn fail(&mut self) {
        die();
    }

    #[cast]
    fn fail_and_hang_at_the_next_start(&mut self) {
        self.hangs_at_start = true;
        die();
    }

    #[cast]
    fn fail_from_here_on(&mut self) {
        self.dies_at_start = true;
        die();
    }
}

/// A tree with a worker whose tables are quarantined after one death that speaks against them.
async fn suspect() -> (Supervisor, SuspectHandle, Arc<Notify>) {
    let (mut tree, hanging) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(Notify::new()));
    let suspect = tree
        .child(Suspect::spec(Arc::clone(&hanging)).crash_loop(Some(1)).quarantine(AfterQuarantine::Fresh));
    (tree.start().await.unwrap(), suspect, hanging)
}

#[tokio::test]
async fn a_death_over_a_message_does_not_speak_against_the_tables_even_where_one_death_is_enough() {
    let (_tree, suspect, _) = suspect().await;
    for n in 1..4 {
        assert_eq!(suspect.count().await.unwrap(), n);
        suspect.fail().await.unwrap();
    }
    assert_eq!((suspect.count().await.unwrap(), suspect.quarantined()), (4, 0));
}

#[tokio::test]
async fn where_one_death_is_enough_one_start_that_dies_has_the_tables_quarantined() {
    let (_tree, suspect, _) = suspect().await;
    suspect.count().await.unwrap();
    suspect.fail_from_here_on().await.unwrap();
    assert_eq!((suspect.count().await.unwrap(), suspect.quarantined()), (1, 1));
    let parked = suspect.take_quarantined().pop().unwrap();
    assert_eq!((parked.tables.count, parked.exit.unwrap().incarnation), (1, 2));
}

#[tokio::test]
async fn an_incarnation_whose_fields_cannot_be_made_ends_with_that_panic_and_leaves_the_tables() {
    let (_tree, suspect, _) = suspect().await;
    assert_eq!(suspect.count().await.unwrap(), 1);
    UNLUCKY.set(true);
    suspect.kill();
    assert_eq!((suspect.count().await.unwrap(), suspect.incarnation()), (2, 3));
    let exit = suspect.estate().last_exit().unwrap();
    assert_eq!((exit.incarnation, exit.reason), (2, ExitReason::Panic("out of luck".into())));
}

#[tokio::test]
async fn a_start_that_is_killed_does_not_speak_against_the_tables_even_where_one_death_is_enough() {
    let (_tree, suspect, hanging) = suspect().await;
    suspect.count().await.unwrap();
    suspect.fail_and_hang_at_the_next_start().await.unwrap();
    hanging.notified().await;
    assert_eq!(suspect.kill(), Some(2));
    assert_eq!((suspect.count().await.unwrap(), suspect.quarantined()), (2, 0));
}
