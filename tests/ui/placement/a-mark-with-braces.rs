use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table{keep}]
    counts: u64,
}

#[handlers]
impl Counter {
    #[on{start}]
    fn begin(&mut self) {
        self.counts += 1;
    }

    #[redeliver[3]]
    fn count(&mut self) -> u64 {
        self.counts
    }
}

fn main() {}
