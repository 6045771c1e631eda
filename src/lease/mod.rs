//! Decides which leases are held, which have expired, and what is known of those that have ended.
//!
//! A lease lives in a slot of a slab and is named by slot and generation, so a stale name never reaches a newer lease.
//! Live leases stand in a heap by `expires_at`. A lease that expired with a charge that can still be corrected stays in its
//! slot as a tombstone, at most [`TOMBSTONES_MAX`] of them, oldest dropped first.
//!
//! Invariants: live + tombstones + free + retired slots = all slots; the heap holds exactly the live ones; a generation is
//! used once (a slot whose generations are used up is retired). Times in core microseconds, weights in millionths.
//! Called by `governor`. Leaves to others: whether a lease may be granted, and what its end frees.

mod image;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::chunks::Chunks;
use crate::decision::{LeaseId, Tokens};
use crate::heap::Heap;
use crate::time::CoreTime;

/// Expired leases that are remembered for a late settlement. More would cost memory that an abandoned load controls.
pub(crate) const TOMBSTONES_MAX: usize = 10_000;

/// What a lease holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lease {
    pub(crate) admitted: CoreTime,
    pub(crate) expires_at: CoreTime,
    /// Concurrency held, in millionths.
    pub(crate) weight: u64,
    /// What is charged for it now.
    pub(crate) tokens: Tokens,
    /// The actor's handle, or [`NO_ACTOR`].
    pub(crate) actor: u32,
    /// Tells the leases apart that have been in one slot. Here, where the record has four bytes to spare.
    pub(crate) generation: u32,
}

/// In place of a handle where no rule reads the actor.
pub(crate) const NO_ACTOR: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Free,
    Live,
    Tombstone,
}

#[derive(Clone, Debug, PartialEq)]
struct Slot {
    lease: Lease,
    state: State,
    renewed: bool,
    /// Whole slots in use when it was admitted, without it; 65,535 stands for more.
    crowd: u16,
    /// How the last 32 generations ended, newest in bit 0: 1 released, 0 expired.
    released: u32,
}

/// What a name stands for now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    Live(Lease),
    /// Expired, but its charge can still be corrected.
    Expired(Lease),
    /// Ended by a release, or so long ago that this is all that is likely.
    Released,
    /// Expired and forgotten, or never issued.
    Unknown,
}

/// All leases of a governor.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    slots: Chunks<Slot>,
    free: Vec<u32>,
    expiry: Heap,
    live: u32,
    /// Tombstones in the order in which they expired: name, and until when they serve.
    tombstones: VecDeque<(LeaseId, CoreTime)>,
    /// No live lease expires later.
    latest: CoreTime,
}

impl Leases {
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// The earliest `expires_at` of a live lease.
    #[inline]
    pub(crate) fn next_expiry(&self) -> Option<CoreTime> {
        self.expiry.peek().map(|(at, _)| CoreTime::from_micros(at))
    }

    /// The instant by which leases of `weight` together will have expired. Exact for the first 16 leases, later than that
    /// an upper bound.
    pub(crate) fn weight_expires_by(&self, weight: u64) -> CoreTime {
        let weight_of = |slot: u32| self.slots.get(slot as usize).map_or(0, |slot| slot.lease.weight);
        self.expiry.key_when_sum_reaches(weight, weight_of).map_or(self.latest, CoreTime::from_micros)
    }

    /// Puts a lease into a slot and names it.
    #[inline]
    pub(crate) fn insert(&mut self, lease: Lease) -> LeaseId {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(Slot { lease, state: State::Free, renewed: false, crowd: 0, released: 0 });
                (self.slots.len() as u32).saturating_sub(1)
            }
        };
        let mut id = LeaseId { slot, generation: lease.generation };
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            id.generation = entry.lease.generation;
            entry.lease = Lease { generation: id.generation, ..lease };
            entry.state = State::Live;
            entry.renewed = false;
            entry.crowd = 0;
        }
        self.expiry.push(slot, lease.expires_at.as_micros());
        self.live = self.live.saturating_add(1);
        self.latest = if self.live == 1 { lease.expires_at } else { self.latest.max(lease.expires_at) };
        id
    }

    /// What is known of a name.
    #[inline]
    pub(crate) fn find(&self, id: LeaseId) -> Known {
        let Some(slot) = self.slots.get(id.slot as usize) else { return Known::Unknown };
        if slot.lease.generation == id.generation {
            return match slot.state {
                State::Live => Known::Live(slot.lease),
                State::Tombstone => Known::Expired(slot.lease),
                State::Free => Known::Unknown,
            };
        }
        match slot.lease.generation.checked_sub(id.generation) {
            None => Known::Unknown,
            // Of those before the last 32 no more is known than that they have ended, as nearly all do by a release.
            Some(age) if age > 32 || slot.released >> age.saturating_sub(1) & 1 == 1 => Known::Released,
            Some(_) => Known::Unknown,
        }
    }

    /// Ends a live lease by release. Whether its end had been moved.
    #[inline]
    pub(crate) fn release(&mut self, id: LeaseId) -> bool {
        self.expiry.remove(id.slot);
        self.live = self.live.saturating_sub(1);
        self.vacate(id.slot, true)
    }

    /// Ends an expired lease whose charge has just been corrected.
    pub(crate) fn release_tombstone(&mut self, id: LeaseId) {
        self.vacate(id.slot, true);
    }

    /// Moves the expiry of a live lease.
    pub(crate) fn renew(&mut self, id: LeaseId, expires_at: CoreTime) {
        if let Some(slot) = self.slots.get_mut(id.slot as usize) {
            slot.lease.expires_at = expires_at;
            slot.renewed = true;
        }
        self.expiry.push(id.slot, expires_at.as_micros());
        self.latest = self.latest.max(expires_at);
    }

    /// Remembers how many slots were in use when a lease was admitted.
    pub(crate) fn note_crowd(&mut self, id: LeaseId, slots: u64) {
        if let Some(slot) = self.slots.get_mut(id.slot as usize) {
            slot.crowd = slots.min(u64::from(u16::MAX)) as u16;
        }
    }

    /// How many slots were in use when a lease was admitted, also just after its end.
    pub(crate) fn crowd(&self, id: LeaseId) -> u64 {
        self.slots.get(id.slot as usize).map_or(0, |slot| u64::from(slot.crowd))
    }

    /// Takes out the lease that expired first, if one has by `now`. With `remember_until` it leaves a tombstone.
    #[inline]
    pub(crate) fn expire_next(
        &mut self,
        now: CoreTime,
        remember_until: impl Fn(u32, &Lease) -> Option<CoreTime>,
    ) -> Option<(LeaseId, Lease)> {
        let (at, slot) = self.expiry.peek()?;
        if at > now.as_micros() {
            return None;
        }
        self.expire(slot, now, remember_until)
    }

    #[cold]
    fn expire(
        &mut self,
        slot: u32,
        now: CoreTime,
        remember_until: impl Fn(u32, &Lease) -> Option<CoreTime>,
    ) -> Option<(LeaseId, Lease)> {
        self.expiry.remove(slot);
        self.live = self.live.saturating_sub(1);
        let entry = self.slots.get_mut(slot as usize)?;
        let lease = entry.lease;
        let id = LeaseId { slot, generation: entry.lease.generation };
        match remember_until(slot, &lease).filter(|&until| until > now) {
            Some(until) => {
                entry.state = State::Tombstone;
                self.tombstones.push_back((id, until));
            }
            None => {
                self.vacate(slot, false);
            }
        }
        self.drop_tombstones(now);
        Some((id, lease))
    }

    /// Forgets tombstones that serve nobody any more, and the oldest above the bound.
    fn drop_tombstones(&mut self, now: CoreTime) {
        while let Some(&(id, until)) = self.tombstones.front() {
            if until > now && self.tombstones.len() <= TOMBSTONES_MAX {
                return;
            }
            self.tombstones.pop_front();
            if matches!(self.find(id), Known::Expired(_)) {
                self.vacate(id.slot, false);
            }
        }
    }

    /// Whether the lease that was there had been renewed.
    #[inline]
    fn vacate(&mut self, slot: u32, released: bool) -> bool {
        let Some(entry) = self.slots.get_mut(slot as usize) else { return false };
        entry.state = State::Free;
        entry.released = entry.released << 1 | u32::from(released);
        let renewed = entry.renewed;
        if let Some(next) = entry.lease.generation.checked_add(1) {
            entry.lease.generation = next;
            self.free.push(slot);
        }
        renewed
    }

    /// Where no rule reads actors any more, leases name none.
    pub(crate) fn forget_actors(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.lease.actor = NO_ACTOR);
    }

    /// The instant by which leases of one actor together weigh `weight` less, if the 16 that expire first tell.
    pub(crate) fn actor_weight_expires_by(&self, actor: u32, weight: u64) -> Option<CoreTime> {
        let own = |slot: u32| self.slots.get(slot as usize).filter(|slot| slot.lease.actor == actor);
        let weight_of = |slot: u32| own(slot).map_or(0, |slot| slot.lease.weight);
        self.expiry.key_when_sum_reaches(weight, weight_of).map(CoreTime::from_micros)
    }

    /// All live leases, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeaseId, &Lease)> + '_ {
        (0u32..)
            .zip(self.slots.iter())
            .filter(|(_, entry)| entry.state == State::Live)
            .map(|(slot, entry)| (LeaseId { slot, generation: entry.lease.generation }, &entry.lease))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(expires_us: u64) -> Lease {
        Lease {
            admitted: CoreTime::default(),
            expires_at: CoreTime::from_micros(expires_us),
            weight: 1,
            tokens: Tokens::default(),
            actor: NO_ACTOR,
            generation: 0,
        }
    }

    fn expire(leases: &mut Leases, now_us: u64, until: Option<u64>) -> Option<LeaseId> {
        let until = until.map(CoreTime::from_micros);
        leases.expire_next(CoreTime::from_micros(now_us), |_, _| until).map(|(id, _)| id)
    }

    #[test]
    fn names_are_used_once_and_remembered() {
        let mut leases = Leases::default();
        let first = leases.insert(lease(10));
        leases.release(first);
        let second = leases.insert(lease(20));
        assert_eq!((first.slot, second.slot), (0, 0));
        assert_eq!(leases.find(first), Known::Released);
        assert_eq!(leases.find(second), Known::Live(Lease { generation: 1, ..lease(20) }));
        assert_eq!(expire(&mut leases, 19, None), None);
        assert_eq!(expire(&mut leases, 20, None), Some(second));
        assert_eq!(leases.find(second), Known::Unknown, "expired is not released");
        assert_eq!(leases.find(first), Known::Released);
        assert_eq!(leases.find(LeaseId { slot: 0, generation: 2 }), Known::Unknown, "not issued yet");
        assert_eq!(leases.find(LeaseId { slot: 7, generation: 0 }), Known::Unknown);
        for _ in 0..100 {
            let next = leases.insert(lease(30));
            leases.release(next);
            assert_eq!(leases.find(first), Known::Released, "however many came after it");
        }
    }

    #[test]
    fn a_slot_is_small() {
        assert!(size_of::<Slot>() <= 56, "{} bytes", size_of::<Slot>());
    }

    #[test]
    fn an_expired_lease_can_be_settled_while_remembered() {
        let mut leases = Leases::default();
        let id = leases.insert(lease(10));
        assert_eq!(expire(&mut leases, 10, Some(50)), Some(id));
        assert_eq!(leases.live(), 0);
        assert_eq!(leases.find(id), Known::Expired(lease(10)));
        let other = leases.insert(lease(60));
        assert_ne!(id.slot, other.slot, "its slot is taken");
        assert_eq!(expire(&mut leases, 60, None), Some(other));
        assert_eq!(leases.find(id), Known::Unknown, "forgotten after its window");
    }

    #[test]
    fn tombstones_are_bounded() {
        let mut leases = Leases::default();
        let ids: Vec<LeaseId> = (0..TOMBSTONES_MAX + 5).map(|_| leases.insert(lease(1))).collect();
        while expire(&mut leases, 1, Some(1_000)).is_some() {}
        let remembered = ids.iter().filter(|&&id| matches!(leases.find(id), Known::Expired(_))).count();
        assert_eq!(remembered, TOMBSTONES_MAX);
    }

    #[test]
    fn says_by_when_weight_has_expired() {
        let mut leases = Leases::default();
        for expires in [30, 10, 20, 40] {
            leases.insert(lease(expires));
        }
        let by = |need| leases.weight_expires_by(need).as_micros();
        assert_eq!([by(1), by(2), by(3), by(4)], [10, 20, 30, 40]);
    }

    #[test]
    fn a_slot_retires_when_its_generations_are_used_up() {
        let mut leases = Leases::default();
        let id = leases.insert(lease(1));
        leases.slots.get_mut(0).unwrap().lease.generation = u32::MAX;
        leases.release(LeaseId { slot: id.slot, generation: u32::MAX });
        assert_eq!(leases.insert(lease(1)).slot, 1);
    }
}
