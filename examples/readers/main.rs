//! Readers do not notice: a worker crashes again and again, and its table is read all the while.
//!
//! `cargo run --example readers` counts a thousand visits while every third one crashes the worker, and reads the table from a
//! thread that knows nothing of crashes. Not one read misses, not one answered visit is lost.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;

/// Counts visits, and stumbles over some.
#[heir]
struct Visits {
    /// Read from elsewhere; each message is a transaction on it.
    #[table]
    pages: Table<&'static str, u64>,
}

#[handlers]
impl Visits {
    /// Counts one visit, and panics before it is done if `stumble` says so: then it has not happened.
    fn visit(&mut self, page: &'static str, stumble: bool) -> u64 {
        let visits = self.pages.add(page, 1);
        assert!(!stumble, "stumbled over {page}");
        visits
    }
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, Box<dyn Error>> {
    // The panics here are asked for.
    heir_runtime::testing::quiet_panics();
    let mut tree = Supervisor::builder("readers").intensity(u32::MAX);
    let visits = tree.worker(Visits::spec());
    let tree = tree.start().await?;
    visits.visit("/", false).await?;

    let over = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (pages, over) = (visits.pages(), Arc::clone(&over));
        move || {
            let (mut reads, mut misses) = (0_u64, 0_u64);
            while !over.load(Ordering::Relaxed) {
                reads += 1;
                misses += u64::from(!pages.contains_key("/"));
            }
            (reads, misses)
        }
    });

    let mut answered = 1;
    let all_visits = async {
        for turn in 1..=1_000 {
            answered += u64::from(visits.visit("/", turn % 3 == 0).await.is_ok());
        }
    };
    let report = tree.run_until(all_visits).await;
    over.store(true, Ordering::Relaxed);
    let (reads, misses) = reading.join().map_err(|_| "the reader panicked")?;
    let incarnations = visits.incarnation();

    println!(
        "{incarnations} incarnations, {answered} visits answered, {:?} in the table",
        visits.pages().get("/")
    );
    println!("{misses} of {reads} reads missed");
    Ok(report)
}
