//! One message, two answers.

use heir_runtime::prelude::*;

#[heir]
struct Names {
    #[table(keep)]
    known: Vec<String>,
}

#[handlers]
impl Names {
    fn look_up(&mut self, id: u64, reply: Reply<String>) -> String {
        drop(reply);
        self.known[id as usize].clone()
    }
}

fn main() {}
