//! Decides which keys are remembered, and what limits that count by keys hold of each.
//!
//! Limits with the same `per` are a set and share keys: a key has one meter for each of the set's limits. A key is made when
//! a call under it is admitted or waits, so what is refused leaves none. It is forgotten when it is needed no more: no lease
//! or waiter names it, and everything it has counted is gone and cannot be corrected any more. That is looked at when a new
//! key needs a place, oldest promise first, a few each time. At the cap, with nothing to forget, all keys of a set without a place
//! share its overflow key, on top of the cap. A handle that was taken away is not used again before `reclaim`, that is, before
//! the caller was told.
//!
//! Invariants: a key that is alive is held by leases and waiters, listed to be looked at, or an overflow key; one that still
//! limits somebody is never forgotten. O(log n) in keys. Called by `limit`. Leaves to others: what keys stand for.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::meter::Meter;
use super::rule::{Counts, Rule, Shortage, Tell, UNKNOWN_END_US};
use crate::config::Overflow;
use crate::decision::{KeyHandle, Keys, Output};
use crate::heap::Heap;
use crate::time::CoreTime;

/// How many keys are looked at for one that needs a place.
const LOOKS: u32 = 8;
/// How many are forgotten then, if none has to be: more than are made, so that what is idle does not pile up.
const FORGETS: u32 = 2;
/// Longest pause between two looks at a key that seems to be needed.
const LOOK_MAX_US: u64 = 3_600_000_000;

/// Limits that count the same keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    pub(super) per: String,
    pub(super) rules: Vec<Rule>,
    /// Stands for the keys that found no place.
    pub(super) overflow: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Key {
    pub(super) set: u16,
    pub(super) alive: bool,
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

    /// Adds a limit to the set of its `per`.
    pub(super) fn add(&mut self, rule: Rule) {
        match self.sets.iter_mut().find(|set| set.per == rule.config.per) {
            Some(set) => set.rules.push(rule),
            None => {
                let per = rule.config.per.clone();
                self.sets.push(Set { per, rules: alloc::vec![rule], overflow: None });
            }
        }
    }

    /// How many keys have places of their own.
    pub(super) const fn alive(&self) -> u32 {
        self.alive
    }

    pub(super) fn rule_mut(&mut self, place: u32) -> Option<&mut Rule> {
        self.sets.iter_mut().flat_map(|set| &mut set.rules).find(|rule| rule.place == place)
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

    /// The keys of a call as they are counted now: known handles, `None` for those that are made when it is admitted. At the
    /// cap those become the overflow keys, or nothing is returned if unknown keys are refused.
    pub(super) fn resolve(
        &mut self,
        now: CoreTime,
        keys: Keys,
        overflow: Overflow,
        outputs: &mut VecDeque<Output>,
    ) -> Option<Keys> {
        let known = keys.map(|set, handle| handle.filter(|handle| self.key(set, *handle).is_some()));
        let missing =
            known.iter().filter(|(set, handle)| handle.is_none() && self.sets.get(usize::from(*set)).is_some());
        let missing = missing.count() as u32;
        if missing == 0 {
            return Some(known);
        }
        // What this call names is needed.
        let known = self.hold_known(known);
        self.forget_idle(now, missing, outputs);
        self.let_go(now, &known);
        if self.alive.saturating_add(missing) <= self.max {
            return Some(known);
        }
        (overflow == Overflow::Share).then(|| known.map(|set, handle| handle.or_else(|| self.overflow_of(set, now))))
    }

    fn key(&self, set: u16, handle: KeyHandle) -> Option<&Key> {
        self.keys.get(handle.0 as usize).filter(|key| key.alive && key.set == set)
    }

    /// The limits of a set, with the meters of one of its keys.
    #[inline]
    fn pairs<'a>(
        &'a self,
        set: u16,
        handle: Option<KeyHandle>,
    ) -> impl Iterator<Item = (&'a Rule, Option<&'a Meter>)> + 'a {
        let rules = self.sets.get(usize::from(set)).map_or(&[][..], |set| &set.rules);
        let meters = handle.and_then(|handle| self.key(set, handle)).map_or(&[][..], |key| &key.meters);
        rules.iter().enumerate().map(|(index, rule)| (rule, meters.get(index)))
    }

    /// Moves the meters of the keys that a call names to `now`.
    pub(super) fn advance(&mut self, now: CoreTime, keys: &Keys, outputs: &mut VecDeque<Output>) {
        for (set, handle) in keys.iter() {
            let Some(set) = self.sets.get_mut(usize::from(set)) else { continue };
            let key = handle.and_then(|handle| self.keys.get_mut(handle.0 as usize));
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
        keys.iter().all(|(set, handle)| {
            self.pairs(set, handle).all(|(rule, meter)| match meter {
                Some(meter) => rule.fits(meter, call),
                None => call.of(rule.metric) <= rule.max,
            })
        })
    }

    /// The limits without room. Call `advance` first.
    pub(super) fn shortages<'a>(
        &'a self,
        now: CoreTime,
        keys: &'a Keys,
        call: Counts<'a>,
    ) -> impl Iterator<Item = Shortage> + 'a {
        let pairs = keys.iter().flat_map(|(set, handle)| self.pairs(set, handle));
        pairs.filter_map(move |(rule, meter)| rule.shortage(meter, now, call))
    }

    /// The limits that count a call, with what its keys have counted.
    pub(super) fn asked<'a>(
        &'a self,
        keys: &'a Keys,
    ) -> impl Iterator<Item = (&'a Rule, Option<&'a Meter>, Option<KeyHandle>)> + 'a {
        keys.iter().flat_map(|(set, handle)| self.pairs(set, handle).map(move |(rule, meter)| (rule, meter, handle)))
    }

    fn hold_known(&mut self, keys: Keys) -> Keys {
        for handle in keys.iter().filter_map(|(_, handle)| handle) {
            if let Some(key) = self.keys.get_mut(handle.0 as usize) {
                key.refs = key.refs.saturating_add(1);
            }
        }
        keys
    }

    /// The keys with handles, made where there were none, named by one lease or waiter more.
    pub(super) fn hold(&mut self, now: CoreTime, keys: &Keys) -> Keys {
        let keys = keys.map(|set, handle| handle.or_else(|| self.create(set, now, true)));
        self.hold_known(keys)
    }

    /// One lease or waiter names them no more.
    pub(super) fn let_go(&mut self, now: CoreTime, keys: &Keys) {
        for (set, handle) in keys.iter() {
            let Some(handle) = handle.filter(|handle| self.key(set, *handle).is_some()) else { continue };
            let Some(key) = self.keys.get_mut(handle.0 as usize) else { continue };
            key.refs = key.refs.saturating_sub(1);
            if key.refs == 0 && key.look_at.is_none() {
                self.rest(now, handle.0);
            }
        }
    }

    /// Nothing names a key any more: it is looked at when it may be forgotten.
    pub(super) fn rest(&mut self, now: CoreTime, handle: u32) {
        let idle_at = self.idle_at(now, handle);
        self.list(handle, idle_at);
    }

    /// Counts an admitted call under keys that are held.
    pub(super) fn take(&mut self, now: CoreTime, keys: &Keys, call: Counts<'_>, outputs: &mut VecDeque<Output>) {
        self.each(now, keys, outputs, |rule, meter, tell| rule.take(meter, now, call, tell));
    }

    /// Counts a call that was made elsewhere.
    pub(super) fn record(&mut self, now: CoreTime, keys: &Keys, call: Counts<'_>, outputs: &mut VecDeque<Output>) {
        self.each(now, keys, outputs, |rule, meter, tell| rule.record(meter, now, call, tell));
    }

    fn each(
        &mut self,
        now: CoreTime,
        keys: &Keys,
        outputs: &mut VecDeque<Output>,
        mut change: impl FnMut(&Rule, &mut Meter, &mut Tell<'_>),
    ) {
        for (set, handle) in keys.iter() {
            let Some(set) = self.sets.get(usize::from(set)) else { continue };
            let Some(key) = handle.and_then(|handle| self.keys.get_mut(handle.0 as usize)) else { continue };
            key.last = now;
            let mut tell = Tell { outputs, key: handle.filter(|handle| set.overflow != Some(handle.0)) };
            set.rules.iter().zip(&mut key.meters).for_each(|(rule, meter)| change(rule, meter, &mut tell));
        }
    }

    /// Changes the meters of the keys under which a call was admitted, where they are still the same keys.
    pub(super) fn correct(
        &mut self,
        admitted: CoreTime,
        keys: &Keys,
        outputs: &mut VecDeque<Output>,
        mut change: impl FnMut(&mut Rule, &mut Meter, &mut Tell<'_>),
    ) {
        for (set, handle) in keys.iter() {
            let Some(handle) = handle.filter(|handle| self.key(set, *handle).is_some_and(|key| key.since <= admitted))
            else {
                continue;
            };
            let (Some(set), Some(key)) = (self.sets.get_mut(usize::from(set)), self.keys.get_mut(handle.0 as usize))
            else {
                continue;
            };
            let mut tell = Tell { outputs, key: Some(handle).filter(|handle| set.overflow != Some(handle.0)) };
            set.rules.iter_mut().zip(&mut key.meters).for_each(|(rule, meter)| change(rule, meter, &mut tell));
        }
    }

    /// A new key, with nothing counted. One of its own counts against the cap.
    fn create(&mut self, set: u16, now: CoreTime, own: bool) -> Option<KeyHandle> {
        let meters = self.sets.get(usize::from(set))?.rules.iter().map(|rule| {
            let mut meter = rule.meter();
            meter.advance(now, &mut rule.periods.clone());
            meter
        });
        let meters = meters.collect();
        let key = Key { set, alive: true, refs: 0, since: now, last: now, look_at: None, meters };
        self.alive = self.alive.saturating_add(own.into());
        let handle = match self.free.pop() {
            Some(handle) => handle,
            None => self.keys.len() as u32,
        };
        match self.keys.get_mut(handle as usize) {
            Some(place) => *place = key,
            None => self.keys.push(key),
        }
        Some(KeyHandle(handle))
    }

    fn overflow_of(&mut self, set: u16, now: CoreTime) -> Option<KeyHandle> {
        if let Some(handle) = self.sets.get(usize::from(set))?.overflow {
            return Some(KeyHandle(handle));
        }
        let handle = self.create(set, now, false)?;
        // It is never looked at, and so never forgotten.
        if let (Some(set), Some(key)) = (self.sets.get_mut(usize::from(set)), self.keys.get_mut(handle.0 as usize)) {
            set.overflow = Some(handle.0);
            key.look_at = Some(CoreTime::NEVER);
        }
        Some(handle)
    }

    /// Whether a handle stands for keys without a place.
    pub(super) fn is_overflow(&self, set: u16, handle: KeyHandle) -> bool {
        self.sets.get(usize::from(set)).is_some_and(|set| set.overflow == Some(handle.0))
    }

    /// When a key that nothing names is needed no more, as things are.
    fn idle_at(&mut self, now: CoreTime, handle: u32) -> CoreTime {
        let Some(key) = self.keys.get_mut(handle as usize) else { return now };
        let Some(set) = self.sets.get_mut(usize::from(key.set)) else { return now };
        let mut idle_at = now;
        for (rule, meter) in set.rules.iter_mut().zip(&mut key.meters) {
            rule.advance(meter, now);
            let empty_at = meter.free_at(now, &rule.periods, 0).unwrap_or(now.plus(UNKNOWN_END_US));
            idle_at = idle_at.max(empty_at).max(meter.settles_until(key.last, &rule.periods));
        }
        idle_at.min(now.plus(LOOK_MAX_US))
    }

    fn list(&mut self, handle: u32, at: CoreTime) {
        if let Some(key) = self.keys.get_mut(handle as usize) {
            key.look_at = Some(at);
            self.looks.push(handle, at.as_micros());
        }
    }

    /// Forgets keys that are needed no more: a few, and further ones while `places` are missing.
    fn forget_idle(&mut self, now: CoreTime, places: u32, outputs: &mut VecDeque<Output>) {
        let mut forgotten = 0u32;
        for _ in 0..places.saturating_mul(LOOKS) {
            let Some((_, handle)) = self.looks.peek().filter(|&(at, _)| at <= now.as_micros()) else { return };
            if forgotten >= FORGETS && self.alive.saturating_add(places) <= self.max {
                return;
            }
            self.looks.remove(handle);
            let Some(key) = self.keys.get_mut(handle as usize) else { return };
            key.look_at = None;
            if key.refs > 0 {
                continue;
            }
            let idle_at = self.idle_at(now, handle);
            if idle_at > now {
                self.list(handle, idle_at);
                continue;
            }
            self.forget(handle);
            outputs.push_back(Output::KeyFreed(KeyHandle(handle)));
            forgotten = forgotten.saturating_add(1);
        }
    }

    pub(super) fn forget(&mut self, handle: u32) {
        self.looks.remove(handle);
        if let Some(key) = self.keys.get_mut(handle as usize) {
            (key.alive, key.look_at, key.meters) = (false, None, Vec::new());
            self.alive = self.alive.saturating_sub(1);
        }
    }

    /// Makes a handle that was taken away usable again.
    pub(super) fn reclaim(&mut self, handle: KeyHandle) {
        self.free.push(handle.0);
    }
}
