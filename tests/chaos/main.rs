//! Kills at every moment and of everybody, and what must still be true after them.

mod effects;
mod keys;
mod links;
mod many;
mod member;
mod moments;
mod replies;
mod requests;
mod storms;
mod ticks;
mod trees;
