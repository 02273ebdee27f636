//! Tables that took the place of parked ones, and that nobody has written to since.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::{Supervisor, Table, Verdict, handlers, heir};

#[heir(quarantine = fresh, crash_loop = 2)]
struct Renewed {
    #[table(init = [("first", 0)])]
    rows: Table<&'static str, u32>,
    /// How many starts fail.
    #[arg]
    fails: Arc<AtomicU32>,
}

#[handlers]
impl Renewed {
    #[on(start)]
    fn start(&mut self) -> Result<(), &'static str> {
        let left = self.fails.load(Ordering::Relaxed);
        self.fails.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 { Err("not now") } else { Ok(()) }
    }

    #[on(verify)]
    fn verify(tables: &mut RenewedTables) -> Verdict {
        if tables.rows.contains_key("reset") {
            return Verdict::Reset;
        }
        if tables.rows.contains_key("mess") { Verdict::quarantine("a mess") } else { Verdict::Accept }
    }

    fn put(&mut self, key: &'static str) {
        self.rows.insert(key, 1);
    }
}

#[tokio::test]
async fn fresh_tables_that_nobody_has_written_are_not_parked_though_others_have_been_reset_before() {
    let (mut tree, fails) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(AtomicU32::new(0)));
    let worker = tree.child(Renewed::spec(Arc::clone(&fails)));
    let _tree = tree.start().await.unwrap();
    // A reset is a write: tables that were reset do not look as those that are created.
    for (cause, quarantined) in [("reset", 0), ("mess", 1)] {
        let next = worker.incarnation() + 1;
        worker.put(cause).await.unwrap();
        worker.kill();
        worker.wait_serving(next).await.unwrap();
        assert_eq!((worker.rows().len(), worker.quarantined()), (1, quarantined));
    }
    let next = worker.incarnation() + 11;
    fails.store(10, Ordering::Relaxed);
    worker.kill();
    worker.wait_serving(next).await.unwrap();
    assert_eq!(worker.quarantined(), 1, "there was nothing in the others");
}
