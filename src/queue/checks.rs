//! What must hold of the waiters after every command: for checks of invariants.

use super::{At, Queue, Why};

impl Queue {
    /// The lanes that are first where they stand: for checks of invariants.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = u32> + '_ {
        self.parks.numbers().filter_map(|park| self.first(park))
    }

    /// What a head stands at, and why: for checks of invariants.
    pub(crate) fn waits_for(&self, lane: u32) -> Option<(At, Why)> {
        self.parks.get(self.lanes.get(lane)?.park).map(|of| (of.at, of.why))
    }

    /// What does not hold of the waiters, if anything: for checks of invariants.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let sum = |park: u32| self.parks.get(park).map_or(0, |of| of.waiting.iter().sum::<u32>());
        if self.parks.numbers().map(sum).sum::<u32>() != self.len() {
            return Some("those who wait are not those who stand somewhere");
        }
        if self.parks.next().is_some() {
            return Some("somebody who is to be looked at was not");
        }
        let mut waiting = (0u32..).zip(&self.places).filter_map(|(slot, place)| Some((slot, place.waiter.as_ref()?)));
        let lost = waiting.any(|(slot, waiter)| {
            let lane = self.lanes.of(slot);
            let known = self.lanes.get(lane).is_some_and(|of| of.name == waiter.name());
            !known || !self.parks.holds(lane)
        });
        lost.then_some("a waiter is in no lane, or its lane stands nowhere")
    }
}
