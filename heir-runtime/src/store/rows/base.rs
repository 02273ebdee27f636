//! The rows of a table as of one boundary, in pages of encoded changes.

use std::ops::ControlFlow;

use super::error::RowError;
use super::stores::Stores;
use super::written::Writing;
use crate::table::{Change, Readers};

/// How many bytes a page has at most, unless one row alone has more.
pub(super) const PAGE: usize = 60 * 1024;

/// What a walk through the rows of a table shows.
#[derive(Debug)]
pub(crate) enum BasePage {
    /// The rows as of the boundary of this number follow. Pages that were shown before are void: all rows
    /// were exchanged for others meanwhile.
    Begins(u64),
    /// Encoded changes that put rows.
    Rows(Vec<u8>),
}

pub(super) fn base<T: Stores>(
    table: Writing<'_>,
    readers: &Readers,
    show: &mut dyn FnMut(BasePage) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, RowError> {
    let walked = readers.snapshot(|copying| {
        if show(BasePage::Begins(copying.boundary())).is_break() {
            return Some(Ok(ControlFlow::Break(())));
        }
        let (mut page, mut failed) = (Vec::new(), None);
        let walked =
            copying.each_row::<T>(table.place, |change| match put_row::<T>(table, change, &mut page) {
                Ok(None) => ControlFlow::Continue(()),
                Ok(Some(full)) => show(BasePage::Rows(full)),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            })?;
        Some(match failed {
            Some(error) => Err(error),
            None if walked.is_break() || page.is_empty() => Ok(walked),
            None => Ok(show(BasePage::Rows(page))),
        })
    });
    walked.into_rows()
}

/// Puts a row on a page; if there is no room for it, on the next one, and returns the page that is full.
fn put_row<T: Stores>(
    table: Writing<'_>,
    change: Change<&T::Key, &T::Value>,
    page: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, RowError> {
    let before = page.len();
    table.put::<T>(change, page)?;
    if page.len() <= PAGE || before == 0 {
        return Ok(None);
    }
    let next = page.split_off(before);
    Ok(Some(std::mem::replace(page, next)))
}
