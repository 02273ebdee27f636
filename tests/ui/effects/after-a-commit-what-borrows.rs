//! What runs after the commit has no worker any more.

use heir_runtime::prelude::*;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, cx: &mut Context<Self>) {
        cx.after_commit(|| println!("{}", self.count));
    }
}

fn main() {}
