//! Decides what an actor has consumed, which is the order of those who wait: who has had least is next.
//!
//! A counter for each actor is charged at every grant, waited for or not, and corrected when the lease ends. What is counted is
//! decided once for a governor: tokens, where a limit counts them or the first call that is granted estimates them; else weight x
//! time held. What a call will count that does not say so is taken to be the mean of the calls before. A charge is divided by the
//! actor's share.
//!
//! An actor that begins to wait goes on at the larger of its counter and the floor: the least counter among those of its class
//! who wait, and while nobody does that at which the last grant began. So nobody saves up, or is held to what it used while
//! nobody else wanted it. The floor never falls. At the cap on actors one that is idle is forgotten and the floor rises to its
//! counter, so that nobody gains by a new name.
//!
//! Source: virtual counters, Y. Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024 (VTC, with the lift).
//! DEVIATION: theirs is lifted to the counter of the last client that left an empty queue; here calls are also granted without
//! waiting, and the floor follows those (the start tags of P. Goyal et al., "Start-time Fair Queuing", 1996).
//!
//! Units: 1/1024 of a token, or of the microsecond that one slot is held, at a share of 1. Saturating. O(log n) in the actors
//! that wait. Called by `fairness`.

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::config::SHARE_UNIT;
use crate::decision::Priority;
use crate::heap::Heap;

use super::actors::Actor;

/// Parts of a token or of a microsecond.
const PARTS: u64 = 1 << 10;
/// The most that one call counts: 2 x 10^12 tokens, or 25 days of a slot. With the least share it is 2^61.
const MOST: u64 = 1 << 41;
/// What a call counts that does not say so, before one has ended: a thousand tokens, or a second.
const FIRST_TOKENS: u64 = 1_000;
const FIRST_US: u64 = 1_000_000;
/// The mean follows by one part in so many of what differs.
const MEAN_OVER: u64 = 16;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    Tokens,
    Time,
}

/// What is known of a call that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Consumption {
    /// In millionths.
    pub(crate) weight: u64,
    /// Estimated, then reported.
    pub(crate) tokens: Option<u64>,
    /// How long it was held, if it has ended.
    pub(crate) held_us: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Counters {
    unit: Option<Unit>,
    /// Of tokens a call, or of microseconds held: 16 times that, and 0 before the first.
    mean: u64,
    /// By slot of the lease: what was charged for it.
    charges: Vec<u64>,
    /// Of both classes: the actors that wait, by counter.
    waiting: [Heap; 2],
    floors: [u64; 2],
}

impl Counters {
    pub(super) fn new(counts_tokens: bool) -> Self {
        let unit = counts_tokens.then_some(Unit::Tokens);
        let (charges, waiting) = (Vec::new(), [Heap::default(), Heap::default()]);
        Self { unit, mean: 0, charges, waiting, floors: [0; 2] }
    }

    /// An idle actor is forgotten: whoever comes anew has consumed as much.
    pub(super) fn close(&mut self, actor: &Actor) {
        self.floors = self.floors.map(|floor| floor.max(actor.counter));
    }

    /// What an actor of this share is charged for a call.
    #[inline]
    pub(super) fn charge(&self, share: u32, call: &Consumption) -> u64 {
        let amount = match (self.unit, call.tokens) {
            (Some(Unit::Tokens) | None, Some(tokens)) => tokens,
            _ => self.amount_of(call),
        };
        // Below 2^51, and 2^61 with a share. (A saturating product costs a call in wasm.)
        let charge = amount.min(MOST).wrapping_mul(PARTS);
        if share == SHARE_UNIT { charge.max(1) } else { for_share(charge, share) }
    }

    /// What a call counts that does not say so itself.
    #[inline(never)]
    fn amount_of(&self, call: &Consumption) -> u64 {
        let mean = (self.mean > 0).then_some(self.mean / MEAN_OVER);
        match self.unit.unwrap_or_else(|| unit_of(call)) {
            Unit::Tokens => call.tokens.or(mean).unwrap_or(FIRST_TOKENS),
            Unit::Time => slot_time(call.weight, call.held_us.or(mean).unwrap_or(FIRST_US)),
        }
    }

    /// The floor of a class, which rises to the least counter of those who wait.
    #[inline]
    fn floor(&self, class: Priority) -> u64 {
        let floor = self.floors.get(class as usize).copied().unwrap_or(0);
        let least = self.waiting.get(class as usize).and_then(Heap::peek);
        least.map_or(floor, |(least, _)| floor.max(least))
    }

    /// Where an actor goes on that asks now.
    #[inline]
    pub(super) fn start(&self, actor: &Actor, class: Priority) -> u64 {
        let counter = actor.counter;
        if actor.waits(class) { counter } else { counter.max(self.floor(class)) }
    }

    /// Where one goes on that has no handle yet.
    pub(super) fn start_of_new(&self, class: Priority) -> u64 {
        self.floor(class)
    }

    #[inline]
    fn set_counter(&mut self, (handle, actor): (u32, &mut Actor), counter: u64) {
        actor.counter = counter;
        if actor.waiting != [0; 2] {
            self.move_waiting(handle, actor);
        }
    }

    #[inline(never)]
    fn move_waiting(&mut self, handle: u32, actor: &Actor) {
        for (heap, _) in self.waiting.iter_mut().zip(actor.waiting).filter(|(_, waiting)| *waiting > 0) {
            heap.push(handle, actor.counter);
        }
    }

    /// One waiter more of an actor; what that has consumed.
    pub(super) fn begin_wait(&mut self, (handle, actor): (u32, &mut Actor), class: Priority) -> u64 {
        let (floor, start) = (self.floor(class), self.start(actor, class));
        if let Some(own) = self.floors.get_mut(class as usize) {
            *own = floor;
        }
        if let Some(waiting) = actor.waiting.get_mut(class as usize) {
            *waiting = waiting.saturating_add(1);
        }
        self.set_counter((handle, actor), start);
        start
    }

    /// One waiter less.
    pub(super) fn end_wait(&mut self, (handle, actor): (u32, &mut Actor), class: Priority) {
        let floor = self.floor(class);
        let Some(waiting) = actor.waiting.get_mut(class as usize) else { return };
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0
            && let (Some(heap), Some(own)) = (self.waiting.get_mut(class as usize), self.floors.get_mut(class as usize))
        {
            heap.remove(handle);
            *own = floor;
        }
    }

    /// A call is granted as the lease at `slot`; what its actor has consumed with it.
    #[inline]
    pub(super) fn grant(
        &mut self,
        (handle, actor): (u32, &mut Actor),
        slot: u32,
        class: Priority,
        call: &Consumption,
    ) -> u64 {
        self.unit.get_or_insert(unit_of(call));
        let start = self.start(actor, class);
        for (floor, waiting) in self.floors.iter_mut().zip(&self.waiting) {
            *floor = waiting.peek().map_or(start, |(least, _)| least).max(*floor);
        }
        let charge = self.charge(actor.share, call);
        match self.charges.get_mut(slot as usize) {
            Some(own) => *own = charge,
            None => self.first_charge(slot, charge),
        }
        let counter = start.saturating_add(charge);
        self.set_counter((handle, actor), counter);
        counter
    }

    #[cold]
    fn first_charge(&mut self, slot: u32, charge: u64) {
        self.charges.resize(slot as usize, 0);
        self.charges.push(charge);
    }

    /// The lease at `slot` has ended; what its actor has consumed, if that is not what was charged. `None` in place of a call
    /// takes all back.
    #[inline]
    pub(super) fn settle(
        &mut self,
        (handle, actor): (u32, &mut Actor),
        slot: u32,
        call: Option<&Consumption>,
    ) -> Option<u64> {
        let own = self.charges.get_mut(slot as usize)?;
        // Nothing is charged of what was granted before anything counted.
        let charged = Some(core::mem::take(own)).filter(|&charged| charged > 0)?;
        let sample = call.and_then(|call| if self.unit == Some(Unit::Time) { call.held_us } else { call.tokens });
        if call.is_some() && sample.is_none() {
            return None;
        }
        let spent = call.map_or(0, |call| self.charge(actor.share, call));
        if let Some(sample) = sample {
            self.learn(sample.min(MOST));
        }
        let counter = actor.counter.saturating_sub(charged).saturating_add(spent);
        self.set_counter((handle, actor), counter);
        Some(counter)
    }

    fn learn(&mut self, sample: u64) {
        let mean = self.mean.saturating_sub(self.mean / MEAN_OVER).saturating_add(sample);
        self.mean = if self.mean == 0 { sample.saturating_mul(MEAN_OVER) } else { mean };
    }

    /// Counts tokens from now on, if it counted time: all begin anew.
    pub(super) fn count_tokens<'a>(&mut self, all: impl Iterator<Item = (u32, &'a mut Actor)>) {
        if self.unit.replace(Unit::Tokens) == Some(Unit::Time) {
            (self.mean, self.floors) = (0, [0; 2]);
            self.charges.clear();
            all.for_each(|actor| self.set_counter(actor, 0));
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.u8(self.unit.map_or(0, |unit| unit as u8).saturating_add(u8::from(self.unit.is_some())));
        w.u64(self.mean);
        self.floors.iter().for_each(|&floor| w.u64(floor));
        w.len(self.charges.len());
        self.charges.iter().for_each(|&charge| w.u64(charge));
    }

    pub(super) fn restore<'a>(&mut self, r: &mut Reader<'_>, all: impl Iterator<Item = (u32, &'a mut Actor)>) {
        let unit = match r.u8() {
            1 => Some(Unit::Tokens),
            2 => Some(Unit::Time),
            none => {
                r.require(none == 0);
                None
            }
        };
        let counts_tokens = self.unit.is_some();
        self.unit = unit;
        self.mean = r.u64().min(MOST.saturating_mul(MEAN_OVER));
        self.floors = [r.u64(), r.u64()];
        r.each(|r| self.charges.push(r.u64()));
        if counts_tokens {
            self.count_tokens(all);
        }
    }
}

/// Divided by a share, in thousandths.
#[inline(never)]
fn for_share(charge: u64, share: u32) -> u64 {
    charge.wrapping_mul(SHARE_UNIT.into()).checked_div(share.into()).unwrap_or(charge).max(1)
}

/// What a governor counts whose first call is this one.
const fn unit_of(call: &Consumption) -> Unit {
    if call.tokens.is_some() { Unit::Tokens } else { Unit::Time }
}

/// Microseconds that one slot is held.
const fn slot_time(weight: u64, held_us: u64) -> u64 {
    // In thousandths first, so that neither small weights nor short times are lost.
    (weight / 1_000).saturating_mul(held_us) / 1_000
}
