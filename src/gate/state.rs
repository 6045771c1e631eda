//! The health of one family: open; closed until an instant, or until somebody acts; or opening.
//!
//! Who comes back is one at a time until a call has succeeded, then one more may be in flight with each success, until they are the
//! crowd that it was when things went wrong: they double in a round trip. After failures half of the crowd follows the first
//! success at once, since it was not too large. What fails meanwhile closes the gate again, for longer. (In the simulator's
//! outages a quarter at first costs 1 to 2 % of the answers where calls are long; neither is followed by a second that is busier
//! than those before the outage. Half of the crowd after refusals is refused four times as often where a provider says nothing
//! but when to come back.)

use super::{Change, Refusal, Shut};
use crate::codec::{Reader, Writer};
use crate::time::CoreTime;

/// The first pause and the longest where the provider names no instant, in microseconds: after a refusal, and after failures,
/// where nobody has asked for one and a probe is how the end of an outage is noticed. They double.
const PAUSE_REFUSED_US: (u64, u64) = (1_000_000, 64_000_000);
const PAUSE_FAILED_US: (u64, u64) = (250_000, 2_000_000);
/// Failures in a row that close an open gate, and at most so many one that opens.
const FAILURES: (u32, u32) = (8, 3);
/// After failures, and the first success, the crowd may be in flight divided by this.
const BACK_AT_ONCE: u32 = 2;
/// Calls in flight while a gate is open.
const OPEN: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gate {
    /// Calls in flight at most, of those that were sent since it closed.
    allowed: u32,
    /// When it closed, just after.
    since: CoreTime,
    until: CoreTime,
    /// It is closed for failures, or for an error that stays.
    circuit: bool,
    /// Pauses in a row that the provider has not named.
    pauses: u32,
    /// Calls in flight when it closed, or when it began to fail.
    crowd: u32,
    /// Failures in a row, when the first of them came back, and what was sent since.
    failures: u32,
    failing_since: CoreTime,
    sent_meanwhile: u32,
    /// When the last refusal came back that counts among the failures.
    refused_at: CoreTime,
    in_flight: u32,
    /// Of these, those that were sent since it closed.
    sent: u32,
}

impl Gate {
    pub(super) fn new(probes: bool, in_flight: u32) -> Self {
        let never = CoreTime::default();
        let allowed = if probes { 1 } else { OPEN };
        let (since, until, failing_since, refused_at) = (never, never, never, never);
        let (pauses, crowd, failures, sent_meanwhile, sent, circuit) = (0, 1, 0, 0, 0, false);
        Self {
            allowed,
            since,
            until,
            circuit,
            pauses,
            crowd,
            failures,
            failing_since,
            sent_meanwhile,
            refused_at,
            in_flight,
            sent,
        }
    }

    pub(super) const fn shut(&self, now: CoreTime) -> Option<Shut> {
        if now.as_micros() < self.until.as_micros() {
            let never = self.until.as_micros() == CoreTime::NEVER.as_micros();
            return Some(if never { Shut::Never } else { Shut::Until(self.until) });
        }
        if self.sent < self.allowed { None } else { Some(Shut::Opening) }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.allowed == OPEN
    }

    pub(super) const fn is_circuit(&self) -> bool {
        self.circuit
    }

    pub(super) const fn until(&self) -> CoreTime {
        self.until
    }

    pub(super) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// It waits for a first answer: it has never closed.
    pub(super) fn is_probed(&self) -> bool {
        !self.is_open() && self.until == CoreTime::default()
    }

    /// A call is in flight that was sent at `admitted`.
    pub(super) fn holds(&mut self, admitted: CoreTime) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.sent = self.sent.saturating_add(u32::from(admitted >= self.since));
    }

    pub(super) fn sends(&mut self, now: CoreTime) {
        self.holds(now);
        self.sent_meanwhile = self.sent_meanwhile.saturating_add(1);
    }

    pub(super) fn ended(&mut self, admitted: CoreTime) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.sent = self.sent.saturating_sub(u32::from(admitted >= self.since));
    }

    /// A call was sent before the gate last closed: what comes of it is no news.
    fn is_old(&self, admitted: Option<CoreTime>) -> bool {
        admitted.is_some_and(|admitted| admitted < self.since)
    }

    fn pause(&mut self, now: CoreTime, (first, longest): (u64, u64)) -> CoreTime {
        let us = (0..self.pauses.min(32)).fold(first, |us, _| us.saturating_mul(2).min(longest));
        self.pauses = self.pauses.saturating_add(1);
        now.plus(us)
    }

    fn close(&mut self, now: CoreTime, until: CoreTime, circuit: bool) {
        (self.until, self.circuit) = (until.max(self.until), circuit);
        (self.allowed, self.sent, self.since, self.failures) = (1, 0, now.plus(1), 0);
    }

    /// Whether it now says something else than before.
    pub(super) fn refused(&mut self, now: CoreTime, refusal: &Refusal) -> bool {
        let Refusal { terminal, until, admitted, live } = *refusal;
        // One that is past is what servers name that do not know: no pause would be none at all, for everybody.
        let until = until.filter(|&at| at > now);
        if self.is_old(admitted) && until.is_none() && !terminal {
            return false;
        }
        let until = match until {
            Some(at) => at,
            None if terminal => CoreTime::NEVER,
            None => self.pause(now, PAUSE_REFUSED_US),
        };
        if self.is_open() {
            // Of what was sent before the family had a number nothing is known here.
            let first = self.until == CoreTime::default();
            self.crowd = self.in_flight.max(if first { live } else { 0 }).max(1);
        } else if until <= self.until {
            return false;
        }
        self.close(now, until, terminal);
        true
    }

    /// A call has failed, which is no longer in flight. Errors and time-outs must also be at least half of what was sent meanwhile,
    /// so that an endpoint that fails now and then is not taken for one that is down.
    pub(super) fn failed(&mut self, now: CoreTime, admitted: CoreTime, refused: bool) -> Change {
        // Refused calls that were sent before the last refusal came back say the same again.
        if admitted < self.since || refused && admitted < self.refused_at {
            return Change::Nothing;
        }
        self.refused_at = if refused { now } else { self.refused_at };
        let (open, first) = (self.is_open(), self.failures == 0);
        if first {
            (self.failing_since, self.sent_meanwhile) = (now, 0);
            if open {
                self.crowd = self.in_flight.saturating_add(1);
            }
        }
        self.failures = self.failures.saturating_add(1);
        let many = if open { FAILURES.0 } else { self.allowed.min(FAILURES.1) };
        let most = !open || refused || self.failures.saturating_mul(2) >= self.sent_meanwhile;
        if self.failures < many || !most {
            return if open && first { Change::Failing } else { Change::Nothing };
        }
        let until = self.pause(now, PAUSE_FAILED_US);
        self.close(now, until, true);
        Change::Closed
    }

    /// A call has succeeded, sent at `admitted` if that is known.
    pub(super) fn succeeded(&mut self, now: CoreTime, admitted: Option<CoreTime>) -> Change {
        if admitted.is_none_or(|admitted| admitted >= self.failing_since) {
            self.failures = 0;
        }
        if self.is_old(admitted) {
            return Change::Nothing;
        }
        self.pauses = 0;
        // Somebody has tried without a lease.
        let tried = admitted.is_none() && self.until == CoreTime::NEVER;
        if self.is_open() || now < self.until && !tried {
            return Change::Nothing;
        }
        let first = self.allowed == 1;
        // Who was refused does not know how many the provider takes.
        let back = if self.circuit { self.crowd / BACK_AT_ONCE } else { 0 };
        self.allowed = if first { back.max(2) } else { self.allowed.saturating_add(1) };
        if self.allowed > self.crowd || tried {
            self.open(now);
            return Change::Opened;
        }
        if first { Change::Opening } else { Change::Nothing }
    }

    pub(super) fn open(&mut self, now: CoreTime) {
        (self.allowed, self.circuit, self.pauses) = (OPEN, false, 0);
        self.until = self.until.min(now);
    }

    /// What is counted in flight is counted again when it is read.
    pub(super) fn write(&self, w: &mut Writer) {
        let Self { allowed, pauses, crowd, failures, sent_meanwhile, .. } = *self;
        [allowed, pauses, crowd, failures, sent_meanwhile].into_iter().for_each(|number| w.u32(number));
        [self.since, self.until, self.failing_since, self.refused_at].into_iter().for_each(|at| w.u64(at.as_micros()));
        w.bool(self.circuit);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let mut gate = Self::new(false, 0);
        let Self { allowed, pauses, crowd, failures, sent_meanwhile, .. } = &mut gate;
        [allowed, pauses, crowd, failures, sent_meanwhile].into_iter().for_each(|number| *number = r.u32());
        let Self { since, until, failing_since, refused_at, .. } = &mut gate;
        [since, until, failing_since, refused_at].into_iter().for_each(|at| *at = CoreTime::from_micros(r.u64()));
        gate.circuit = r.bool();
        r.require(gate.allowed > 0);
        gate
    }
}
