//! Nobody hears what a tick returns.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s")]
    fn sweep(&mut self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
