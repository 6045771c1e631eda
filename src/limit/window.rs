//! Decides how much a rolling window holds now, and when it will hold less: the exact sliding window.
//!
//! One entry stands for one distinct instant of admission; it leaves exactly `window` after that instant. Calls of the
//! same instant share an entry. When there are [`MAX_ENTRIES`], neighbours that together hold less than 1/256 of what the
//! window holds, within 1/128 of its length, are merged from then on, until it has drained to a quarter of the entries. An
//! entry leaves when the *last* instant in it would: merged, it is stricter, never more permissive. It holds back
//! what leaves too late of one entry at most, so where an exact log with a limit lower by 1/256 would admit, after the same
//! calls, it does; for calls that count alike that is at least 1 - 1/256 of what an exact log admits, whenever they come.
//!
//! Invariants: `sum` is the sum of all entries; every block sum is the sum of its 32 places; instants increase from front to
//! back, an entry stands for those after the entry before it; places outside the ring hold 0. Amounts are whole units; the
//! caller keeps their total below 2^63.
//!
//! Costs: `add` and `advance` O(1) amortised; `settle` O(log n), a binary search; `free_at` O(n / 32 + 32). Memory: 16 bytes
//! an entry, to the next power of two; given back when it has drained.
//! DEVIATION: a Fenwick tree over the ring would make `free_at` O(log n), at ten steps for each `add`; with n <= 1024 the
//! block sums are cheaper for both. A grid of instants that doubles would be O(1) without amortising, but where most calls
//! come in a few of its cells it merges much of what the window holds: up to 9 % of the calls were lost.
//!
//! Called by `meter`. Leaves to others: what is counted, what the limit is.

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::time::CoreTime;

/// Entries of one window: bounds memory to 16 KiB at any rate. The two parts below make room for a quarter of it: of two
/// neighbours that are not merged half, or half their time, is nobody else's, so at most 2 * 256 + 2 * 128 + 1 are left.
pub(crate) const MAX_ENTRIES: usize = 1_024;
/// Merged entries hold at most one part in so many of what the window holds: bounds the calls that are refused too early.
const AMOUNT_PARTS: u64 = 256;
/// Merged entries reach over at most one part in so many of the window: bounds how late what was held at 0 leaves.
const TIME_PARTS: u64 = 128;
const BLOCK: usize = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Entry {
    /// The last instant of admission that it stands for.
    at_us: u64,
    amount: u64,
}

/// What one rolling window has counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlidingWindow {
    window_us: u64,
    /// A ring; its capacity is 0 or a power of two of at least one block.
    ring: Vec<Entry>,
    blocks: Vec<u64>,
    head: usize,
    len: usize,
    sum: u64,
    /// When the oldest entry leaves; far away while there is none. Most commands come before it.
    next_leave: CoreTime,
    /// Neighbours that together hold less are merged.
    merge_below: u64,
}

impl SlidingWindow {
    pub(crate) fn new(window_us: u64) -> Self {
        let (ring, blocks, next_leave) = (Vec::new(), Vec::new(), CoreTime::NEVER);
        Self { window_us, ring, blocks, head: 0, len: 0, sum: 0, next_leave, merge_below: 0 }
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
    #[inline(always)]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        if self.next_leave <= now {
            self.let_go(now);
        }
    }

    fn let_go(&mut self, now: CoreTime) {
        while self.len > 0 && self.next_leave <= now {
            let amount = self.ring.get(self.head).map_or(0, |front| front.amount);
            self.add_at(self.head, 0u64.wrapping_sub(amount));
            self.head = self.wrap(self.head.wrapping_add(1));
            self.len = self.len.saturating_sub(1);
            let front = self.ring.get(self.head).filter(|_| self.len > 0);
            self.next_leave = front.map_or(CoreTime::NEVER, |front| self.leaves_at(front));
        }
        if self.len < MAX_ENTRIES / 4 {
            self.merge_below = 0;
        }
        if self.ring.len() > BLOCK && self.len <= self.ring.len() / 8 {
            self.rebuild(self.len.saturating_mul(2).next_power_of_two().max(BLOCK), 0);
        }
    }

    /// What the window will hold at `now`, without changing it.
    pub(crate) fn sum_at(&self, now: CoreTime) -> u64 {
        let gone = self.entries().take_while(|entry| self.leaves_at(entry) <= now);
        gone.fold(self.sum, |sum, entry| sum.saturating_sub(entry.amount))
    }

    /// What was counted after one instant and until another, of what is still there.
    pub(crate) fn sum_between(&self, after: CoreTime, until: CoreTime) -> u64 {
        let (after, until) = (after.as_micros(), until.as_micros());
        let between = self.entries().filter(|entry| entry.at_us > after && entry.at_us <= until);
        between.fold(0, |sum, entry| sum.saturating_add(entry.amount))
    }

    /// Counts `amount` at `now`. Call `advance` first; `now` never decreases.
    #[inline]
    pub(crate) fn add(&mut self, now: CoreTime, amount: u64) {
        let at_us = now.as_micros();
        let back = self.place(self.len.wrapping_sub(1));
        let same = self.ring.get(back).is_some_and(|entry| entry.at_us >= at_us) && self.len > 0;
        if same { self.add_at(back, amount) } else { self.add_instant(at_us, amount) }
    }

    /// Counts at an instant at which nothing has been counted yet.
    #[inline(never)]
    fn add_instant(&mut self, at_us: u64, amount: u64) {
        if self.merge_below > 0 && self.len > 0 {
            let back = self.place(self.len.wrapping_sub(1));
            let entry = self.ring.get(back).copied().unwrap_or_default();
            if self.merges(&entry, at_us, amount) {
                self.add_at(back, amount);
                self.ring.get_mut(back).into_iter().for_each(|entry| entry.at_us = at_us);
                return;
            }
        }
        if self.len >= MAX_ENTRIES {
            self.merge_below = (self.sum / AMOUNT_PARTS).saturating_add(1);
            self.rebuild(self.ring.len(), self.merge_below);
        }
        self.push(Entry { at_us, amount });
    }

    /// Whether the newest entry stands for what is admitted now, too. One that is alone does not: where it began is not known.
    #[inline(never)]
    fn merges(&self, back: &Entry, at_us: u64, amount: u64) -> bool {
        let before = self.ring.get(self.place(self.len.wrapping_sub(2))).filter(|_| self.len > 1);
        back.amount.saturating_add(amount) < self.merge_below
            && before.is_some_and(|before| at_us.saturating_sub(before.at_us) <= self.window_us / TIME_PARTS)
    }

    /// Replaces the part `from` of what was counted at `admitted` by `to`. Nothing happens if that has left by `now`. Call
    /// `advance` first.
    pub(crate) fn settle(&mut self, now: CoreTime, admitted: CoreTime, from: u64, to: u64) {
        if self.len == 0 || admitted.plus(self.window_us) <= now {
            return;
        }
        let at = self.find(admitted.as_micros());
        // Of what was counted there never more is taken than it holds.
        let held = self.ring.get(at).map_or(0, |entry| entry.amount);
        self.add_at(at, to.wrapping_sub(from.min(held.saturating_add(to))));
    }

    /// The first instant at which the window holds at most `most`, if nothing is added. `now` if it does already.
    pub(crate) fn free_at(&self, now: CoreTime, most: u64) -> CoreTime {
        let mut excess = self.sum.saturating_sub(most);
        let mut offset = 0usize;
        while excess > 0 && offset < self.len {
            let at = self.place(offset);
            let block = self.blocks.get(at / BLOCK).copied().unwrap_or(0);
            let whole = at.is_multiple_of(BLOCK) && offset.saturating_add(BLOCK) <= self.len;
            if whole && block < excess {
                excess = excess.saturating_sub(block);
                offset = offset.saturating_add(BLOCK);
                continue;
            }
            let entry = self.ring.get(at).copied().unwrap_or_default();
            if entry.amount >= excess {
                return self.leaves_at(&entry).max(now);
            }
            excess = excess.saturating_sub(entry.amount);
            offset = offset.saturating_add(1);
        }
        now
    }

    const fn leaves_at(&self, entry: &Entry) -> CoreTime {
        CoreTime::from_micros(entry.at_us.saturating_add(self.window_us))
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        (0..self.len).filter_map(|offset| self.ring.get(self.place(offset)).copied())
    }

    /// A place in the ring; capacities are powers of two.
    #[inline]
    fn wrap(&self, at: usize) -> usize {
        at & self.ring.len().wrapping_sub(1)
    }

    /// The place of the entry that has so many before it.
    #[inline]
    fn place(&self, offset: usize) -> usize {
        self.wrap(self.head.wrapping_add(offset))
    }

    /// The place of the entry that stands for an instant: the first that does not end before it.
    fn find(&self, at_us: u64) -> usize {
        let ends_before = |offset: usize| self.ring.get(self.place(offset)).is_some_and(|entry| entry.at_us < at_us);
        let (mut low, mut high) = (0usize, self.len.saturating_sub(1));
        // Quick calls settle in the newest entry.
        if high > 0 && ends_before(high.wrapping_sub(1)) {
            low = high;
        }
        while low < high {
            let middle = low.midpoint(high);
            if ends_before(middle) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        self.place(low)
    }

    /// The entry at a place holds so much more; modulo 2^64, so that it may be less. Sums of what is there are exact.
    #[inline]
    fn add_at(&mut self, at: usize, amount: u64) {
        if let (Some(entry), Some(block)) = (self.ring.get_mut(at), self.blocks.get_mut(at / BLOCK)) {
            entry.amount = entry.amount.wrapping_add(amount);
            *block = block.wrapping_add(amount);
            self.sum = self.sum.wrapping_add(amount);
        }
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if self.len == self.ring.len() {
            self.rebuild(self.ring.len().saturating_mul(2).max(BLOCK), 0);
        }
        let at = self.place(self.len);
        if let Some(place) = self.ring.get_mut(at) {
            *place = Entry { amount: 0, ..entry };
        }
        self.len = self.len.saturating_add(1);
        if self.len == 1 {
            self.next_leave = self.leaves_at(&entry);
        }
        self.add_at(at, entry.amount);
    }

    /// A window that holds the same in at most a block of entries, each of which leaves when the last in it would.
    pub(crate) fn copy(&self) -> Self {
        let mut copy = Self::new(self.window_us);
        let each = self.len.div_ceil(BLOCK);
        let mut amount = 0u64;
        for (number, entry) in (1..).zip(self.entries()) {
            amount = amount.saturating_add(entry.amount);
            if number == self.len || number.is_multiple_of(each) {
                copy.push(Entry { amount, ..entry });
                amount = 0;
            }
        }
        copy
    }

    /// Goes on in another ring, with neighbours merged that together hold less than `merge_below`.
    #[cold]
    fn rebuild(&mut self, capacity: usize, merge_below: u64) {
        let mut next = Self { merge_below, ..Self::new(self.window_us) };
        next.ring.resize(capacity, Entry::default());
        next.blocks.resize(capacity / BLOCK, 0);
        for entry in self.entries() {
            next.add(CoreTime::from_micros(entry.at_us), entry.amount);
        }
        *self = Self { merge_below: self.merge_below, ..next };
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.merge_below);
        w.len(self.len);
        let mut previous = 0u64;
        for entry in self.entries() {
            w.u64(entry.at_us.saturating_sub(previous));
            w.u64(entry.amount);
            previous = entry.at_us;
        }
    }

    /// Fails on entries out of order, later than `now`, or further apart than a window.
    pub(crate) fn read(r: &mut Reader<'_>, window_us: u64, now: CoreTime) -> Self {
        let mut window = Self { merge_below: r.u64(), ..Self::new(window_us) };
        let mut previous = None;
        r.each_up_to(MAX_ENTRIES, |r| {
            let at_us = r.u64().saturating_add(previous.unwrap_or(0));
            let amount = r.u64();
            let increases = previous.is_none_or(|previous| at_us > previous);
            let fits = window.sum.saturating_add(amount) <= i64::MAX as u64;
            r.require(increases && at_us <= now.as_micros() && fits);
            previous = Some(at_us);
            window.push(Entry { at_us, amount });
        });
        // What stands in one window can be merged, so there will always be room.
        let first = window.entries().next().map_or(0, |entry| entry.at_us);
        r.require(previous.unwrap_or(first).saturating_sub(first) <= window_us);
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
        window.settle(at(500), at(0), 100, 30);
        assert_eq!(window.sum(), 40);
        window.advance(at(1000));
        assert_eq!(window.sum(), 10);
        window.settle(at(1000), at(0), 100, 0);
        assert_eq!(window.sum(), 10, "what has left is not corrected");
    }

    /// An exact log.
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
                    window.settle(at(now), at(then), from, to);
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

        /// Instants in bursts and alone; amounts of which a few are as large as many others together; some are settled later.
        #[test]
        fn above_the_cap_it_is_stricter_by_a_256th_and_by_a_128th_of_the_time(
            pauses in prop::collection::vec((1u64..100, 1usize..60), 1..20),
            heavy in 2u64..50,
            settles in any::<bool>(),
        ) {
            let window_us = 6_400;
            let mut window = SlidingWindow::new(window_us);
            let mut log = Log::default();
            let (mut now, mut most) = (0, 0);
            for (pause, burst) in pauses.iter().cycle().take(250) {
                now += pause;
                for call in 0..*burst as u64 {
                    now += 1;
                    let amount = if now.is_multiple_of(heavy) { 50 } else { call % 3 };
                    window.advance(at(now));
                    window.add(at(now), amount);
                    most = window.sum.max(most);
                    log.0.push((now, amount));
                }
                prop_assert!(window.len <= MAX_ENTRIES);
                let (held, exact) = (window.sum(), log.sum(now, window_us));
                prop_assert!(held >= exact, "never more permissive");
                prop_assert!(held <= log.sum(now, window_us + window_us / TIME_PARTS), "{held} {exact}");
                if settles {
                    let which = (now as usize * 31) % log.0.len();
                    let (then, from) = log.0[which];
                    window.settle(at(now), at(then), from, from / 2);
                    log.0[which].1 = if then + window_us > now { from / 2 } else { from };
                } else {
                    prop_assert!(held - exact <= most / AMOUNT_PARTS, "{held} {exact} {most}");
                }
                log.0.retain(|(then, _)| then + 2 * window_us > now);
            }
            window.advance(at(now + window_us));
            prop_assert_eq!(window.sum, 0, "every correction was of what it was made for");
            prop_assert!(window.ring.len() <= BLOCK, "memory is given back");
        }

        #[test]
        fn an_image_goes_on_as_if_it_were_never_saved(seed in 1u64..1000, steps in 1_500u64..4_000) {
            let mut window = SlidingWindow::new(100_000);
            let mut now = seed;
            let mut go = |window: &mut SlidingWindow, i: u64| {
                now += 1 + i.wrapping_mul(seed) % 60;
                window.advance(at(now));
                window.add(at(now), i % 7);
                now
            };
            let now = (0..steps).fold(0, |_, i| go(&mut window, i));
            let mut w = Writer::default();
            window.write(&mut w);
            let bytes = w.into_bytes();
            let mut read = SlidingWindow::read(&mut Reader::new(&bytes), 100_000, at(now));
            let ends = [&mut window, &mut read].map(|window| {
                for i in 0..3_000 {
                    let now = at(now + i * 40);
                    window.advance(now);
                    window.add(now, i % 7);
                }
                window.entries().collect::<Vec<_>>()
            });
            prop_assert_eq!(&ends[0], &ends[1]);
        }
    }

    #[test]
    fn a_copy_holds_the_same_in_a_block_and_leaves_no_sooner() {
        let mut window = SlidingWindow::new(10_000);
        for instant in 0..1_000 {
            window.add(at(instant), 3);
            let mut copy = window.copy();
            assert_eq!((copy.sum, copy.entries().count() <= BLOCK), (window.sum, true));
            copy.advance(at(10_000 + instant / 2));
            assert!(copy.sum >= window.sum_at(at(10_000 + instant / 2)));
            copy.advance(at(10_000 + instant));
            assert_eq!(copy.sum, 0);
        }
    }

    #[test]
    fn what_was_held_at_nothing_leaves_in_time_all_the_same() {
        let window_us = 12_800;
        let mut window = SlidingWindow::new(window_us);
        let now = (0..2_000).map(at).inspect(|&now| window.add(now, 0)).last().unwrap();
        (0..2_000).for_each(|instant| window.settle(now, at(instant), 0, 5));
        for gone in (0..2_000).step_by(100) {
            window.advance(at(window_us + gone));
            let left = (2_000 - 1 - gone) * 5;
            assert!((left..=left + 5 * 101).contains(&window.sum), "{} {left}", window.sum);
        }
    }
}
