//! Decides what a late refund is still worth: the headroom rule.
//!
//! Let `used` be the meter of a bucket: debits raise it, time lowers it, never below 0. Had a debit been smaller by `r`, the
//! meter would have run lower by `r`, until it came to stand at 0 while the real one was still above: from there on time
//! took less from it. The difference between the two is therefore `min(r, least)` with the least that `used` has been since
//! the debit (the reflection map of queueing theory: D. V. Lindley, "The theory of queues with a single server", 1952).
//! That is the credit. Crediting it lowers the meter since the debit, and with it the least since every debit.
//!
//! A segment stands for the debits from its start to the start of the next, and keeps the least since. The least since a
//! later debit is never lower than that since an earlier one; where both are equal one segment serves for both, without
//! loss. Above the bound the two neighbours with the closest values become one with the lower value: refunds of the later
//! debits may then be credited too little, never too much.
//!
//! Invariants: starts increase, and so do the values, strictly; none is 0 (a debit before the first segment is worth nothing
//! any more) or above `used`. Starts in microseconds of core time, values in the parts of the bucket. Everything is
//! O(log n) or O(n) with n <= 16. Called by `bucket`.
//!
//! DEVIATION: the usual rule keeps the minimum of each segment and asks for the minimum over all later ones. Keeping that
//! minimum itself says the same, and makes room as soon as it is the same for two.

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    since_us: u64,
    least: u64,
}

/// The segments of one bucket, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Segments {
    list: Vec<Segment>,
}

impl Segments {
    /// Time has lowered the meter to `used`.
    #[inline(never)]
    pub(super) fn lowered(&mut self, used: u64) {
        let first = self.list.partition_point(|segment| segment.least < used);
        if used == 0 {
            self.list.clear();
        } else if let Some(segment) = self.list.get_mut(first) {
            segment.least = used;
            self.list.truncate(first.saturating_add(1));
        }
    }

    /// A debit at `at_us` has raised the meter to `used`. The meter has not been lower since `together_since_us`, so debits
    /// since then share a segment.
    #[inline(never)]
    pub(super) fn open(&mut self, at_us: u64, together_since_us: u64, used: u64, max: usize) {
        match self.list.last_mut() {
            Some(last) if last.since_us >= together_since_us => last.least = used,
            // A debit of nothing.
            Some(last) if last.least >= used => {}
            None if used == 0 => {}
            _ => {
                if self.list.len() < max || self.merge(used) {
                    self.list.push(Segment { since_us: at_us, least: used });
                }
            }
        }
    }

    /// What a refund of `refund` for a debit at `admitted_us` is worth; it is taken from the meter by the caller.
    #[inline(never)]
    pub(super) fn refund(&mut self, admitted_us: u64, refund: u64) -> u64 {
        let later = self.list.partition_point(|segment| segment.since_us <= admitted_us);
        let Some(own) = later.checked_sub(1) else { return 0 };
        let Some(least) = self.list.get(own).map(|segment| segment.least) else { return 0 };
        let credit = refund.min(least);
        for segment in self.list.iter_mut().skip(own) {
            segment.least = segment.least.saturating_sub(credit);
        }
        self.absorb(own, least.saturating_sub(credit));
        credit
    }

    /// Makes one of the segment at `own` and those before it whose value is not below its own.
    fn absorb(&mut self, own: usize, least: u64) {
        if least == 0 {
            self.list.drain(..=own);
            return;
        }
        let first = self.list.iter().take(own).take_while(|segment| segment.least < least).count();
        if let Some(segment) = self.list.get_mut(first) {
            segment.least = least;
        }
        self.list.drain(first.saturating_add(1)..=own);
    }

    /// Forgets all debits before `since_us`.
    pub(super) fn restart(&mut self, since_us: u64, used: u64) {
        self.list.clear();
        self.list.push(Segment { since_us, least: used });
    }

    /// Makes one of the two neighbours with the closest values, a new segment with `used` included; of the oldest, if several
    /// are as close. False if that is the new one, which then needs no place.
    fn merge(&mut self, used: u64) -> bool {
        let least = |at: usize| self.list.get(at).map_or(used, |segment| segment.least);
        let gap = |later: usize| least(later).saturating_sub(least(later.saturating_sub(1)));
        let closest = (1..=self.list.len()).min_by_key(|&later| gap(later));
        let Some(later) = closest.filter(|&later| later < self.list.len()) else { return false };
        self.list.remove(later);
        true
    }

    /// Counts in other parts; `to` never decreases.
    pub(super) fn rescale(&mut self, to: impl Fn(u64) -> u64) {
        self.list.iter_mut().for_each(|segment| segment.least = to(segment.least));
        self.list.retain(|segment| segment.least > 0);
        self.list.dedup_by_key(|segment| segment.least);
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.len(self.list.len());
        for segment in &self.list {
            w.u64(segment.since_us);
            w.u64(segment.least);
        }
    }

    /// Fails on starts or values that do not increase, starts after `until_us`, values of 0 or above `used`.
    pub(super) fn read(r: &mut Reader<'_>, max: usize, until_us: u64, used: u64) -> Self {
        let mut segments = Self::default();
        r.each_up_to(max, |r| {
            let segment = Segment { since_us: r.u64(), least: r.u64() };
            let increases = |last: &Segment| last.since_us < segment.since_us && last.least < segment.least;
            let fits = segments.list.last().is_none_or(increases);
            r.require(fits && segment.since_us <= until_us && segment.least > 0 && segment.least <= used);
            segments.list.push(segment);
        });
        segments
    }
}

#[cfg(test)]
impl Segments {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}
