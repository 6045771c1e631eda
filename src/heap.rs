//! Decides which id is due first: a 4-ary min-heap over `(key, id)` that can also remove any id.
//!
//! Ties are broken by id, so the order of what comes out does not depend on the history of the heap, only on its content:
//! a restored image goes on identically. Keys are microseconds of core time. O(log n) for `push` and `remove`, O(1) for
//! `peek`; a key that is larger than all others (a lease with the usual lifetime) is pushed in O(1).
//!
//! Four children a node: one 64-byte cache line (D. B. Johnson, "Priority queues with update", 1975, d-heaps).
//! Used by `lease` (expiry), `queue` (deadlines, lanes) and `limit` (keys to be looked at).

use alloc::vec::Vec;

const ARITY: usize = 4;
const ABSENT: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    key: u64,
    id: u32,
}

/// An indexed heap. Ids are small numbers: memory grows with the largest id ever pushed.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    nodes: Vec<Node>,
    /// Where each id stands in `nodes`.
    places: Vec<u32>,
}

impl Heap {
    pub(crate) fn peek(&self) -> Option<(u64, u32)> {
        self.nodes.first().map(|node| (node.key, node.id))
    }

    /// Adds `id`, or moves it to a new key.
    pub(crate) fn push(&mut self, id: u32, key: u64) {
        self.remove(id);
        let place = id as usize;
        if self.places.len() <= place {
            self.places.resize(place.saturating_add(1), ABSENT);
        }
        let node = Node { key, id };
        self.nodes.push(node);
        self.sift_up(self.nodes.len().saturating_sub(1), node);
    }

    /// Removes `id` if it is there.
    pub(crate) fn remove(&mut self, id: u32) -> bool {
        let Some(place) = self.places.get(id as usize).copied().filter(|&place| place != ABSENT) else {
            return false;
        };
        self.set_place(id, ABSENT as usize);
        let Some(last) = self.nodes.pop() else { return false };
        let at = place as usize;
        if at < self.nodes.len() {
            // The last node takes the free place and moves to where it belongs, which may be either way.
            let at = self.sift_up(at, last);
            self.sift_down(at, last);
        }
        true
    }

    /// The key by which the ids due first together reach `need`, or `None` if looking further would take too long:
    /// a best-first walk over at most 16 nodes.
    pub(crate) fn key_when_sum_reaches(&self, need: u64, amount_of: impl Fn(u32) -> u64) -> Option<u64> {
        const STEPS: usize = 16;
        let first = self.nodes.first()?;
        if amount_of(first.id) >= need {
            return Some(first.key);
        }
        let mut frontier = [0usize; STEPS * ARITY];
        let mut open = 1usize;
        let mut sum = 0u64;
        for _ in 0..STEPS {
            let candidates = frontier.get(..open)?;
            let best = candidates.iter().enumerate().min_by_key(|&(_, &at)| self.nodes.get(at));
            let (slot, &at) = best?;
            let node = self.nodes.get(at)?;
            sum = sum.saturating_add(amount_of(node.id));
            if sum >= need {
                return Some(node.key);
            }
            let first_child = at.wrapping_mul(ARITY).wrapping_add(1);
            open = open.saturating_sub(1);
            frontier.swap(slot, open);
            for child in first_child..first_child.saturating_add(ARITY).min(self.nodes.len()) {
                *frontier.get_mut(open)? = child;
                open = open.saturating_add(1);
            }
        }
        None
    }

    fn set_place(&mut self, id: u32, at: usize) {
        if let Some(place) = self.places.get_mut(id as usize) {
            *place = at as u32;
        }
    }

    fn put(&mut self, at: usize, node: Node) {
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = node;
        }
        self.set_place(node.id, at);
    }

    #[inline]
    fn sift_up(&mut self, mut at: usize, node: Node) -> usize {
        while at > 0 {
            let up = at.wrapping_sub(1) / ARITY;
            match self.nodes.get(up).copied() {
                Some(parent) if node < parent => self.put(at, parent),
                _ => break,
            }
            at = up;
        }
        self.put(at, node);
        at
    }

    fn sift_down(&mut self, mut at: usize, node: Node) {
        loop {
            let first = at.wrapping_mul(ARITY).wrapping_add(1);
            let children = self.nodes.get(first..first.wrapping_add(ARITY).min(self.nodes.len()));
            let least = children.unwrap_or(&[]).iter().copied().enumerate().min_by_key(|&(_, child)| child);
            match least {
                Some((offset, child)) if child < node => {
                    self.put(at, child);
                    at = first.saturating_add(offset);
                }
                _ => break,
            }
        }
        self.put(at, node);
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
