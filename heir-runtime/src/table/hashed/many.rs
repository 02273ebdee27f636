//! The rows of a `BagTable`: a list of values each.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use super::kind::Kind;
use crate::table::drops::{DropRows, drop_quietly};

/// From how many numbers on it is worth looking for those that can go.
const FEW: usize = 8;

/// A list of values.
pub(in crate::table) struct Many<V>(PhantomData<V>);

/// The values of a key, oldest first, each with its number. A number is higher than all before it
/// in the table, so that a change can name values without comparing them.
pub(in crate::table) struct List<V>(pub(in crate::table) Vec<(u64, V)>);

impl<V: Clone> Clone for List<V> {
    fn clone(&self) -> Self {
        let mut values = DropRows::with_capacity(self.0.len());
        self.0.iter().for_each(|(number, value)| values.push_clone(number, value));
        Self(values.into_vec())
    }
}

/// What a message has written to a list.
pub(in crate::table) struct Edits<V> {
    /// How many values there were before.
    before: usize,
    /// Whether nothing is left of them.
    replaces: bool,
    /// The numbers of those that were removed.
    removed: BTreeSet<u64>,
    /// The values that were put, behind those that are left.
    put: Vec<(u64, V)>,
}

impl<V> Edits<V> {
    /// For a list of so many values.
    pub(in crate::table) fn of(before: usize) -> Self {
        Self { before, replaces: false, removed: BTreeSet::new(), put: Vec::new() }
    }

    /// How many values there are.
    pub(in crate::table) fn len(&self) -> usize {
        if self.replaces { self.put.len() } else { self.before - self.removed.len() + self.put.len() }
    }

    /// Whether a value of this number that was there before still is.
    pub(in crate::table) fn leaves(&self, number: u64) -> bool {
        !self.replaces && !self.removed.contains(&number)
    }

    /// The values that were put.
    pub(in crate::table) fn put(&self) -> &[(u64, V)] {
        &self.put
    }

    /// Whether nothing is left of the values before, and else the numbers of those that were
    /// removed.
    pub(in crate::table) fn removed(&self) -> Option<impl Iterator<Item = u64> + '_> {
        (!self.replaces).then(|| self.removed.iter().copied())
    }

    pub(in crate::table) fn push(&mut self, number: u64, value: V) {
        if self.put.capacity() == 0 {
            // The list may become that of a row, and most rows have one value.
            self.put.reserve_exact(1);
        }
        self.put.push((number, value));
    }

    /// Removes everything. Returns what was put.
    pub(in crate::table) fn clear(&mut self) -> Vec<(u64, V)> {
        self.replaces = true;
        self.removed.clear();
        std::mem::take(&mut self.put)
    }

    /// Removes values that are there, by their numbers in order. Returns those that were put.
    pub(in crate::table) fn remove(&mut self, numbers: &[u64]) -> Vec<V> {
        let is_removed = |number: u64| numbers.binary_search(&number).is_ok();
        let first_put = self.put.first().map_or(u64::MAX, |(number, _)| *number);
        self.removed.extend(numbers.iter().take_while(|number| **number < first_put));
        self.put.extract_if(.., |(number, _)| is_removed(*number)).map(|(_, value)| value).collect()
    }
}

impl<V: Clone> Clone for Edits<V> {
    fn clone(&self) -> Self {
        let mut put = DropRows::with_capacity(self.put.len());
        self.put.iter().for_each(|(number, value)| put.push_clone(number, value));
        let Self { before, replaces, removed, .. } = self;
        Self { before: *before, replaces: *replaces, removed: removed.clone(), put: put.into_vec() }
    }
}

/// What commits that are not shown yet leave of a list.
///
/// It names values by number, so it leaves the same of the list whether none of these commits has
/// been shown, or some, or all.
pub(in crate::table) struct Ahead<V> {
    /// Whether nothing is left of the values before these commits.
    replaces: bool,
    /// The numbers of those that were removed, also of those that these commits have put, each with
    /// the commit that has removed it: they can go when that is shown.
    removed: BTreeMap<u64, u64>,
    /// How many of them make it worth looking for those that can go.
    many: usize,
    /// The values that were put, and are still there.
    put: Vec<(u64, V)>,
    /// How many values there are.
    count: usize,
}

/// The values of a key as the owner sees them.
pub(in crate::table) struct ListView<'a, V> {
    committed: &'a [(u64, V)],
    ahead: Option<&'a Ahead<V>>,
}

impl<V> ListView<'_, V> {
    /// How many values there are.
    pub(in crate::table) fn len(&self) -> usize {
        self.ahead.map_or(self.committed.len(), |ahead| ahead.count)
    }

    /// The values, each with its number.
    pub(in crate::table) fn iter(&self) -> impl Iterator<Item = &(u64, V)> {
        let replaces = self.ahead.is_some_and(|ahead| ahead.replaces);
        let committed = if replaces { &[][..] } else { self.committed };
        let is_left = |number: u64| self.ahead.is_none_or(|ahead| !ahead.removed.contains_key(&number));
        // Numbers grow: those up to the last one here have been shown already.
        let last = committed.last().map(|(number, _)| *number);
        let put = self.ahead.map_or(&[][..], |ahead| &ahead.put);
        let put = &put[put.partition_point(|(number, _)| Some(*number) <= last)..];
        committed.iter().filter(move |(number, _)| is_left(*number)).chain(put)
    }
}

/// What a change has taken out of a list.
#[derive(Clone)]
pub(in crate::table) struct Taken<V> {
    removed: List<V>,
    /// The number of the first value that it has put.
    first_put: Option<u64>,
}

impl<V> Kind for Many<V> {
    type Value = List<V>;
    type Change = Edits<V>;
    type Before = Taken<V>;
    type Ahead = Ahead<V>;
    type View<'a>
        = ListView<'a, V>
    where
        Self: 'a;

    fn change(value: &mut List<V>, change: Edits<V>) -> (Taken<V>, bool) {
        let removed = if change.replaces {
            std::mem::take(&mut value.0)
        } else if change.removed.is_empty() {
            Vec::new()
        } else {
            value.0.extract_if(.., |(number, _)| change.removed.contains(number)).collect()
        };
        let first_put = change.put.first().map(|(number, _)| *number);
        value.0.extend(change.put);
        (Taken { removed: List(removed), first_put }, !value.0.is_empty())
    }

    fn begin(change: Edits<V>) -> Result<List<V>, Edits<V>> {
        if change.put.is_empty() { Err(change) } else { Ok(List(change.put)) }
    }

    fn restore(value: &mut List<V>, before: Taken<V>) {
        // By number, so that it does nothing to a list that has not seen the change.
        if let Some(first) = before.first_put {
            let left = value.0.partition_point(|(number, _)| *number < first);
            drop_values(value.0.split_off(left));
        }
        for (number, removed) in before.removed.0 {
            match value.0.binary_search_by_key(&number, |(other, _)| *other) {
                Ok(_) => drop_quietly(removed),
                Err(at) => value.0.insert(at, (number, removed)),
            }
        }
    }

    fn view<'a>(value: &'a List<V>) -> ListView<'a, V>
    where
        Self: 'a,
    {
        ListView { committed: &value.0, ahead: None }
    }

    fn view_under<'a>(value: Option<&'a List<V>>, ahead: &'a Ahead<V>) -> Option<ListView<'a, V>>
    where
        Self: 'a,
    {
        let committed = value.map_or(&[][..], |list| &list.0);
        (ahead.count > 0).then_some(ListView { committed, ahead: Some(ahead) })
    }

    fn ahead(change: Edits<V>, commit: u64) -> Ahead<V> {
        let count = change.len();
        let removed = change.removed.into_iter().map(|number| (number, commit)).collect();
        Ahead { replaces: change.replaces, removed, many: FEW, put: change.put, count }
    }

    fn go_ahead(ahead: &mut Ahead<V>, change: Edits<V>, commit: u64, shown: u64) -> Taken<V> {
        ahead.count = change.len();
        let outdated = if change.replaces {
            ahead.replaces = true;
            ahead.removed.clear();
            std::mem::take(&mut ahead.put)
        } else {
            let outdated = ahead.put.extract_if(.., |(number, _)| change.removed.contains(number)).collect();
            // Those that were put by a commit that is not shown yet, too: it may be shown any time.
            ahead.removed.extend(change.removed.into_iter().map(|number| (number, commit)));
            if ahead.removed.len() >= ahead.many {
                ahead.removed.retain(|_, commit| *commit > shown);
                ahead.many = FEW.max(2 * ahead.removed.len());
            }
            outdated
        };
        ahead.put.extend(change.put);
        Taken { removed: List(outdated), first_put: None }
    }

    fn count(value: &List<V>) -> usize {
        value.0.len()
    }

    fn drop_value(value: List<V>) {
        drop_values(value.0);
    }

    fn drop_change(change: Edits<V>) {
        drop_values(change.put);
    }

    fn drop_before(before: Taken<V>) {
        drop_values(before.removed.0);
    }

    fn drop_ahead(ahead: Ahead<V>) {
        drop_values(ahead.put);
    }
}

fn drop_values<V>(values: Vec<(u64, V)>) {
    if std::mem::needs_drop::<V>() {
        for (_, value) in values {
            drop_quietly(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_always_ahead_forgets_the_values_whose_removal_is_shown() {
        let mut first = Edits::of(0);
        first.push(0, ());
        let mut ahead = Many::ahead(first, 1);
        for number in 1..1_000 {
            let mut change = Edits::of(1);
            change.remove(&[number - 1]);
            change.push(number, ());
            let commit = number + 1;
            Many::go_ahead(&mut ahead, change, commit, commit.saturating_sub(3));
            assert!(ahead.removed.len() <= FEW);
            assert!(ahead.removed.contains_key(&(number - 1)));
            assert_eq!(ahead.put, [(number, ())]);
        }
    }
}
