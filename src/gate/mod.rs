//! Decides whether the provider of a family of models may be called: one state of health for each family, and one for all calls
//! whose family has none of its own. What a state does is in `state`.
//!
//! It is fed by what providers answer (`Gates::refused`, `answered`) and by what is reported of calls (`Gates::reported`). Whose
//! a refusal is: one that names an instant, or that stays, closes the gate; one that does not closes it for a pause where it was
//! observed. Reported without an instant it only counts as a failure, since how much a provider takes is what the adaptive
//! controller finds out by such refusals. Failures in a row close the gate where the controller is on, as long as it is open:
//! callers who did not ask for it go on calling. What a lease's answer has told counts once, also where its release says it again.
//!
//! So nobody is sent before the instant that the provider has named, a terminal error costs one call, an outage one at a time, and
//! waiters do not come all at once. Where a family is to be probed its gate begins as one that opens.
//!
//! Calls that were sent before the gate last closed are no news: their success does not open it, and their refusal moves it
//! only to a later instant.
//!
//! Invariants: a call is counted in flight from its grant to its end; gates are few (`GATES_MAX`); while there is none a call
//! costs a comparison. Instants are core time. O(1). Called by `governor`. Leaves to others: what an answer means (`provider`),
//! limits. Sources: circuit breaker (Nygard, "Release It!", 2007), slow start (RFC 5681, 3.1).

mod state;

use alloc::vec::Vec;

use crate::chunks::Chunks;
use crate::codec::{Reader, Writer};
use crate::decision::{Cause, Outcome};
use crate::time::CoreTime;
use state::Gate;

/// Families with a gate: what more there is shares that of the calls that name none.
pub(crate) const GATES_MAX: u32 = 1_024;
/// What was told of a lease, beside its family.
const TOLD_SUCCESS: u32 = 1 << 31;
const TOLD_REFUSAL: u32 = 1 << 30;

/// Why nobody may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shut {
    /// Not before this instant.
    Until(CoreTime),
    /// Not before somebody acts.
    Never,
    /// Not before an answer comes.
    Opening,
}

/// What a call's end has done to a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Nothing,
    /// The first failure in a row, of a gate that is open.
    Failing,
    /// It has closed for failures.
    Closed,
    /// It has closed because the provider refuses, or for longer.
    Refuses,
    /// The first call has succeeded, others follow.
    Opening,
    Opened,
}

/// What closes a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The same until somebody acts, or until the instant.
    pub(crate) terminal: bool,
    /// When to come back, if the provider says so.
    pub(crate) until: Option<CoreTime>,
    /// When the call was sent, if that is known.
    pub(crate) admitted: Option<CoreTime>,
    /// Calls in flight, of all families.
    pub(crate) live: u32,
}

/// What is reported of a call that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported {
    pub(crate) slot: u32,
    pub(crate) admitted: CoreTime,
    pub(crate) outcome: Outcome,
    /// When to come back, if the provider says so.
    pub(crate) until: Option<CoreTime>,
    /// Calls in flight, of all families.
    pub(crate) live: u32,
}

/// All gates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates {
    /// Of calls whose family has none; made when it is needed.
    shared: Option<Gate>,
    /// By family, from 1.
    list: Vec<Gate>,
    /// By slot of the lease, with what was told of it; empty while no call names a family.
    families: Chunks<u32>,
    probes: bool,
    /// Failures close gates.
    watches: bool,
    /// When things were last looked at: who was not served then does not fit before the next time.
    now: CoreTime,
}

impl Gates {
    pub(crate) fn new(probes: bool, watches: bool) -> Self {
        let shared = watches.then(|| Gate::new(false, 0));
        Self { probes, watches, shared, ..Self::default() }
    }

    /// Goes by another configuration, with so many calls in flight.
    pub(crate) fn change(&mut self, probes: bool, watches: bool, live: u32) {
        (self.probes, self.watches) = (probes, watches);
        if watches {
            self.make(0, live);
        }
    }

    /// Time has passed.
    #[inline]
    pub(crate) const fn advance(&mut self, now: CoreTime) {
        self.now = now;
    }

    /// Whether calls of a family have a gate, or are given one when they are sent.
    #[inline]
    pub(crate) const fn has(&self, family: u32) -> bool {
        family != 0 || self.shared.is_some()
    }

    fn get(&self, family: u32) -> Option<&Gate> {
        match family.checked_sub(1) {
            Some(at) => self.list.get(at as usize),
            None => self.shared.as_ref(),
        }
    }

    /// The gate of a family, if it has one; one of its own is made.
    fn get_mut(&mut self, family: u32) -> Option<&mut Gate> {
        let Some(at) = family.checked_sub(1) else { return self.shared.as_mut() };
        if family > GATES_MAX {
            return None;
        }
        while self.list.len() <= at as usize {
            self.list.push(Gate::new(self.probes, 0));
        }
        self.list.get_mut(at as usize)
    }

    /// The same, with the shared one.
    fn make(&mut self, family: u32, live: u32) -> Option<&mut Gate> {
        if family == 0 && self.shared.is_none() {
            let others = self.list.iter().map(Gate::in_flight).fold(0, u32::saturating_add);
            self.shared = Some(Gate::new(false, live.saturating_sub(others)));
        }
        self.get_mut(family)
    }

    /// Why no call of a family may be sent now, and how denials call it.
    #[inline]
    pub(crate) fn shut(&self, family: u32) -> Option<(Shut, Cause)> {
        if self.has(family) { self.shut_one(family) } else { None }
    }

    #[inline(never)]
    fn shut_one(&self, family: u32) -> Option<(Shut, Cause)> {
        let gate = self.get(family)?;
        let cause = if gate.is_circuit() { Cause::Circuit } else { Cause::Cooldown };
        Some((gate.shut(self.now)?, cause))
    }

    /// A call of a family is sent; it is the lease at `slot`.
    #[inline]
    pub(crate) fn sent(&mut self, now: CoreTime, family: u32, slot: u32) {
        if self.has(family) || (slot as usize) < self.families.len() {
            self.note_sent(now, family, slot);
        }
    }

    #[inline(never)]
    fn note_sent(&mut self, now: CoreTime, family: u32, slot: u32) {
        self.name(slot, family);
        if let Some(gate) = self.get_mut(family) {
            gate.sends(now);
        }
    }

    /// Writes down the family of a lease, with what was told of it. What says nothing takes no place.
    fn name(&mut self, slot: u32, family: u32) {
        while family != 0 && self.families.len() <= slot as usize {
            self.families.push(0);
        }
        if let Some(of) = self.families.get_mut(slot as usize) {
            *of = family;
        }
    }

    fn named(&self, slot: u32) -> u32 {
        self.families.get(slot as usize).copied().unwrap_or(0)
    }

    /// The family of the lease at `slot`.
    #[inline]
    pub(crate) fn family_of(&self, slot: u32) -> u32 {
        self.named(slot) & !(TOLD_SUCCESS | TOLD_REFUSAL)
    }

    /// The lease at `slot`, granted at `admitted`, has ended; its family, if that has a gate.
    #[inline]
    pub(crate) fn ended(&mut self, slot: u32, admitted: CoreTime) -> Option<u32> {
        if self.shared.is_none() && self.list.is_empty() { None } else { self.note_ended(slot, admitted) }
    }

    #[inline(never)]
    fn note_ended(&mut self, slot: u32, admitted: CoreTime) -> Option<u32> {
        let family = self.family_of(slot);
        self.get_mut(family)?.ended(admitted);
        Some(family)
    }

    /// The answer to the call that is the lease at `slot` was observed: its release says the same again.
    pub(crate) fn note_told(&mut self, slot: u32, refused: bool) {
        let told = if refused { TOLD_REFUSAL } else { TOLD_SUCCESS };
        self.name(slot, self.family_of(slot) | told);
    }

    /// The provider has refused a call of a family.
    pub(crate) fn refused(&mut self, now: CoreTime, family: u32, refusal: &Refusal) -> Change {
        let closed = self.make(family, refusal.live).is_some_and(|gate| gate.refused(now, refusal));
        if closed { Change::Refuses } else { Change::Nothing }
    }

    /// Until when the gate of a family is closed (`None`: until somebody acts), and whether for failures, or for what stays.
    pub(crate) fn closed(&self, family: u32) -> (Option<CoreTime>, bool) {
        let gate = self.get(family);
        let until = gate.map(Gate::until).filter(|&until| until != CoreTime::NEVER);
        (until, gate.is_some_and(Gate::is_circuit))
    }

    /// A call of a family was answered well, or otherwise: the latter is all that a family that was never closed waits for.
    pub(crate) fn answered(&mut self, now: CoreTime, family: u32, admitted: Option<CoreTime>, well: bool) -> Change {
        let gate = self.get_mut(family).filter(|gate| well || gate.is_probed());
        gate.map_or(Change::Nothing, |gate| gate.succeeded(now, admitted))
    }

    /// Whether what is reported of a call may matter.
    #[inline]
    pub(crate) const fn listens(&self, report_names_an_instant: bool) -> bool {
        report_names_an_instant || self.shared.is_some() || !self.list.is_empty()
    }

    /// A call has ended, and is no longer counted in flight.
    pub(crate) fn reported(&mut self, now: CoreTime, call: &Reported) -> Change {
        let Reported { slot, admitted, outcome, until, live } = *call;
        let (family, named, watches) = (self.family_of(slot), self.named(slot), self.watches);
        if named & TOLD_REFUSAL != 0 || named & TOLD_SUCCESS != 0 && outcome == Outcome::Success {
            return Change::Nothing;
        }
        if outcome.is_refusal() && until.is_some() {
            let refusal = Refusal { terminal: false, until, admitted: Some(admitted), live };
            return self.refused(now, family, &refusal);
        }
        match (outcome, self.get_mut(family)) {
            // Which first answer a family waits for is said by `answered`.
            (Outcome::Success, Some(gate)) if !gate.is_probed() => gate.succeeded(now, Some(admitted)),
            (Outcome::Error | Outcome::Timeout | Outcome::Refused | Outcome::Overloaded, Some(gate))
                if watches || !gate.is_open() =>
            {
                gate.failed(now, admitted, outcome.is_refusal())
            }
            _ => Change::Nothing,
        }
    }

    /// Opens the gate of a family. Whether it was not.
    pub(crate) fn open(&mut self, now: CoreTime, family: u32) -> bool {
        let Some(gate) = self.get_mut(family) else { return false };
        let was_open = gate.is_open();
        gate.open(now);
        !was_open
    }

    /// What is counted in flight is counted again when it is read.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(usize::from(self.shared.is_some()));
        self.shared.iter().for_each(|gate| gate.write(w));
        w.len(self.list.len());
        self.list.iter().for_each(|gate| gate.write(w));
        w.len(self.families.len());
        self.families.iter().for_each(|&family| w.u32(family));
    }

    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) {
        r.each_up_to(1, |r| self.shared = Some(Gate::read(r)));
        r.each_up_to(GATES_MAX as usize, |r| self.list.push(Gate::read(r)));
        r.each(|r| self.families.push(r.u32()));
    }

    /// The lease at `slot` is in flight.
    pub(crate) fn hold_again(&mut self, slot: u32, admitted: CoreTime) {
        let family = self.family_of(slot);
        if let Some(gate) = self.get_mut(family) {
            gate.holds(admitted);
        }
    }
}

#[cfg(test)]
mod tests;
