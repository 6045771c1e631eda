//! Decides the order of one class of waiters: a lane for each actor, in the order of arrival; among the lanes, the one whose
//! first waiter came earliest. A lane that is held back (its actor has its share) is out of that order until it is woken, so
//! that others are not behind it and nobody looks at its waiters meanwhile.
//!
//! Invariants: a lane with waiters is either ready or held back, an empty one neither. O(1) to append, O(log n) in lanes to
//! take out.

use alloc::vec::Vec;

use crate::heap::Heap;
use crate::list::List;

/// The waiters of one actor, first and last; equal to [`EMPTY`] without any.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lane {
    head: u32,
    tail: u32,
}

const NONE: u32 = u32::MAX;
const EMPTY: Lane = Lane { head: NONE, tail: NONE };

/// Neighbours of a waiter in its lane.
#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
    order: u64,
}

/// One class of waiters.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    links: Vec<Link>,
    ready: Heap,
    held_back: List,
    len: u32,
}

impl Lanes {
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    /// Adds a waiter at the end of its lane. Orders increase from call to call.
    pub(super) fn push(&mut self, lane: u32, waiter: u32, order: u64) {
        let (place, at) = (waiter as usize, lane as usize);
        if self.links.len() <= place {
            self.links.resize(place.saturating_add(1), Link { prev: NONE, next: NONE, order: 0 });
        }
        if self.lanes.len() <= at {
            self.lanes.resize(at.saturating_add(1), EMPTY);
        }
        let tail = self.lane(lane).tail;
        if let Some(link) = self.links.get_mut(place) {
            *link = Link { prev: tail, next: NONE, order };
        }
        match self.links.get_mut(tail as usize) {
            Some(last) => last.next = waiter,
            None => self.ready.push(lane, order),
        }
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.tail = waiter;
            if lane.head == NONE {
                lane.head = waiter;
            }
        }
        self.len = self.len.saturating_add(1);
    }

    /// Takes a waiter out of its lane. Whoever is first then is looked at again.
    pub(super) fn remove(&mut self, lane: u32, waiter: u32) {
        let Some(link) = self.links.get(waiter as usize).copied() else { return };
        if let Some(before) = self.links.get_mut(link.prev as usize) {
            before.next = link.next;
        }
        if let Some(behind) = self.links.get_mut(link.next as usize) {
            behind.prev = link.prev;
        }
        if let Some(lane) = self.lanes.get_mut(lane as usize) {
            if lane.head == waiter {
                lane.head = link.next;
            }
            if lane.tail == waiter {
                lane.tail = link.prev;
            }
        }
        self.len = self.len.saturating_sub(1);
        if link.prev == NONE {
            self.held_back.remove(lane);
            self.ready.remove(lane);
            self.make_ready(lane);
        }
    }

    /// Empties all lanes: orders and waiters, first first.
    pub(super) fn take_all(&mut self) -> Vec<(u64, u32)> {
        self.wake_all();
        let mut all = Vec::new();
        while let Some((lane, waiter)) = self.first() {
            let order = self.links.get(waiter as usize).map_or(0, |link| link.order);
            all.push((order, waiter));
            self.remove(lane, waiter);
        }
        all
    }

    /// The first waiter of the first lane, and the lane.
    pub(super) fn first(&self) -> Option<(u32, u32)> {
        self.ready.peek().map(|(_, lane)| (lane, self.lane(lane).head))
    }

    /// Whether an actor has waiters here.
    pub(super) fn has(&self, lane: u32) -> bool {
        self.lane(lane).head != NONE
    }

    pub(super) fn holds_back(&self) -> bool {
        self.held_back.len() > 0
    }

    pub(super) fn hold_back(&mut self, lane: u32) {
        self.ready.remove(lane);
        self.held_back.push_back(lane);
    }

    /// Lets a lane that is held back be looked at again.
    pub(super) fn wake(&mut self, lane: u32) {
        if self.held_back.remove(lane) {
            self.make_ready(lane);
        }
    }

    pub(super) fn wake_all(&mut self) {
        while let Some(lane) = self.held_back.front() {
            self.wake(lane);
        }
    }

    fn make_ready(&mut self, lane: u32) {
        if let Some(link) = self.links.get(self.lane(lane).head as usize) {
            self.ready.push(lane, link.order);
        }
    }

    fn lane(&self, lane: u32) -> Lane {
        self.lanes.get(lane as usize).copied().unwrap_or(EMPTY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push(u32),
        Remove(usize),
        HoldBack,
        Wake(u32),
        WakeAll,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            5 => (0u32..5).prop_map(Op::Push),
            4 => (0usize..20).prop_map(Op::Remove),
            2 => Just(Op::HoldBack),
            1 => (0u32..5).prop_map(Op::Wake),
            1 => Just(Op::WakeAll),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_list(ops in prop::collection::vec(op(), 0..200)) {
            let mut lanes = Lanes::default();
            let mut held: Vec<u32> = Vec::new();
            // Waiter by order of arrival, with its lane.
            let mut model: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
            for (order, op) in (0u64..).zip(ops) {
                let waiter = order as u32;
                match op {
                    Op::Push(lane) => { lanes.push(lane, waiter, order); model.insert(order, (lane, waiter)); }
                    Op::Remove(nth) => if let Some((&order, &(lane, waiter))) = model.iter().nth(nth) {
                        let head = model.values().find(|other| other.0 == lane).is_some_and(|other| other.1 == waiter);
                        lanes.remove(lane, waiter);
                        model.remove(&order);
                        if head { held.retain(|&other| other != lane); }
                    },
                    Op::HoldBack => if let Some((lane, _)) = lanes.first() { lanes.hold_back(lane); held.push(lane); },
                    Op::Wake(lane) => { lanes.wake(lane); held.retain(|&other| other != lane); }
                    Op::WakeAll => { lanes.wake_all(); held.clear(); }
                }
                let first = model.values().find(|(lane, _)| !held.contains(lane)).copied();
                prop_assert_eq!(lanes.first(), first);
                prop_assert_eq!(lanes.len() as usize, model.len());
                prop_assert_eq!(lanes.holds_back(), !held.is_empty());
                for lane in 0..5 {
                    prop_assert_eq!(lanes.has(lane), model.values().any(|other| other.0 == lane));
                }
            }
        }
    }
}
