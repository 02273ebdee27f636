//! A tree as it is seen from outside: by subscribers of `tracing`, by streams of events, by a recorder of metrics.

mod collector;
mod ends;
mod events;
mod hostile;
mod meters;
mod spans;
mod streams;
