//! The tools of every layer: catching panics, racing futures, locks, reply channels, stop requests,
//! queues and numbered maps.

pub(crate) mod caught;
pub(crate) mod deadline;
#[cfg(feature = "serde")]
pub(crate) mod elapsed;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(feature = "metrics")]
pub(crate) mod meter;
#[cfg(not(feature = "metrics"))]
#[path = "no_meter.rs"]
pub(crate) mod meter;
pub(crate) mod numbers;
pub(crate) mod ours;
#[cfg(feature = "testing")]
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod race;
pub(crate) mod reply;
pub(crate) mod span;
pub(crate) mod steps;
pub(crate) mod stop;
pub(crate) mod sync;
