//! What follows for its siblings when a child ends.

use std::fmt;

/// Which children are restarted when one of them ends and is to be restarted (OTP, `supervisor`, restart strategies).
///
/// A worker's manager is no sibling: when it ends it is restarted alone, whatever the strategy, for the worker's tables are
/// safe without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Only that one.
    #[default]
    OneForOne,
    /// All of them: the others are stopped, in reverse order, and then all are started again, in order.
    OneForAll,
    /// That one and those started after it: they are stopped, in reverse order, and then started again, in order.
    RestForOne,
}

/// Whether a supervisor ends by itself when its [significant](crate::Spec::significant) children have (OTP, `supervisor`,
/// `auto_shutdown`).
///
/// A significant child counts when it has ended and is not to be restarted: a transient one that ended normally, a temporary
/// one that ended. One that was stopped on request does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It does not, and none of its children may be significant.
    #[default]
    Never,
    /// When any of them has.
    AnySignificant,
    /// When the last of them has.
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
