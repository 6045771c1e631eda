//! Decides whose turn it is: a bounded queue of requests that wait for room.
//!
//! Interactive waiters come before background ones; within a class the order is that of arrival. The first waiter that does
//! not fit is not overtaken by its class or a lower one, so a heavy request is served in the end. Only an actor that is
//! refused for its own share, or by limits of its own keys, is held back, with all it has in that class, and others pass: what
//! they use would not help it. Where no rule reads actors, the first key of a request takes the actor's place.
//!
//! Invariants: a waiter stands in exactly one lane; it has at most one deadline in the heap; a generation is used once.
//! O(log n) to add, cancel and serve. Called by `governor`, which decides what fits. Waiters are callers of this process: an
//! image keeps their names from being used again, not them.

mod lanes;

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::decision::{Denial, Keys, Priority, Request, WaiterId};
use crate::heap::Heap;
use crate::time::CoreTime;
use lanes::Lanes;

/// One waiting request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Waiter {
    pub(crate) request: Request,
    /// The actor's handle, held while it waits; `None` where no rule reads actors.
    pub(crate) actor: Option<u32>,
    /// Why it had to wait.
    pub(crate) why: Denial,
}

#[derive(Debug)]
struct Place {
    waiter: Option<Waiter>,
    generation: u32,
}

/// One class of waiters, and what its first one waits for.
#[derive(Debug, Default)]
struct Class {
    lanes: Lanes,
    /// Why the first waiter that is not held back could not go when last looked at.
    blocked: Option<Denial>,
    /// Why an actor was last held back.
    held_back: Option<Denial>,
}

/// What decided that an actor is held back; when it eases, all are looked at again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pressure {
    /// The effective maximum, in millionths.
    pub(crate) effective_max: u64,
    /// Actors that count as active, if somebody is starved; 0 if nobody is.
    pub(crate) active_while_starving: u64,
}

/// All waiters of a governor.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Vec<Place>,
    free: Vec<u32>,
    interactive: Class,
    background: Class,
    deadlines: Heap,
    arrivals: u64,
    pressure: Pressure,
    /// When a look at the queue may find room without any other command.
    next_look: Option<CoreTime>,
    /// The same of those that limits of their own keys hold back.
    keys_look: Option<CoreTime>,
}

/// The lane of an actor; where no rule reads actors that of the first key, or of all.
fn lane_of(actor: Option<u32>, keys: &Keys) -> u32 {
    let key = || keys.iter().next().and_then(|(_, handle)| Some(handle?.0));
    actor.or_else(key).map_or(0, |handle| handle.saturating_add(1))
}

impl Queue {
    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.interactive.lanes.len().saturating_add(self.background.lanes.len())
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many waiters a request of this priority and actor stands behind, and why the first of them waits. `None` if it may
    /// try at once: nobody waits that it would overtake.
    pub(crate) fn ahead_of(&self, priority: Priority, actor: Option<u32>, keys: &Keys) -> Option<(u32, Denial)> {
        let (own, lower) = match priority {
            Priority::Interactive => (&self.interactive, None),
            Priority::Background => (&self.interactive, Some(&self.background)),
        };
        let classes = [Some(own), lower].into_iter().flatten();
        let lane = lane_of(actor, keys);
        let why = |class: &Class| if class.lanes.has(lane) { class.blocked.or(class.held_back) } else { class.blocked };
        let count = classes.clone().fold(0u32, |sum, class| sum.saturating_add(class.lanes.len()));
        classes.filter(|class| class.lanes.len() > 0).find_map(why).map(|denial| (count, denial))
    }

    pub(crate) fn push(&mut self, waiter: Waiter, deadline: Option<CoreTime>) -> WaiterId {
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
        self.arrivals = self.arrivals.saturating_add(1);
        let order = self.arrivals;
        self.class(waiter.request.priority).lanes.push(lane_of(waiter.actor, &waiter.request.keys), slot, order);
        if let Some(deadline) = deadline {
            self.deadlines.push(slot, deadline.as_micros());
        }
        id
    }

    /// The waiter of a class whose turn it is. An actor that is held back does not overtake itself with background work.
    pub(crate) fn first(&mut self, priority: Priority) -> Option<(WaiterId, Waiter)> {
        if priority == Priority::Background {
            while let Some((lane, _)) =
                self.background.lanes.first().filter(|(lane, _)| self.interactive.lanes.has(*lane))
            {
                self.background.lanes.hold_back(lane);
                self.background.held_back = self.interactive.held_back;
            }
        }
        let (_, slot) = self.class(priority).lanes.first()?;
        self.get(slot)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<(WaiterId, Waiter)> {
        let place = self.places.get(slot as usize)?;
        Some((WaiterId { slot, generation: place.generation }, place.waiter?))
    }

    /// Lets others pass the actor of a waiter that was refused for its share.
    pub(crate) fn hold_back(&mut self, waiter: &Waiter, denial: Denial, pressure: Pressure) {
        let before = if self.holds_back() { self.pressure } else { pressure };
        // The highest under which any actor was held back.
        self.pressure = Pressure {
            effective_max: before.effective_max.min(pressure.effective_max),
            active_while_starving: before.active_while_starving.max(pressure.active_while_starving),
        };
        let class = self.class(waiter.request.priority);
        class.lanes.hold_back(lane_of(waiter.actor, &waiter.request.keys));
        class.held_back = Some(denial);
    }

    /// An actor holds less than before: it is held back no longer.
    #[inline]
    pub(crate) fn wake(&mut self, actor: u32) {
        if !self.is_empty() {
            let lane = lane_of(Some(actor), &Keys::default());
            self.interactive.lanes.wake(lane);
            self.background.lanes.wake(lane);
        }
    }

    /// Whether what holds actors back has eased since they were held back.
    pub(crate) fn has_eased(&self, now: Pressure) -> bool {
        let before = self.pressure;
        let eased =
            now.effective_max > before.effective_max || now.active_while_starving < before.active_while_starving;
        eased && self.holds_back()
    }

    /// Limits of their own keys may let those pass whom they hold back, at this instant or an earlier one.
    pub(crate) fn look_at_keys(&mut self, at: CoreTime) {
        if !self.is_empty() {
            self.keys_look = Some(self.keys_look.map_or(at, |look| look.min(at)));
        }
    }

    /// Whether that instant has come.
    pub(crate) fn keys_due(&self, now: CoreTime) -> bool {
        self.keys_look.is_some_and(|at| at <= now)
    }

    /// That instant, while somebody is held back.
    pub(crate) fn keys_look(&self) -> Option<CoreTime> {
        self.keys_look.filter(|_| self.holds_back())
    }

    /// Changes every waiter, in the order of arrival within its class; they stay in that order.
    pub(crate) fn change_all(&mut self, mut change: impl FnMut(&mut Waiter)) {
        for class in [&mut self.interactive, &mut self.background] {
            let order = class.lanes.take_all();
            for (order, slot) in order {
                let Some(waiter) = self.places.get_mut(slot as usize).and_then(|place| place.waiter.as_mut()) else {
                    continue;
                };
                change(waiter);
                class.lanes.push(lane_of(waiter.actor, &waiter.request.keys), slot, order);
            }
        }
        self.keys_look = None;
    }

    /// A waiter, by name.
    pub(crate) fn waiter(&self, id: WaiterId) -> Option<Waiter> {
        let (found, waiter) = self.get(id.slot)?;
        (found == id).then_some(waiter)
    }

    /// Lets all actors that are held back be looked at again.
    pub(crate) fn wake_all(&mut self) {
        self.keys_look = None;
        self.interactive.lanes.wake_all();
        self.background.lanes.wake_all();
    }

    pub(crate) fn holds_back(&self) -> bool {
        self.interactive.lanes.holds_back() || self.background.lanes.holds_back()
    }

    /// The waiter whose deadline has come first by `now`.
    pub(crate) fn overdue(&self, now: CoreTime) -> Option<(WaiterId, Waiter)> {
        let (_, slot) = self.deadlines.peek().filter(|&(at, _)| at <= now.as_micros())?;
        self.get(slot)
    }

    /// Takes a waiter out; `None` if it is not waiting.
    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let place = self.places.get_mut(id.slot as usize).filter(|place| place.generation == id.generation)?;
        let waiter = place.waiter.take()?;
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(id.slot);
        }
        let lane = lane_of(waiter.actor, &waiter.request.keys);
        self.class(waiter.request.priority).lanes.remove(lane, id.slot);
        if !self.interactive.lanes.has(lane) {
            self.background.lanes.wake(lane);
        }
        self.deadlines.remove(id.slot);
        if self.is_empty() {
            (self.next_look, self.keys_look) = (None, None);
        }
        Some(waiter)
    }

    /// Notes why the first waiter of a class cannot go; `None` if none is left that is not held back.
    pub(crate) fn note_blocked(&mut self, priority: Priority, denial: Option<Denial>) {
        self.class(priority).blocked = denial;
    }

    /// Notes when to look again.
    pub(crate) const fn note_look(&mut self, at: Option<CoreTime>) {
        self.next_look = at;
    }

    /// When the next turn or deadline may come.
    pub(crate) fn next_instant(&self) -> Option<CoreTime> {
        let deadline = self.deadlines.peek().map(|(at, _)| CoreTime::from_micros(at));
        [deadline, self.next_look].into_iter().flatten().min()
    }

    const fn class(&mut self, priority: Priority) -> &mut Class {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Background => &mut self.background,
        }
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

    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let mut queue = Self::default();
        r.each(|r| queue.places.push(Place { waiter: None, generation: r.u32() }));
        let mut unused: Vec<bool> = queue.places.iter().map(|place| place.generation < u32::MAX).collect();
        r.each(|r| {
            let slot = r.u32();
            let was_unused = unused.get_mut(slot as usize).is_some_and(core::mem::take);
            r.require(was_unused);
            queue.free.push(slot);
        });
        // Whose place is not among the free ones was waiting.
        queue.free.extend((0u32..).zip(unused).filter(|(_, unused)| *unused).map(|(slot, _)| slot));
        queue
    }
}
