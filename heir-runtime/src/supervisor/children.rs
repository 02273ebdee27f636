//! The shared sides of a supervisor's children, which are found by id or by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::supervisor::child::Node;
use crate::tree::parent::ChildId;
use crate::util::steps::made;

/// The shared sides of the children, until a child is forgotten: also of children that have ended
/// and were not deleted.
#[derive(Default)]
pub(super) struct Children {
    /// Whether the supervisor is dynamic: its children are stopped together, and found by key.
    dynamic: OnceLock<bool>,
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    nodes: BTreeMap<ChildId, Arc<dyn Node>>,
    /// By name, and then by id. Empty in a [`Dynamic`](super::Dynamic), whose children are found by
    /// key.
    by_name: BTreeSet<(Arc<str>, ChildId)>,
    /// Whether the supervisor is gone for good, and takes no more children.
    closed: bool,
}

/// How many children are looked at before the lock is free again.
const SOME: usize = 256;

impl Index {
    fn insert(&mut self, id: ChildId, node: Arc<dyn Node>, by_name: bool) -> Option<Arc<dyn Node>> {
        if by_name {
            self.by_name.insert((Arc::clone(node.name()), id));
        }
        self.nodes.insert(id, node)
    }

    fn remove(&mut self, id: ChildId) -> Option<Arc<dyn Node>> {
        let node = self.nodes.remove(&id)?;
        self.by_name.remove(&(Arc::clone(node.name()), id));
        Some(node)
    }

    fn find(&self, name: &str) -> Option<ChildId> {
        let from = (Arc::from(name), ChildId::MIN);
        let (found, id) = self.by_name.range(from..).next()?;
        (**found == *name).then_some(*id)
    }
}

impl Children {
    /// Sets whether the supervisor is dynamic, before it has its first child.
    pub(super) fn set_dynamic(&self, dynamic: bool) {
        let _ = self.dynamic.set(dynamic);
    }

    pub(super) fn is_dynamic(&self) -> bool {
        self.dynamic.get().copied().unwrap_or_default()
    }

    /// Adds a child's shared side; says whether it could, which it cannot once the supervisor is
    /// gone for good.
    pub(super) fn insert(&self, id: ChildId, node: Arc<dyn Node>) -> bool {
        let mut index = self.write();
        if index.closed {
            return false;
        }
        let before = index.insert(id, node, !self.is_dynamic());
        drop(index);
        drop(before);
        true
    }

    pub(super) fn remove(&self, id: ChildId) {
        let gone = self.write().remove(id);
        drop(gone);
    }

    /// Takes no more children; says whether it took some until now.
    pub(super) fn close(&self) -> bool {
        !std::mem::replace(&mut self.write().closed, true)
    }

    /// All children, in the order in which they are started.
    pub(super) fn all(&self) -> Vec<Arc<dyn Node>> {
        self.read().nodes.values().cloned().collect()
    }

    /// The first child whose id is not `known`.
    pub(super) fn first_without(&self, known: impl Fn(ChildId) -> bool) -> Option<Arc<dyn Node>> {
        self.read().nodes.iter().find(|(id, _)| !known(**id)).map(|(_, node)| Arc::clone(node))
    }

    /// The first children with this id or a higher one: some of them, so that nobody waits long for
    /// the lock.
    fn some_from(&self, id: ChildId, at_most: usize) -> Vec<(ChildId, Arc<dyn Node>)> {
        let index = self.read();
        let some = index.nodes.range(id..).take(at_most.min(SOME));
        some.inspect(|_| made(1)).map(|(id, node)| (*id, Arc::clone(node))).collect()
    }

    /// Hands the children to `look`, from this id on and in the order in which they are started, until
    /// it has seen enough, and says so. No lock is held meanwhile, and children may come and go.
    pub(super) fn each_from(&self, id: ChildId, mut look: impl FnMut(ChildId, &Arc<dyn Node>) -> bool) {
        self.some_each_from(id, SOME, &mut look);
    }

    /// The same, for who mostly wants no more than so many.
    pub(super) fn some_each_from(
        &self,
        id: ChildId,
        wanted: usize,
        mut look: impl FnMut(ChildId, &Arc<dyn Node>) -> bool,
    ) {
        let mut next = id;
        loop {
            let some = self.some_from(next, wanted);
            let Some((last, _)) = some.last() else { return };
            next = last + 1;
            if !some.iter().all(|(id, node)| look(*id, node)) {
                return;
            }
        }
    }

    /// The child that is started last of those before this id.
    pub(super) fn last_before(&self, id: ChildId) -> Option<(ChildId, Arc<dyn Node>)> {
        let index = self.read();
        let (id, node) = index.nodes.range(..id).next_back()?;
        Some((*id, Arc::clone(node)))
    }

    pub(super) fn get(&self, id: ChildId) -> Option<Arc<dyn Node>> {
        self.read().nodes.get(&id).cloned()
    }

    pub(super) fn find(&self, name: &str) -> Option<(ChildId, Arc<dyn Node>)> {
        let index = self.read();
        let id = if self.is_dynamic() {
            *index.nodes.iter().find(|(_, node)| **node.name() == *name)?.0
        } else {
            index.find(name)?
        };
        Some((id, Arc::clone(index.nodes.get(&id)?)))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::status::Stopped;
    use crate::supervisor::child::Up;
    use crate::supervisor::health::Survey;
    use crate::supervisor::tree::{TreeCounts, TreeNode, View};
    use crate::tree::events::{EventKind, Role};
    use crate::util::steps::{assert_no_square, steps};

    /// A child that counts how often it is asked for its name.
    struct Named(Arc<str>);

    impl Node for Named {
        fn name(&self) -> &Arc<str> {
            made(1);
            &self.0
        }

        fn describe(&self, _view: View<'_>) -> TreeNode {
            unreachable!("nobody draws it")
        }

        fn count(&self, _counts: &mut TreeCounts) {}

        fn role(&self) -> Role {
            Role::Worker
        }

        fn is_active(&self) -> bool {
            true
        }

        fn survey(&self, _survey: &mut Survey) {}

        fn is_stopped(&self) -> bool {
            false
        }

        fn is_asked_to_stop(&self) -> bool {
            false
        }

        fn up(self: Arc<Self>) -> Up {
            Box::pin(std::future::ready(()))
        }

        fn has_been_up(&self) -> bool {
            true
        }

        fn time_to_stop(&self) -> Duration {
            Duration::ZERO
        }

        fn register_name(self: Arc<Self>) -> Result<(), Arc<str>> {
            Ok(())
        }

        fn terminated(&self) {}
        fn stands_still(&self) {}
        fn close(&self, _why: &Stopped) {}
        fn retire(&self, _why: &Stopped) {}
        fn hand_over(&self) {}
        fn emit(&self, _kind: EventKind) {}
    }

    #[test]
    fn many_children_that_are_added_found_and_forgotten_take_a_search_for_each() {
        assert_no_square(|many| {
            let children = Children::default();
            let name = |n: u64| Arc::from(format!("child {n}"));
            for n in 0..many as u64 {
                assert!(!children.has(&name(n)));
                assert!(children.insert(n, Arc::new(Named(name(n)))));
            }
            for n in (0..many as u64).rev() {
                assert_eq!(children.find(&name(n)).map(|(id, _)| id), Some(n));
                children.remove(n);
                assert!(children.find(&name(n)).is_none());
            }
        });
    }

    #[test]
    fn of_very_many_children_only_those_are_looked_at_that_are_wanted() {
        let children = Children::default();
        children.set_dynamic(true);
        for n in 0..100_000 {
            assert!(children.insert(n, Arc::new(Named(Arc::from("one of many")))));
        }
        for (from, there) in [(0, 11), (50_000, 11), (99_990, 10)] {
            let mut seen = Vec::new();
            let looked_at = steps(|| {
                children.some_each_from(from, 11, |id, _| {
                    seen.push(id);
                    seen.len() < 11
                });
            });
            assert_eq!((seen[0], seen.len(), looked_at), (from, there, there as u64));
        }
        let mut seen = 0;
        assert_eq!(
            steps(|| children.each_from(0, |_, _| {
                seen += 1;
                true
            })),
            100_000
        );
        assert_eq!(seen, 100_000);
    }

    #[test]
    fn children_that_come_and_go_meanwhile_disturb_no_walk() {
        let children = Children::default();
        let add = |n| children.insert(n, Arc::new(Named(Arc::from("child"))));
        (0..1_000).for_each(|n| assert!(add(n)));
        let mut seen = Vec::new();
        children.each_from(0, |id, _| {
            seen.push(id);
            match id {
                300 => (0..400).chain([900]).for_each(|n| children.remove(n)),
                999 => assert!(add(1_000)),
                _ => {}
            }
            true
        });
        // Those that were looked up together before they were removed are seen all the same.
        assert!(seen.is_sorted() && seen.iter().filter(|id| **id >= 512).count() == 488, "{seen:?}");
        assert!(!seen.contains(&900) && seen.ends_with(&[999, 1_000]), "{seen:?}");
    }

    #[test]
    fn of_two_children_of_one_name_the_first_is_found_and_then_the_other() {
        let children = Children::default();
        let named = || Arc::new(Named(Arc::from("twice")));
        assert!(children.insert(1, named()) && children.insert(2, named()));
        assert_eq!(children.find("twice").map(|(id, _)| id), Some(1));
        children.remove(1);
        assert_eq!(children.find("twice").map(|(id, _)| id), Some(2));
        assert!(children.find("twic").is_none() && children.find("twicer").is_none());
    }
}
