//! Decides nothing: a table that grows at its end without moving what is in it.
//!
//! A vector that doubles needs the old and the new block at once, and WebAssembly memory never shrinks, so a million
//! entries would cost up to three million places for good. Here they stand in blocks of [`BLOCK`]; only the first block
//! grows by doubling, so that a small table stays small. Access is two lookups.
//!
//! Used by `lease`.

use alloc::vec::Vec;

const BLOCK_BITS: u32 = 10;
const BLOCK: usize = 1 << BLOCK_BITS;

#[derive(Clone, Debug)]
pub(crate) struct Chunks<T> {
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.blocks.get(at >> BLOCK_BITS)?.get(at & (BLOCK.wrapping_sub(1)))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.blocks.get_mut(at >> BLOCK_BITS)?.get_mut(at & (BLOCK.wrapping_sub(1)))
    }

    #[cold]
    pub(crate) fn push(&mut self, item: T) {
        if self.len & (BLOCK.wrapping_sub(1)) == 0 {
            self.blocks.push(Vec::with_capacity(if self.len == 0 { 0 } else { BLOCK }));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(item);
            self.len = self.len.saturating_add(1);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.blocks.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> + '_ {
        self.blocks.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_across_blocks() {
        let mut chunks = Chunks::default();
        for number in 0..3 * BLOCK + 7 {
            chunks.push(number);
        }
        assert_eq!(chunks.len(), 3 * BLOCK + 7);
        assert!((0..chunks.len()).all(|at| chunks.get(at) == Some(&at)));
        assert_eq!(chunks.get(chunks.len()), None);
        *chunks.get_mut(BLOCK).unwrap() = 0;
        assert_eq!(chunks.iter().filter(|&&number| number == 0).count(), 2);
    }

    #[test]
    fn blocks_are_of_one_size_and_a_small_table_is_small() {
        let mut chunks = Chunks::default();
        chunks.push(0u8);
        assert!(chunks.blocks[0].capacity() < BLOCK);
        (0..2 * BLOCK).for_each(|_| chunks.push(0));
        assert!(chunks.blocks.iter().all(|block| block.capacity() == BLOCK));
    }
}
