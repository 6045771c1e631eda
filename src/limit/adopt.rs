//! Decides what a new configuration keeps of what has been counted: a limit that is still there (see `Limit::is_same`) goes on
//! where it was, by the amounts of today; one that was not there counts what is admitted from now on; the state of others is
//! dropped, and so are the keys of sets that are gone.

use alloc::vec::Vec;
use core::mem::take;

use super::keyed::{Key, Set};
use super::meter::Meter;
use super::rule::Rule;
use super::{Limits, Note};
use crate::decision::{Amounts, Metric};
use crate::time::CoreTime;

impl Limits {
    /// Takes over from the limits of before. Whether some of its own were not there: they count what is admitted later than
    /// `now`.
    pub(crate) fn adopt(&mut self, mut old: Self, now: CoreTime) -> bool {
        let metrics: Vec<Option<u8>> = old.metrics.iter().map(|name| self.place_of_metric(name)).collect();
        for rule in old.rules.iter_mut().chain(old.keyed.sets.iter_mut().flat_map(|set| &mut set.rules)) {
            if let Metric::Custom(index) = rule.config.metric {
                // At 255 if no limit counts it any more.
                rule.config.metric =
                    Metric::Custom(metrics.get(usize::from(index)).copied().flatten().unwrap_or(u8::MAX));
            }
        }
        let places = adopt_rules(&mut self.rules, &mut old.rules, now);
        let mut begins = places.contains(&None);
        adopt_meters(&self.rules, &mut self.meters, &places, &mut old.meters, now);
        let mut sets = Vec::new();
        for own in &mut self.keyed.sets {
            let number = old.keyed.sets.iter().position(|set| set.per == own.per);
            let before = number.and_then(|number| old.keyed.sets.get_mut(number));
            own.overflow = before.as_ref().and_then(|set| set.overflow);
            let places = adopt_rules(&mut own.rules, before.map_or(&mut [], |set| &mut set.rules), now);
            begins |= places.contains(&None);
            sets.push((number, places));
        }
        let numbers: Vec<Option<u16>> = (0..old.keyed.sets.len()).map(|before| number_of(&sets, before)).collect();
        self.keyed.take_keys(&mut old.keyed);
        self.outputs = old.outputs;
        self.outputs.retain(|output| !output.has_place());
        for handle in 0..self.keyed.keys.len() as u32 {
            let number = self.keyed.keys.get(handle as usize).filter(|key| key.alive).map(|key| usize::from(key.set));
            let Some(before) = number else { continue };
            match numbers.get(before).copied().flatten() {
                Some(number) => {
                    self.keyed.adopt_key(handle, number, sets.get(usize::from(number)).map_or(&[], |set| &set.1), now)
                }
                None => self.keyed.forget(handle, &mut self.outputs),
            }
        }
        // Leases may have some that no limit of today would note.
        self.notes_needed |= !old.notes.is_empty();
        if self.notes_needed {
            let today = |note: Note| Note {
                amounts: placed(note.amounts, &metrics),
                keys: note.keys.in_sets(&numbers),
                ..note
            };
            self.notes = old.notes.into_iter().map(today).collect();
        }
        begins
    }

    fn place_of_metric(&self, name: &str) -> Option<u8> {
        self.metrics.iter().position(|metric| metric == name).map(|place| place as u8)
    }
}

/// For each rule the place of what it was; it goes on with that one's periods.
fn adopt_rules(rules: &mut [Rule], old: &mut [Rule], now: CoreTime) -> Vec<Option<usize>> {
    let adopt = |rule: &mut Rule| {
        rule.since = now.plus(1);
        let place = old.iter().position(|old| old.config.is_same(&rule.config))?;
        let old = old.get_mut(place)?;
        rule.since = old.since;
        core::mem::swap(&mut rule.periods, &mut old.periods);
        rule.periods.not_asked();
        Some(place)
    };
    rules.iter_mut().map(adopt).collect()
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

fn number_of(sets: &[(Option<usize>, Vec<Option<usize>>)], before: usize) -> Option<u16> {
    sets.iter().position(|(number, _)| *number == Some(before)).map(|number| number as u16)
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
