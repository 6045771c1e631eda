//! Decides nothing: finds an id by what it stands for. Hashing with chains, the same on every machine, and nobody walks it.

use alloc::vec::Vec;

use crate::decision::Keys;

const NONE: u32 = u32::MAX;

/// Mixes words: a multiplication and a rotation each (the constant is 2^64 / the golden ratio, D. E. Knuth, TAOCP 3, 6.4).
/// Handles are numbered by the governor, so nobody outside chooses what meets in a chain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const fn with(self, word: u32) -> Self {
        Self((self.0 ^ word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    pub(super) fn with_keys(self, keys: &Keys) -> Self {
        keys.each().fold(self, |hash, (set, handle)| hash.with(u32::from(set)).with(handle))
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: Hash,
    next: u32,
}

/// Ids by hash. Ids are small numbers: memory grows with the largest.
#[derive(Debug, Default)]
pub(super) struct Hashed {
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    len: usize,
}

impl Hashed {
    fn bucket(&self, hash: Hash) -> usize {
        // The length is a power of two; the best mixed bits are the upper ones.
        (hash.0 >> 32) as usize & self.buckets.len().wrapping_sub(1)
    }

    fn at(&self, id: u32) -> Option<Entry> {
        self.entries.get(id as usize).copied()
    }

    /// The id that has this hash and is the one that is looked for.
    pub(super) fn find(&self, hash: Hash, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mut id = self.buckets.get(self.bucket(hash)).copied()?;
        while let Some(entry) = self.at(id) {
            if entry.hash.0 == hash.0 && is(id) {
                return Some(id);
            }
            id = entry.next;
        }
        None
    }

    /// Adds an id that is not there.
    pub(super) fn add(&mut self, hash: Hash, id: u32) {
        if self.len >= self.buckets.len() {
            self.grow();
        }
        let at = id as usize;
        if self.entries.len() <= at {
            self.entries.resize(at.saturating_add(1), Entry { hash: Hash(0), next: NONE });
        }
        self.len = self.len.saturating_add(1);
        self.put(hash, id);
    }

    fn put(&mut self, hash: Hash, id: u32) {
        let bucket = self.bucket(hash);
        if let (Some(first), Some(entry)) = (self.buckets.get_mut(bucket), self.entries.get_mut(id as usize)) {
            *entry = Entry { hash, next: *first };
            *first = id;
        }
    }

    fn grow(&mut self) {
        let more = self.buckets.len().saturating_mul(2).max(16);
        let old = core::mem::replace(&mut self.buckets, alloc::vec![NONE; more]);
        for mut id in old {
            while let Some(entry) = self.at(id) {
                self.put(entry.hash, id);
                id = entry.next;
            }
        }
    }

    /// Takes out an id that is there.
    pub(super) fn remove(&mut self, id: u32) {
        let Some(gone) = self.at(id) else { return };
        let bucket = self.bucket(gone.hash);
        let Some(first) = self.buckets.get_mut(bucket) else { return };
        self.len = self.len.saturating_sub(1);
        if *first == id {
            *first = gone.next;
            return;
        }
        let mut before = *first;
        while let Some(entry) = self.entries.get_mut(before as usize) {
            if entry.next == id {
                entry.next = gone.next;
                return;
            }
            before = entry.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(ops in prop::collection::vec((0u32..60, any::<bool>()), 0..400)) {
            let mut index = Hashed::default();
            let mut model = BTreeMap::new();
            for (name, add) in ops {
                // Few hashes, so that chains are met; the id of a name is another number.
                let (hash, id) = (Hash::default().with(name % 7), name * 3);
                match (add, model.contains_key(&name)) {
                    (true, false) => { index.add(hash, id); model.insert(name, id); }
                    (false, true) => { index.remove(id); model.remove(&name); }
                    _ => {}
                }
                for name in 0..60 {
                    let hash = Hash::default().with(name % 7);
                    prop_assert_eq!(index.find(hash, |id| id == name * 3), model.get(&name).copied());
                }
            }
        }
    }
}
