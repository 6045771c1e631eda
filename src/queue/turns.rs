//! Decides who may pass whom, and for how long.
//!
//! Where consumption counts, only those may pass who have not had more than the first one will have had with its request. Once
//! somebody has passed, a clock runs for the first one; when that has run for `ageing_us` what comes free is kept for it, and a
//! background head counts as interactive in the order. O(1), but for `behind`, which looks at [`LOOKS`] heads.

use super::lanes::NONE;
use super::parks::Park;
use super::{Queue, Rank};
use crate::decision::Priority;
use crate::time::CoreTime;

/// So many behind a first one that does not fit are looked at.
const LOOKS: usize = 16;

/// Who may pass: somebody with this rank, who stands in this lane if in any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Passer {
    pub(crate) rank: Rank,
    pub(crate) lane: u32,
}

impl Passer {
    /// Somebody who stands in no lane yet and would be the last of its class with this counter.
    pub(crate) fn new(priority: Priority, counter: u64) -> Self {
        let rank = Rank { background: priority == Priority::Background, counter, arrival: u64::MAX };
        Self { rank, lane: NONE }
    }
}

impl Queue {
    /// A head that may pass others.
    pub(crate) fn passer(&self, lane: u32) -> Passer {
        Passer { rank: self.lanes.rank(lane), lane }
    }

    /// Those behind the first of a park who may be looked at, in their order; then [`NONE`].
    pub(crate) fn behind(&self, park: u32, first: u32) -> [u32; LOOKS] {
        let mut found = [(Rank::default(), NONE); LOOKS];
        let near = self.parks.get(park).into_iter().flat_map(Park::heads).filter(|&(_, lane)| lane != first);
        let mut len = 0usize;
        for (place, head) in found.iter_mut().zip(near) {
            *place = head;
            len = len.saturating_add(1);
        }
        // By selection: a library's sort is larger than the whole queue.
        for from in 0..len {
            let rest = found.get(from..len).unwrap_or(&[]);
            let least = rest.iter().enumerate().min_by_key(|(_, head)| **head).map_or(0, |(at, _)| at);
            found.swap(from, from.saturating_add(least));
        }
        found.map(|(_, lane)| lane)
    }

    /// Whether the room in a park is kept from somebody, for one that stands before him.
    pub(crate) fn keeps_from(&self, park: u32, who: Passer, now: CoreTime) -> bool {
        let Some(of) = self.parks.get(park) else { return false };
        [false, true].into_iter().filter_map(|background| of.first_of(background)).any(|(rank, lane)| {
            let aged = self.has_aged(lane, now);
            let rank = Rank { background: rank.background && !aged, ..rank };
            let kept = aged || self.ageing_us == 0 || who.rank.counter > self.reach(lane, rank);
            lane != who.lane && rank < who.rank && kept
        })
    }

    /// What the actor of a head will have consumed with it.
    fn reach(&self, lane: u32, rank: Rank) -> u64 {
        rank.counter.saturating_add(self.head(lane).map_or(0, |(_, waiter)| waiter.charge))
    }

    /// Somebody is let in: the clocks of those whom it passes run.
    pub(crate) fn pass(&mut self, park: u32, who: Passer, now: CoreTime) {
        for background in [false, true] {
            let first = self.parks.get(park).and_then(|of| of.first_of(background));
            let Some((rank, lane)) = first.filter(|&(_, lane)| lane != who.lane) else { continue };
            let earlier = background && !who.rank.background && rank.arrival < who.rank.arrival;
            if let Some(of) = self.lanes.get_mut(lane).filter(|_| earlier || rank < who.rank) {
                of.passed_at.get_or_insert(now);
            }
        }
    }

    /// How many of a class or above wait in a park, or 1 for background work that has been passed for too long.
    pub(crate) fn waiting_in(&self, park: u32, priority: Priority, now: CoreTime) -> u32 {
        let Some(of) = self.parks.get(park) else { return 0 };
        let [interactive, background] = of.waiting;
        if priority == Priority::Background {
            return interactive.saturating_add(background);
        }
        let first = of.first_of(true).map(|(_, lane)| lane);
        let aged = of.first_of(false).is_some() || first.is_some_and(|lane| self.has_aged(lane, now));
        interactive.max(u32::from(aged))
    }

    /// Whether the room at a thing is kept for a head that has been passed for too long.
    fn has_aged(&self, lane: u32, now: CoreTime) -> bool {
        let passed_at = self.lanes.get(lane).and_then(|lane| lane.passed_at);
        passed_at.is_some_and(|then| now.since(then) >= self.ageing_us)
    }

    /// The first background head of a park counts as interactive in the order from now on, if it has been passed for so long.
    pub(crate) fn rise_aged(&mut self, park: u32, now: CoreTime) {
        let first = self.parks.get(park).and_then(|of| of.first_of(true));
        let Some((_, lane)) = first.filter(|&(_, lane)| self.has_aged(lane, now)) else { return };
        let before = self.lanes.rank(lane);
        if let Some(of) = self.lanes.get_mut(lane) {
            of.risen = true;
        }
        self.parks.rise(park, lane, before, self.lanes.rank(lane));
    }
}
