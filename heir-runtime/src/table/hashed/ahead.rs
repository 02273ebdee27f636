//! The commits of a hash table that its owner sees, and that are not shown to readers yet.

use super::entries::{Entries, Entry};
use super::kind::Kind;
use super::shards::Place;
use crate::table::drops::drop_quietly;

/// From how many entries on it is worth looking for those that can go.
const FEW: usize = 8;

/// What commits leave of the rows that they have written to: it lies over the committed rows, until
/// they are shown.
///
/// An entry may stay for a while after its commits have been shown, because it then says what the row
/// says.
pub(super) struct Ahead<K, D: Kind> {
    entries: Entries<K, Left<D>>,
    /// The last commit that has removed all rows, while it is not shown.
    cleared: Option<u64>,
    /// How many values and rows there are: `None` if all commits are shown.
    len: Option<(usize, usize)>,
    /// The last commit.
    last: u64,
    /// How many entries make it worth looking for those that can go.
    many: usize,
}

/// What is left of a row.
pub(super) struct Left<D: Kind> {
    content: D::Ahead,
    /// The last commit that has written to it.
    commit: u64,
}

/// What lies over the rows no more.
pub(super) enum Outdated<K, D: Kind> {
    Row(K, D::Ahead),
    Change(K, D::Before),
}

/// What the owner finds of a key.
pub(super) struct Found<'a, K, D: Kind> {
    pub(super) place: Place,
    pub(super) key: &'a K,
    pub(super) content: &'a D::Ahead,
}

impl<K, D: Kind> Ahead<K, D> {
    pub(super) fn new() -> Self {
        Self { entries: Entries::new(), cleared: None, len: None, last: 0, many: FEW }
    }

    /// Whether nothing is left of the rows that are shown.
    pub(super) fn hides_all(&self) -> bool {
        self.cleared.is_some()
    }

    /// How many values and rows there are: `None` if as many as are shown.
    pub(super) fn len(&self) -> Option<(usize, usize)> {
        self.len
    }

    /// Whether all commits have been shown, and none of them lies over the rows.
    pub(super) fn is_empty(&self) -> bool {
        self.len.is_none()
    }

    pub(super) fn find(&self, hash: u32, is_it: impl Fn(&K) -> bool) -> Option<Found<'_, K, D>> {
        self.entries.find(hash, is_it).map(|at| self.found(at))
    }

    pub(super) fn over(&self, place: Place) -> Option<Found<'_, K, D>> {
        self.entries.over(place).map(|at| self.found(at))
    }

    /// What there is from one position on, up to the next page, in their order.
    pub(super) fn between(&self, from: u32, next: Option<u32>) -> impl Iterator<Item = Found<'_, K, D>> {
        self.entries.between(from, next).iter().map(|at| self.found(*at))
    }

    fn found(&self, at: usize) -> Found<'_, K, D> {
        let Entry { place, key, content } = self.entries.at(at);
        Found { place: *place, key, content: &content.content }
    }

    /// Adds the numbers of the rows of this hash that there is something of.
    pub(super) fn numbers(&self, hash: u32, numbers: &mut Vec<u32>) {
        self.entries.numbers(hash, numbers);
    }

    /// Puts the changes of a commit over the rows, when commits up to `shown` have been shown. Only moves.
    pub(super) fn add(
        &mut self,
        commit: u64,
        shown: u64,
        clears: bool,
        changes: Vec<Entry<K, D::Change>>,
        len: (usize, usize),
        outdated: &mut Vec<Outdated<K, D>>,
    ) {
        if clears {
            self.cleared = Some(commit);
            let all = self.entries.take();
            outdated.extend(all.into_iter().map(|entry| Outdated::Row(entry.key, entry.content.content)));
        }
        for Entry { place, key, content } in changes {
            if let Some(at) = self.entries.over(place) {
                let left = self.entries.content_mut(at);
                left.commit = commit;
                outdated.push(Outdated::Change(key, D::go_ahead(&mut left.content, content, commit, shown)));
            } else {
                self.entries.push(place, key, Left { content: D::ahead(content, commit), commit });
            }
        }
        self.len = Some(len);
        self.last = commit;
    }

    /// Takes off what has been shown, all commits up to this one: all of it, or now and then some.
    pub(super) fn take_off(&mut self, shown: u64, outdated: &mut Vec<Outdated<K, D>>) {
        self.cleared = self.cleared.filter(|commit| *commit > shown);
        let is_all = self.last <= shown;
        if is_all {
            self.len = None;
        }
        if is_all && self.entries.is_empty() || !is_all && self.entries.len() < self.many {
            return;
        }
        for Entry { place, key, content } in self.entries.take() {
            if content.commit > shown {
                self.entries.push(place, key, content);
            } else {
                outdated.push(Outdated::Row(key, content.content));
            }
        }
        self.many = FEW.max(2 * self.entries.len());
    }
}

impl<K, D: Kind> Outdated<K, D> {
    pub(super) fn drop_values(self) {
        match self {
            Self::Row(key, content) => {
                drop_quietly(key);
                D::drop_ahead(content);
            }
            Self::Change(key, before) => {
                drop_quietly(key);
                D::drop_before(before);
            }
        }
    }
}

impl<K, D: Kind> Drop for Ahead<K, D> {
    fn drop(&mut self) {
        for Entry { key, content, .. } in self.entries.take() {
            Outdated::<K, D>::Row(key, content.content).drop_values();
        }
    }
}
