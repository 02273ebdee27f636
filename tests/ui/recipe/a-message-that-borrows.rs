use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: &str) -> u64 {
        self.count + key.len() as u64
    }
}

fn main() {}
