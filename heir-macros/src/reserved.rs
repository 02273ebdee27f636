//! The names of generated items, which the user's items must not have.

use proc_macro2::Ident;
use syn::ext::IdentExt;

/// The names of every handle: the methods of the runtime's `Handle`, and the handle's field.
pub(crate) const HANDLE: &[&str] = &[
    "name",
    "with_timeout",
    "call",
    "try_call",
    "cast",
    "try_cast",
    "cast_all",
    "try_cast_all",
    "incarnation",
    "status",
    "queued",
    "estate",
    "readers",
    "snapshot",
    "quarantined",
    "take_quarantined",
    "exit",
    "monitor",
    "kill",
    "kill_manager",
    "restart",
    "pause",
    "resume",
    "is_paused",
    "stop",
    "wait_stopped",
    "wait_serving",
    "downgrade",
    "clone",
    "__handle",
];

/// Whether every handle has a method of this name.
pub(crate) fn is_of_handle(ident: &Ident) -> bool {
    HANDLE.iter().any(|reserved| ident.unraw() == reserved)
}
