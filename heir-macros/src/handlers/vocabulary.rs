//! The attributes that `#[handlers]` knows on a method, and words that are probably meant for them.

use syn::Attribute;

/// The attributes that only `#[handlers]` understands.
pub(super) const MARKERS: [&str; 6] = ["cast", "every", "on", "redeliver", "reply", "skip"];

/// Those of [`MARKERS`] that say more of a message, and not what a method is for.
pub(super) const QUALIFIERS: [&str; 2] = ["redeliver", "reply"];

/// Attributes that a user may write by mistake, each with what to write.
pub(super) const NEARLY: [(&str, &str); 7] = [
    ("call", "a method without a mark is a call: remove `#[call]`"),
    ("start", "a hook names its event: write `#[on(start)]`"),
    ("transfer", "a hook names its event: write `#[on(transfer)]`"),
    ("stop", "a hook names its event: write `#[on(stop)]`"),
    ("exit", "a hook names its event: write `#[on(exit)]`"),
    ("down", "a hook names its event: write `#[on(down)]`"),
    ("verify", "a hook names its event: write `#[on(verify)]`"),
];

/// Whether the attribute is one of [`MARKERS`].
pub(super) fn is_marker(attribute: &Attribute) -> bool {
    MARKERS.iter().any(|marker| attribute.path().is_ident(marker))
}

/// Whether the attribute is one of [`MARKERS`] or [`NEARLY`], and so is removed from the method.
pub(super) fn is_mark(attribute: &Attribute) -> bool {
    is_marker(attribute) || NEARLY.iter().any(|(nearly, _)| attribute.path().is_ident(nearly))
}
