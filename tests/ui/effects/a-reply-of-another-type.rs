//! The caller waits for a string.

use heir_runtime::prelude::*;

#[heir]
struct Names {
    #[table(keep)]
    known: Vec<String>,
}

#[handlers]
impl Names {
    fn look_up(&mut self, cx: &mut Context<Self>, id: u64, reply: Reply<String>) {
        self.known.clear();
        reply.send(cx, id);
    }
}

fn main() {}
