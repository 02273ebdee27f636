//! How recovery depends on what is queued.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Instant;

use tokio::task::unconstrained;

use crate::contenders::{Restarted, heir, kameo, restart_loop};
use crate::lane::{Lane, Threads, interleave_at, nanos_each, sizes};
use crate::report::{Answer, Growth, Row, Unit, median};

const ABOUT: &str = "
In the mailbox of a worker are a message that it will die over, a call, so many casts, and one more call when it begins, on a
`current_thread` runtime, of those whose mailbox outlives a panic (ractor's, tokio-actors', actix's and OTP's go down with the worker).
";
const FIRST_NOTE: &str = "
The first answer is there after the first message, but its caller is on the same thread: it has its turn when the worker gives way, which is
when the queue is empty, or when tokio's budget for one poll is spent. That is 128 messages, for `mpsc` and for heir (counted: 128 had been
served when the first caller was polled, of 1000 and of 10 000 alike; all of them, when there were fewer). So it bends upwards where 128 messages take as long
as the restart, and is flat from 128 on. On another thread the caller would not wait for them. (Why kameo's caller waits for all was not looked into.)
";
const ALL_NOTE: &str = "
The restart, and then so many times a message: the bend is where they are equally long, about 50 messages. From there on the line is straight,
and its slope what a cast costs its worker (callgrind and the clock agree that it does not change from 1000 to 10 000).
";
const SIZES: [u64; 5] = [1, 10, 100, 1_000, 10_000];
const MAILBOX: usize = 16_384;
const CRASHES: usize = 20;
const ROUNDS: usize = 9;

async fn lane<C: Restarted>(queued: Arc<AtomicU64>) -> Lane {
    let (tree, handle) = C::start(MAILBOX).await;
    Lane::new(C::NAME, tree, move || {
        let (handle, queued) = (handle.clone(), queued.load(Relaxed));
        async move {
            let (mut first_answers, mut all_served) = (Vec::new(), Vec::new());
            for _ in 0..CRASHES {
                let mut first = pin!(C::call(&handle));
                // The worker gets no turn until all is in its mailbox.
                unconstrained(async {
                    C::crash(&handle, 0).await;
                    let answered = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_ready())).await;
                    assert!(!answered);
                    for _ in 0..queued {
                        C::cast(&handle).await;
                    }
                })
                .await;
                let start = Instant::now();
                assert!(first.await.is_some());
                first_answers.push(nanos_each(start, 1));
                assert!(C::call(&handle).await.is_some());
                all_served.push(nanos_each(start, 1));
            }
            vec![median(&first_answers), median(&all_served)]
        }
    })
}

async fn drained(sizes: &[u64]) -> [Vec<Row>; 2] {
    let queued = Arc::new(AtomicU64::new(1));
    let mut lanes = [
        lane::<restart_loop::Losing>(Arc::clone(&queued)).await,
        lane::<restart_loop::Sharing>(Arc::clone(&queued)).await,
        lane::<heir::Recorded>(Arc::clone(&queued)).await,
        lane::<heir::Kept>(Arc::clone(&queued)).await,
        lane::<kameo::Kameo>(Arc::clone(&queued)).await,
    ];
    interleave_at(&mut lanes, sizes, &queued, ROUNDS).await
}

pub fn ask() -> Vec<Answer> {
    let sizes = sizes(SIZES, 1_000);
    let asked = sizes.clone();
    let [first, all] = Threads::Current.run(async move { drained(&asked).await });
    let growth = |title: &str, rows, note| {
        let sizes = sizes.clone();
        let of = "queued messages";
        Answer::Growth(Growth {
            title: title.to_owned(),
            about: ABOUT,
            of,
            sizes,
            unit: Unit::Time,
            rows,
            note,
        })
    };
    vec![
        growth("From a panic to the first answer, as the queue grows", first, FIRST_NOTE),
        growth("From a panic until the queue is served", all, ALL_NOTE),
    ]
}
