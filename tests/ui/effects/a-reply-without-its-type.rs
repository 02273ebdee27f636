//! What is the caller told?

use heir_runtime::prelude::*;

#[heir]
struct Names {
    #[table(keep)]
    known: Vec<String>,
}

#[handlers]
impl Names {
    fn look_up(&mut self, id: u64, reply: Reply) {
        reply.send_now(self.known[id as usize].clone());
    }
}

fn main() {}
