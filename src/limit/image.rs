//! Decides how limits stand in an image: who each of them is, then its state. The configuration is given again when it is
//! read, and what has become of the limits since is the same question as after a change at run time: see `adopt`.

use alloc::vec::Vec;

use super::keyed::{Key, Keyed, LOOK_MAX_US, Set};
use super::meter::Meter;
use super::mirror::Mirror;
use super::rule::Rule;
use super::{Limits, Note};
use crate::codec::{Reader, Writer};
use crate::config;
use crate::decision::{Amounts, KeyHandle, Keys, Output, Subject};
use crate::time::CoreTime;

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
        for note in self.notes.iter() {
            w.u64(note.amounts.cost_micros);
            note.amounts.custom.iter().take(self.metrics.len()).for_each(|&amount| w.u64(amount));
            note.keys.write(w);
            w.bool(note.unlimited);
            w.bool(note.refused);
            w.bool(note.explained);
        }
    }

    /// What `write` wrote: the limits of then, by the least amounts there are.
    pub(crate) fn read(r: &mut Reader<'_>, now: CoreTime) -> Self {
        let mut limits = Self::default();
        r.each(|r| limits.metrics.push(r.text().into()));
        r.each(|r| {
            let Some(rule) = read_rule(r, now) else { return r.fail() };
            limits.meters.push(Meter::read(r, &rule.config, now));
            limits.rules.push(rule);
        });
        limits.keyed.read(r, now);
        let metrics = limits.metrics.len();
        r.each(|r| limits.notes.push(read_note(r, metrics)));
        let sets = limits.keyed.sets.len();
        r.require(limits.notes.iter().all(|note| note.keys.each().all(|(set, _)| usize::from(set) < sets)));
        limits
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
    w.bool(rule.mirror.is_some());
    if let Some(mirror) = &rule.mirror {
        mirror.write(w);
    }
}

/// `None` if there is no such limit.
#[inline(never)]
fn read_rule(r: &mut Reader<'_>, now: CoreTime) -> Option<Rule> {
    let config = config::Limit::read_identity(r);
    let mut rule = config.can_be().then(|| Rule::new(&config, 0, Subject::Requests))?;
    rule.periods.restore(r, now);
    rule.since = CoreTime::from_micros(r.u64());
    r.require(rule.since <= now.plus(1));
    rule.mirror = r.bool().then(|| Mirror::read(r).into());
    Some(rule)
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

    fn read(&mut self, r: &mut Reader<'_>, now: CoreTime) {
        r.each(|r| {
            let per = r.text().into();
            let mut rules = Vec::new();
            r.each(|r| match read_rule(r, now) {
                Some(rule) => rules.push(rule),
                None => r.fail(),
            });
            let overflow = r.option();
            r.require(overflow.is_none_or(|handle| handle < u64::from(u32::MAX)));
            let overflow = overflow.map(|handle| handle as u32);
            self.sets.push(Set { per, rules, overflow });
        });
        r.each(|r| {
            let key = if r.bool() { self.read_key(r, now) } else { Key::default() };
            self.keys.push(key);
        });
        // Every handle is alive or free.
        let mut unused: Vec<bool> = self.keys.iter().map(|key| !key.alive).collect();
        r.each(|r| {
            let handle = r.u32();
            let unused = unused.get_mut(handle as usize).is_some_and(|unused| core::mem::replace(unused, false));
            r.require(unused);
            self.free.push(handle);
        });
        // The key that stands for others is one of the set.
        let own = |(number, set): (u16, &Set)| {
            let key = set.overflow.map(|handle| self.keys.get(handle as usize));
            key.is_none_or(|key| key.is_some_and(|key| key.alive && key.set == number))
        };
        r.require(!unused.contains(&true) && (0u16..).zip(&self.sets).all(own));
    }

    fn read_key(&mut self, r: &mut Reader<'_>, now: CoreTime) -> Key {
        let handle = self.keys.len() as u32;
        let set = r.u32();
        let [since, last] = [r.u64(), r.u64()].map(CoreTime::from_micros);
        let look_at = r.option().map(CoreTime::from_micros);
        let own = self.sets.get(set as usize);
        r.require(own.is_some() && since <= last && last <= now);
        r.require(look_at.is_none_or(|at| at <= now.plus(LOOK_MAX_US)));
        let rules = own.map_or(&[][..], |own| &own.rules);
        let meters = rules.iter().map(|rule| Meter::read(r, &rule.config, now)).collect();
        let shared = own.is_some_and(|own| own.overflow == Some(handle));
        if !shared {
            self.alive = self.alive.saturating_add(1);
            look_at.iter().for_each(|at| self.looks.push(handle, at.as_micros()));
        }
        Key { set: set as u16, alive: true, shared, refs: 0, since, last, look_at, meters }
    }

    fn hold_again(&mut self, keys: &Keys) -> bool {
        keys.each().all(|(set, handle)| {
            let key = self.keys.get_mut(handle as usize).filter(|key| key.alive && key.set == set);
            let Some(key) = key else { return false };
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
        w.len(self.each().count());
        for (set, handle) in self.each() {
            w.u32(set.into());
            w.u32(handle);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let mut keys = Self::default();
        r.each(|r| {
            let (set, handle) = (r.u32(), r.u32());
            let pushed = keys.push(set as u16, Some(KeyHandle(handle)));
            r.require(set <= u16::MAX.into() && pushed);
        });
        keys
    }
}

fn read_note(r: &mut Reader<'_>, metrics: usize) -> Note {
    let mut amounts = Amounts { cost_micros: r.u64(), ..Amounts::default() };
    for index in 0..metrics {
        let amount = r.u64();
        amounts.custom.get_mut(index).into_iter().for_each(|own| *own = amount);
    }
    let (amounts, keys) = (amounts.capped(), Keys::read(r));
    Note { amounts, keys, unlimited: r.bool(), refused: r.bool(), explained: r.bool() }
}
