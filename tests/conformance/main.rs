//! The specification of heir, as tests: each name is one sentence of it.
//!
//! `estate` and `transfer` are about the tables' custody alone; the others about whole trees. Trees run on a
//! single-threaded runtime, where the order of events is exact; `chaos` has the other kind.

mod attachments;
mod budget;
mod custody;
mod declared;
mod down;
mod durations;
mod estate;
mod exits;
mod hooks;
mod hostile;
mod hung;
mod hygiene;
mod leases;
mod links;
mod manager;
mod messages;
mod monitors;
mod pattern;
mod pause;
mod quarantine;
mod redelivery;
mod relatives;
mod shared;
mod supervision;
mod supervisor;
mod tables;
mod transfer;
mod undelivered;
mod unresponsive;
mod workers;
