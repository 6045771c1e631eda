//! Decides how limits stand in an image: who each of them is, then its state. The configuration is given again when it is
//! read, so a limit that is still there goes on where it was, one that was not there counts what is admitted from now on, and
//! the state of others is dropped. A change of the configuration at run time goes the same way.

use alloc::vec::Vec;

use super::keyed::{Key, Keyed};
use super::meter::{self, Meter};
use super::rule::Rule;
use super::{Limits, Note};
use crate::codec::{Reader, Writer};
use crate::config;
use crate::decision::{Amounts, KeyHandle, Keys, Metric, Output};
use crate::time::CoreTime;

/// A limit of an image.
struct Saved {
    /// Its meters are read by the amounts of this: those of today where it is still there.
    config: config::Limit,
    /// Where it stands among the rules, or among those of its set, if it is still there.
    index: Option<usize>,
}

/// A set of an image.
struct SavedSet {
    /// Its number today.
    number: Option<u16>,
    rules: Vec<Saved>,
}

impl Limits {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.metrics.len());
        self.metrics.iter().for_each(|name| w.text(name));
        w.len(self.rules.len());
        for (rule, meter) in self.rules.iter().zip(&self.meters) {
            write_rule(rule, w);
            meter.write(w);
        }
        self.keyed.write(w, self.outputs.iter().filter_map(freed));
        w.len(self.notes.len());
        for note in &self.notes {
            w.u64(note.amounts.cost_micros);
            note.amounts.custom.iter().take(self.metrics.len()).for_each(|&amount| w.u64(amount));
            note.keys.write(w);
            w.bool(note.unlimited);
        }
    }

    /// Takes over the saved state of the limits that still exist.
    pub(crate) fn restore(&mut self, now: CoreTime, r: &mut Reader<'_>) {
        let keyed = self.keyed.sets.iter_mut().flat_map(|set| &mut set.rules);
        self.rules.iter_mut().chain(keyed).for_each(|rule| rule.since = now.plus(1));
        let mut metrics = Vec::new();
        r.each(|r| {
            let name = r.text();
            let place = self.metrics.iter().position(|metric| *metric == name);
            metrics.push(place.and_then(|place| u8::try_from(place).ok()));
        });
        r.each(|r| {
            let Some(saved) = read_rule(r, now, &metrics, &mut self.rules) else { return r.fail() };
            let meter = Meter::read(r, &saved.config, now);
            if let Some(own) = saved.index.and_then(|index| self.meters.get_mut(index)) {
                *own = meter;
            }
        });
        let sets = self.keyed.read(r, now, &metrics, &mut self.outputs);
        r.each(|r| {
            let note = read_note(r, &metrics, &sets);
            self.notes.push(note);
        });
        self.notes_needed |= self.notes.iter().any(|note| note.unlimited);
        if !self.notes_needed {
            self.notes.clear();
        }
    }

    /// Whether some limit counts only what is admitted later than `now`.
    pub(crate) fn begins_after(&self, now: CoreTime) -> bool {
        let keyed = self.keyed.sets.iter().flat_map(|set| &set.rules);
        self.rules.iter().chain(keyed).any(|rule| rule.since > now)
    }

    /// The lease at `slot` names its keys; false if it cannot.
    pub(crate) fn hold_again(&mut self, slot: u32) -> bool {
        self.notes.get(slot as usize).is_none_or(|note| self.keyed.hold_again(&note.keys))
    }

    /// After that: keys that nothing names any more may be forgotten. (Waiters are not part of an image.)
    pub(crate) fn rest_unused(&mut self, now: CoreTime) {
        self.keyed.rest_unused(now);
    }
}

fn freed(output: &Output) -> Option<u32> {
    if let Output::KeyFreed(handle) = output { Some(handle.0) } else { None }
}

fn write_rule(rule: &Rule, w: &mut Writer) {
    rule.config.write_identity(w);
    rule.periods.write(w);
    w.u64(rule.since.as_micros());
}

/// A limit with its metric where that stands today: at 255 if no limit counts it any more. The one of `rules` that it is goes
/// on with its periods. `None` if there is no such limit.
#[inline(never)]
fn read_rule(r: &mut Reader<'_>, now: CoreTime, metrics: &[Option<u8>], rules: &mut [Rule]) -> Option<Saved> {
    let mut config = config::Limit::read_identity(r);
    if let Metric::Custom(index) = &mut config.metric {
        *index = metrics.get(usize::from(*index))?.unwrap_or(u8::MAX);
    }
    let mut periods = config.can_be().then(|| meter::periods(&config))?;
    periods.restore(r, now);
    let since = CoreTime::from_micros(r.u64());
    r.require(since <= now.plus(1));
    let index = rules.iter().position(|rule| rule.config.is_same(&config));
    if let Some(rule) = index.and_then(|index| rules.get_mut(index)) {
        (rule.periods, rule.since) = (periods, since);
        config.clone_from(&rule.config);
    }
    Some(Saved { config, index })
}

impl Keyed {
    /// `pending` are the handles that were taken away and not reclaimed yet.
    fn write(&self, w: &mut Writer, pending: impl Iterator<Item = u32> + Clone) {
        w.len(self.sets.len());
        for set in &self.sets {
            w.text(&set.per);
            w.len(set.rules.len());
            set.rules.iter().for_each(|rule| write_rule(rule, w));
            w.option(set.overflow.map(u64::from));
        }
        w.len(self.keys.len());
        for key in &self.keys {
            w.bool(key.alive);
            if key.alive {
                w.u32(key.set.into());
                w.u64(key.since.as_micros());
                w.u64(key.last.as_micros());
                w.option(key.look_at.map(CoreTime::as_micros));
                key.meters.iter().for_each(|meter| meter.write(w));
            }
        }
        w.len(self.free.len().saturating_add(pending.clone().count()));
        self.free.iter().copied().chain(pending).for_each(|handle| w.u32(handle));
    }

    /// The numbers today of the sets of the image.
    fn read(
        &mut self,
        r: &mut Reader<'_>,
        now: CoreTime,
        metrics: &[Option<u8>],
        outputs: &mut alloc::collections::VecDeque<Output>,
    ) -> Vec<Option<u16>> {
        let mut sets: Vec<SavedSet> = Vec::new();
        r.each(|r| {
            let per = r.text();
            let number = self.sets.iter().position(|set| set.per == per);
            let mut set = SavedSet { number: number.map(|number| number as u16), rules: Vec::new() };
            let mut own = number.and_then(|number| self.sets.get_mut(number));
            r.each(|r| {
                let rules = own.as_deref_mut().map_or(&mut [][..], |own| &mut own.rules);
                let Some(saved) = read_rule(r, now, metrics, rules) else { return r.fail() };
                set.rules.push(saved);
            });
            let overflow = r.option().and_then(|handle| u32::try_from(handle).ok());
            if let Some(own) = own {
                own.overflow = overflow;
            }
            sets.push(set);
        });
        r.each(|r| {
            let handle = self.keys.len() as u32;
            let key = self.read_key(r, now, &sets);
            // Its set is gone: whoever holds the string is to drop it.
            if r.ok().is_ok() && key.is_none() {
                outputs.push_back(Output::KeyFreed(KeyHandle(handle)));
            }
            self.keys.push(key.unwrap_or_default());
        });
        self.read_free(r, outputs);
        sets.iter().map(|set| set.number).collect()
    }

    /// `None`: a key whose set is gone.
    fn read_key(&mut self, r: &mut Reader<'_>, now: CoreTime, sets: &[SavedSet]) -> Option<Key> {
        if !r.bool() {
            return Some(Key::default());
        }
        let handle = self.keys.len() as u32;
        let saved = sets.get(r.u32() as usize);
        r.require(saved.is_some());
        let [since, last] = [r.u64(), r.u64()].map(CoreTime::from_micros);
        r.require(since <= last && last <= now);
        let look_at = r.option().map(CoreTime::from_micros);
        let saved = saved?;
        let own = saved.number.and_then(|number| self.sets.get(usize::from(number)));
        let mut meters: Vec<Meter> = own.map_or(Vec::new(), |own| own.rules.iter().map(Rule::meter).collect());
        for rule in &saved.rules {
            let meter = Meter::read(r, &rule.config, now);
            if let Some(place) = rule.index.and_then(|index| meters.get_mut(index)) {
                *place = meter;
            }
        }
        let (set, overflow) = (saved.number?, own?.overflow == Some(handle));
        if !overflow {
            self.alive = self.alive.saturating_add(1);
            look_at.iter().for_each(|at| self.looks.push(handle, at.as_micros()));
        }
        Some(Key { set, alive: true, refs: 0, since, last, look_at, meters })
    }

    /// Every handle is alive, free, or was just taken away.
    fn read_free(&mut self, r: &mut Reader<'_>, outputs: &alloc::collections::VecDeque<Output>) {
        let mut unused: Vec<bool> = self.keys.iter().map(|key| !key.alive).collect();
        for handle in outputs.iter().filter_map(freed) {
            unused.get_mut(handle as usize).into_iter().for_each(|unused| *unused = false);
        }
        r.each(|r| {
            let handle = r.u32();
            let unused = unused.get_mut(handle as usize).is_some_and(|unused| core::mem::replace(unused, false));
            r.require(unused);
            self.free.push(handle);
        });
        let overflows = self.sets.iter().filter_map(|set| set.overflow);
        let known = |handle: u32| self.keys.get(handle as usize).is_some_and(|key| key.alive);
        r.require(!unused.contains(&true) && overflows.into_iter().all(known));
    }

    fn hold_again(&mut self, keys: &Keys) -> bool {
        keys.iter().all(|(set, handle)| {
            let key = handle.and_then(|handle| self.keys.get_mut(handle.0 as usize));
            let Some(key) = key.filter(|key| key.alive && key.set == set) else { return false };
            key.refs = key.refs.saturating_add(1);
            true
        })
    }

    fn rest_unused(&mut self, now: CoreTime) {
        for handle in 0..self.keys.len() as u32 {
            if self.keys.get(handle as usize).is_some_and(|key| key.alive && key.refs == 0 && key.look_at.is_none()) {
                self.rest(now, handle);
            }
        }
    }
}

impl Keys {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.iter().count());
        for (set, handle) in self.iter() {
            w.u32(set.into());
            w.option(handle.map(|handle| handle.0.into()));
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let mut keys = Self::default();
        r.each(|r| {
            let set = u16::try_from(r.u32());
            let handle = r.option().map(u32::try_from);
            let good = !matches!(handle, Some(Err(_)))
                && set.is_ok_and(|set| keys.push(set, handle.and_then(Result::ok).map(KeyHandle)));
            r.require(good);
        });
        keys
    }
}

/// A note whose keys are those of sets that are still there.
#[inline(never)]
fn read_note(r: &mut Reader<'_>, metrics: &[Option<u8>], sets: &[Option<u16>]) -> Note {
    let mut amounts = Amounts { cost_micros: r.u64(), ..Amounts::default() };
    for place in metrics {
        let amount = r.u64();
        if let Some(own) = place.and_then(|place| amounts.custom.get_mut(usize::from(place))) {
            *own = amount;
        }
    }
    let keys = Keys::read(r);
    r.require(keys.iter().all(|(set, _)| usize::from(set) < sets.len()));
    Note { amounts: amounts.capped(), keys: keys.in_sets(sets), unlimited: r.bool() }
}
