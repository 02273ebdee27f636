//! Pages of a hash table: rows go on behind the position of a hash.

/// Cuts a page down to `limit` rows, in the order of positions, if the message under way has written
/// more into it than there is room for; rows of one position stay together. Returns the rows that are
/// too many, and where the next page begins.
pub(in crate::table) fn cut_page<K, T>(
    page: &mut Vec<(K, T)>,
    limit: usize,
    next: Option<u32>,
    position: impl Fn(&K) -> u32,
) -> (Vec<(K, T)>, Option<u32>) {
    if page.len() <= limit {
        return (Vec::new(), next);
    }
    page.sort_by_cached_key(|(key, _)| position(key));
    let last = position(&page[limit.max(1) - 1].0);
    let rows = page.iter().take_while(|(key, _)| position(key) <= last).count();
    (page.split_off(rows), last.checked_add(1))
}
