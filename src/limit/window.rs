//! Decides how much a rolling window holds now, and when it will hold less: the exact sliding window.
//!
//! One entry stands for one distinct instant of admission; it leaves exactly `window` after that instant. Calls of the
//! same instant share an entry. Above [`MAX_ENTRIES`] the grid of instants doubles, aligned to the epoch, and entries that
//! fall into one cell merge; a cell leaves when the *last* instant in it would, so a coarser window is stricter, never more
//! permissive (it admits at least 1 - 1/300 of what an exact log would). An empty window starts again at one microsecond.
//!
//! Invariants: `sum` is the sum of all entries; every block sum is the sum of its 32 places; cells increase from front to
//! back; places outside the ring hold 0. Amounts are whole units; the caller keeps their total below 2^63.
//!
//! Costs: `add` and `advance` O(1) amortised; `settle` O(log n), a binary search; `free_at` O(n / 32 + 32).
//! DEVIATION: a Fenwick tree over the ring would make `free_at` O(log n), at ten steps for each `add`; with n <= 600 the
//! block sums are cheaper for both.
//!
//! Called by `meter`. Leaves to others: what is counted, what the limit is.

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::time::CoreTime;

/// Entries of one window before its grid doubles: bounds memory to 16 KiB at any rate, and the error to 1/300.
pub(crate) const MAX_ENTRIES: usize = 600;
const BLOCK: usize = 32;
/// The coarsest grid: 2^40 us, 12 days.
const MAX_GRID_BITS: u32 = 40;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Entry {
    /// Instant of admission, in units of `1 << grid_bits` microseconds.
    cell: u64,
    amount: u64,
}

/// What one rolling window has counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlidingWindow {
    window_us: u64,
    grid_bits: u32,
    /// A ring; its capacity is 0 or a power of two of at least one block.
    ring: Vec<Entry>,
    blocks: Vec<u64>,
    head: usize,
    len: usize,
    sum: u64,
    /// When the oldest entry leaves; far away while there is none. Most commands come before it.
    next_leave: CoreTime,
}

impl SlidingWindow {
    pub(crate) fn new(window_us: u64) -> Self {
        Self::on_grid(window_us, 0)
    }

    fn on_grid(window_us: u64, grid_bits: u32) -> Self {
        let (ring, blocks) = (Vec::new(), Vec::new());
        Self { window_us, grid_bits, ring, blocks, head: 0, len: 0, sum: 0, next_leave: CoreTime::NEVER }
    }

    pub(crate) const fn window_us(&self) -> u64 {
        self.window_us
    }

    /// What the window holds. Call `advance` first.
    #[inline]
    pub(crate) const fn sum(&self) -> u64 {
        self.sum
    }

    /// Lets go of what has left the window by `now`.
    #[inline]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        if self.next_leave <= now {
            self.let_go(now);
        }
    }

    fn let_go(&mut self, now: CoreTime) {
        while self.len > 0 && self.next_leave <= now {
            let amount = self.ring.get(self.head).map_or(0, |front| front.amount);
            self.change(self.head, amount, 0);
            self.head = self.wrap(self.head.wrapping_add(1));
            self.len = self.len.saturating_sub(1);
            if self.len == 0 {
                self.grid_bits = 0;
            }
            self.note_front();
        }
    }

    /// The front has changed.
    fn note_front(&mut self) {
        let front = self.entries().next();
        self.next_leave = front.map_or(CoreTime::NEVER, |front| self.leaves_at(front.cell));
    }

    /// What the window will hold at `now`, without changing it.
    pub(crate) fn sum_at(&self, now: CoreTime) -> u64 {
        let gone = self.entries().take_while(|entry| self.leaves_at(entry.cell) <= now);
        gone.fold(self.sum, |sum, entry| sum.saturating_sub(entry.amount))
    }

    /// Counts `amount` at `now`. Call `advance` first; `now` never decreases.
    #[inline]
    pub(crate) fn add(&mut self, now: CoreTime, amount: u64) {
        let cell = now.as_micros() >> self.grid_bits;
        if self.len > 0 {
            let back = self.wrap(self.head.wrapping_add(self.len).wrapping_sub(1));
            if let Some(entry) = self.ring.get(back).copied().filter(|entry| entry.cell >= cell) {
                self.change(back, entry.amount, entry.amount.saturating_add(amount));
                return;
            }
        }
        if self.len >= MAX_ENTRIES {
            self.coarsen();
            self.add(now, amount);
            return;
        }
        self.push(Entry { cell, amount });
    }

    /// Replaces the part `from` of what was counted at `admitted` by `to`. Nothing happens if that has left already.
    pub(crate) fn settle(&mut self, admitted: CoreTime, from: u64, to: u64) {
        let cell = admitted.as_micros() >> self.grid_bits;
        let Some(at) = self.find(cell) else { return };
        if let Some(entry) = self.ring.get(at).copied() {
            self.change(at, entry.amount, entry.amount.saturating_add(to).saturating_sub(from));
        }
    }

    /// The first instant at which the window holds at most `most`, if nothing is added. `now` if it does already.
    pub(crate) fn free_at(&self, now: CoreTime, most: u64) -> CoreTime {
        let mut excess = self.sum.saturating_sub(most);
        let mut offset = 0usize;
        while excess > 0 && offset < self.len {
            let at = self.wrap(self.head.wrapping_add(offset));
            let block = self.blocks.get(at / BLOCK).copied().unwrap_or(0);
            let whole = at.is_multiple_of(BLOCK) && offset.saturating_add(BLOCK) <= self.len;
            if whole && block < excess {
                excess = excess.saturating_sub(block);
                offset = offset.saturating_add(BLOCK);
                continue;
            }
            let entry = self.ring.get(at).copied().unwrap_or_default();
            if entry.amount >= excess {
                return self.leaves_at(entry.cell).max(now);
            }
            excess = excess.saturating_sub(entry.amount);
            offset = offset.saturating_add(1);
        }
        now
    }

    const fn leaves_at(&self, cell: u64) -> CoreTime {
        let last = (cell.saturating_add(1) << self.grid_bits).saturating_sub(1);
        CoreTime::from_micros(last.saturating_add(self.window_us))
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        (0..self.len).filter_map(|offset| self.ring.get(self.wrap(self.head.wrapping_add(offset))).copied())
    }

    /// A place in the ring; capacities are powers of two.
    #[inline]
    fn wrap(&self, at: usize) -> usize {
        at & self.ring.len().wrapping_sub(1)
    }

    fn find(&self, cell: u64) -> Option<usize> {
        let (mut low, mut high) = (0usize, self.len);
        // Quick calls settle in the newest entry.
        let newest = self.wrap(self.head.wrapping_add(self.len).wrapping_sub(1));
        if self.len > 0 && self.ring.get(newest)?.cell == cell {
            return Some(newest);
        }
        while low < high {
            let middle = low.midpoint(high);
            let at = self.wrap(self.head.wrapping_add(middle));
            let entry = self.ring.get(at)?;
            match entry.cell.cmp(&cell) {
                core::cmp::Ordering::Equal => return Some(at),
                core::cmp::Ordering::Less => low = middle.saturating_add(1),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    #[inline]
    fn change(&mut self, at: usize, from: u64, to: u64) {
        // Sums of what is there, so the difference is exact modulo 2^64.
        let difference = to.wrapping_sub(from);
        if let (Some(entry), Some(block)) = (self.ring.get_mut(at), self.blocks.get_mut(at / BLOCK)) {
            entry.amount = to;
            *block = block.wrapping_add(difference);
            self.sum = self.sum.wrapping_add(difference);
        }
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if self.len == self.ring.len() {
            self.rebuild(self.grid_bits, self.ring.len().saturating_mul(2).max(BLOCK));
        }
        let at = self.wrap(self.head.wrapping_add(self.len));
        if let Some(place) = self.ring.get_mut(at) {
            place.cell = entry.cell;
            place.amount = 0;
        }
        self.len = self.len.saturating_add(1);
        if self.len == 1 {
            self.next_leave = self.leaves_at(entry.cell);
        }
        self.change(at, 0, entry.amount);
    }

    /// Doubles the grid until there is a place; a window of which 600 cells are in use has cells of at least 1/600 of it.
    #[cold]
    fn coarsen(&mut self) {
        let mut bits = self.grid_bits;
        let mut entries = self.len;
        while entries >= MAX_ENTRIES && bits < MAX_GRID_BITS {
            bits = bits.saturating_add(1);
            let shift = bits.saturating_sub(self.grid_bits);
            let mut previous = None;
            entries = self
                .entries()
                .filter(|entry| previous.replace(entry.cell >> shift) != Some(entry.cell >> shift))
                .count();
        }
        self.rebuild(bits, self.ring.len());
    }

    fn rebuild(&mut self, grid_bits: u32, capacity: usize) {
        let shift = grid_bits.saturating_sub(self.grid_bits);
        let mut next = Self::on_grid(self.window_us, grid_bits);
        next.ring.resize(capacity, Entry::default());
        next.blocks.resize(capacity / BLOCK, 0);
        for entry in self.entries() {
            next.add(CoreTime::from_micros(entry.cell >> shift << grid_bits), entry.amount);
        }
        *self = next;
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u32(self.grid_bits);
        w.len(self.len);
        let mut previous = 0u64;
        for entry in self.entries() {
            w.u64(entry.cell.saturating_sub(previous));
            w.u64(entry.amount);
            previous = entry.cell;
        }
    }

    /// Fails on entries out of order, later than `now`, or further apart than a window.
    pub(crate) fn read(r: &mut Reader<'_>, window_us: u64, now: CoreTime) -> Self {
        let grid_bits = r.u32();
        r.require(grid_bits <= MAX_GRID_BITS);
        let grid_bits = grid_bits.min(MAX_GRID_BITS);
        let mut window = Self::on_grid(window_us, grid_bits);
        let mut previous = None;
        r.each_up_to(MAX_ENTRIES, |r| {
            let cell = r.u64().saturating_add(previous.unwrap_or(0));
            let amount = r.u64();
            let increases = previous.is_none_or(|previous| cell > previous);
            let fits = window.sum.saturating_add(amount) <= i64::MAX as u64;
            r.require(increases && cell <= now.as_micros() >> grid_bits && fits);
            previous = Some(cell);
            window.push(Entry { cell, amount });
        });
        // What stands in one window fits into the coarsest grid, so `coarsen` always makes room.
        let first = window.entries().next().map_or(0, |entry| entry.cell);
        let span = previous.unwrap_or(first).saturating_sub(first) << grid_bits;
        r.require(span <= window_us.saturating_add(1 << grid_bits));
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(us: u64) -> CoreTime {
        CoreTime::from_micros(us)
    }

    #[test]
    fn an_entry_leaves_exactly_one_window_later() {
        let mut window = SlidingWindow::new(60_000_000);
        window.add(at(5), 3);
        window.add(at(7), 4);
        window.advance(at(60_000_004));
        assert_eq!(window.sum(), 7);
        assert_eq!(window.free_at(at(60_000_004), 4), at(60_000_005));
        assert_eq!(window.free_at(at(60_000_004), 3), at(60_000_007));
        window.advance(at(60_000_005));
        assert_eq!(window.sum(), 4);
    }

    #[test]
    fn a_correction_keeps_its_instant() {
        let mut window = SlidingWindow::new(1000);
        window.add(at(0), 100);
        window.add(at(500), 10);
        window.settle(at(0), 100, 30);
        assert_eq!(window.sum(), 40);
        window.advance(at(1000));
        assert_eq!(window.sum(), 10);
        window.settle(at(0), 100, 0);
        assert_eq!(window.sum(), 10, "what has left is not corrected");
    }

    /// An exact log, coarsened by the same rule where it has to be: every instant is rounded to the end of its cell.
    #[derive(Default)]
    struct Log(Vec<(u64, u64)>);

    impl Log {
        fn sum(&self, now: u64, window: u64) -> u64 {
            self.0.iter().filter(|(t, _)| t + window > now).map(|(_, n)| n).sum()
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_log_below_the_cap(
            ops in prop::collection::vec((0u64..400, 0u64..50, prop::option::of((0usize..100, 0u64..60))), 1..300),
            window_us in 1u64..20_000,
        ) {
            let mut window = SlidingWindow::new(window_us);
            let mut log = Log::default();
            let mut now = 0;
            for (step, amount, settle) in ops {
                now += step;
                window.advance(at(now));
                window.add(at(now), amount);
                log.0.push((now, amount));
                if let Some((which, to)) = settle {
                    let which = which % log.0.len();
                    let (then, from) = log.0[which];
                    window.settle(at(then), from, to);
                    log.0[which].1 = to;
                }
                prop_assert_eq!(window.sum(), log.sum(now, window_us));
                prop_assert_eq!(window.sum_at(at(now + 77)), log.sum(now + 77, window_us));
                let most = amount * 3;
                let free = window.free_at(at(now), most).as_micros();
                prop_assert!(log.sum(free, window_us) <= most);
                prop_assert!(free == now || log.sum(free - 1, window_us) > most, "denied one tick before");
                let mut w = Writer::default();
                window.write(&mut w);
                let bytes = w.into_bytes();
                let read = SlidingWindow::read(&mut Reader::new(&bytes), window_us, at(now));
                prop_assert_eq!(read.entries().collect::<Vec<_>>(), window.entries().collect::<Vec<_>>());
                prop_assert_eq!(read.sum, window.sum);
            }
        }

        #[test]
        fn above_the_cap_it_is_stricter_by_at_most_a_300th(seed in 1u64..1000, step in 1u64..90) {
            let window_us = 100_000;
            let mut window = SlidingWindow::new(window_us);
            let mut log = Log::default();
            let mut now = seed;
            for i in 0..20_000u64 {
                now += i.wrapping_mul(seed) % step;
                window.advance(at(now));
                window.add(at(now), 1 + i % 3);
                log.0.push((now, 1 + i % 3));
                if i % 5 == 0 {
                    window.settle(at(now), 1, 2);
                    log.0.push((now, 1));
                }
                if i % 997 == 0 {
                    let (held, exact) = (window.sum(), log.sum(now, window_us));
                    prop_assert!(held >= exact, "never more permissive");
                    prop_assert!(held <= log.sum(now.saturating_sub(window_us / 300), window_us).max(exact) + 3, "{held} {exact}");
                    prop_assert!(window.len <= MAX_ENTRIES);
                }
            }
        }
    }
}
