use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: u64,
}

#[handlers]
impl Counter {
    #[start]
    const FIRST: u64 = 1;

    fn count(&mut self) -> u64 {
        self.counts + Self::FIRST
    }
}

fn main() {}
