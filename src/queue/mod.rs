//! Decides whose turn it is: a bounded queue of requests that wait for room.
//!
//! Interactive waiters come before background ones; within a class the order is that of arrival. The first waiter that does
//! not fit is not overtaken by its class or a lower one, so a heavy request is served in the end; only a waiter that is
//! refused for its own actor's share is passed over, because what others use would not help it.
//!
//! Invariants: a waiter is in exactly one class list; it has at most one deadline in the heap; a generation is used once.
//! O(1) to add and cancel, O(log n) with a deadline. Called by `governor`, which decides what fits. Waiters are callers of
//! this process: an image keeps their names from being used again, not them.

use alloc::vec::Vec;

use crate::codec::{Malformed, Reader, Writer};
use crate::decision::{Denial, Priority, Request, WaiterId};
use crate::heap::Heap;
use crate::list::List;
use crate::time::CoreTime;

/// One waiting request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Waiter {
    pub(crate) request: Request,
    /// The actor's handle, held while it waits; `None` where no rule reads actors.
    pub(crate) actor: Option<u32>,
}

#[derive(Debug)]
struct Place {
    waiter: Waiter,
    generation: u32,
}

/// All waiters of a governor.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Vec<Place>,
    free: Vec<u32>,
    interactive: List,
    background: List,
    deadlines: Heap,
    /// Why the first waiter of each class could not go when last looked at: what a caller behind it is told.
    blocked: [Option<Denial>; 2],
    /// When a look at the queue may find room without any other command.
    next_look: Option<CoreTime>,
}

impl Queue {
    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.interactive.len().saturating_add(self.background.len())
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The waiters that a request of this priority stands behind, and why the first of them waits; `None` if it may try at
    /// once: nobody waits that it would overtake.
    pub(crate) fn ahead_of(&self, priority: Priority) -> Option<(u32, Denial)> {
        let blocked = match priority {
            Priority::Interactive => self.blocked[0],
            Priority::Background => self.blocked[0].or(self.blocked[1]),
        };
        let count = match priority {
            Priority::Interactive => self.interactive.len(),
            Priority::Background => self.len(),
        };
        blocked.filter(|_| count > 0).map(|denial| (count, denial))
    }

    pub(crate) fn push(&mut self, waiter: Waiter, deadline: Option<CoreTime>) -> WaiterId {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.places.push(Place { waiter, generation: 0 });
                (self.places.len() as u32).saturating_sub(1)
            }
        };
        let mut id = WaiterId { slot, generation: 0 };
        if let Some(place) = self.places.get_mut(slot as usize) {
            place.waiter = waiter;
            id.generation = place.generation;
        }
        self.list_mut(waiter.request.priority).push_back(slot);
        if let Some(deadline) = deadline {
            self.deadlines.push(slot, deadline.as_micros());
        }
        id
    }

    /// The waiters in the order of their turn.
    pub(crate) fn first(&self, priority: Priority) -> Option<u32> {
        self.list(priority).front()
    }

    pub(crate) fn after(&self, slot: u32, priority: Priority) -> Option<u32> {
        self.list(priority).after(slot)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<(WaiterId, Waiter)> {
        let place = self.places.get(slot as usize)?;
        Some((WaiterId { slot, generation: place.generation }, place.waiter))
    }

    /// The waiter whose deadline has come first by `now`.
    pub(crate) fn overdue(&self, now: CoreTime) -> Option<u32> {
        self.deadlines.peek().filter(|&(at, _)| at <= now.as_micros()).map(|(_, slot)| slot)
    }

    /// Takes a waiter out; `None` if it is not waiting.
    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let place = self.places.get_mut(id.slot as usize).filter(|place| place.generation == id.generation)?;
        let waiter = place.waiter;
        if !self.list_mut(waiter.request.priority).remove(id.slot) {
            return None;
        }
        self.deadlines.remove(id.slot);
        if let Some(place) = self.places.get_mut(id.slot as usize)
            && let Some(next) = place.generation.checked_add(1)
        {
            place.generation = next;
            self.free.push(id.slot);
        }
        if self.is_empty() {
            self.blocked = [None, None];
            self.next_look = None;
        }
        Some(waiter)
    }

    /// Notes the result of a look at the queue.
    pub(crate) fn note(&mut self, blocked: [Option<Denial>; 2], next_look: Option<CoreTime>) {
        self.blocked = blocked;
        self.next_look = next_look;
    }

    /// When the next turn or deadline may come.
    pub(crate) fn next_instant(&self) -> Option<CoreTime> {
        let deadline = self.deadlines.peek().map(|(at, _)| CoreTime::from_micros(at));
        [deadline, self.next_look].into_iter().flatten().min()
    }

    /// The names that are used up. A waiter that is there now is not there after a restart, and its name is used up too.
    pub(crate) fn write(&self, w: &mut Writer) {
        let waiting = |slot: u32| self.interactive.contains(slot) || self.background.contains(slot);
        w.len(self.places.len());
        for (slot, place) in (0u32..).zip(&self.places) {
            w.u32(place.generation.saturating_add(u32::from(waiting(slot))));
        }
        w.len(self.free.len());
        self.free.iter().for_each(|&slot| w.u32(slot));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut queue = Self::default();
        for _ in 0..r.len()? {
            let waiter = Waiter { request: Request::default(), actor: None };
            queue.places.push(Place { waiter, generation: r.u32()? });
        }
        let mut unused: Vec<bool> = queue.places.iter().map(|place| place.generation < u32::MAX).collect();
        for _ in 0..r.len()? {
            let slot = r.u32()?;
            let unused = unused.get_mut(slot as usize).ok_or(Malformed)?;
            if !core::mem::replace(unused, false) {
                return Err(Malformed);
            }
            queue.free.push(slot);
        }
        // Whose place is not among the free ones was waiting.
        queue.free.extend((0u32..).zip(unused).filter(|(_, unused)| *unused).map(|(slot, _)| slot));
        Ok(queue)
    }

    fn list(&self, priority: Priority) -> &List {
        match priority {
            Priority::Interactive => &self.interactive,
            Priority::Background => &self.background,
        }
    }

    fn list_mut(&mut self, priority: Priority) -> &mut List {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Background => &mut self.background,
        }
    }
}
