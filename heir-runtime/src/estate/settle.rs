//! What an owner that ended leaves to be settled before its tables have another owner.

use crate::util::caught::PanicMessage;

/// The unfinished message and the remains of an owner: `None` if it left neither.
pub(crate) type Unsettled<T> = Option<Box<dyn Settle<T>>>;

/// What an owner that ended left behind beside its tables.
///
/// Settling runs a user's destructors. So it runs in the task of the next holder, where panics are
/// caught, and never under a lock.
pub(crate) trait Settle<T>: Send {
    /// Restores `tables` to the last message boundary, and drops the remains of the owner.
    fn settle(self: Box<Self>, tables: &mut T) -> Settled;
}

/// How the settling went.
#[derive(Default)]
pub(crate) struct Settled {
    /// The messages of panics in a user's code, mostly in destructors.
    pub(crate) panics: Vec<PanicMessage>,
    /// Why the tables could not be restored, if they could not.
    pub(crate) torn: Option<PanicMessage>,
}
