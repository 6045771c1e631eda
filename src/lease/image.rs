//! Decides how leases stand in an image: slots in order, then the order of free slots and tombstones, which decide the names
//! of later leases. The heap and the counts are made again from the slots.

use alloc::vec;

use super::{Lease, Leases, Slot, State, TOMBSTONES_MAX};
use crate::chunks::Chunks;
use crate::codec::{Reader, Writer};
use crate::decision::{LeaseId, TOKENS_MAX, Tokens};
use crate::time::CoreTime;

impl Leases {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.slots.len());
        for slot in self.slots.iter() {
            w.u32(slot.lease.generation);
            w.u32(slot.released);
            w.u8(slot.state as u8);
            if slot.state != State::Free {
                write_lease(&slot.lease, w);
                w.bool(slot.renewed);
                w.u32(u32::from(slot.crowd));
            }
        }
        w.len(self.free.len());
        self.free.iter().for_each(|&slot| w.u32(slot));
        w.len(self.tombstones.len());
        for &(id, until) in &self.tombstones {
            w.u32(id.slot);
            w.u32(id.generation);
            w.u64(until.as_micros());
        }
        w.u64(self.latest.as_micros());
    }

    /// Fails on anything that `write` cannot have written by `now`, such as two places for one slot.
    pub(crate) fn read(r: &mut Reader<'_>, now: CoreTime) -> Self {
        let mut leases = Self::default();
        r.each(|r| {
            let entry = read_slot(r);
            r.require(entry.lease.admitted <= now);
            if entry.state == State::Live {
                leases.live = leases.live.saturating_add(1);
                leases.expiry.push(leases.slots.len() as u32, entry.lease.expires_at.as_micros());
            }
            leases.slots.push(entry);
        });
        leases.read_orders(r);
        leases.latest = CoreTime::from_micros(r.u64());
        r.require(leases.iter().all(|(_, lease)| lease.expires_at <= leases.latest));
        leases
    }

    fn read_orders(&mut self, r: &mut Reader<'_>) {
        let mut seen = vec![false; self.slots.len()];
        let mut visit = |slot: u32, state: State, slots: &Chunks<Slot>| {
            let known = slots.get(slot as usize).is_some_and(|entry| entry.state == state);
            let first = seen.get_mut(slot as usize).is_some_and(|seen| !core::mem::replace(seen, true));
            known && first
        };
        r.each(|r| {
            let slot = r.u32();
            r.require(visit(slot, State::Free, &self.slots));
            self.free.push(slot);
        });
        r.each_up_to(TOMBSTONES_MAX, |r| {
            let id = LeaseId { slot: r.u32(), generation: r.u32() };
            let until = CoreTime::from_micros(r.u64());
            // A tombstone that was settled leaves its name behind until its turn comes; it stands for nothing.
            if self
                .slots
                .get(id.slot as usize)
                .is_some_and(|slot| slot.lease.generation == id.generation && slot.state == State::Tombstone)
            {
                r.require(visit(id.slot, State::Tombstone, &self.slots));
            }
            self.tombstones.push_back((id, until));
        });
        let retired = |slot: &Slot| slot.state == State::Free && slot.lease.generation == u32::MAX;
        let placed = |(slot, seen): (&Slot, &bool)| *seen || slot.state == State::Live || retired(slot);
        r.require(self.slots.iter().zip(&seen).all(placed));
    }
}

fn read_slot(r: &mut Reader<'_>) -> Slot {
    let (generation, released) = (r.u32(), r.u32());
    let state = match r.u8() {
        1 => State::Live,
        2 => State::Tombstone,
        free => {
            r.require(free == 0);
            State::Free
        }
    };
    let lease = if state == State::Free { Lease::default() } else { read_lease(r) };
    let renewed = state != State::Free && r.bool();
    let crowd = if state == State::Free { 0 } else { r.u32() as u16 };
    Slot { lease: Lease { generation, ..lease }, state, renewed, crowd, released }
}

fn write_lease(lease: &Lease, w: &mut Writer) {
    w.u64(lease.admitted.as_micros());
    w.u64(lease.expires_at.as_micros());
    w.u64(lease.weight);
    w.u64(lease.tokens.prompt);
    w.u64(lease.tokens.output);
    w.u32(lease.actor);
}

fn read_lease(r: &mut Reader<'_>) -> Lease {
    let lease = Lease {
        admitted: CoreTime::from_micros(r.u64()),
        expires_at: CoreTime::from_micros(r.u64()),
        weight: r.u64(),
        tokens: Tokens { prompt: r.u64(), output: r.u64() },
        actor: r.u32(),
        generation: 0,
    };
    let sane = lease.weight <= crate::config::WEIGHT_MAX && lease.tokens.prompt.max(lease.tokens.output) <= TOKENS_MAX;
    r.require(sane);
    lease
}
