//! What the end of a tree means for the end of its program: an exit code, and last words.

use std::fmt;
use std::process::{ExitCode, Termination};

use crate::process::status::Stopped;
use crate::supervisor::report::{OverdueChild, ShutdownReport};

/// The most children that a report names in words.
const NAMED: usize = 10;

impl ShutdownReport {
    /// The exit code for a program that ends with its tree: 0 if the tree ended as it was to, or 1.
    ///
    /// | 0 | 1 |
    /// |---|---|
    /// | it was [asked to stop](Stopped::Shutdown), or ended with a [significant child](Stopped::Significant) | it gave up, was dropped or killed, or did not start |
    /// | and every child stopped in time | or a child was aborted, or is unresponsive |
    ///
    /// A report is also a [`Termination`]: a `main` that returns it, or `Result<ShutdownReport, E>`,
    /// ends with this code, and prints the report to stderr if the code is 1.
    ///
    /// ```
    /// use std::process::ExitCode;
    ///
    /// use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] unused: () }
    /// # #[handlers] impl Counter {}
    /// # #[supervisor] struct App { counter: Counter }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<ExitCode, BoxError> {
    ///     let app = App::start().await?;
    ///     let report = app.shutdown().await;
    ///     println!("{report}");
    ///     Ok(report.exit_code())
    /// }
    /// ```
    pub fn exit_code(&self) -> ExitCode {
        if self.is_in_order() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn is_in_order(&self) -> bool {
        matches!(self.why, Stopped::Shutdown | Stopped::Significant(_))
            && self.aborted.is_empty()
            && self.unresponsive.is_empty()
    }
}

/// The report's [`exit_code`](ShutdownReport::exit_code).
impl From<ShutdownReport> for ExitCode {
    fn from(report: ShutdownReport) -> Self {
        report.exit_code()
    }
}

/// Ends the program with the report's [`exit_code`](ShutdownReport::exit_code); a report whose code
/// is not 0 is printed to stderr.
///
/// ```
/// use heir_runtime::prelude::*;
/// use heir_runtime::supervision::ShutdownReport;
/// # #[heir] struct Counter { #[table(keep)] unused: () }
/// # #[handlers] impl Counter {}
/// # #[supervisor] struct App { counter: Counter }
///
/// # #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<ShutdownReport, BoxError> {
///     let app = App::start().await?;
///     Ok(app.shutdown().await)
/// }
/// ```
impl Termination for ShutdownReport {
    fn report(self) -> ExitCode {
        if !self.is_in_order() {
            eprintln!("{self}");
        }
        self.exit_code()
    }
}

/// Why the tree ended, and who did not stop in time; of very many, the first ten.
impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Stopped::Shutdown => f.write_str("the tree was asked to stop")?,
            Stopped::GaveUp(reason) => {
                write!(f, "the tree gave up after too many restarts, the last because of {reason}")?;
            }
            Stopped::Significant(child) => write!(f, "the tree ended with its significant child `{child}`")?,
            Stopped::NotStarted(why) => write!(f, "the tree did not start: {why}")?,
            Stopped::Dropped => f.write_str("the tree was dropped or killed, or its tokio runtime ended")?,
            other => write!(f, "the tree ended: {other}")?,
        }
        list(f, "; aborted, because it did not stop in time: ", &self.aborted)?;
        list(f, "; left behind, because it does not yield to the runtime: ", &self.unresponsive)
    }
}

fn list(f: &mut fmt::Formatter<'_>, words: &str, children: &[OverdueChild]) -> fmt::Result {
    for (index, child) in children.iter().take(NAMED).enumerate() {
        write!(f, "{}{child}", if index == 0 { words } else { ", " })?;
    }
    match children.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
