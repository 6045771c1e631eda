//! Decides whether the provider of a family of models may be called: one state of health for each family that was observed.
//!
//! A gate is open; closed until an instant, or until somebody acts; or opening: one call goes out, and with each that succeeds
//! one more may be in flight, so that they double in a round trip, until there are as many as when it closed. So nobody is sent
//! before the instant that the provider has named, a terminal error costs one call, and waiters do not come all at once. Who
//! names no instant closes it for a pause that doubles. Where a family is to be probed its gate begins as one that opens.
//!
//! Calls that were sent before the gate last closed are no news: their success does not open it, and their refusal moves it
//! only to a later instant.
//!
//! Invariants: a call is counted in flight from its grant to its end; gates are few (`GATES_MAX`). Instants are core time. O(1).
//! Called by `governor`. Leaves to others: what an answer means (`provider`), limits. Sources: circuit breaker (Nygard, "Release
//! It!", 2007), slow start (RFC 5681, 3.1).

use alloc::vec::Vec;

use crate::chunks::Chunks;
use crate::codec::{Reader, Writer};
use crate::decision::Cause;
use crate::time::CoreTime;

/// Families with a gate: what more there is has none.
pub(crate) const GATES_MAX: u32 = 1_024;
/// The first pause and the longest where the provider names no instant, in microseconds. They double.
const PAUSE_US: (u64, u64) = (1_000_000, 64_000_000);
/// Calls in flight while a gate is open.
const OPEN: u32 = u32::MAX;

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

#[derive(Clone, Debug, PartialEq)]
struct Gate {
    /// Calls in flight at most, of those that were sent since it closed.
    allowed: u32,
    /// When it closed, just after.
    since: CoreTime,
    until: CoreTime,
    terminal: bool,
    /// Pauses in a row that the provider has not named.
    pauses: u32,
    /// Calls in flight when it closed.
    crowd: u32,
    in_flight: u32,
    /// Of these, those that were sent since.
    sent: u32,
}

impl Gate {
    fn new(probes: bool) -> Self {
        let never = CoreTime::default();
        let allowed = if probes { 1 } else { OPEN };
        Self { allowed, since: never, until: never, terminal: false, pauses: 0, crowd: 1, in_flight: 0, sent: 0 }
    }

    const fn shut(&self, now: CoreTime) -> Option<Shut> {
        if now.as_micros() < self.until.as_micros() {
            let never = self.until.as_micros() == CoreTime::NEVER.as_micros();
            return Some(if never { Shut::Never } else { Shut::Until(self.until) });
        }
        if self.sent < self.allowed { None } else { Some(Shut::Opening) }
    }

    /// Whether it now says something else than before.
    fn close(&mut self, now: CoreTime, news: &News) -> bool {
        let old = news.admitted.is_some_and(|admitted| admitted < self.since);
        if old && news.until.is_none() && !news.terminal {
            return false;
        }
        let until = match news.until {
            Some(at) => at,
            None if news.terminal => CoreTime::NEVER,
            None => {
                let us = (0..self.pauses.min(32)).fold(PAUSE_US.0, |us, _| us.saturating_mul(2).min(PAUSE_US.1));
                self.pauses = self.pauses.saturating_add(1);
                now.plus(us)
            }
        };
        if self.allowed == OPEN {
            // Of what was sent before the family had a number nothing is known here.
            let first = self.until == CoreTime::default();
            self.crowd = self.in_flight.max(if first { news.live } else { 0 }).max(1);
        } else if until <= self.until {
            return false;
        }
        (self.until, self.terminal) = (until.max(self.until), news.terminal);
        (self.allowed, self.sent, self.since) = (1, 0, now.plus(1));
        true
    }

    /// A call has succeeded, sent at `admitted` if that is known. Whether the gate is open now, and was not.
    fn succeeded(&mut self, now: CoreTime, admitted: Option<CoreTime>) -> bool {
        self.pauses = if admitted.is_some_and(|admitted| admitted < self.since) { self.pauses } else { 0 };
        if self.allowed == OPEN || admitted.is_some_and(|admitted| admitted < self.since) {
            return false;
        }
        // Somebody has tried without a lease.
        let tried = admitted.is_none() && self.until == CoreTime::NEVER;
        if now < self.until && !tried {
            return false;
        }
        self.allowed = self.allowed.saturating_add(1);
        if self.allowed > self.crowd || tried {
            self.open(now);
        }
        self.allowed == OPEN
    }

    fn open(&mut self, now: CoreTime) {
        (self.allowed, self.terminal, self.pauses) = (OPEN, false, 0);
        self.until = self.until.min(now);
    }
}

/// What closes a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct News {
    /// The same until somebody acts, or until the instant.
    pub(crate) terminal: bool,
    /// When to come back, if the provider says so.
    pub(crate) until: Option<CoreTime>,
    /// When the call was sent, if that is known.
    pub(crate) admitted: Option<CoreTime>,
    /// Calls in flight, of all families.
    pub(crate) live: u32,
}

/// All gates, by family from 1; 0 is no family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates {
    list: Vec<Gate>,
    /// By slot of the lease; empty while no call names a family.
    families: Chunks<u32>,
    probes: bool,
    /// When things were last looked at: who was not served then does not fit before the next time.
    now: CoreTime,
}

impl Gates {
    pub(crate) fn new(probes: bool) -> Self {
        Self { probes, ..Self::default() }
    }

    pub(crate) const fn set_probes(&mut self, probes: bool) {
        self.probes = probes;
    }

    /// Time has passed.
    #[inline]
    pub(crate) const fn advance(&mut self, now: CoreTime) {
        self.now = now;
    }

    fn get(&self, family: u32) -> Option<&Gate> {
        self.list.get(family.checked_sub(1)? as usize)
    }

    fn make(&mut self, family: u32) -> Option<&mut Gate> {
        let at = family.checked_sub(1).filter(|_| family <= GATES_MAX)? as usize;
        while self.list.len() <= at {
            self.list.push(Gate::new(self.probes));
        }
        self.list.get_mut(at)
    }

    /// Why no call of a family may be sent now, and how denials call it.
    #[inline]
    pub(crate) fn shut(&self, family: u32) -> Option<(Shut, Cause)> {
        if family == 0 { None } else { self.shut_one(family) }
    }

    #[inline(never)]
    fn shut_one(&self, family: u32) -> Option<(Shut, Cause)> {
        let gate = self.get(family)?;
        let cause = if gate.terminal { Cause::Circuit } else { Cause::Cooldown };
        Some((gate.shut(self.now)?, cause))
    }

    /// A call of a family is sent; it is the lease at `slot`.
    #[inline]
    pub(crate) fn sent(&mut self, now: CoreTime, family: u32, slot: u32) {
        if family != 0 || (slot as usize) < self.families.len() {
            self.note_sent(now, family, slot);
        }
    }

    #[inline(never)]
    fn note_sent(&mut self, now: CoreTime, family: u32, slot: u32) {
        while self.families.len() <= slot as usize {
            self.families.push(0);
        }
        if let Some(of) = self.families.get_mut(slot as usize) {
            *of = family;
        }
        if let Some(gate) = self.make(family) {
            gate.in_flight = gate.in_flight.saturating_add(1);
            gate.sent = gate.sent.saturating_add(u32::from(now >= gate.since));
        }
    }

    /// The family of the lease at `slot`.
    #[inline]
    pub(crate) fn family_of(&self, slot: u32) -> u32 {
        self.families.get(slot as usize).copied().unwrap_or(0)
    }

    /// The lease at `slot`, granted at `admitted`, has ended; its family, if that has a gate.
    #[inline]
    pub(crate) fn ended(&mut self, slot: u32, admitted: CoreTime) -> Option<u32> {
        let family = self.family_of(slot);
        if family == 0 { None } else { self.note_ended(family, admitted) }
    }

    #[inline(never)]
    fn note_ended(&mut self, family: u32, admitted: CoreTime) -> Option<u32> {
        let gate = self.make(family)?;
        gate.in_flight = gate.in_flight.saturating_sub(1);
        gate.sent = gate.sent.saturating_sub(u32::from(admitted >= gate.since));
        Some(family)
    }

    /// Whether the gate of a family has closed, or closed for longer.
    pub(crate) fn close(&mut self, now: CoreTime, family: u32, news: &News) -> bool {
        self.make(family).is_some_and(|gate| gate.close(now, news))
    }

    /// Until when the gate of a family is closed; `None`: until somebody acts.
    pub(crate) fn closed_until(&self, family: u32) -> Option<CoreTime> {
        self.get(family).map(|gate| gate.until).filter(|&until| until != CoreTime::NEVER)
    }

    /// A call of a family was answered well. Whether that has opened the gate.
    pub(crate) fn succeeded(&mut self, now: CoreTime, family: u32, admitted: Option<CoreTime>) -> bool {
        self.make(family).is_some_and(|gate| gate.succeeded(now, admitted))
    }

    /// A call was answered otherwise: all that a family that was never closed waits for.
    pub(crate) fn answered(&mut self, now: CoreTime, family: u32, admitted: Option<CoreTime>) -> bool {
        let first = self.get(family).is_none_or(|gate| gate.until == CoreTime::default());
        first && self.succeeded(now, family, admitted)
    }

    /// Opens the gate of a family. Whether it was not.
    pub(crate) fn open(&mut self, now: CoreTime, family: u32) -> bool {
        let Some(gate) = self.make(family) else { return false };
        let was_open = gate.allowed == OPEN;
        gate.open(now);
        !was_open
    }

    /// What is counted in flight is counted again when it is read.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.list.len());
        for gate in &self.list {
            [gate.allowed, gate.pauses, gate.crowd].into_iter().for_each(|number| w.u32(number));
            w.u64(gate.since.as_micros());
            w.u64(gate.until.as_micros());
            w.bool(gate.terminal);
        }
        w.len(self.families.len());
        self.families.iter().for_each(|&family| w.u32(family));
    }

    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) {
        r.each_up_to(GATES_MAX as usize, |r| {
            let [allowed, pauses, crowd] = [(); 3].map(|()| r.u32());
            let [since, until] = [r.u64(), r.u64()].map(CoreTime::from_micros);
            let terminal = r.bool();
            r.require(allowed > 0);
            self.list.push(Gate { allowed, pauses, crowd, since, until, terminal, in_flight: 0, sent: 0 });
        });
        r.each(|r| self.families.push(r.u32()));
    }

    /// The lease at `slot` is in flight.
    pub(crate) fn hold_again(&mut self, slot: u32, admitted: CoreTime) {
        let family = self.family_of(slot);
        if family != 0 {
            self.note_sent(admitted, family, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> CoreTime {
        CoreTime::from_micros(us)
    }

    const S: u64 = 1_000_000;

    fn shut(gates: &mut Gates, now: u64) -> Option<Shut> {
        gates.advance(at(now));
        gates.shut(1).map(|(shut, _)| shut)
    }

    fn refused(gates: &mut Gates, now: u64, until: Option<u64>, admitted: u64) -> bool {
        let news = News { terminal: false, until: until.map(at), admitted: Some(at(admitted)), live: 0 };
        gates.close(at(now), 1, &news)
    }

    #[test]
    fn a_gate_that_closed_opens_by_doubling() {
        let mut gates = Gates::default();
        (0..4).for_each(|slot| gates.sent(at(S), 1, slot));
        assert!(refused(&mut gates, 2 * S, Some(5 * S), S));
        assert_eq!(shut(&mut gates, 5 * S - 1), Some(Shut::Until(at(5 * S))));
        assert!(!gates.succeeded(at(3 * S), 1, Some(at(S))), "sent before it closed");
        assert_eq!(shut(&mut gates, 5 * S), None);
        gates.sent(at(5 * S), 1, 4);
        assert_eq!(shut(&mut gates, 5 * S), Some(Shut::Opening));
        let mut open = 0;
        for slot in 4..20 {
            open = slot;
            if gates.succeeded(at(6 * S), 1, Some(at(5 * S))) {
                break;
            }
            gates.ended(slot, at(5 * S));
            while shut(&mut gates, 6 * S).is_none() {
                gates.sent(at(6 * S), 1, 100);
            }
        }
        assert_eq!(open, 7, "as many successes as were in flight");
        assert_eq!(shut(&mut gates, 6 * S), None);
    }

    #[test]
    fn unnamed_pauses_double_by_news_only() {
        let mut gates = Gates::default();
        gates.sent(at(0), 1, 0);
        assert!(refused(&mut gates, S, None, 0));
        assert!(!refused(&mut gates, S, None, 0), "sent before: no news");
        assert_eq!(shut(&mut gates, S), Some(Shut::Until(at(2 * S))));
        gates.sent(at(2 * S), 1, 1);
        assert!(refused(&mut gates, 2 * S + 5, None, 2 * S));
        assert_eq!(shut(&mut gates, 3 * S), Some(Shut::Until(at(4 * S + 5))));
    }

    #[test]
    fn a_terminal_gate_opens_when_somebody_acts() {
        let mut gates = Gates::default();
        gates.sent(at(0), 1, 0);
        let news = News { terminal: true, until: None, admitted: Some(at(0)), live: 0 };
        assert!(gates.close(at(S), 1, &news));
        assert!(!gates.close(at(S), 1, &news), "once is enough");
        gates.advance(at(u64::MAX >> 2));
        assert_eq!(gates.shut(1), Some((Shut::Never, Cause::Circuit)));
        assert!(!gates.succeeded(at(2 * S), 1, Some(at(0))));
        assert!(gates.succeeded(at(3 * S), 1, None), "who tried without a lease knows");
        assert_eq!(shut(&mut gates, 3 * S), None);
        assert!(gates.close(at(4 * S), 1, &News { admitted: None, ..news }) && gates.open(at(5 * S), 1));
        assert_eq!(shut(&mut gates, 5 * S), None);
    }

    #[test]
    fn probing_sends_one_until_it_is_answered() {
        let mut gates = Gates::new(true);
        assert_eq!(shut(&mut gates, 0), None);
        gates.sent(at(0), 1, 0);
        assert_eq!(shut(&mut gates, 0), Some(Shut::Opening));
        assert!(gates.answered(at(S), 1, Some(at(0))));
        assert_eq!(shut(&mut gates, S), None);
    }

    #[test]
    fn what_was_saved_goes_on() {
        let mut gates = Gates::default();
        gates.sent(at(0), 1, 0);
        assert!(refused(&mut gates, S, Some(9 * S), 0));
        let mut w = Writer::default();
        gates.write(&mut w);
        let (bytes, mut again) = (w.into_bytes(), Gates::default());
        let mut r = Reader::new(&bytes);
        again.restore(&mut r);
        again.hold_again(0, at(0));
        assert!(r.end().is_ok());
        assert_eq!((again.family_of(0), again.list), (1, gates.list));
    }
}
