//! Decides what a new configuration keeps of what has been counted: a limit that is still there (see `Limit::is_same`) goes on
//! where it was, by the amounts of today; one that was not there counts what is admitted from now on; the state of others is
//! dropped, and so are the keys of sets that are gone.

use alloc::vec::Vec;
use core::mem::take;

use super::keyed::{Key, Set};
use super::meter::Meter;
use super::rule::Rule;
use super::{Limits, Note};
use crate::decision::{Amounts, Keys, Metric, Output};
use crate::index::Index;
use crate::time::CoreTime;

/// What limits and sets of before are called today.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// Some limits were not there before: they count what is admitted later than now.
    pub(crate) begins: bool,
    /// By number of a set.
    sets: Vec<Option<u16>>,
    /// By place of a limit.
    places: Vec<Option<u32>>,
}

impl Adopted {
    /// Keys without those of sets that are gone.
    pub(crate) fn keys(&self, keys: Keys) -> Keys {
        keys.in_sets(&self.sets)
    }

    /// The place today of the limit that was at `place`.
    pub(crate) fn place(&self, place: u32) -> Option<u32> {
        self.places.get(place as usize).copied().flatten()
    }
}

impl Limits {
    /// Takes over from the limits of before.
    pub(crate) fn adopt(&mut self, mut old: Self, now: CoreTime) -> Adopted {
        let metrics: Vec<Option<u8>> = old.metrics.iter().map(|name| self.place_of_metric(name)).collect();
        for rule in old.rules.iter_mut().chain(old.keyed.sets.iter_mut().flat_map(|set| &mut set.rules)) {
            if let Metric::Custom(index) = rule.config.metric {
                // At 255 if no limit counts it any more.
                rule.config.metric =
                    Metric::Custom(metrics.get(usize::from(index)).copied().flatten().unwrap_or(u8::MAX));
            }
        }
        let mut adopted = Adopted::default();
        let taken = adopted.rules(&mut self.rules, &mut old.rules, now);
        adopt_meters(&self.rules, &mut self.meters, &taken, &mut old.meters, now);
        let before: Index<'_> = old.keyed.sets.iter().map(|set| set.per.as_str()).collect();
        let before: Vec<Option<usize>> = self.keyed.sets.iter().map(|set| before.get(&set.per)).collect();
        adopted.sets.resize(old.keyed.sets.len(), None);
        let mut taken_in_sets = Vec::new();
        for ((number, own), before) in (0u16..).zip(&mut self.keyed.sets).zip(before) {
            if let Some(today) = before.and_then(|before| adopted.sets.get_mut(before)) {
                *today = Some(number);
            }
            let before = before.and_then(|before| old.keyed.sets.get_mut(before));
            own.overflow = before.as_ref().and_then(|set| set.overflow);
            taken_in_sets.push(adopted.rules(&mut own.rules, before.map_or(&mut [], |set| &mut set.rules), now));
        }
        self.keyed.take_keys(&mut old.keyed);
        self.outputs = old.outputs;
        self.outputs.retain_mut(|output| output.move_places(&adopted));
        for handle in 0..self.keyed.keys.len() as u32 {
            let number = self.keyed.keys.get(handle as usize).filter(|key| key.alive).map(|key| usize::from(key.set));
            let Some(before) = number else { continue };
            match adopted.sets.get(before).copied().flatten() {
                Some(number) => {
                    let taken = taken_in_sets.get(usize::from(number)).map_or(&[][..], |taken| taken);
                    self.keyed.adopt_key(handle, number, taken, now);
                }
                None => self.keyed.forget(handle, &mut self.outputs),
            }
        }
        // Leases may have some that no limit of today would note.
        self.notes_needed |= old.notes.len() > 0;
        if self.notes_needed {
            self.notes = old.notes;
            for note in self.notes.iter_mut() {
                let (amounts, keys) = (placed(note.amounts, &metrics), adopted.keys(note.keys));
                *note = Note { amounts, keys, ..*note };
            }
        }
        adopted
    }

    fn place_of_metric(&self, name: &str) -> Option<u8> {
        self.metrics.iter().position(|metric| metric == name).map(|place| place as u8)
    }
}

impl Adopted {
    /// For each rule which of `old` it was; it goes on with that one's periods.
    #[inline(never)]
    fn rules(&mut self, rules: &mut [Rule], old: &mut [Rule], now: CoreTime) -> Vec<Option<usize>> {
        let names: Index<'_> = old.iter().map(|rule| rule.config.name.as_str()).collect();
        let found: Vec<Option<usize>> = rules.iter().map(|rule| names.get(&rule.config.name)).collect();
        let adopt = |(rule, found): (&mut Rule, Option<usize>)| {
            let taken = found.filter(|&at| old.get(at).is_some_and(|old| old.config.is_same(&rule.config)));
            rule.since = now.plus(1);
            self.begins |= taken.is_none();
            let old = old.get_mut(taken?)?;
            rule.since = old.since;
            core::mem::swap(&mut rule.periods, &mut old.periods);
            rule.mirror = old.mirror.take();
            rule.periods.not_asked();
            let before = old.place as usize;
            if self.places.len() <= before {
                self.places.resize(before.saturating_add(1), None);
            }
            *self.places.get_mut(before)? = Some(rule.place);
            taken
        };
        rules.iter_mut().zip(found).map(adopt).collect()
    }
}

impl Output {
    /// Names limits by their places of today. Whether there is still something to tell: limits that are gone warn no more,
    /// and calendars are asked for again.
    #[inline(never)]
    pub(crate) fn move_places(&mut self, adopted: &Adopted) -> bool {
        match self {
            Self::NeedBoundaries(_) => return false,
            Self::Warned(warning) => match adopted.place(warning.limit) {
                Some(place) => warning.limit = place,
                None => return false,
            },
            Self::Learnt(learnt) => match adopted.place(learnt.limit) {
                Some(place) => learnt.limit = place,
                None => return false,
            },
            Self::Refused(_, denial) => denial.move_places(&|place| adopted.place(place)),
            _ => {}
        }
        true
    }
}

#[inline(never)]
fn adopt_meters(rules: &[Rule], meters: &mut [Meter], places: &[Option<usize>], old: &mut [Meter], now: CoreTime) {
    for ((rule, meter), place) in rules.iter().zip(meters).zip(places) {
        if let Some(old) = place.and_then(|place| old.get_mut(place)) {
            core::mem::swap(meter, old);
            meter.change(now, &rule.config);
        }
    }
}

/// The same amounts where the metrics stand today.
fn placed(amounts: Amounts, metrics: &[Option<u8>]) -> Amounts {
    let mut today = Amounts { cost_micros: amounts.cost_micros, ..Amounts::default() };
    for (amount, place) in amounts.custom.iter().zip(metrics) {
        if let Some(own) = place.and_then(|place| today.custom.get_mut(usize::from(place))) {
            *own = *amount;
        }
    }
    today
}

impl super::keyed::Keyed {
    /// All keys of another table.
    fn take_keys(&mut self, old: &mut Self) {
        self.keys = take(&mut old.keys);
        self.free = take(&mut old.free);
        self.looks = take(&mut old.looks);
        self.alive = old.alive;
    }

    /// A key goes on in the set that is its own today.
    fn adopt_key(&mut self, handle: u32, number: u16, places: &[Option<usize>], now: CoreTime) {
        let (Some(Set { rules, .. }), Some(key)) =
            (self.sets.get_mut(usize::from(number)), self.keys.get_mut(handle as usize))
        else {
            return;
        };
        let Key { set, meters, .. } = key;
        let mut old = core::mem::replace(meters, rules.iter().map(Rule::meter).collect());
        *set = number;
        adopt_meters(rules, meters, places, &mut old, now);
    }
}
