//! The signals that have reached an incarnation and have not been served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::process::signal::{LinkId, MonitorId, Signal};
use crate::process::tasks::Outliving;

/// The signals in the order in which they came. The signals of one monitor, or over the links to
/// one worker, can be taken out again.
#[derive(Default)]
pub(super) struct Inbox {
    signals: BTreeMap<Number, Received>,
    by_source: BTreeSet<(Source, Number)>,
    next: Number,
}

/// Counts the signals of one inbox.
type Number = u64;

/// A signal that has not been served.
pub(super) struct Received {
    signal: Signal,
    /// The worker that it comes from over a link. While this is held, no other worker has the same
    /// [number](Outliving::worker).
    over: Option<Arc<Outliving>>,
}

/// The link or monitor that a signal comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The links to this [worker](Outliving::worker).
    Over(usize),
    Monitor(LinkId),
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }

    pub(super) fn push(&mut self, signal: Signal, over: Option<&Arc<Outliving>>) {
        let received = Received { signal, over: over.map(Arc::clone) };
        self.by_source.extend(received.source().map(|source| (source, self.next)));
        self.signals.insert(self.next, received);
        self.next += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Received> {
        let (number, received) = self.signals.pop_first()?;
        if let Some(source) = received.source() {
            self.by_source.remove(&(source, number));
        }
        Some(received)
    }

    /// Takes out the signals that have come from there.
    pub(super) fn remove_from(&mut self, source: Source) -> Vec<Received> {
        let of_source = self.by_source.range((source, Number::MIN)..=(source, Number::MAX));
        let numbers: Vec<_> = of_source.map(|(_, number)| *number).collect();
        numbers
            .into_iter()
            .filter_map(|number| {
                self.by_source.remove(&(source, number));
                self.signals.remove(&number)
            })
            .collect()
    }
}

impl Received {
    pub(super) fn into_signal(self) -> Signal {
        self.signal
    }

    fn source(&self) -> Option<Source> {
        match (&self.signal, &self.over) {
            (_, Some(over)) => Some(Source::Over(over.worker())),
            (Signal::Down(down), None) => {
                let MonitorId(id) = down.monitor;
                Some(Source::Monitor(id))
            }
            (Signal::Exit(_), None) => None,
        }
    }
}
