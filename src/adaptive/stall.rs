//! Whether the provider has stalled: nothing is answered, though calls usually take less time than they have waited.
//!
//! An outage in which calls hang shows nothing before the first of them times out, and until then every slot fills. Looked at are
//! the calls that were sent after the newest one that was answered. The chance that none of them is answered yet is the
//! product of the parts of all calls that take longer than their ages. The smaller it is the longer is the pause between two
//! callers. When it is next to nothing one is let through now and then, each time after twice the pause. One answer to any of
//! those calls ends it. So calls that all take the same time are no stall, whatever is in flight, nor is a queue that holds up
//! all alike. Calls that all take much longer than those before them are, until the first of them ends.
//!
//! Instants and durations in microseconds. O(1): a look at the ages goes through two short lists, and is taken a few times
//! in a mean latency. Used by `mod`. Source: the phi accrual failure detector (Hayashibara et al., 2004), with what was
//! measured in place of a normal distribution.

use super::maths::{cbrt, sqrt};
use alloc::vec;
use alloc::vec::Vec;

/// The calls that are looked at: those that have waited longest.
const AWAITED: usize = 32;
/// Fewer say nothing.
const LEAST: usize = 18;
/// No call makes it less likely than by this factor.
const SAYS_MOST: f64 = 0.25;
/// Callers are held apart when the chance is less. (In the simulator 2^-6 sends 42 calls into an outage in place of 44, and
/// answers four in a thousand fewer when there is none.)
const DOUBT: f64 = 1.0 / 256.0;
/// What is next to nothing, 2^-36: `LEAST` calls that each say most. The pause is one mean latency then, and half as long for
/// each six bits before. (In the simulator 2^-26 holds back where a queue with heavy tails has lost most of its workers.)
const CHANCE: f64 = 1.0 / (1_u64 << (2 * LEAST)) as f64;
/// Durations are counted in four bins for each octave, from 2^13 us (8 ms) on; what is shorter is in the first. A call that is as
/// old as its bin is not late yet: others may all have taken as long as the bin is wide.
const BINS: usize = 64;
const FIRST_BIN: u64 = (1_023 + 13) << 2;
/// So many must have been counted; so many are halved, so that the latest count most.
const COUNTED: (f64, f64) = (32.0, 1_024.0);
/// Looks in a mean latency.
const LOOKS: f64 = 16.0;
/// The longest pause, in mean latencies.
const PAUSE_MOST: f64 = 16.0;

/// The state. Lists whose length the compiler knew would be loops unrolled, 2 KB of wasm.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stall {
    /// How many calls took how long.
    bins: Vec<f64>,
    counted: f64,
    /// When the calls were sent that are newer than any that was answered, oldest first; 0 after the last.
    awaited: Vec<f64>,
    looks_at: f64,
    /// How long the next caller waits after the one before; 0: there is no doubt. From a mean latency on it has stalled.
    pause: f64,
    /// Nothing is sent before; 0: there is no doubt.
    pub(super) opens_at: f64,
}

impl Stall {
    pub(super) fn new() -> Self {
        let (bins, awaited) = (vec![0.0; BINS], vec![0.0; AWAITED]);
        Self { bins, counted: 0.0, awaited, looks_at: 0.0, pause: 0.0, opens_at: 0.0 }
    }

    pub(super) fn sent(&mut self, now: f64, mean_us: f64) {
        if let Some(free) = self.awaited.iter_mut().find(|sent| **sent == 0.0) {
            *free = now;
        }
        if self.pause > 0.0 {
            self.opens_at = now + self.pause;
            if self.pause >= mean_us {
                self.pause = (2.0 * self.pause).min(PAUSE_MOST * mean_us);
            }
        }
    }

    /// A call that was sent at `admitted` was answered, however.
    #[inline(never)]
    pub(super) fn answered(&mut self, admitted: f64) {
        if self.forget(f64::NEG_INFINITY, admitted, AWAITED) {
            self.end();
        }
    }

    /// An answer took so long.
    pub(super) fn took(&mut self, us: f64) {
        if let Some(bin) = self.bins.get_mut(bin_of(us)) {
            *bin += 1.0;
        }
        self.counted += 1.0;
        if self.counted >= COUNTED.1 {
            self.counted *= 0.5;
            self.bins.iter_mut().for_each(|bin| *bin *= 0.5);
        }
    }

    /// Whoever sent a call at `admitted` waits for it no longer. That says nothing of the others, which may be more than are
    /// looked at.
    pub(super) fn given_up(&mut self, admitted: f64) {
        self.forget(admitted, admitted, 1);
        if self.awaited.first() == Some(&0.0) {
            self.end();
        }
    }

    /// Nothing is awaited.
    pub(super) fn clear(&mut self) {
        self.answered(f64::INFINITY);
        self.end();
    }

    const fn end(&mut self) {
        (self.pause, self.opens_at) = (0.0, 0.0);
    }

    fn are_enough(&self) -> bool {
        self.awaited.get(LEAST - 1).is_some_and(|&sent| sent > 0.0)
    }

    /// So many that were sent between these instants are not awaited any more. Whether some were.
    #[inline(never)]
    fn forget(&mut self, from: f64, to: f64, most: usize) -> bool {
        let (mut kept, mut gone) = (0, 0);
        for at in 0..self.awaited.len() {
            let sent = self.awaited.get(at).copied().unwrap_or_default();
            if sent == 0.0 {
                break;
            }
            if sent < from || sent > to || gone >= most {
                self.awaited.swap(kept, at);
                kept = kept.saturating_add(1);
            } else {
                gone = gone.saturating_add(1);
            }
        }
        self.awaited.iter_mut().skip(kept).take(gone).for_each(|sent| *sent = 0.0);
        gone > 0
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: f64, mean_us: f64) {
        if now < self.looks_at || self.counted < COUNTED.0 || !self.are_enough() {
            return;
        }
        self.looks_at = now + mean_us / LOOKS;
        let chance = self.chance(now);
        if chance <= DOUBT {
            self.pause = self.pause.max(mean_us * sqrt(cbrt(CHANCE / chance)).min(1.0));
        }
    }

    /// The chance that nothing that is awaited has been answered.
    #[cold]
    #[inline(never)]
    fn chance(&self, now: f64) -> f64 {
        let (mut chance, mut as_long, mut bin) = (1.0, 0.0, BINS);
        // From the longest wait to the shortest, and so are the bins.
        for sent in self.awaited.iter().take_while(|&&sent| sent > 0.0) {
            let own = bin_of(now - sent);
            while bin > own {
                bin = bin.saturating_sub(1);
                as_long += self.bins.get(bin).copied().unwrap_or_default();
            }
            chance *= (as_long / self.counted).max(SAYS_MOST);
        }
        chance
    }

    /// Whether it can ever notice anything, which numbers of an image may prevent.
    pub(super) fn is_sane(&self) -> bool {
        self.counted >= 0.0
    }

    /// Everything, in the order of an image.
    #[cold]
    #[inline(never)]
    pub(super) fn each_number(&mut self, see: &mut super::See<'_>) {
        let Self { bins, counted, awaited, looks_at, pause, opens_at } = self;
        for list in [bins, awaited] {
            list.iter_mut().for_each(&mut *see);
        }
        [counted, looks_at, pause, opens_at].into_iter().for_each(see);
    }
}

/// An exponent and the first two binary digits after the point.
fn bin_of(us: f64) -> usize {
    ((us.to_bits() >> 50).saturating_sub(FIRST_BIN) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: f64 = 1_000_000.0;

    /// A provider whose calls have taken so long, some of them in flight since, one in a tenth of a second.
    fn waiting(seconds: impl Fn(u32) -> f64, calls: u32) -> Stall {
        let mut stall = Stall::new();
        (0..100).for_each(|call| stall.took(seconds(call) * S));
        (0..calls).for_each(|call| stall.sent(100.0 * S + f64::from(call) * 0.1 * S, S));
        stall
    }

    fn stalled_after(stall: &Stall) -> f64 {
        let has_stalled = |tenth: &u32| {
            let mut later = stall.clone();
            later.advance((100.0 + 0.1 * f64::from(*tenth)) * S, S);
            later.pause >= S
        };
        (0..600).find(has_stalled).map_or(f64::INFINITY, |tenth| 0.1 * f64::from(tenth))
    }

    /// From half a second to one and a half.
    fn usual(call: u32) -> f64 {
        0.5 + 0.01 * f64::from(call)
    }

    #[test]
    fn parts_of_the_calls_that_take_as_long_are_a_chance() {
        let bins = [0.0, 8_191.0, 8_192.0, 10_239.0, 10_240.0, 16_384.0, 1e300].map(bin_of);
        assert_eq!(bins, [0, 0, 0, 0, 1, 4, BINS - 1]);
        let stall = waiting(usual, 1);
        let chances = [0.1, 0.5, 1.0, 1.3, 2.0].map(|age| stall.chance((100.0 + age) * S));
        for (found, expected) in chances.into_iter().zip([1.0, 1.0, 0.6, 0.45, 0.25]) {
            assert!((found - expected).abs() < 0.05, "{chances:?}");
        }
    }

    #[test]
    fn it_has_stalled_when_no_such_wait_was_ever_seen() {
        let after = stalled_after(&waiting(usual, 20));
        assert!((2.0..3.5).contains(&after), "{after}");
    }

    #[test]
    fn few_calls_say_nothing_nor_do_durations_that_nobody_knows() {
        assert_eq!(stalled_after(&waiting(usual, 17)), f64::INFINITY);
        assert!(stalled_after(&waiting(usual, 18)) < 3.5);
        let mut unknown = waiting(usual, 20);
        (unknown.bins, unknown.counted) = (vec![0.0; BINS], 0.0);
        (0..31).for_each(|call| unknown.took(usual(call) * S));
        assert_eq!(stalled_after(&unknown), f64::INFINITY);
        unknown.took(S);
        assert!(stalled_after(&unknown) < 3.5);
    }

    #[test]
    fn calls_that_all_take_the_same_time_are_no_stall_however_many() {
        for (us, in_flight) in [(5e5, 64), (1.03e6, 200), (7e3, 64), (1.22e4, 30), (6e8, 100), (300.0, 1000)] {
            let mut stall = Stall::new();
            let mut sent = vec![0.0; in_flight];
            for step in 0..20 * in_flight {
                let now = S + (step as f64) * us / in_flight as f64;
                stall.advance(now, us);
                let place = &mut sent[step % in_flight];
                if *place > 0.0 {
                    stall.answered(*place);
                    stall.took(now - *place);
                }
                *place = now;
                stall.sent(now, us);
                assert_eq!(stall.opens_at, 0.0, "step {step} of {us} us, {in_flight} in flight");
            }
        }
    }

    #[test]
    fn who_tries_waits_twice_as_long_each_time_until_a_later_call_is_answered() {
        let mut stall = waiting(usual, 20);
        stall.advance(110.0 * S, S);
        let mut now = 110.0 * S;
        for pause in [1.0, 2.0, 4.0, 8.0, 16.0, 16.0] {
            assert!(stall.opens_at <= now);
            stall.sent(now, S);
            assert_eq!(stall.opens_at, now + pause * S);
            now = stall.opens_at;
            stall.advance(now, S);
        }
        stall.answered(99.0 * S);
        stall.given_up(99.0 * S);
        assert_eq!(stall.opens_at, now);
        stall.answered(100.0 * S);
        assert_eq!((stall.opens_at, stall.pause), (0.0, 0.0));
    }

    #[test]
    fn callers_are_held_apart_the_farther_the_less_likely_it_is_that_nothing_is_answered() {
        let mut stall = waiting(usual, 20);
        let pauses = [101.9, 102.0, 102.2, 102.5, 104.0].map(|at| {
            stall.advance(at * S, S);
            let mut next = stall.clone();
            next.sent(at * S, S);
            (next.opens_at - at * S) / S
        });
        assert!(pauses[0] > 1.0 / 26.0 && pauses.windows(2).all(|two| two[0] < two[1]), "{pauses:?}");
        assert_eq!(pauses[4], 1.0);
        // So many at once: after three quarters of a second nine of ten take longer, which nobody wonders at.
        let mut many = waiting(usual, 0);
        (0..20).for_each(|_| many.sent(100.0 * S, S));
        many.advance(100.75 * S, S);
        assert_eq!(many.pause, 0.0);
        many.advance(100.85 * S, S);
        assert!(many.pause > 0.0);
        // An answer to an older call says nothing of these.
        stall.answered(99.0 * S);
        assert_eq!(stall.pause, S);
        stall.answered(100.0 * S);
        assert_eq!((stall.pause, stall.opens_at), (0.0, 0.0));
    }

    #[test]
    fn what_is_given_up_is_not_awaited() {
        let mut stall = waiting(usual, 20);
        // Two calls of one instant.
        stall.sent(101.9 * S, S);
        stall.given_up(101.9 * S);
        assert_eq!(stall.awaited.iter().filter(|&&sent| sent > 0.0).count(), 20);
        stall.advance(110.0 * S, S);
        stall.sent(110.0 * S, S);
        let give_up = |stall: &mut Stall, call: u32| stall.given_up(100.0 * S + f64::from(call) * 0.1 * S);
        let mut few = waiting(usual, 20);
        (0..3).for_each(|call| give_up(&mut few, call));
        assert_eq!(stalled_after(&few), f64::INFINITY);
        // A stall is none any more when nobody waits for anything.
        (0..20).for_each(|call| give_up(&mut stall, call));
        assert_eq!(stall.opens_at, 111.0 * S);
        stall.given_up(110.0 * S);
        assert_eq!(stall.opens_at, 0.0);
        // As only an image could say: a pause, though nothing is awaited.
        (stall.pause, stall.opens_at) = (S, 1e18);
        stall.clear();
        assert_eq!((&stall.awaited, stall.pause, stall.opens_at), (&vec![0.0; AWAITED], 0.0, 0.0));
        (stall.opens_at, stall.awaited[0], stall.counted) = (1e18, -1.0, -1.0);
        assert!(!stall.is_sane());
        stall.clear();
        assert_eq!((&stall.awaited, stall.opens_at), (&vec![0.0; AWAITED], 0.0));
    }

    #[test]
    fn the_latest_durations_count_most() {
        let mut stall = waiting(usual, 20);
        (0..2000).for_each(|_| stall.took(30.0 * S));
        assert!(stall.counted < COUNTED.1 && stalled_after(&stall) > 30.0);
        let counted: f64 = stall.bins.iter().sum();
        assert!((counted - stall.counted).abs() < 1e-6);
    }
}
