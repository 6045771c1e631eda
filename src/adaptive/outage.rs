//! Whether the provider is down, and how calls come back.
//!
//! Failures in a row, with no success of a call sent since the first of them, close the gate: then single calls go out, after
//! pauses that double. The first success opens it: the limit is a quarter of what it was, and grows by one with each success
//! (it doubles in a round trip) until it is back. Errors and time-outs must also be at least half of what was sent meanwhile,
//! so that an endpoint that fails now and then is not taken for one that is down.
//!
//! Sources: circuit breaker (Nygard, "Release It!", 2007), slow start of TCP (RFC 5681). Everything is a number with a
//! fraction, so that one list of them is the image.

const S: f64 = 1_000_000.0;
/// Failures in a row that are an outage; while calls come back fewer are.
const FAILURES: (f64, f64) = (8.0, 3.0);
/// Calls in flight while the gate is closed.
const PROBES: f64 = 3.0;
/// First and longest pause between two calls while the gate is closed, and the pause when it closes.
const PAUSE: (f64, f64) = (0.25 * S, 2.0 * S);
const PAUSE_FIRST: f64 = 2.0 * S;

/// The state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outage {
    /// Calls in flight, at most; 0 without an outage.
    limit: f64,
    /// 1 while calls come back.
    opening: f64,
    since: f64,
    /// Calls sent since the gate closed.
    probes: f64,
    /// Failures in a row, when the first of them came back, and what was sent since.
    failures: f64,
    failing_since: f64,
    sent: f64,
    before: Before,
}

/// What was known before the failures, which they would spoil.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Before {
    pub(super) limit: f64,
    pub(super) mean_us: f64,
    /// What refusals had taught.
    pub(super) refusals: [f64; 3],
}

/// What a call's end means for the gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    Nothing,
    /// It has closed: nothing is sent for so long.
    Closed(f64),
    /// It has opened.
    Opened,
}

impl Outage {
    /// Calls in flight, at most.
    pub(super) const fn allowed(&self) -> f64 {
        if self.limit == 0.0 { f64::INFINITY } else { self.limit }
    }

    /// Whether a call was sent before the gate last moved: its end is no news.
    pub(super) fn is_old(&self, admitted: f64) -> bool {
        admitted < self.since
    }

    /// Nothing but single calls gets through.
    pub(super) const fn is_closed(&self) -> bool {
        self.limit > 0.0 && self.opening == 0.0
    }

    pub(super) const fn before(&self) -> &Before {
        &self.before
    }

    /// A call is sent: how long nothing else is.
    pub(super) fn sent(&mut self) -> f64 {
        self.sent += 1.0;
        if !self.is_closed() {
            return 0.0;
        }
        self.probes += 1.0;
        (1..self.probes.min(32.0) as u32).fold(PAUSE.0, |us, _| (2.0 * us).min(PAUSE.1))
    }

    /// A call failed: with an error or without an answer, or refused by the provider.
    pub(super) fn failed(&mut self, now: f64, refused: bool, before: Before) -> Change {
        if self.is_closed() {
            return Change::Nothing;
        }
        if self.failures == 0.0 {
            (self.failing_since, self.sent) = (now, 0.0);
            if self.limit == 0.0 {
                self.before = before;
            }
        }
        self.failures += 1.0;
        let opening = self.opening > 0.0;
        let many = if opening { FAILURES.1 } else { FAILURES.0 };
        let most = opening || refused || 2.0 * self.failures >= self.sent;
        if self.failures < many || !most {
            return Change::Nothing;
        }
        let pause = if opening { PAUSE.0 } else { PAUSE_FIRST };
        (self.limit, self.opening, self.since, self.probes) = (PROBES, 0.0, now, 0.0);
        Change::Closed(pause)
    }

    /// A call succeeded.
    pub(super) fn succeeded(&mut self, now: f64, admitted: f64, limit: f64) -> Change {
        if admitted >= self.failing_since {
            self.failures = 0.0;
        }
        if self.limit == 0.0 {
            return Change::Nothing;
        }
        if self.opening > 0.0 {
            self.limit += 1.0;
            if self.limit >= limit.min(self.before.limit) {
                (self.limit, self.opening) = (0.0, 0.0);
            }
            return Change::Nothing;
        }
        (self.limit, self.opening, self.failures) = ((self.before.limit / 4.0).max(1.0), 1.0, 0.0);
        (self.since, self.failing_since) = (now, now);
        Change::Opened
    }

    /// Everything, in the order of an image.
    pub(super) fn numbers(&mut self) -> [&mut f64; 12] {
        let Self { limit, opening, since, probes, failures, failing_since, sent, before } = self;
        let Before { limit: limit_before, mean_us, refusals: [cap, is_rate, score] } = before;
        [limit, opening, since, probes, failures, failing_since, sent, limit_before, mean_us, cap, is_rate, score]
    }
}
