//! Decides which heads of lanes are to be looked at: each stands at the one thing that binds it, in the order of its turn, and
//! only where something has changed the first of them is looked at.
//!
//! Invariants: a lane stands in one park; a park is here while somebody stands in it, but for the one of heads that nobody has
//! looked at yet and the one of slots. O(log n) in parks and in the heads of one.

use alloc::vec::Vec;

use super::Rank;
use super::hashed::{Hash, Hashed};
use crate::decision::Reason;
use crate::heap::{Heap, Nodes, Places};
use crate::time::CoreTime;

/// What binds a waiter: the slots, the gate of a family, or one limit, of one key if it counts by keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// Place of the limit.
    pub(crate) place: u32,
    pub(crate) key: u32,
}

impl At {
    /// Nothing that is known yet: it is to be looked at.
    pub(crate) const READY: Self = Self { place: u32::MAX, key: READY };
    /// Concurrency, and the cap of leases.
    pub(crate) const SLOTS: Self = Self { place: u32::MAX, key: SLOTS };
    /// The place of gates, where the family is the key.
    pub(crate) const GATES: u32 = u32::MAX - 1;

    /// The gate of a family.
    pub(crate) const fn gate(family: u32) -> Self {
        Self { place: Self::GATES, key: family }
    }

    fn hash(self) -> Hash {
        Hash::default().with(self.place).with(self.key)
    }
}

/// Why the first of a park does not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Why {
    pub(crate) reason: Reason,
    /// When it will, of a limit, if nothing comes back.
    pub(crate) free_at: Option<CoreTime>,
}

#[derive(Debug)]
pub(super) struct Park {
    pub(super) at: At,
    /// Interactive heads and those that count as such; background heads.
    heads: [Nodes<Rank>; 2],
    /// Waiters of both classes, with those behind the heads.
    pub(super) waiting: [u32; 2],
    pub(super) why: Why,
}

impl Park {
    fn new(at: At) -> Self {
        let why = Why { reason: Reason::Concurrency, free_at: None };
        Self { at, heads: [Nodes::default(), Nodes::default()], waiting: [0; 2], why }
    }

    pub(super) fn first_of(&self, background: bool) -> Option<(Rank, u32)> {
        let [interactive, other] = &self.heads;
        if background { other.peek() } else { interactive.peek() }
    }

    pub(super) fn first(&self) -> Option<(Rank, u32)> {
        self.first_of(false).or_else(|| self.first_of(true))
    }

    /// The heads near the front, in no order.
    pub(super) fn heads(&self) -> impl Iterator<Item = (Rank, u32)> + '_ {
        self.heads.iter().flat_map(Nodes::iter)
    }

    fn class_mut(&mut self, rank: Rank) -> &mut Nodes<Rank> {
        let [interactive, background] = &mut self.heads;
        if rank.background { background } else { interactive }
    }
}

pub(super) const READY: u32 = 0;
pub(super) const SLOTS: u32 = 1;

#[derive(Debug)]
pub(super) struct Parks {
    parks: Vec<Park>,
    free: Vec<u32>,
    index: Hashed,
    /// Of lanes in the heads of all parks.
    places: Places,
    /// Parks whose first is to be looked at, by its rank.
    changed: Nodes<Rank>,
    changed_places: Places,
    /// When the first of a park will fit.
    instants: Heap,
}

impl Default for Parks {
    fn default() -> Self {
        let (free, index, places) = (Vec::new(), Hashed::default(), Places::default());
        let (changed, changed_places, instants) = (Nodes::default(), Places::default(), Heap::default());
        let parks = [At::READY, At::SLOTS].map(Park::new).into();
        Self { parks, free, index, places, changed, changed_places, instants }
    }
}

impl Parks {
    pub(super) fn get(&self, park: u32) -> Option<&Park> {
        self.parks.get(park as usize)
    }

    pub(super) fn get_mut(&mut self, park: u32) -> Option<&mut Park> {
        self.parks.get_mut(park as usize)
    }

    /// All parks, also those in which nobody stands.
    pub(super) fn numbers(&self) -> core::ops::Range<u32> {
        0..self.parks.len() as u32
    }

    /// Where somebody stands at a thing, if anybody does.
    pub(super) fn find(&self, at: At) -> Option<u32> {
        if at.place == u32::MAX {
            return Some(at.key);
        }
        self.index.find(at.hash(), |park| self.get(park).is_some_and(|park| park.at == at))
    }

    fn make(&mut self, at: At) -> u32 {
        let park = self.free.pop().unwrap_or(self.parks.len() as u32);
        match self.parks.get_mut(park as usize) {
            Some(place) => *place = Park::new(at),
            None => self.parks.push(Park::new(at)),
        }
        self.index.add(at.hash(), park);
        park
    }

    /// Puts a lane into the park of a thing; the park.
    pub(super) fn enter(&mut self, at: At, lane: u32, rank: Rank) -> u32 {
        let park = self.find(at).unwrap_or_else(|| self.make(at));
        if let Some(of) = self.parks.get_mut(park as usize) {
            of.class_mut(rank).push(&mut self.places, lane, rank);
        }
        if park == READY || self.has_changed(park) {
            self.change(park);
        }
        park
    }

    /// A lane in a park has another order, of the same class.
    pub(super) fn rerank(&mut self, park: u32, lane: u32, rank: Rank) {
        let Some(of) = self.parks.get_mut(park as usize) else { return };
        let before = of.first();
        of.class_mut(rank).push(&mut self.places, lane, rank);
        if of.first() != before {
            self.change(park);
        }
    }

    /// A lane in a park has the order of another class.
    pub(super) fn rise(&mut self, park: u32, lane: u32, before: Rank, rank: Rank) {
        let Some(of) = self.parks.get_mut(park as usize) else { return };
        let first = of.first();
        of.class_mut(before).remove(&mut self.places, lane);
        of.class_mut(rank).push(&mut self.places, lane, rank);
        if of.first() != first {
            self.change(park);
        }
    }

    /// Whether a lane stands in any.
    pub(super) fn holds(&self, lane: u32) -> bool {
        self.places.has(lane)
    }

    /// Whether the first of a park is to be looked at.
    pub(super) fn has_changed(&self, park: u32) -> bool {
        self.changed_places.has(park)
    }

    /// Takes a lane out. If it was the first, another one is, and is to be looked at.
    pub(super) fn leave(&mut self, park: u32, lane: u32, rank: Rank) {
        let Some(of) = self.parks.get_mut(park as usize) else { return };
        // Of either class: room may have been kept for the first of the lower one.
        let was_first =
            [false, true].into_iter().filter_map(|background| of.first_of(background)).any(|(_, first)| first == lane);
        of.class_mut(rank).remove(&mut self.places, lane);
        if of.first().is_none() {
            let at = of.at;
            self.instants.remove(park);
            self.changed.remove(&mut self.changed_places, park);
            if at.place != u32::MAX {
                // What it held may have been much.
                *of = Park::new(At::READY);
                self.index.remove(park);
                self.free.push(park);
            }
        } else if was_first {
            self.change(park);
        }
    }

    /// The first of a park is to be looked at.
    pub(super) fn change(&mut self, park: u32) {
        if let Some((rank, _)) = self.get(park).and_then(Park::first) {
            self.changed.push(&mut self.changed_places, park, rank);
        }
    }

    /// It has been.
    pub(super) fn looked_at(&mut self, park: u32) {
        self.changed.remove(&mut self.changed_places, park);
    }

    /// Of the parks whose first is to be looked at, that whose turn is next.
    pub(super) fn next(&self) -> Option<u32> {
        self.changed.peek().map(|(_, park)| park)
    }

    /// The first of a park is to be looked at then, whatever happens before.
    pub(super) fn look_at(&mut self, park: u32, at: CoreTime) {
        self.instants.push(park, at.as_micros());
    }

    /// Notes whose instants have come by `now`.
    pub(super) fn come(&mut self, now: CoreTime) {
        while let Some((_, park)) = self.instants.peek().filter(|&(at, _)| at <= now.as_micros()) {
            self.instants.remove(park);
            self.change(park);
        }
    }

    pub(super) fn next_instant(&self) -> Option<CoreTime> {
        self.instants.peek().map(|(at, _)| CoreTime::from_micros(at))
    }
}
