//! A worker can stand wherever an item can, and what is generated for it relies on no name that is in scope there.

mod clean;
mod fragments;
mod places;
mod prelude;
