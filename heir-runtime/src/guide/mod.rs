//! The guide: for engineers who know tokio, and have not used actors or Erlang before.
//!
//! Each page stands alone, and its programs are compiled and run as tests.
//!
//! | you want to | page |
//! |---|---|
//! | replace an `Arc<Mutex<State>>`, step by step | [`from_a_mutex`] |
//! | write a whole service: its tree, its errors, its probes, its exit code | [`service`] |
//! | watch a service: its log, traces, metrics, and what it looks like inside | [`watching`] |
//! | choose what each field of a worker survives | [`what_survives`] |
//! | know where this crate does not help | [`limits`] |
//! | test that your own workers survive what they should | the page `testing` (feature `testing`) |
//! | find a feature of Erlang's OTP | [`otp`] |
//!
//! # The words
//! Six words are used everywhere:
//!
//! - A **worker** is a struct that one tokio task at a time owns. Other tasks send it messages.
//! - A **message** is a call of one of the worker's methods, its **handlers**: a **call** waits for
//!   the reply, a **cast** does not.
//! - A **handle** sends the messages. It can be cloned, and is good as long as the program runs.
//! - A **table** is a field that outlives the worker's task.
//! - An **incarnation** is one life of a worker: one task. When it panics, the next incarnation gets
//!   the tables.
//! - A **supervisor** starts workers, restarts them, and stops them in order. Supervisors and
//!   workers make a **tree**.

pub mod from_a_mutex;
pub mod limits;
pub mod service;
#[cfg(feature = "testing")]
pub mod testing;
pub mod watching;
pub mod what_survives;

#[doc(no_inline)]
pub use crate::otp;
