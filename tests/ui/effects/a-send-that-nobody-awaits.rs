//! A send waits for its permit.
#![deny(unused_must_use)]

use heir_runtime::prelude::*;

#[heir]
struct Stock {
    #[table(keep)]
    items: Vec<String>,
}

#[handlers]
impl Stock {
    #[cast]
    fn put(&mut self, item: String) {
        self.items.push(item);
    }
}

#[heir]
struct Orders {
    #[table(keep)]
    open: u64,
    #[arg]
    stock: StockHandle,
}

#[handlers]
impl Orders {
    #[cast]
    fn place(&mut self, cx: &mut Context<Self>, item: String) {
        self.open += 1;
        cx.send(self.stock.put(item));
    }
}

fn main() {}
