//! Decides which id is due first: a 4-ary min-heap over `(key, id)` that can also remove any id.
//!
//! Ties are broken by id, so the order of what comes out does not depend on the history of the heap, only on its content:
//! a restored image goes on identically. O(log n) for `push` and `remove`, O(1) for `peek`; a key that is larger than all
//! others (a lease with the usual lifetime) is pushed in O(1). [`Heap`] is one heap of microseconds; of [`Nodes`] many can
//! share one table of places, where an id is in one of them at a time.
//!
//! Four children a node: one 64-byte cache line (D. B. Johnson, "Priority queues with update", 1975, d-heaps).
//! Used by `lease` (expiry), `queue` (deadlines, who is next at a limit), `fairness` (who has had least) and `limit` (keys to
//! be looked at).

use alloc::vec::Vec;

const ARITY: usize = 4;
const ABSENT: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node<K> {
    key: K,
    id: u32,
}

/// A heap whose ids have their places in a table beside it. Ids are small numbers: the table grows with the largest id.
#[derive(Debug)]
pub(crate) struct Nodes<K>(Vec<Node<K>>);

impl<K> Default for Nodes<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Where each id stands.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<u32>);

impl Places {
    fn get(&self, id: u32) -> Option<usize> {
        let place = self.0.get(id as usize).copied();
        place.filter(|&place| place != ABSENT).map(|place| place as usize)
    }

    /// Whether it stands in any.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.get(id).is_some()
    }

    fn set(&mut self, id: u32, at: usize) {
        if let Some(place) = self.0.get_mut(id as usize) {
            *place = at as u32;
        }
    }
}

impl<K: Copy + Ord> Nodes<K> {
    #[inline]
    pub(crate) fn peek(&self) -> Option<(K, u32)> {
        self.0.first().map(|node| (node.key, node.id))
    }

    /// Ids and keys from the front on, in no order but that the first one is first: children after their parents.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, u32)> + '_ {
        self.0.iter().map(|node| (node.key, node.id))
    }

    /// Adds `id`, or moves it to a new key. It is in no other heap with these places.
    pub(crate) fn push(&mut self, places: &mut Places, id: u32, key: K) {
        self.remove(places, id);
        let place = id as usize;
        if places.0.len() <= place {
            places.0.resize(place.saturating_add(1), ABSENT);
        }
        let node = Node { key, id };
        self.0.push(node);
        self.sift_up(places, self.0.len().saturating_sub(1), node);
    }

    /// Removes `id` if it is there.
    pub(crate) fn remove(&mut self, places: &mut Places, id: u32) -> bool {
        let Some(at) = places.get(id) else { return false };
        places.set(id, ABSENT as usize);
        let Some(last) = self.0.pop() else { return false };
        if at < self.0.len() {
            // The last node takes the free place and moves to where it belongs, which may be either way.
            let at = self.sift_up(places, at, last);
            self.sift_down(places, at, last);
        }
        true
    }

    fn put(&mut self, places: &mut Places, at: usize, node: Node<K>) {
        if let Some(slot) = self.0.get_mut(at) {
            *slot = node;
        }
        places.set(node.id, at);
    }

    #[inline]
    fn sift_up(&mut self, places: &mut Places, mut at: usize, node: Node<K>) -> usize {
        while at > 0 {
            let up = at.wrapping_sub(1) / ARITY;
            match self.0.get(up).copied() {
                Some(parent) if node < parent => self.put(places, at, parent),
                _ => break,
            }
            at = up;
        }
        self.put(places, at, node);
        at
    }

    fn sift_down(&mut self, places: &mut Places, mut at: usize, node: Node<K>) {
        loop {
            let first = at.wrapping_mul(ARITY).wrapping_add(1);
            let children = self.0.get(first..first.wrapping_add(ARITY).min(self.0.len()));
            let least = children.unwrap_or(&[]).iter().copied().enumerate().min_by_key(|&(_, child)| child);
            match least {
                Some((offset, child)) if child < node => {
                    self.put(places, at, child);
                    at = first.saturating_add(offset);
                }
                _ => break,
            }
        }
        self.put(places, at, node);
    }
}

/// One indexed heap of instants, or of other numbers.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    nodes: Nodes<u64>,
    places: Places,
}

impl Heap {
    #[inline]
    pub(crate) fn peek(&self) -> Option<(u64, u32)> {
        self.nodes.peek()
    }

    /// Adds `id`, or moves it to a new key.
    pub(crate) fn push(&mut self, id: u32, key: u64) {
        self.nodes.push(&mut self.places, id, key);
    }

    /// Removes `id` if it is there.
    pub(crate) fn remove(&mut self, id: u32) -> bool {
        self.nodes.remove(&mut self.places, id)
    }

    /// The key of `id` if it is there.
    pub(crate) fn key(&self, id: u32) -> Option<u64> {
        self.nodes.0.get(self.places.get(id)?).map(|node| node.key)
    }

    /// The key by which the ids due first together reach `need`, or `None` if looking further would take too long:
    /// a best-first walk over at most 16 nodes.
    pub(crate) fn key_when_sum_reaches(&self, need: u64, amount_of: impl Fn(u32) -> u64) -> Option<u64> {
        const STEPS: usize = 16;
        let first = self.nodes.0.first()?;
        if amount_of(first.id) >= need {
            return Some(first.key);
        }
        let mut frontier = [0usize; STEPS * ARITY];
        let mut open = 1usize;
        let mut sum = 0u64;
        for _ in 0..STEPS {
            let candidates = frontier.get(..open)?;
            let best = candidates.iter().enumerate().min_by_key(|&(_, &at)| self.nodes.0.get(at));
            let (slot, &at) = best?;
            let node = self.nodes.0.get(at)?;
            sum = sum.saturating_add(amount_of(node.id));
            if sum >= need {
                return Some(node.key);
            }
            let first_child = at.wrapping_mul(ARITY).wrapping_add(1);
            open = open.saturating_sub(1);
            frontier.swap(slot, open);
            for child in first_child..first_child.saturating_add(ARITY).min(self.nodes.0.len()) {
                *frontier.get_mut(open)? = child;
                open = open.saturating_add(1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(ops in prop::collection::vec((0u32..40, prop::option::of(0u64..30)), 0..400)) {
            let mut heap = Heap::default();
            let mut model = BTreeMap::new();
            for (id, key) in ops {
                match key {
                    Some(key) => { heap.push(id, key); model.insert(id, key); }
                    None => prop_assert_eq!(heap.remove(id), model.remove(&id).is_some()),
                }
                let first = model.iter().map(|(&id, &key)| (key, id)).min();
                prop_assert_eq!(heap.peek(), first);
                let mut keys: Vec<u64> = model.values().copied().collect();
                keys.sort_unstable();
                for need in 1..=keys.len().min(16) {
                    prop_assert_eq!(heap.key_when_sum_reaches(need as u64, |_| 1), Some(keys[need - 1]));
                }
            }
        }
    }
}
