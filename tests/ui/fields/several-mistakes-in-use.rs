//! Whoever uses a worker hears nothing of the mistakes in its fields.

use heir_runtime::{Supervisor, handlers, heir, supervisor};

struct Plain;

#[heir]
struct Counter {
    #[table]
    count: u64,
    #[table(rollback)]
    saved: Plain,
    #[arg]
    by: Plain,
    scratch: Plain,
}

#[handlers]
impl Counter {
    async fn add(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

#[supervisor]
struct App {
    #[child(args(by: Plain))]
    counter: Counter,
}

async fn by_hand() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec(Plain));
    let _ = counter.clone().add().await;
    counter.kill();
}

async fn declared() {
    let app = App::start(Plain).await.unwrap();
    let _ = app.counter.add().await;
}

fn main() {}
