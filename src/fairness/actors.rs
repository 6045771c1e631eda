//! Decides which actors are remembered, and under which handle.
//!
//! A slab of actors with two lists: the idle ones, oldest first, and the starved ones, oldest refusal first. At the cap an
//! actor that has been idle for long makes place; if none is idle, all actors without a handle share the overflow actor.
//! A handle that was taken away is not used again before `reclaim`, that is, before the caller was told.

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::config::SHARE_UNIT;
use crate::decision::Priority;
use crate::list::List;
use crate::time::CoreTime;

/// How many idle actors are looked at for one that is forgotten.
const LOOKS: usize = 8;

/// What is known of one actor. In one record, because a call that looks at a part of it looks at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Actor {
    /// Weight of its leases, in millionths.
    held: u64,
    /// What it has consumed, see `counters`.
    pub(super) counter: u64,
    /// In thousandths. What is charged from now on is divided by it. 0: nobody has this handle.
    pub(super) share: u32,
    /// Leases and waiters that name it.
    refs: u32,
    /// When it was last refused for concurrency; counts while it is in the list of the starved.
    refused: CoreTime,
    /// Interactive and background waiters.
    pub(super) waiting: [u32; 2],
}

impl Actor {
    const NEW: Self =
        Self { held: 0, counter: 0, share: SHARE_UNIT, refs: 0, refused: CoreTime::from_micros(0), waiting: [0; 2] };
    const NOBODY: Self = Self { share: 0, ..Self::NEW };

    const fn is_known(&self) -> bool {
        self.share > 0
    }

    #[inline]
    pub(super) fn waits(&self, class: Priority) -> bool {
        self.waiting.get(class as usize).is_some_and(|&waiting| waiting > 0)
    }
}

#[derive(Debug)]
pub(crate) struct Actors {
    slots: Vec<Actor>,
    free: Vec<u32>,
    max: u32,
    alive: u32,
    active: u32,
    idle: List,
    starved: List,
    overflow: Option<u32>,
}

impl Actors {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            max,
            alive: 0,
            active: 0,
            idle: List::default(),
            starved: List::default(),
            overflow: None,
        }
    }

    /// The handles that are known.
    pub(crate) fn known(&self) -> Vec<u32> {
        let own = |(handle, actor): &(u32, &Actor)| actor.is_known() && !self.is_overflow(*handle);
        (0u32..).zip(&self.slots).filter(own).map(|(handle, _)| handle).collect()
    }

    /// Other bounds. Those above a lower one are kept until they are idle.
    pub(crate) const fn set_max(&mut self, max: u32) {
        self.max = max;
    }

    pub(crate) const fn alive(&self) -> u32 {
        self.alive
    }

    /// Actors that hold something or are starved.
    pub(crate) const fn active(&self) -> u32 {
        self.active
    }

    pub(crate) const fn starved(&self) -> u32 {
        self.starved.len()
    }

    #[inline]
    pub(crate) fn knows(&self, handle: u32) -> bool {
        self.slots.get(handle as usize).is_some_and(Actor::is_known)
    }

    #[inline]
    pub(crate) fn held(&self, handle: u32) -> u64 {
        self.slots.get(handle as usize).map_or(0, |actor| actor.held)
    }

    #[inline]
    pub(super) fn get(&self, handle: u32) -> Actor {
        self.slots.get(handle as usize).copied().unwrap_or(Actor::NOBODY)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, handle: u32) -> Option<(u32, &mut Actor)> {
        self.slots.get_mut(handle as usize).map(|actor| (handle, actor))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Actor)> {
        (0u32..).zip(&mut self.slots)
    }

    pub(crate) fn is_active(&self, handle: u32) -> bool {
        self.held(handle) > 0 || self.starved.contains(handle)
    }

    /// Whether a new actor can get a handle of its own.
    pub(crate) fn has_place(&self) -> bool {
        self.alive < self.max || self.idle.len() > 0
    }

    /// The actor that stands for all without a handle; made when first needed, on top of the cap.
    pub(crate) fn overflow(&mut self) -> u32 {
        match self.overflow {
            Some(handle) => handle,
            None => {
                let handle = self.place();
                self.overflow = Some(handle);
                handle
            }
        }
    }

    pub(crate) fn is_overflow(&self, handle: u32) -> bool {
        self.overflow == Some(handle)
    }

    /// A new actor, and the handle of the idle one that made place for it: of a few that have been idle longest that which
    /// has consumed least. Without a place: the overflow actor.
    pub(super) fn create(&mut self) -> (u32, Option<(u32, Actor)>) {
        if self.alive < self.max {
            self.alive = self.alive.saturating_add(1);
            return (self.place(), None);
        }
        let idle = self.idle.iter().take(LOOKS).min_by_key(|&idle| self.get(idle).counter);
        let Some(evicted) = idle else { return (self.overflow(), None) };
        self.idle.remove(evicted);
        let gone = self.slots.get_mut(evicted as usize).map(|slot| (evicted, core::mem::replace(slot, Actor::NOBODY)));
        (self.place(), gone)
    }

    /// Makes a handle that was taken away usable again.
    pub(crate) fn reclaim(&mut self, handle: u32) {
        self.free.push(handle);
    }

    #[inline]
    fn place(&mut self) -> u32 {
        if let Some(handle) = self.free.pop() {
            if let Some(slot) = self.slots.get_mut(handle as usize) {
                *slot = Actor::NEW;
            }
            return handle;
        }
        self.slots.push(Actor::NEW);
        (self.slots.len() as u32).saturating_sub(1)
    }

    /// The actor has a lease of `weight` more. Whoever gets something is not starved.
    #[inline]
    pub(crate) fn hold(&mut self, handle: u32, weight: u64) {
        let was_starved = self.starved.remove(handle);
        let Some(actor) = self.slots.get_mut(handle as usize) else { return };
        let was_active = was_starved || actor.held > 0;
        actor.held = actor.held.saturating_add(weight);
        let is_active = actor.held > 0;
        self.attach(handle);
        self.count(was_active, is_active);
    }

    /// A lease of `weight` has ended.
    #[inline]
    pub(crate) fn let_go(&mut self, handle: u32, weight: u64) {
        let starved = self.starved.contains(handle);
        let Some(actor) = self.slots.get_mut(handle as usize) else { return };
        let was_active = starved || actor.held > 0;
        actor.held = actor.held.saturating_sub(weight);
        let is_active = starved || actor.held > 0;
        self.detach(handle);
        self.count(was_active, is_active);
    }

    /// Something names the actor: it is not idle.
    #[inline]
    pub(crate) fn attach(&mut self, handle: u32) {
        let Some(actor) = self.slots.get_mut(handle as usize) else { return };
        actor.refs = actor.refs.saturating_add(1);
        if actor.refs == 1 {
            self.idle.remove(handle);
        }
    }

    /// Something names it no more.
    #[inline]
    pub(crate) fn detach(&mut self, handle: u32) {
        let Some(actor) = self.slots.get_mut(handle as usize) else { return };
        actor.refs = actor.refs.saturating_sub(1);
        if actor.refs == 0 {
            self.rest(handle);
        }
    }

    /// Puts an actor that nothing names among the idle, unless it is starved or stands for others.
    #[inline]
    fn rest(&mut self, handle: u32) {
        if !self.starved.contains(handle) && !self.is_overflow(handle) {
            self.idle.push_back(handle);
        }
    }

    pub(crate) fn starve(&mut self, handle: u32, now: CoreTime) {
        // Who began to wait before a rule read actors has no handle.
        if !self.knows(handle) {
            return;
        }
        let was_active = self.is_active(handle);
        if let Some(actor) = self.slots.get_mut(handle as usize) {
            actor.refused = now;
        }
        self.idle.remove(handle);
        self.starved.push_back(handle);
        self.recount(handle, was_active);
    }

    /// Takes those off the list of the starved whose refusal is `window_us` ago.
    #[inline]
    pub(crate) fn forgive(&mut self, now: CoreTime, window_us: u64) {
        while let Some(handle) = self.starved.front() {
            let refused = self.refusal_of(handle).unwrap_or(now);
            if now.since(refused) < window_us {
                return;
            }
            self.starved.remove(handle);
            self.recount(handle, true);
            if self.slots.get(handle as usize).is_some_and(|actor| actor.refs == 0) {
                self.rest(handle);
            }
        }
    }

    pub(crate) fn newest_refusal(&self) -> Option<CoreTime> {
        self.refusal_of(self.starved.back()?)
    }

    fn refusal_of(&self, handle: u32) -> Option<CoreTime> {
        self.slots.get(handle as usize).map(|actor| actor.refused)
    }

    fn recount(&mut self, handle: u32, was_active: bool) {
        self.count(was_active, self.is_active(handle));
    }

    #[inline]
    const fn count(&mut self, was_active: bool, is_active: bool) {
        match (was_active, is_active) {
            (false, true) => self.active = self.active.saturating_add(1),
            (true, false) => self.active = self.active.saturating_sub(1),
            _ => {}
        }
    }

    /// What all actors hold together: for checks of invariants.
    pub(crate) fn held_total(&self) -> u64 {
        self.slots.iter().fold(0, |sum, actor| sum.saturating_add(actor.held))
    }

    /// What can be made again from the leases (`held`, `refs`) is left out.
    /// `pending` are the handles that were taken away and not reclaimed yet.
    pub(crate) fn write(&self, w: &mut Writer, pending: &[u32]) {
        w.len(self.slots.len());
        for actor in &self.slots {
            w.bool(actor.is_known());
            w.u64(actor.refused.as_micros());
            w.u64(actor.counter);
            w.u32(actor.share);
        }
        w.option(self.overflow.map(u64::from));
        for list in [&self.idle, &self.starved] {
            w.u32(list.len());
            list.iter().for_each(|handle| w.u32(handle));
        }
        w.len(self.free.len().saturating_add(pending.len()));
        self.free.iter().chain(pending).for_each(|&handle| w.u32(handle));
    }

    /// Reads what `write` wrote, before the leases are held again.
    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) {
        r.each(|r| {
            let (known, refused) = (r.bool(), CoreTime::from_micros(r.u64()));
            let (counter, share) = (r.u64(), r.u32().max(1));
            let share = if known { share } else { 0 };
            self.slots.push(Actor { counter, share, refused, ..Actor::NEW });
        });
        let overflow = r.option();
        // A handle above 32 bits is known to nobody.
        self.overflow = overflow.map(|handle| u32::try_from(handle).unwrap_or(u32::MAX));
        let all = self.slots.iter().filter(|actor| actor.is_known()).count();
        self.alive = (all as u32).saturating_sub(u32::from(self.overflow.is_some()));
        for list in 0..2 {
            r.each(|r| {
                let handle = r.u32();
                if !self.knows(handle) || self.idle.contains(handle) || self.starved.contains(handle) {
                    r.fail();
                } else if list == 0 {
                    self.idle.push_back(handle);
                } else {
                    self.starved.push_back(handle);
                }
            });
        }
        self.active = self.starved.len();
        let mut seen = alloc::vec![false; self.slots.len()];
        r.each(|r| {
            let handle = r.u32();
            let taken = seen.get_mut(handle as usize).is_none_or(|seen| core::mem::replace(seen, true));
            r.require(!taken && !self.knows(handle));
            self.free.push(handle);
        });
        // More actors than a cap that was lowered since are kept until they are idle.
        let overflow_known = self.overflow.is_none_or(|handle| self.knows(handle) && !self.idle.contains(handle));
        let all_placed = self.slots.iter().zip(&seen).all(|(actor, free)| actor.is_known() != *free);
        r.require(overflow_known && all_placed);
    }

    /// After the leases are held again: whom nothing names any more is idle. (Waiters are not part of an image.)
    pub(crate) fn rest_unused(&mut self) {
        let unused = |(_, actor): &(u32, &Actor)| actor.is_known() && actor.refs == 0;
        let handles: Vec<u32> = (0u32..).zip(&self.slots).filter(unused).map(|(handle, _)| handle).collect();
        for handle in handles {
            if !self.idle.contains(handle) {
                self.rest(handle);
            }
        }
    }

    /// Whether every actor is in use, idle, starved, or stands for others: nobody is kept for nothing.
    pub(crate) fn all_accounted_for(&self) -> bool {
        (0u32..).zip(&self.slots).filter(|(_, actor)| actor.is_known()).all(|(handle, actor)| {
            let idle = self.idle.contains(handle);
            let needed = actor.refs > 0 || self.starved.contains(handle) || self.is_overflow(handle);
            idle != needed && (actor.refs > 0 || actor.held == 0)
        })
    }

    /// A restored lease of `weight` names the actor; false if it cannot hold any.
    pub(crate) fn hold_again(&mut self, handle: u32, weight: u64) -> bool {
        if !self.knows(handle) || self.idle.contains(handle) {
            return false;
        }
        let was_active = self.is_active(handle);
        if let Some(actor) = self.slots.get_mut(handle as usize) {
            actor.held = actor.held.saturating_add(weight);
            actor.refs = actor.refs.saturating_add(1);
        }
        self.recount(handle, was_active);
        true
    }
}
