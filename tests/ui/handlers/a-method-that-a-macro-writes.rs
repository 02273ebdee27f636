use heir_runtime::{handlers, heir};

macro_rules! getter {
    ($name:ident) => {
        fn $name(&mut self) -> u64 {
            self.counts
        }
    };
}

#[heir]
struct Counter {
    #[table(keep)]
    counts: u64,
}

#[handlers]
impl Counter {
    getter!(get);
}

fn main() {}
