//! The attribute macros of [`heir-runtime`](https://docs.rs/heir-runtime), which re-exports them:
//! use them from there. This page is their reference; the documentation of `heir-runtime` has
//! examples that run.
//!
//! - [`macro@heir`] goes on a struct, and makes it a worker whose tables outlive its crashes.
//! - [`macro@handlers`] goes on the struct's impl block, and makes its methods messages.
//! - [`macro@supervisor`] goes on a struct whose fields are workers, and makes it a tree that
//!   starts and restarts them.
//!
//! A mistake in their use does not compile, and the error says what to write.
//! [`heir_runtime::compile_fail`](https://docs.rs/heir-runtime/latest/heir_runtime/compile_fail/)
//! shows how your own tests can pin such errors.
//!
//! The macros write thin glue around generic functions of `heir-runtime`, which can be written by
//! hand.

mod args;
mod attached;
mod diagnostics;
mod editions;
mod fragments;
mod handlers;
mod heir;
mod options;
mod reserved;
mod settings;
mod supervisor;
#[cfg(test)]
mod tests;
mod tokens;
mod type_text;

use proc_macro::TokenStream;

/// Makes a struct a worker: says of each field whether it outlives a crash, and how a new
/// incarnation gets it.
///
#[doc = include_str!("../docs/heir.md")]
#[proc_macro_attribute]
pub fn heir(options: TokenStream, item: TokenStream) -> TokenStream {
    heir::attach(&options.into(), item.into()).into()
}

/// Makes the methods of an impl block messages: an enum with a variant for each, and typed methods
/// of the handle.
///
#[doc = include_str!("../docs/handlers.md")]
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, item: TokenStream) -> TokenStream {
    handlers::attach(options.into(), item.into()).into()
}

/// The derive that `#[heir]` attaches to its struct. Not for use by hand.
#[doc(hidden)]
#[proc_macro_derive(Heir, attributes(__heir, table, arg, fresh, child))]
pub fn derive_heir(item: TokenStream) -> TokenStream {
    heir::derive(item.into()).into()
}

/// Makes a struct a supervisor: its fields are the children, in the order in which they are
/// started.
///
#[doc = include_str!("../docs/supervisor.md")]
#[proc_macro_attribute]
pub fn supervisor(options: TokenStream, item: TokenStream) -> TokenStream {
    supervisor::attach(&options.into(), item.into()).into()
}

/// The derive that `#[supervisor]` attaches to its struct. Not for use by hand.
#[doc(hidden)]
#[proc_macro_derive(Supervisor, attributes(__supervisor, child, table, arg, fresh))]
pub fn derive_supervisor(item: TokenStream) -> TokenStream {
    supervisor::derive(item.into()).into()
}
