//! The mailbox under every interleaving that loom can find. Run with `RUSTFLAGS="--cfg heir_loom"`.

use std::future::poll_fn;
use std::sync::Arc;

use loom::future::block_on;
use loom::model::Builder;
use loom::thread;

use crate::mailbox::call::Cast;
use crate::mailbox::mailbox::Mailbox;
use crate::mailbox::message::{Message, ReplyGate};

struct Number(u8, Cast<()>);

impl Message for Number {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        &mut self.1
    }

    fn name(&self) -> &'static str {
        "number"
    }
}

fn mailbox(capacity: usize) -> Arc<Mailbox<Number>> {
    Arc::new(Mailbox::new(Arc::from("worker"), "Worker", capacity, None))
}

fn number(n: u8) -> Number {
    Number(n, Cast::new(()))
}

/// What a worker serves, in one task; it sleeps while there is nothing.
fn serve_two(mailbox: &Mailbox<Number>) -> (u8, u8) {
    block_on(async {
        let first = poll_fn(|cx| mailbox.poll_next(1, cx)).await;
        let second = poll_fn(|cx| mailbox.poll_next(1, cx)).await;
        (first.0, second.0)
    })
}

/// Where all interleavings take minutes: those in which a thread is interrupted twice at most.
fn bounded() -> Builder {
    let mut model = Builder::new();
    model.preemption_bound = Some(2);
    model
}

/// A lost wake-up would be a deadlock, which loom reports.
#[test]
fn loom_a_worker_is_woken_however_it_falls_asleep() {
    loom::model(|| {
        let mailbox = mailbox(2);
        let sender = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || {
                for n in 1..=2 {
                    mailbox.try_reserve().unwrap().send(number(n));
                }
            }
        });
        assert_eq!(serve_two(&mailbox), (1, 2));
        sender.join().unwrap();
    });
}

#[test]
fn loom_a_sender_gets_the_permit_however_it_is_freed() {
    loom::model(|| {
        let mailbox = mailbox(1);
        mailbox.try_reserve().unwrap().send(number(1));
        let sender = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || block_on(mailbox.reserve()).unwrap().send(number(2))
        });
        assert_eq!(serve_two(&mailbox), (1, 2));
        sender.join().unwrap();
        assert!(mailbox.try_reserve().is_ok());
    });
}

#[test]
fn loom_a_pause_finds_the_worker_at_rest() {
    bounded().check(|| {
        let mailbox = mailbox(2);
        mailbox.try_reserve().unwrap().send(number(1));
        let worker = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || serve_two(&mailbox)
        });
        block_on(mailbox.pause()).unwrap();
        mailbox.try_reserve().unwrap().send(number(2));
        assert_eq!(mailbox.lock().messages.back().map(|last| last.message.0), Some(2), "nobody takes it out");
        mailbox.resume();
        assert_eq!(worker.join().unwrap(), (1, 2));
    });
}
