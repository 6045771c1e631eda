//! Decides who stands behind whom: a lane is the waiters of one class that name the same actor and the same keys, in the order
//! of arrival. Only its head can be next.
//!
//! Invariants: a lane is here while it has waiters; a waiter is in one lane. O(1) to append and take out, O(1) to find a lane.

use alloc::vec::Vec;

use super::Rank;
use super::hashed::{Hash, Hashed};
use crate::decision::{Keys, NO_HANDLE, Priority, Request};
use crate::time::CoreTime;

/// No waiter, no lane.
pub(super) const NONE: u32 = u32::MAX;

/// Who stands in one lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) priority: Priority,
    /// [`NO_HANDLE`] where no rule reads actors.
    pub(crate) actor: u32,
    pub(crate) keys: Keys,
    pub(crate) unlimited: bool,
    pub(crate) family: u32,
}

impl Name {
    pub(crate) const fn of(request: &Request, actor: u32) -> Self {
        let Request { priority, keys, unlimited, family, .. } = *request;
        Self { priority, actor, keys, unlimited, family }
    }

    fn hash(&self) -> Hash {
        let kind = u32::from(self.priority == Priority::Background) | u32::from(self.unlimited) << 1;
        Hash::default().with(kind).with(self.actor).with(self.family).with_keys(&self.keys)
    }
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: Name,
    pub(super) head: u32,
    tail: u32,
    pub(super) len: u32,
    /// Where its head stands.
    pub(super) park: u32,
    /// When somebody behind its head was let in first.
    pub(super) passed_at: Option<CoreTime>,
    /// A background head that was passed for so long that it counts as interactive in the order.
    pub(super) risen: bool,
    /// Neighbours among the lanes of its actor.
    before: u32,
    pub(super) after: u32,
}

/// Neighbours of a waiter in its lane.
#[derive(Clone, Copy, Debug)]
struct Link {
    lane: u32,
    prev: u32,
    next: u32,
    arrival: u64,
}

/// The lanes of an actor and what it has consumed.
#[derive(Clone, Copy, Debug)]
struct Actor {
    first: u32,
    counter: u64,
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    free: Vec<u32>,
    links: Vec<Link>,
    index: Hashed,
    actors: Vec<Actor>,
}

impl Lanes {
    pub(super) fn get(&self, lane: u32) -> Option<&Lane> {
        self.lanes.get(lane as usize)
    }

    pub(super) fn get_mut(&mut self, lane: u32) -> Option<&mut Lane> {
        self.lanes.get_mut(lane as usize)
    }

    pub(super) fn find(&self, name: &Name) -> Option<u32> {
        self.index.find(name.hash(), |lane| self.get(lane).is_some_and(|lane| lane.name == *name))
    }

    /// The lane of a waiter.
    pub(super) fn of(&self, waiter: u32) -> u32 {
        self.links.get(waiter as usize).map_or(NONE, |link| link.lane)
    }

    /// The order of a lane's head.
    pub(super) fn rank(&self, lane: u32) -> Rank {
        let Some(of) = self.get(lane) else { return Rank::default() };
        let counter = self.actors.get(of.name.actor as usize).map_or(0, |actor| actor.counter);
        let arrival = self.links.get(of.head as usize).map_or(0, |link| link.arrival);
        Rank { background: of.name.priority == Priority::Background && !of.risen, counter, arrival }
    }

    /// Adds a waiter at the end of its lane, which is made where there is none; the lane. Arrivals increase from call to call.
    pub(super) fn push(&mut self, name: Name, waiter: u32, arrival: u64) -> u32 {
        let lane = self.find(&name).unwrap_or_else(|| self.make(name));
        let at = waiter as usize;
        if self.links.len() <= at {
            self.links.resize(at.saturating_add(1), Link { lane: NONE, prev: NONE, next: NONE, arrival: 0 });
        }
        let Some(of) = self.lanes.get_mut(lane as usize) else { return lane };
        let tail = core::mem::replace(&mut of.tail, waiter);
        of.len = of.len.saturating_add(1);
        if of.head == NONE {
            of.head = waiter;
        }
        if let Some(link) = self.links.get_mut(at) {
            *link = Link { lane, prev: tail, next: NONE, arrival };
        }
        if let Some(last) = self.links.get_mut(tail as usize) {
            last.next = waiter;
        }
        lane
    }

    fn make(&mut self, name: Name) -> u32 {
        let first = self.actor_mut(name.actor).map_or(NONE, |actor| actor.first);
        let (park, passed_at, risen, before) = (NONE, None, false, NONE);
        let new = Lane { name, head: NONE, tail: NONE, len: 0, park, passed_at, risen, before, after: first };
        let lane = self.free.pop().unwrap_or(self.lanes.len() as u32);
        match self.lanes.get_mut(lane as usize) {
            Some(place) => *place = new,
            None => self.lanes.push(new),
        }
        self.index.add(name.hash(), lane);
        if let Some(second) = self.get_mut(first) {
            second.before = lane;
        }
        if let Some(actor) = self.actor_mut(name.actor) {
            actor.first = lane;
        }
        lane
    }

    /// Takes a waiter out. If it was the head, another one is, or the lane is gone, see [`head`](Self::head).
    pub(super) fn remove(&mut self, waiter: u32) {
        let Some(link) = self.links.get(waiter as usize).copied() else { return };
        if let Some(before) = self.links.get_mut(link.prev as usize) {
            before.next = link.next;
        }
        if let Some(behind) = self.links.get_mut(link.next as usize) {
            behind.prev = link.prev;
        }
        let Some(of) = self.get_mut(link.lane) else { return };
        of.len = of.len.saturating_sub(1);
        if of.tail == waiter {
            of.tail = link.prev;
        }
        if of.head == waiter {
            (of.head, of.passed_at, of.risen) = (link.next, None, false);
            if link.next == NONE {
                self.drop_empty(link.lane);
            }
        }
    }

    fn drop_empty(&mut self, lane: u32) {
        let Some(of) = self.get(lane) else { return };
        let (actor, before, after) = (of.name.actor, of.before, of.after);
        if let Some(next) = self.get_mut(after) {
            next.before = before;
        }
        if let Some(last) = self.get_mut(before) {
            last.after = after;
        } else if let Some(actor) = self.actor_mut(actor) {
            actor.first = after;
        }
        self.index.remove(lane);
        self.free.push(lane);
    }

    /// The first waiter of a lane; none of one that is gone.
    pub(super) fn head(&self, lane: u32) -> Option<u32> {
        self.get(lane).map(|lane| lane.head).filter(|&head| head != NONE)
    }

    fn actor_mut(&mut self, actor: u32) -> Option<&mut Actor> {
        let at = actor as usize;
        if actor != NO_HANDLE && self.actors.len() <= at {
            self.actors.resize(at.saturating_add(1), Actor { first: NONE, counter: 0 });
        }
        self.actors.get_mut(at)
    }

    /// When a waiter came, in the order of all.
    pub(super) fn arrival(&self, waiter: u32) -> u64 {
        self.links.get(waiter as usize).map_or(0, |link| link.arrival)
    }

    /// Notes what an actor has consumed; the first of its lanes.
    pub(super) fn set_counter(&mut self, actor: u32, counter: u64) -> u32 {
        self.actor_mut(actor).map_or(NONE, |actor| {
            actor.counter = counter;
            actor.first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    fn name(number: u32) -> Name {
        let priority = if number.is_multiple_of(2) { Priority::Interactive } else { Priority::Background };
        Name { priority, actor: number / 2, keys: Keys::default(), unlimited: number == 5, family: 0 }
    }

    proptest! {
        #[test]
        fn agrees_with_sorted_lists(ops in prop::collection::vec((any::<bool>(), 0u32..6, 0usize..20), 0..200)) {
            let mut lanes = Lanes::default();
            // Waiters by arrival, with the number of their lane.
            let mut model: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
            for (arrival, (add, number, nth)) in (0u64..).zip(ops) {
                let waiter = arrival as u32;
                if add {
                    let lane = lanes.push(name(number), waiter, arrival);
                    prop_assert_eq!(lanes.of(waiter), lane);
                    model.insert(arrival, (number, waiter));
                } else if let Some((&arrival, &(number, waiter))) = model.iter().nth(nth) {
                    prop_assert_eq!(Some(lanes.of(waiter)), lanes.find(&name(number)));
                    lanes.remove(waiter);
                    model.remove(&arrival);
                }
                for number in 0..6 {
                    let own: Vec<u32> = model.values().filter(|other| other.0 == number).map(|other| other.1).collect();
                    let lane = lanes.find(&name(number));
                    prop_assert_eq!(lane.and_then(|lane| lanes.head(lane)), own.first().copied());
                    prop_assert_eq!(lane.and_then(|lane| lanes.get(lane)).map_or(0, |lane| lane.len as usize), own.len());
                }
                for actor in 0..3 {
                    let mut lane = lanes.set_counter(actor, 0);
                    let mut found = 0;
                    while lane != NONE {
                        prop_assert_eq!(lanes.get(lane).unwrap().name.actor, actor);
                        (lane, found) = (lanes.get(lane).unwrap().after, found + 1);
                    }
                    let numbers = [actor * 2, actor * 2 + 1];
                    let there = numbers.iter().filter(|number| model.values().any(|other| other.0 == **number));
                    prop_assert_eq!(found, there.count());
                }
            }
        }
    }
}
