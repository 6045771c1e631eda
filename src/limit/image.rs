//! Decides how limits stand in an image: who each of them is, then its state. The configuration is given again when it is
//! read, so a limit that is still there goes on where it was, and the state of others is dropped.

use alloc::vec::Vec;

use super::Limits;
use super::meter::{self, Meter};
use crate::codec::{Reader, Writer};
use crate::config;
use crate::decision::{Amounts, Metric};
use crate::time::CoreTime;

impl Limits {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.metrics.len());
        self.metrics.iter().for_each(|name| w.text(name));
        w.len(self.list.len());
        for limit in &self.list {
            limit.config.write_identity(w);
            limit.periods.write(w);
            limit.meter.write(w);
        }
        w.len(self.notes.len());
        for note in &self.notes {
            w.u64(note.cost_micros);
            note.custom.iter().take(self.metrics.len()).for_each(|&amount| w.u64(amount));
        }
    }

    /// Takes over the saved state of the limits that still exist.
    pub(crate) fn restore(&mut self, now: CoreTime, r: &mut Reader<'_>) {
        let mut places = Vec::new();
        r.each(|r| {
            let name = r.text();
            let place = self.metrics.iter().position(|metric| *metric == name);
            places.push(place.and_then(|place| u8::try_from(place).ok()));
        });
        r.each(|r| {
            let Some(saved) = read_limit(r, &places) else { return r.fail() };
            let own = self.list.iter_mut().find(|limit| limit.config.is_same(&saved));
            let mut periods = meter::periods(&saved);
            periods.restore(r, now);
            let meter = Meter::read(r, own.as_ref().map_or(&saved, |limit| &*limit.config), now);
            if let Some(limit) = own {
                limit.periods = periods;
                limit.meter = meter;
            }
        });
        r.each(|r| self.notes.push(read_note(r, &places)));
        if !self.notes_needed {
            self.notes.clear();
        }
    }
}

/// The limit with its metric where that stands today: at 255 if no limit counts it any more. `None` if there is no such
/// limit.
#[inline(never)]
fn read_limit(r: &mut Reader<'_>, places: &[Option<u8>]) -> Option<config::Limit> {
    let mut limit = config::Limit::read_identity(r);
    if let Metric::Custom(index) = &mut limit.metric {
        *index = places.get(usize::from(*index))?.unwrap_or(u8::MAX);
    }
    limit.can_be().then_some(limit)
}

#[inline(never)]
fn read_note(r: &mut Reader<'_>, places: &[Option<u8>]) -> Amounts {
    let mut note = Amounts { cost_micros: r.u64(), ..Amounts::default() };
    for place in places {
        let amount = r.u64();
        if let Some(own) = place.and_then(|place| note.custom.get_mut(usize::from(place))) {
            *own = amount;
        }
    }
    note.capped()
}
