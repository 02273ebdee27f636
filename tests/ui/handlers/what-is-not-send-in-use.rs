//! Whoever uses a worker hears nothing of the mistakes in its handlers.

use std::rc::Rc;

use heir_runtime::{Supervisor, handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, of: Box<dyn Fn() -> u64>) -> Rc<u64> {
        Rc::new(of() + self.count)
    }
}

#[supervisor]
struct App {
    counter: Counter,
}

async fn by_hand() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let _ = counter.clone().count(Box::new(|| 1)).await;
    counter.kill();
}

async fn declared() {
    let app = App::start().await.unwrap();
    let _ = app.counter.count(Box::new(|| 1)).await;
}

fn main() {}
