//! What is left after a crash.

use crate::contenders::{Restarted, every_restarted};
use crate::lane::{Lane, Threads, interleave};
use crate::report::{Column, Table, Unit};

const ABOUT: &str = "
100 increments, a crash, 10 more that are queued right behind it: the value. In the second column the message that dies has added
1000 before it does, and never gets to the end of what it meant to do. Nothing was lost, and nothing is half-written, if both are 110.
";

async fn lane<C: Restarted>() -> Lane {
    Lane::new(C::NAME, (), || async { vec![value::<C>(0).await, value::<C>(1000).await] })
}

async fn value<C: Restarted>(half_done: u64) -> f64 {
    let (_tree, handle) = C::start().await;
    for _ in 0..100 {
        C::call(&handle).await.unwrap_or_else(|| panic!("{} lost a call", C::NAME));
    }
    C::crash(&handle, half_done).await;
    for _ in 0..10 {
        C::cast(&handle).await;
    }
    loop {
        if let Some(value) = C::call(&handle).await {
            // The call added one, too.
            return (value - 1) as f64;
        }
    }
}

pub fn ask() -> Vec<Table> {
    let columns =
        ["died before it wrote", "died half done"].map(|name| Column::new(name, Unit::Number)).into();
    vec![Table {
        title: "100 increments, a crash, 10 more: the value".to_owned(),
        about: ABOUT,
        columns,
        rows: Threads::Two.run(async { interleave(every_restarted!(lane()), 5).await }),
    }]
}
