//! What is left after a crash.

use crate::contenders::actix::{self, Actix};
use crate::contenders::{Contender, MAILBOX, Restarted, every_restarted, otp};
use crate::lane::{Lane, Threads, interleave};
use crate::report::{Answer, Column, Row, Table, Unit};

const ABOUT: &str = "
100 increments, a crash, 10 more that are queued right behind it: the value. In the second column the message that dies has added
1000 before it does, and never gets to the end of what it meant to do. Nothing was lost, and nothing is half-written, if both are 110.
";
const NOTE: &str = "
An ets table, a mutex and a `keep` table outlive a worker, with what it had half done; only the recorded table is as it was before the
message. actix's supervisor starts an actor again that has stopped, but not one that has panicked: nobody is there to answer. A mailbox
that goes down with its worker (ractor, tokio-actors, OTP) takes the 10 along.
";

async fn lane<C: Restarted>() -> Lane {
    Lane::new(C::NAME, (), || async { vec![value::<C>(0).await, value::<C>(1000).await] })
}

async fn value<C: Restarted>(half_done: u64) -> f64 {
    let (_tree, handle) = C::start(MAILBOX).await;
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

pub fn ask() -> Vec<Answer> {
    let columns =
        ["died before it wrote", "died half done"].map(|name| Column::new(name, Unit::Number)).into();
    let table = Table {
        title: "100 increments, a crash, 10 more: the value".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns,
        rows: Threads::Two.run(async { interleave(&mut every_restarted!(lane()), 5).await }),
    };
    assert!(!Threads::Two.run(actix::comes_back()), "actix comes back from a panic: it is to take part");
    let actix = Row::new(Actix::NAME, vec![Vec::new(); 2]);
    vec![Answer::Table(table.and(Some(actix)).and(otp::row("value", 2, Threads::Two)))]
}
