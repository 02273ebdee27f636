//! A reply leaves the worker.

use heir_runtime::prelude::*;

#[heir]
struct Names {
    #[table(keep)]
    known: Vec<String>,
}

#[handlers]
impl Names {
    fn look_up(&mut self, id: u64, reply: Reply<&str>) {
        self.known.truncate(id as usize);
        drop(reply);
    }
}

fn main() {}
