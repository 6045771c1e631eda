//! Decides whose turn it is: a bounded store of requests that wait for room.
//!
//! Waiters of one class, actor and keys stand in a lane, in the order of arrival (`lanes`). The head of each lane stands at the
//! one thing that binds it: the slots, a limit, or one key of a limit (`parks`); only where something has changed is the first
//! of those who stand there looked at. First is the interactive one before the background one, then whose actor has consumed
//! least, then who came first. Where nothing counts consumption there is one lane for each class and keys: the order is arrival.
//!
//! While the first one at a thing does not fit there, a few behind it may pass if they fit, but not for ever (`turns`).
//!
//! Invariants: a waiter stands in one lane, the head of a lane in one park; a waiter has at most one deadline in the heap; a
//! generation is used once. O(log n) to add, cancel and serve a waiter; another counter of an actor takes as much for each lane of
//! it, that is, for each class and keys under which it waits. Called by `governor`, which decides what fits. Waiters are
//! callers of this process: an image keeps their names from being used again, not them.

mod checks;
mod hashed;
mod lanes;
mod parks;
mod turns;
mod wakes;

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::decision::{Denial, NO_HANDLE, Priority, Request, WaiterId};
use crate::heap::Heap;
use crate::list::List;
use crate::time::CoreTime;
pub(crate) use lanes::Name;
use lanes::{Lanes, NONE};
use parks::Parks;
pub(crate) use parks::{At, Why};
pub(crate) use turns::Passer;

/// One waiting request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Waiter {
    pub(crate) request: Request,
    /// The actor's handle, held while it waits; `None` where no rule reads actors.
    pub(crate) actor: Option<u32>,
    /// Why it had to wait.
    pub(crate) why: Denial,
    /// What its actor will be charged for it, about.
    pub(crate) charge: u64,
}

impl Waiter {
    fn name(&self) -> Name {
        Name::of(&self.request, self.actor.unwrap_or(NO_HANDLE))
    }
}

/// Whose turn comes before whose: least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) background: bool,
    /// What the actor has consumed.
    pub(crate) counter: u64,
    pub(crate) arrival: u64,
}

#[derive(Debug)]
struct Place {
    waiter: Option<Waiter>,
    generation: u32,
}

/// All waiters of a governor.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Interactive and background waiters in the order of arrival.
    arrived: [List; 2],
    lanes: Lanes,
    parks: Parks,
    deadlines: Heap,
    arrivals: u64,
    /// For how long a first one may be passed.
    ageing_us: u64,
    /// The effective maximum at the last look: a higher one is room.
    effective_max: u64,
}

impl Queue {
    pub(crate) fn new(ageing_us: u64) -> Self {
        Self { ageing_us, ..Self::default() }
    }

    pub(crate) const fn set_ageing(&mut self, ageing_us: u64) {
        self.ageing_us = ageing_us;
    }

    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        let [interactive, background] = &self.arrived;
        interactive.len().saturating_add(background.len())
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a waiter whose actor has consumed so much, at the end of its lane. Where nobody stands in that, at what binds it.
    pub(crate) fn push(
        &mut self,
        waiter: Waiter,
        counter: u64,
        deadline: Option<CoreTime>,
        (at, why): (At, Why),
        now: CoreTime,
    ) -> WaiterId {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.places.push(Place { waiter: None, generation: 0 });
                (self.places.len() as u32).saturating_sub(1)
            }
        };
        let mut id = WaiterId { slot, generation: 0 };
        if let Some(place) = self.places.get_mut(slot as usize) {
            place.waiter = Some(waiter);
            id.generation = place.generation;
        }
        self.arrived_mut(waiter.request.priority).push_back(slot);
        if let Some(deadline) = deadline {
            self.deadlines.push(slot, deadline.as_micros());
        }
        self.arrivals = self.arrivals.saturating_add(1);
        if let Some(lane) = self.line_up(slot, waiter.name(), self.arrivals, counter) {
            self.stand(lane, at, why, now);
        }
        id
    }

    /// Puts a waiter into its lane; that lane, if it is the head of it and so stands nowhere yet.
    fn line_up(&mut self, slot: u32, name: Name, arrival: u64, counter: u64) -> Option<u32> {
        let lane = self.lanes.push(name, slot, arrival);
        let park = self.lanes.get(lane).map_or(NONE, |lane| lane.park);
        if park == NONE {
            self.set_counter(name.actor, counter);
            return Some(lane);
        }
        self.count(park, name.priority, 1, 0);
        None
    }

    fn count(&mut self, park: u32, priority: Priority, more: u32, less: u32) {
        if let Some([interactive, background]) = self.parks.get_mut(park).map(|park| &mut park.waiting) {
            let waiting = if priority == Priority::Background { background } else { interactive };
            *waiting = waiting.saturating_add(more).saturating_sub(less);
        }
    }

    /// Takes a lane's head from where it stands.
    fn lift(&mut self, lane: u32) {
        let rank = self.lanes.rank(lane);
        let Some(of) = self.lanes.get_mut(lane) else { return };
        let park = core::mem::replace(&mut of.park, NONE);
        let (priority, len) = (of.name.priority, of.len);
        self.count(park, priority, 0, len);
        self.parks.leave(park, lane, rank);
    }

    fn enter(&mut self, lane: u32, at: At) -> u32 {
        let park = self.parks.enter(at, lane, self.lanes.rank(lane));
        if let Some(of) = self.lanes.get_mut(lane) {
            of.park = park;
            let (priority, len) = (of.name.priority, of.len);
            self.count(park, priority, len, 0);
        }
        park
    }

    /// Puts a lane's head at what binds it now.
    pub(crate) fn stand(&mut self, lane: u32, at: At, why: Why, now: CoreTime) {
        if self.lanes.get(lane).is_some_and(|lane| lane.park != NONE) {
            self.lift(lane);
        }
        let park = self.enter(lane, at);
        self.rise_aged(park, now);
        // Where room has come, those behind it are to be looked at too.
        if self.first(park) == Some(lane) && !self.parks.has_changed(park) {
            self.bound(park, why, now);
        }
    }

    /// The first of a park does not fit there: it has been looked at.
    pub(crate) fn bound(&mut self, park: u32, why: Why, now: CoreTime) {
        if let Some(of) = self.parks.get_mut(park) {
            of.why = why;
        }
        self.parks.looked_at(park);
        if let Some(at) = why.free_at {
            self.parks.look_at(park, at.max(now.plus(1)));
        }
    }

    const fn arrived_mut(&mut self, priority: Priority) -> &mut List {
        let [interactive, background] = &mut self.arrived;
        if matches!(priority, Priority::Background) { background } else { interactive }
    }

    /// An actor has consumed so much by now.
    pub(crate) fn set_counter(&mut self, actor: u32, counter: u64) {
        let mut lane = self.lanes.set_counter(actor, counter);
        while let Some(of) = self.lanes.get(lane) {
            let (park, after) = (of.park, of.after);
            if park != NONE {
                self.parks.rerank(park, lane, self.lanes.rank(lane));
            }
            lane = after;
        }
    }

    fn first(&self, park: u32) -> Option<u32> {
        self.parks.get(park)?.first().map(|(_, lane)| lane)
    }

    /// The next head to be looked at, and where it stands.
    pub(crate) fn next(&mut self, now: CoreTime) -> Option<(u32, u32)> {
        let park = self.parks.next()?;
        self.rise_aged(park, now);
        self.first(park).map(|lane| (park, lane))
    }

    /// The head of a lane that is still there.
    pub(crate) fn head(&self, lane: u32) -> Option<(WaiterId, Waiter)> {
        self.get(self.lanes.head(lane)?)
    }

    /// Where the head of a lane stands that has waiters.
    pub(crate) fn stands(&self, name: &Name) -> Option<u32> {
        self.lanes.get(self.lanes.find(name)?).map(|lane| lane.park)
    }

    /// The park of a thing, if anybody stands there.
    pub(crate) fn park(&self, at: At) -> Option<u32> {
        let park = self.parks.find(at)?;
        self.first(park).map(|_| park)
    }

    pub(crate) fn at(&self, park: u32) -> At {
        self.parks.get(park).map_or(At::SLOTS, |of| of.at)
    }

    pub(crate) fn why(&self, park: u32) -> Option<Why> {
        self.parks.get(park).map(|of| of.why)
    }

    /// Changes every waiter, in the order of arrival within its class; they stay in that order and are all looked at, and the
    /// clocks of those who were passed go on. `change` says what the waiter's actor has consumed.
    pub(crate) fn change_all(&mut self, change: &mut dyn FnMut(&mut Waiter) -> u64) {
        let old = core::mem::take(&mut self.lanes);
        self.parks = Parks::default();
        let order: Vec<u32> = self.arrived.iter().flat_map(List::iter).collect();
        for slot in order {
            let Some(waiter) = self.places.get_mut(slot as usize).and_then(|place| place.waiter.as_mut()) else {
                continue;
            };
            let counter = change(waiter);
            let name = waiter.name();
            let Some(lane) = self.line_up(slot, name, old.arrival(slot), counter) else { continue };
            let was_head = old.get(old.of(slot)).filter(|of| of.head == slot);
            if let Some(of) = self.lanes.get_mut(lane) {
                of.passed_at = was_head.and_then(|was| was.passed_at);
            }
            self.enter(lane, At::READY);
        }
    }

    pub(crate) fn get(&self, slot: u32) -> Option<(WaiterId, Waiter)> {
        let place = self.places.get(slot as usize)?;
        Some((WaiterId { slot, generation: place.generation }, place.waiter?))
    }

    /// Who has waited longest of the lowest class that is not above this one.
    pub(crate) fn oldest(&self, priority: Priority) -> Option<(WaiterId, Waiter)> {
        let [interactive, background] = &self.arrived;
        let own = || interactive.front().filter(|_| priority == Priority::Interactive);
        self.get(background.front().or_else(own)?)
    }

    /// The waiter whose deadline has come first by `now`.
    pub(crate) fn overdue(&self, now: CoreTime) -> Option<(WaiterId, Waiter)> {
        let (_, slot) = self.deadlines.peek().filter(|&(at, _)| at <= now.as_micros())?;
        self.get(slot)
    }

    /// Until when a waiter waits.
    pub(crate) fn deadline(&self, id: WaiterId) -> Option<CoreTime> {
        self.deadlines.key(id.slot).map(CoreTime::from_micros)
    }

    /// Takes a waiter out; `None` if it is not waiting. Who is the head of its lane then is looked at.
    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let place = self.places.get_mut(id.slot as usize).filter(|place| place.generation == id.generation)?;
        let waiter = place.waiter.take()?;
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(id.slot);
        }
        self.arrived_mut(waiter.request.priority).remove(id.slot);
        self.deadlines.remove(id.slot);
        let lane = self.lanes.of(id.slot);
        if self.lanes.head(lane) == Some(id.slot) {
            self.lift(lane);
            self.lanes.remove(id.slot);
            if self.lanes.head(lane).is_some() {
                self.enter(lane, At::READY);
            }
        } else {
            let park = self.lanes.get(lane).map_or(NONE, |lane| lane.park);
            self.count(park, waiter.request.priority, 0, 1);
            self.lanes.remove(id.slot);
        }
        Some(waiter)
    }

    /// The names that are used up. A waiter that is there now is not there after a restart, and its name is used up too.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.places.len());
        for place in &self.places {
            w.u32(place.generation.saturating_add(u32::from(place.waiter.is_some())));
        }
        w.len(self.free.len());
        self.free.iter().for_each(|&slot| w.u32(slot));
    }

    pub(crate) fn read(&mut self, r: &mut Reader<'_>) {
        r.each(|r| self.places.push(Place { waiter: None, generation: r.u32() }));
        let mut unused: Vec<bool> = self.places.iter().map(|place| place.generation < u32::MAX).collect();
        r.each(|r| {
            let slot = r.u32();
            let was_unused = unused.get_mut(slot as usize).is_some_and(core::mem::take);
            r.require(was_unused);
            self.free.push(slot);
        });
        // Whose place is not among the free ones was waiting.
        self.free.extend((0u32..).zip(unused).filter(|(_, unused)| *unused).map(|(slot, _)| slot));
    }
}
