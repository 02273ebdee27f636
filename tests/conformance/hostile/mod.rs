//! A user's code at its worst: it panics wherever the runtime calls it. The process lives, nothing is lost, everyone is told.
//!
//! `life` lets everything panic at every point of a whole life; the others are the cases it is made of, each by itself.

mod ends;
mod life;
mod messages;
mod places;
mod subscribers;
mod values;
mod wakers;
