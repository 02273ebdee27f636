//! `survives = process`: who sees what, and when; what is there after a crash, a power loss, a failure of the disk.

mod bank;
mod early;
mod failures;
mod gates;
mod growth;
mod hunted;
mod identity;
mod moves;
mod power;
mod storms;
mod values;
mod verified;
mod warnings;
