//! Trees grown at random, under strikes at random members.

mod grown;
mod jumble;
mod model;
mod oracle;
mod storm;
