//! The rows of a `Table`: one value each.

use std::marker::PhantomData;

use super::kind::Kind;
use crate::table::drops::drop_quietly;

/// One value.
pub(in crate::table) struct One<V>(PhantomData<V>);

impl<V> Kind for One<V> {
    type Value = V;
    /// The value that was put; `None` if the row was removed.
    type Change = Option<V>;
    /// The value that was replaced.
    type Before = Option<V>;
    /// The value; `None` if there is no row.
    type Ahead = Option<V>;
    type View<'a>
        = &'a V
    where
        Self: 'a;

    #[inline]
    fn change(value: &mut V, change: Option<V>) -> (Option<V>, bool) {
        match change {
            Some(new) => (Some(std::mem::replace(value, new)), true),
            None => (None, false),
        }
    }

    #[inline]
    fn begin(change: Option<V>) -> Result<V, Option<V>> {
        change.ok_or(None)
    }

    fn restore(value: &mut V, before: Option<V>) {
        if let Some(before) = before {
            drop_quietly(std::mem::replace(value, before));
        }
    }

    #[inline]
    fn view<'a>(value: &'a V) -> &'a V
    where
        Self: 'a,
    {
        value
    }

    fn view_under<'a>(_: Option<&'a V>, ahead: &'a Option<V>) -> Option<&'a V>
    where
        Self: 'a,
    {
        ahead.as_ref()
    }

    fn ahead(change: Option<V>, _: u64) -> Option<V> {
        change
    }

    fn go_ahead(ahead: &mut Option<V>, change: Option<V>, _: u64, _: u64) -> Option<V> {
        std::mem::replace(ahead, change)
    }

    fn count(_: &V) -> usize {
        1
    }

    fn drop_value(value: V) {
        drop_quietly(value);
    }

    fn drop_change(change: Option<V>) {
        drop_quietly(change);
    }

    fn drop_before(before: Option<V>) {
        drop_quietly(before);
    }

    fn drop_ahead(ahead: Option<V>) {
        drop_quietly(ahead);
    }
}
