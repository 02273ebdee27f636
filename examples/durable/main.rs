//! A counter that survives `kill -9`: its table is in a file.
//!
//! `cargo run --example durable` counts the visits of four pages, and prints each answer; kill it however you like, and start it
//! again: it goes on where the last printed line was. `cargo run --example durable -- visits.heir` names the file.

use std::error::Error;
use std::io::{self, Write};

use heir_runtime::prelude::*;
use heir_runtime::store::Store;
use heir_runtime::supervision::ShutdownReport;

/// Counts visits. What it has answered is on the disk.
#[heir(survives = process)]
struct Visits {
    #[table]
    pages: Table<String, u64>,
}

#[handlers]
impl Visits {
    fn visit(&mut self, page: String) -> u64 {
        self.pages.add(page, 1)
    }
}

#[supervisor]
struct App {
    visits: Visits,
}

/// Visits a page again and again, and prints the answers.
async fn visitor(visits: VisitsHandle, page: &'static str) -> Result<(), BoxError> {
    loop {
        let count = visits.visit(page.to_owned()).await?;
        // In one write, so that a kill leaves whole lines.
        io::stdout().write_all(format!("{page} {count}\n").as_bytes())?;
    }
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "visits.heir".to_owned());
    let store = Store::open(path)?;
    let app = App::spec().store(store.clone()).start().await?;
    let visits = &app.visits;
    let visitors = ["/", "/about", "/blog", "/shop"].map(|page| tokio::spawn(visitor(visits.clone(), page)));
    let report = app.run_until_shutdown().await;
    for visitor in visitors {
        visitor.abort();
    }
    store.close().await?;
    Ok(report)
}
