//! How calls went: the gate of their family is told first, then the controller, which an outage is to teach nothing.

#[cfg(test)]
mod tests;

use super::Governor;
use crate::adaptive::Ended;
use crate::config::WEIGHT_UNIT;
use crate::decision::{LeaseId, Output, Report};
use crate::gate::{Change, Refusal, Reported};
use crate::lease::{Known, Lease};
use crate::observation::{Answered, GateMoved, Observation};
use crate::queue::At;
use crate::time::{CoreTime, Instant};

impl Governor {
    /// Opens the gate of a family, whatever closed it: somebody has acted. Whether it was closed. A hidden limit that was refused
    /// keeps its own pause.
    pub fn reopen(&mut self, now: Instant, family: u32) -> bool {
        let t = self.advance(now);
        let opened = self.gates.open(t, family);
        if opened {
            self.note_health(family, Change::Opened);
        }
        self.serve(t);
        opened
    }

    /// Tells the gate what a provider has answered.
    pub(super) fn note_answer(&mut self, t: CoreTime, seen: &Observation, admitted: Option<CoreTime>) {
        let Observation { family, answered, retry_at, .. } = *seen;
        if let (Some(adaptive), Some(admitted)) = (&mut self.adaptive, admitted) {
            adaptive.answered(admitted);
        }
        let refused = matches!(answered, Answered::Transient | Answered::Overload | Answered::Terminal);
        let change = if refused {
            let until = retry_at.map(|at| self.clock.to_core(at));
            let terminal = answered == Answered::Terminal;
            self.gates.refused(t, family, &Refusal { terminal, until, admitted, live: self.leases.live() })
        } else {
            // One more may go, at least.
            self.queue.came_back(At::gate(family));
            self.gates.answered(t, family, admitted, answered == Answered::Ok)
        };
        let live = seen.lease.filter(|&lease| matches!(self.leases.find(lease), Known::Live(_)));
        if let Some(lease) = live.filter(|_| answered != Answered::Other && self.gates.has(family)) {
            self.gates.note_told(lease.slot, refused);
        }
        self.note_health(family, change);
    }

    /// Tells gate and controller how a call went that has just given its slots back. `explained`: a hidden limit says why it was
    /// refused, and what it explains the others would only cut again.
    #[inline(never)]
    pub(super) fn learn(
        &mut self,
        t: CoreTime,
        (lease, held): (LeaseId, &Lease),
        latency_us: u64,
        report: &Report,
        explained: bool,
    ) {
        let in_flight = self.pool.as_ref().map_or(0, |pool| pool.active());
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.advance(t, in_flight.saturating_add(held.weight));
            if explained {
                adaptive.answered(held.admitted);
            }
        }
        let (slot, admitted, outcome) = (lease.slot, held.admitted, report.outcome);
        let until = report.pause_us().map(|us| t.plus(us));
        if explained && until.is_none() {
            return;
        }
        let change = self.gates.reported(t, &Reported { slot, admitted, outcome, until, live: self.leases.live() });
        self.note_health(self.gates.family_of(slot), change);
        if let Some(adaptive) = self.adaptive.as_mut().filter(|_| !explained) {
            adaptive.ended(&Ended {
                outcome,
                admitted,
                latency_us,
                first_token_us: report.first_token_us,
                output_tokens: report.output_tokens.unwrap_or(0),
                in_flight_then: self.leases.crowd(lease).saturating_mul(WEIGHT_UNIT),
                in_flight,
            });
        }
    }

    /// Tells the controller, those who wait and the outside what has become of a gate.
    fn note_health(&mut self, family: u32, change: Change) {
        let in_flight = self.pool.as_ref().map_or(0, |pool| pool.active());
        if let Some(adaptive) = &mut self.adaptive {
            match change {
                Change::Failing => adaptive.fails(),
                Change::Closed => adaptive.goes_down(),
                Change::Opening | Change::Opened => adaptive.comes_back(in_flight),
                Change::Nothing | Change::Refuses => {}
            }
        }
        let open = match change {
            Change::Nothing | Change::Failing | Change::Opening => return,
            Change::Closed | Change::Refuses => false,
            Change::Opened => true,
        };
        let (until, circuit) = if open { (None, false) } else { self.gates.closed(family) };
        let until = until.map(|at| self.clock.to_caller(at));
        self.outputs.push_back(Output::Gate(GateMoved { family, until, open, circuit }));
        self.queue.came_back(At::gate(family));
    }
}
