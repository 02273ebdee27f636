//! What is asked, a file each. A question returns its answers.

use crate::report::Answer;

mod callers;
mod calls;
mod casts;
mod lookups;
mod memory;
mod queue;
mod recovery;
mod rows;
mod start_stop;
mod storm;
mod value;
mod workers;

pub use workers::inhabit;

/// A name for the command line, and what it answers.
pub type Question = (&'static str, fn() -> Vec<Answer>);

pub const ALL: &[Question] = &[
    ("calls", calls::ask),
    ("casts", casts::ask),
    ("callers", callers::ask),
    ("recovery", recovery::ask),
    ("rows", rows::ask),
    ("queue", queue::ask),
    ("value", value::ask),
    ("memory", memory::ask),
    ("start-stop", start_stop::ask),
    ("workers", workers::ask),
    ("storm", storm::ask),
    ("lookups", lookups::ask),
];
