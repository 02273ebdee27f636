//! The specification of heir, as tests: each name is one sentence of it.
//!
//! `estate` and `transfer` are about the tables' custody alone; the others about whole trees. Trees run on a
//! single-threaded runtime, where the order of events is exact; `chaos` has the other kind.

mod at_rest;
mod attachments;
mod boundaries;
mod budget;
mod creation;
mod custody;
mod declared;
mod doomed;
mod down;
mod durations;
mod effects;
mod effects_at_the_edge;
mod estate;
mod every;
mod exits;
mod fresh;
mod handles;
mod hooks;
mod hostile;
mod hung;
mod hygiene;
mod journal;
mod last_attempts;
mod leases;
mod links;
mod links_again;
mod manager;
mod messages;
mod monitors;
mod next_life;
mod one_error;
mod outliving;
mod pattern;
mod pause;
mod quarantine;
mod redelivery;
mod relatives;
mod replies;
mod serialized;
mod several_tables;
mod shared;
mod starts_that_fail;
mod supervision;
mod supervisor;
mod suspicion;
mod tables;
mod transfer;
mod undelivered;
mod unresponsive;
mod verdicts;
mod waiting;
mod workers;
mod write_sets;
