//! A reply moves to another task.

use heir_runtime::prelude::*;

use std::rc::Rc;

#[heir]
struct Names {
    #[table(keep)]
    known: Vec<String>,
}

#[handlers]
impl Names {
    fn look_up(&mut self, id: u64, reply: Reply<Rc<str>>) {
        let _ = reply.send_now(Rc::from(&*self.known[id as usize]));
    }
}

fn main() {}
