//! Decides which keys are remembered, and what limits that count by keys hold of each.
//!
//! Limits with the same `per` are a set and share keys: a key has one meter for each of the set's limits. A key is made when
//! a call under it is admitted or waits, so what is refused leaves none. It is forgotten when it is needed no more: no lease
//! or waiter names it, and everything it has counted is gone and cannot be corrected any more. That is looked at when a new
//! key needs a place, oldest promise first, a few each time, and by the reaper. At the cap, with nothing to forget, all keys of a set without a place
//! share its overflow key, on top of the cap. Who gets a place later may be one of them: as long as the overflow key counts
//! anything it is asked for keys that are not known, and a new one begins with a copy of what it counts. A handle that was taken away is not used again before `reclaim`, that is, before
//! the caller was told.
//!
//! Invariants: a key that is alive is held by leases and waiters, listed to be looked at, or an overflow key; one that still
//! limits somebody is never forgotten. O(log n) in keys. Called by `limit`. Leaves to others: what keys stand for.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::meter::Meter;
use super::rule::{Counts, Rule, See, Tell, UNKNOWN_END_US};
use crate::config::Overflow;
use crate::decision::{KeyHandle, Keys, NO_HANDLE, Output};
use crate::heap::Heap;
use crate::time::CoreTime;

/// How many keys are looked at for one that needs a place.
const LOOKS: u32 = 8;
/// How many are forgotten then, if none has to be: more than are made, so that what is idle does not pile up.
const FORGETS: u32 = 2;
/// How many are looked at by the reaper: a fraction of a millisecond.
const SWEEPS: u32 = 1_000;
/// Longest pause between two looks at a key that seems to be needed.
pub(super) const LOOK_MAX_US: u64 = 3_600_000_000;

/// Limits that count the same keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    pub(super) per: String,
    pub(super) rules: Vec<Rule>,
    /// The key that stands for those without a place.
    pub(super) overflow: Option<u32>,
}

impl Set {
    /// The key that counts for a handle: where there is none, those that found no place, who may be the same.
    fn counting(&self, handle: u32) -> u32 {
        if handle == NO_HANDLE { self.overflow.unwrap_or(NO_HANDLE) } else { handle }
    }
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Key {
    pub(super) set: u16,
    pub(super) alive: bool,
    /// Stands for all keys of its set that found no place: on top of the cap, and never forgotten.
    pub(super) shared: bool,
    /// Leases and waiters that name it.
    pub(super) refs: u32,
    pub(super) since: CoreTime,
    /// When a call was last admitted under it.
    pub(super) last: CoreTime,
    /// When it is to be looked at, if it is listed for that.
    pub(super) look_at: Option<CoreTime>,
    /// By limit of its set.
    pub(super) meters: Vec<Meter>,
}

/// All limits that count by keys, and their keys.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    pub(super) sets: Vec<Set>,
    pub(super) keys: Vec<Key>,
    pub(super) free: Vec<u32>,
    pub(super) alive: u32,
    max: u32,
    /// By `look_at`.
    pub(super) looks: Heap,
}

impl Keyed {
    pub(super) fn new(max: u32) -> Self {
        Self { max, ..Self::default() }
    }

    /// How many keys have places of their own.
    pub(super) const fn alive(&self) -> u32 {
        self.alive
    }

    pub(super) fn rule_mut(&mut self, place: u32) -> Option<&mut Rule> {
        self.sets.iter_mut().flat_map(|set| &mut set.rules).find(|rule| rule.place == place)
    }

    /// The limit at a place and what its key has counted, of one that follows the provider or is hidden: such have one key.
    pub(super) fn followed(&self, place: u32) -> Option<(&Rule, Option<&Meter>)> {
        let of = |set: &Set| set.rules.iter().position(|rule| rule.place == place);
        let (number, index) = (0u16..).zip(&self.sets).find_map(|(number, set)| Some((number, of(set)?)))?;
        let rule = self.sets.get(usize::from(number))?.rules.get(index)?;
        let key = match &rule.mirror {
            Some(mirror) => self.key(number, mirror.key),
            None if rule.is_hidden() => self.keys.iter().find(|key| key.alive && key.set == number),
            None => return None,
        };
        Some((rule, key.and_then(|key| key.meters.get(index))))
    }

    /// Changes what the limit at a place allows, for all its keys.
    pub(super) fn change(&mut self, now: CoreTime, place: u32, amount: u64) {
        for (number, set) in (0u16..).zip(&mut self.sets) {
            let Some(index) = set.rules.iter().position(|rule| rule.place == place) else { continue };
            let Some(rule) = set.rules.get_mut(index) else { continue };
            rule.change(amount);
            let keys = self.keys.iter_mut().filter(|key| key.set == number);
            for meter in keys.filter_map(|key| key.meters.get_mut(index)) {
                rule.advance(meter, now);
                meter.change(now, &rule.config);
            }
        }
    }

    /// The keys of a call as they are counted now: known handles, none for those that are made when it is admitted. At the
    /// cap those become the overflow keys, or nothing is returned if unknown keys are refused.
    #[inline(never)]
    pub(super) fn resolve(
        &mut self,
        now: CoreTime,
        mut keys: Keys,
        overflow: Overflow,
        outputs: &mut VecDeque<Output>,
    ) -> Option<Keys> {
        keys.keep_sets(self.sets.len());
        let mut missing = 0u32;
        for (_, handle) in keys.each_mut().filter(|(set, handle)| self.key(*set, **handle).is_none()) {
            *handle = NO_HANDLE;
            missing = missing.saturating_add(1);
        }
        if missing > 0 {
            // What this call names is needed.
            self.hold_known(&keys);
            self.forget_idle(now, (missing.saturating_mul(LOOKS), FORGETS), missing, outputs);
            self.let_go(now, &keys);
            if self.alive.saturating_add(missing) > self.max {
                if overflow == Overflow::Deny {
                    return None;
                }
                for (set, handle) in keys.each_mut().filter(|(_, handle)| **handle == NO_HANDLE) {
                    *handle = self.overflow_of(set, now);
                }
            }
        }
        Some(keys)
    }

    fn key(&self, set: u16, handle: u32) -> Option<&Key> {
        self.keys.get(handle as usize).filter(|key| key.alive && key.set == set)
    }

    /// Moves the meters of the keys that a call names to `now`.
    #[inline(never)]
    pub(super) fn advance(&mut self, now: CoreTime, keys: &Keys, outputs: &mut VecDeque<Output>) {
        for (set, handle) in keys.each() {
            let Some(set) = self.sets.get_mut(usize::from(set)) else { continue };
            let key = self.keys.get_mut(set.counting(handle) as usize);
            let mut meters = key.map_or(&mut [][..], |key| &mut key.meters).iter_mut();
            for rule in &mut set.rules {
                match meters.next() {
                    Some(meter) => rule.advance(meter, now),
                    None => rule.periods.advance(now),
                }
                // Calendars that nobody uses ask for nothing.
                if rule.periods.asks(now) {
                    outputs.push_back(Output::NeedBoundaries(rule.place));
                }
            }
        }
    }

    /// Whether all limits of the call's keys have room. Call `advance` first.
    pub(super) fn have_room(&self, keys: &Keys, call: Counts<'_>) -> bool {
        let mut fits = true;
        self.visit(keys, &mut |rule, meter, _| fits &= rule.fits(meter, call));
        fits
    }

    /// Shows the limits that count these keys, with what each key has counted; no meter: nothing.
    #[inline(never)]
    pub(super) fn visit(&self, keys: &Keys, see: &mut See<'_>) {
        for (set, handle) in keys.each() {
            let Some(own) = self.sets.get(usize::from(set)) else { continue };
            let handle = own.counting(handle);
            let key = self.key(set, handle);
            let name = key.map(|_| KeyHandle(handle));
            for (index, rule) in own.rules.iter().enumerate() {
                see(rule, key.and_then(|key| key.meters.get(index)), name);
            }
        }
    }

    /// Changes the meters of the keys under which a call was admitted, where they are still the same keys.
    #[inline(never)]
    pub(super) fn change_all(
        &mut self,
        admitted: CoreTime,
        keys: &Keys,
        outputs: &mut VecDeque<Output>,
        change: &mut dyn FnMut(&mut Rule, &mut Meter, &mut Tell<'_>),
    ) {
        for (set, handle) in keys.each() {
            let Some(own) = self.sets.get_mut(usize::from(set)) else { continue };
            let Some(key) = self.keys.get_mut(handle as usize) else { continue };
            if key.alive && key.set == set && key.since <= admitted {
                key.last = key.last.max(admitted);
                let mut tell = Tell { outputs, key: Some(KeyHandle(handle)).filter(|_| !key.shared) };
                own.rules.iter_mut().zip(&mut key.meters).for_each(|(rule, meter)| change(rule, meter, &mut tell));
            }
        }
    }

    fn hold_known(&mut self, keys: &Keys) {
        for (_, handle) in keys.each() {
            if let Some(key) = self.keys.get_mut(handle as usize) {
                key.refs = key.refs.saturating_add(1);
            }
        }
    }

    /// The keys with handles, made where there were none, named by one lease or waiter more.
    #[inline(never)]
    pub(super) fn hold(&mut self, now: CoreTime, keys: &Keys) -> Keys {
        let mut keys = *keys;
        for (set, handle) in keys.each_mut().filter(|(_, handle)| **handle == NO_HANDLE) {
            *handle = self.create(set, now, false);
        }
        self.hold_known(&keys);
        keys
    }

    /// One lease or waiter names them no more.
    #[inline(never)]
    pub(super) fn let_go(&mut self, now: CoreTime, keys: &Keys) {
        for (set, handle) in keys.each() {
            let Some(key) = self.keys.get_mut(handle as usize).filter(|key| key.alive && key.set == set) else {
                continue;
            };
            key.refs = key.refs.saturating_sub(1);
            if key.refs == 0 && key.look_at.is_none() {
                self.rest(now, handle);
            }
        }
    }

    /// Nothing names a key any more: it is looked at when it may be forgotten, unless it stands for others.
    pub(super) fn rest(&mut self, now: CoreTime, handle: u32) {
        if self.keys.get(handle as usize).is_none_or(|key| key.shared) {
            return;
        }
        let idle_at = self.idle_at(now, handle);
        if let Some(key) = self.keys.get_mut(handle as usize) {
            key.look_at = Some(idle_at);
            self.looks.push(handle, idle_at.as_micros());
        }
    }

    /// A new key, that counts what the overflow key does. One that is shared is not counted against the cap. Its handle; none
    /// without the set.
    fn create(&mut self, set: u16, now: CoreTime, shared: bool) -> u32 {
        let Some(own) = self.sets.get_mut(usize::from(set)) else { return NO_HANDLE };
        let before = own.overflow.and_then(|handle| self.keys.get(handle as usize));
        let mut meters: Vec<Meter> = match before {
            Some(others) => others.meters.iter().map(Meter::copy).collect(),
            None => own.rules.iter().map(Rule::meter).collect(),
        };
        own.rules.iter_mut().zip(&mut meters).for_each(|(rule, meter)| rule.advance(meter, now));
        let key = Key { set, alive: true, shared, refs: 0, since: now, last: now, look_at: None, meters };
        self.alive = self.alive.saturating_add(u32::from(!shared));
        let handle = self.free.pop().unwrap_or(self.keys.len() as u32);
        match self.keys.get_mut(handle as usize) {
            Some(place) => *place = key,
            None => self.keys.push(key),
        }
        handle
    }

    fn overflow_of(&mut self, set: u16, now: CoreTime) -> u32 {
        let known = self.sets.get(usize::from(set)).and_then(|set| set.overflow);
        let handle = known.unwrap_or_else(|| self.create(set, now, true));
        if let Some(own) = self.sets.get_mut(usize::from(set)) {
            own.overflow = Some(handle);
        }
        handle
    }

    /// Whether a key stands for others.
    pub(super) fn is_shared(&self, handle: KeyHandle) -> bool {
        self.keys.get(handle.0 as usize).is_some_and(|key| key.shared)
    }

    /// Keys without those that stand for others.
    pub(super) fn told(&self, mut keys: Keys) -> Keys {
        for (_, handle) in keys.each_mut() {
            if self.keys.get(*handle as usize).is_none_or(|key| key.shared) {
                *handle = NO_HANDLE;
            }
        }
        keys
    }

    /// When a key that nothing names is needed no more, as things are.
    fn idle_at(&mut self, now: CoreTime, handle: u32) -> CoreTime {
        let Some(key) = self.keys.get_mut(handle as usize) else { return now };
        let Some(set) = self.sets.get_mut(usize::from(key.set)) else { return now };
        if key.meters.iter().any(|meter| meter.learnt().is_some_and(|hidden| hidden.known().is_some())) {
            // What was learnt is needed.
            return now.plus(LOOK_MAX_US);
        }
        let mut idle_at = now;
        for (rule, meter) in set.rules.iter_mut().zip(&mut key.meters) {
            rule.advance(meter, now);
            let empty_at = meter.free_at(now, &rule.periods, 0).unwrap_or(now.plus(UNKNOWN_END_US));
            idle_at = idle_at.max(empty_at).max(meter.settles_until(key.last, &rule.periods));
        }
        idle_at.min(now.plus(LOOK_MAX_US))
    }

    /// Forgets some of the keys that are needed no more, so that their memory comes back also where no new ones come.
    pub(super) fn sweep(&mut self, now: CoreTime, outputs: &mut VecDeque<Output>) {
        self.forget_idle(now, (SWEEPS, SWEEPS), 0, outputs);
    }

    /// Looks at so many keys and forgets those that are needed no more: up to `most`, and further ones while `places` are
    /// missing.
    fn forget_idle(&mut self, now: CoreTime, (looks, most): (u32, u32), places: u32, outputs: &mut VecDeque<Output>) {
        let mut forgotten = 0u32;
        for _ in 0..looks {
            let Some((_, handle)) = self.looks.peek().filter(|&(at, _)| at <= now.as_micros()) else { return };
            if forgotten >= most && self.alive.saturating_add(places) <= self.max {
                return;
            }
            self.looks.remove(handle);
            let Some(key) = self.keys.get_mut(handle as usize) else { return };
            key.look_at = None;
            if key.refs > 0 {
                continue;
            }
            if self.idle_at(now, handle) > now {
                self.rest(now, handle);
                continue;
            }
            self.forget(handle, outputs);
            forgotten = forgotten.saturating_add(1);
        }
    }

    /// Forgets a key, and tells whoever may know it.
    pub(super) fn forget(&mut self, handle: u32, outputs: &mut VecDeque<Output>) {
        self.looks.remove(handle);
        let Some(key) = self.keys.get_mut(handle as usize) else { return };
        if core::mem::take(key).shared {
            self.free.push(handle);
        } else {
            self.alive = self.alive.saturating_sub(1);
            outputs.push_back(Output::KeyFreed(KeyHandle(handle)));
        }
    }

    /// Whether every key is held, listed to be looked at, or shared, and the others are counted: for checks of invariants.
    pub(super) fn all_accounted_for(&self) -> bool {
        let needed = |key: &Key| key.refs > 0 || key.look_at.is_some();
        let mut own = self.keys.iter().filter(|key| key.alive && !key.shared);
        own.clone().count() == self.alive as usize && own.all(needed)
    }

    /// Makes a handle that was taken away usable again.
    pub(super) fn reclaim(&mut self, handle: KeyHandle) {
        self.free.push(handle.0);
    }
}
