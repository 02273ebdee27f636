//! Messages that were not served, and have no caller to be told: a hook gets them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::mailbox::message::{Message, Tell};
use crate::mailbox::refusal::Refusal;
use crate::util::caught::{CatchDrop, caught};

/// An accepted message that was not served, and whose sender cannot be told: the argument of
/// [`Spec::on_undelivered`](crate::Spec::on_undelivered). Its `Display` is a sentence.
///
/// ```
/// use std::sync::mpsc;
///
/// use heir_runtime::prelude::*;
/// # #[heir] struct Log { #[table] lines: Table<String, ()> }
/// # #[handlers]
/// # impl Log {
/// #     #[cast]
/// #     fn note(&mut self, line: String) {
/// #         assert_ne!(line, "bug");
/// #         self.lines.insert(line, ());
/// #     }
/// # }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (dead, letters) = mpsc::channel();
/// let mut tree = Supervisor::builder("app");
/// let log = tree.worker(Log::spec().on_undelivered(move |lost| drop(dead.send(lost.to_string()))));
/// let tree = tree.start().await?;
/// let down = log.monitor();
/// log.note("bug".into()).await?;
/// down.await;
/// # tree.shutdown().await;
/// assert!(letters.recv()?.starts_with("Log: a message `note` was not delivered"));
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// The worker's name.
    pub worker: Arc<str>,
    /// The name of the handler that did not serve it to its end.
    pub message: &'static str,
    /// Why it was not served: mostly [`Stopped`](Refusal::Stopped), before it was served; or
    /// [`Died`](Refusal::Died), while it was served: then recorded and `rollback` tables are as
    /// they were before the message, or as its last [`Context::commit`](crate::Context::commit) left
    /// them.
    pub why: Refusal,
    /// The incarnation that served it last, and died over it; `None` if it was never served.
    pub incarnation: Option<u64>,
    /// How often it was served: 0 if never, and more than once only with `#[redeliver]`.
    pub tries: u32,
    /// The tuple of its arguments, to be downcast (`args.downcast::<(String, u64)>()`). `None` if
    /// its handler had taken them: never with `#[redeliver]`, where each try gets a clone.
    pub args: Option<Box<dyn Any + Send>>,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, message, why, .. } = self;
        write!(f, "{worker}: a message `{message}` was not delivered: {why}")
    }
}

/// The user's hook for undelivered messages. Its panics are caught, and no lock is held meanwhile.
#[derive(Clone)]
pub(crate) struct OnUndelivered(Arc<CatchDrop<Box<Hook>>>);

type Hook = dyn Fn(Undelivered) + Send + Sync;

impl OnUndelivered {
    pub(crate) fn new(hook: impl Fn(Undelivered) + Send + Sync + 'static) -> Self {
        Self(Arc::new(CatchDrop::new(Box::new(hook))))
    }

    /// Takes what is left of `message`, to hand it to the hook.
    pub(super) fn take(&self, worker: &Arc<str>, message: &mut impl Message, why: Refusal) -> Tell {
        let tries = caught(|| message.gate().tries()).unwrap_or_default();
        let args = caught(|| message.gate().take_back()).unwrap_or_default();
        let name = caught(|| message.name()).unwrap_or("a message whose `name` panics");
        let (incarnation, tries) = match &why {
            // Also if it died before it could take them.
            Refusal::Died { incarnation, .. } => (Some(*incarnation), tries.max(1)),
            Refusal::Stopped(_) | Refusal::Unresponsive { .. } | Refusal::Unknown => (None, tries),
        };
        let worker = Arc::clone(worker);
        let undelivered = Undelivered { worker, message: name, why, incarnation, tries, args };
        let hook = Arc::clone(&self.0);
        Box::new(move || hook.get()(undelivered))
    }
}
