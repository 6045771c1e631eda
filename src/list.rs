//! Decides nothing: doubly linked lists over small numeric ids, O(1) to add, remove and look at either end.
//!
//! One `List` is one list: an id is in it at most once. Memory grows with the largest id ever added (8 bytes each).
//! Used by `fairness` (idle and starved actors) and `queue` (lanes that are held back).

use alloc::vec::Vec;

const NONE: u32 = u32::MAX;
/// In `prev` of an id that is not in the list.
const OUT: u32 = u32::MAX - 1;

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
}

#[derive(Debug)]
pub(crate) struct List {
    links: Vec<Link>,
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { links: Vec::new(), head: NONE, tail: NONE, len: 0 }
    }
}

impl List {
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn front(&self) -> Option<u32> {
        Some(self.head).filter(|&id| id != NONE)
    }

    pub(crate) fn back(&self) -> Option<u32> {
        Some(self.tail).filter(|&id| id != NONE)
    }

    #[inline]
    pub(crate) fn contains(&self, id: u32) -> bool {
        // Links of an empty list are not worth a miss of the cache.
        self.len > 0 && self.links.get(id as usize).is_some_and(|link| link.prev != OUT)
    }

    /// The id after `id`.
    pub(crate) fn after(&self, id: u32) -> Option<u32> {
        let link = self.links.get(id as usize)?;
        Some(link.next).filter(|&next| next != NONE && link.prev != OUT)
    }

    /// From front to back.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        core::iter::successors(self.front(), |&id| self.after(id))
    }

    /// Adds `id` at the back, or moves it there.
    pub(crate) fn push_back(&mut self, id: u32) {
        self.remove(id);
        let at = id as usize;
        if self.links.len() <= at {
            self.links.resize(at.saturating_add(1), Link { prev: OUT, next: NONE });
        }
        let tail = self.tail;
        if let Some(link) = self.links.get_mut(at) {
            *link = Link { prev: tail, next: NONE };
        }
        match self.links.get_mut(tail as usize) {
            Some(last) => last.next = id,
            None => self.head = id,
        }
        self.tail = id;
        self.len = self.len.saturating_add(1);
    }

    /// Removes `id` if it is there.
    #[inline]
    pub(crate) fn remove(&mut self, id: u32) -> bool {
        if self.len == 0 {
            return false;
        }
        self.unlink(id)
    }

    #[inline]
    fn unlink(&mut self, id: u32) -> bool {
        let Some(link) = self.links.get_mut(id as usize).filter(|link| link.prev != OUT) else {
            return false;
        };
        let Link { prev, next } = *link;
        *link = Link { prev: OUT, next: NONE };
        match self.links.get_mut(prev as usize) {
            Some(before) => before.next = next,
            None => self.head = next,
        }
        match self.links.get_mut(next as usize) {
            Some(behind) => behind.prev = prev,
            None => self.tail = prev,
        }
        self.len = self.len.saturating_sub(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_vector(ops in prop::collection::vec((0u32..12, any::<bool>()), 0..200)) {
            let mut list = List::default();
            let mut model: Vec<u32> = vec![];
            for (id, add) in ops {
                let was_there = model.contains(&id);
                model.retain(|&other| other != id);
                if add {
                    list.push_back(id);
                    model.push(id);
                } else {
                    prop_assert_eq!(list.remove(id), was_there);
                }
                prop_assert_eq!(list.iter().collect::<Vec<_>>(), &model[..]);
                prop_assert_eq!(list.back(), model.last().copied());
                prop_assert_eq!(list.len() as usize, model.len());
                prop_assert_eq!(list.contains(id), add);
            }
        }
    }
}
