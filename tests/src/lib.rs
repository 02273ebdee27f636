//! What the suites share: a disk whose power can be cut, an observer that remembers, a log of what workers tell, random numbers that can be had again, user code
//! that panics where it is told to, ways to wait, and the README, whose programs run as tests.
#![cfg_attr(doctest, doc = include_str!("../../README.md"))]

pub mod disk;
pub mod fuse;
mod log;
mod random;
mod recorder;
pub mod waits;

/// As another crate re-exports it.
pub use heir_runtime as runtime;
use heir_runtime::events::Role;
use heir_runtime::supervision::OverdueChild;

pub use crate::log::Log;
pub use crate::random::Random;
pub use crate::recorder::Recorder;

/// Which children did not stop in time, as tuples, to be compared.
pub fn overdue(children: &[OverdueChild]) -> Vec<(&str, Role)> {
    children.iter().map(|OverdueChild { child, role, .. }| (&**child, *role)).collect()
}
