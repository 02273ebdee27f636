//! What is asked, a file each. A question returns its tables.

use crate::report::Table;

mod callers;
mod calls;
mod casts;
mod memory;
mod recovery;
mod start_stop;
mod storm;
mod value;

pub use memory::weigh;

/// A name for the command line, and what it answers.
pub type Question = (&'static str, fn() -> Vec<Table>);

pub const ALL: &[Question] = &[
    ("calls", calls::ask),
    ("casts", casts::ask),
    ("callers", callers::ask),
    ("recovery", recovery::ask),
    ("value", value::ask),
    ("memory", memory::ask),
    ("start-stop", start_stop::ask),
    ("storm", storm::ask),
];
