//! The recorded tables against a naive model: random operations, commits and rollbacks, readers beside a writer, and
//! user code that panics at every point it can.

mod hammer;
mod journal;
mod late;
mod operations;
mod pages;
mod panics;
mod subject;
