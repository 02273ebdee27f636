//! How the end of one child concerns its siblings and its supervisor.

use std::fmt;

/// Which children are restarted when one of them is (OTP, `supervisor`, restart strategies).
///
/// A worker's manager is no sibling: it is restarted alone, whatever the strategy, as the worker's
/// tables are safe without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Only the child that ended.
    #[default]
    OneForOne,
    /// All children: the others are stopped in reverse order, then all are started in order.
    OneForAll,
    /// The child that ended and those started after it: they are stopped in reverse order, then
    /// started in order.
    RestForOne,
}

/// Whether a supervisor ends by itself when its [significant](crate::Spec::significant) children
/// have ended (OTP, `supervisor`, `auto_shutdown`).
///
/// A significant child counts as ended when it ends and is not restarted: a transient child that
/// ended normally, or a temporary child. A child that was stopped on request does not count.
///
/// ```
/// use heir_runtime::prelude::*;
///
/// #[heir(restart = transient)]
/// struct Import {
///     #[table(keep)]
///     lines: u64,
/// }
///
/// #[handlers]
/// impl Import {
///     #[cast]
///     fn finish(&mut self, cx: &mut Context<Self>) {
///         cx.stop();
///     }
/// }
///
/// /// A program that ends with its work.
/// #[supervisor(auto_shutdown = any_significant)]
/// struct App {
///     #[child(significant)]
///     import: Import,
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut app = App::start().await?;
/// app.import.finish().await?;
/// assert!(matches!(app.wait().await.why, Stopped::Significant(child) if &*child == "import"));
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// The supervisor does not end by itself. None of its children may be significant.
    #[default]
    Never,
    /// The supervisor ends with the first significant child that ends.
    AnySignificant,
    /// The supervisor ends with the last significant child that ends.
    AllSignificant,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneForOne => "one_for_one",
            Self::OneForAll => "one_for_all",
            Self::RestForOne => "rest_for_one",
        })
    }
}
