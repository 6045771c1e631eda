//! Decides how much of the maximum is used: the effective maximum follows what calls show of the provider.
//!
//! Three parts, each a file: `latency` finds how many calls run before they slow each other down, `refusals` the hidden limit
//! of a provider that refuses; the smaller of their limits is in force, and here are the pauses. `stall` holds callers back when
//! nothing is answered any more. What the governor itself refuses is never read as overload: it only says that there is demand.
//! DEVIATION from the documented behaviour, in which own refusals fed back: at half load that rule fell to 1 and stayed there.
//! They count only in an interval of `adjust_interval` (and twice the mean latency) in which nothing ended, as one step down.
//!
//! What counts as what: success and time-out are samples of latency (a time-out is a lower bound), errors are not (quick
//! failures look healthy), refusals neither. Whether the provider is down is not decided here (`gate`): an outage teaches nothing,
//! what the failures before it taught is taken back.
//!
//! Invariants: `min <= effective <= max`; floats only here, with `+ - * /`, so every machine computes the same. Instants in
//! core microseconds (whole below 2^53), calls in slots; weights outside are in millionths. Called by `governor`.

mod early;
mod kinds;
mod latency;
mod maths;
mod refusals;
mod stall;

use crate::codec::{Reader, Writer};
use crate::config::{self, WEIGHT_UNIT};
use crate::decision::Outcome;
use crate::time::CoreTime;
use latency::{Latency, Sample, Terms};
use refusals::{Refusal, Refusals};
use stall::Stall;

/// After this long without a call what was learned begins to be forgotten, in microseconds.
const SILENCE_US: f64 = 15_000_000.0;
/// The shortest window, as a part of `adjust_interval`.
const WINDOW: f64 = 0.2;

/// The controller's state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Adaptive {
    config: config::Adaptive,
    max: u64,
    latency: Latency,
    refusals: Refusals,
    stall: Stall,
    before: Before,
    /// 1 while the provider is down, and since when it last was: what was sent before says nothing.
    down: f64,
    down_since: f64,
    /// Nothing is sent before this instant.
    opens_at: f64,
    /// The last instant, and since when nothing is in flight.
    now: f64,
    silent_since: f64,
    /// Since when nothing has ended, and who asked meanwhile.
    interval: Interval,
}

/// What was known before the first failure in a row.
#[derive(Clone, Debug, Default, PartialEq)]
struct Before {
    mean_us: f64,
    /// What refusals had taught.
    refusals: [f64; 3],
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Interval {
    began: f64,
    asked: f64,
    refused: f64,
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) admitted: CoreTime,
    pub(crate) latency_us: u64,
    pub(crate) first_token_us: Option<u64>,
    pub(crate) output_tokens: u64,
    /// Weight in flight when it was admitted, and now, both without it.
    pub(crate) in_flight_then: u64,
    pub(crate) in_flight: u64,
}

impl Adaptive {
    pub(crate) fn new(config: config::Adaptive, max: u64) -> Self {
        Self {
            config,
            max,
            latency: Latency::new(slots(max)),
            refusals: Refusals::default(),
            stall: Stall::new(),
            before: Before::default(),
            down: 0.0,
            down_since: 0.0,
            opens_at: 0.0,
            now: 0.0,
            silent_since: 0.0,
            interval: Interval::default(),
        }
    }

    /// The maximum in force, in millionths: whole slots, or the minimum, or the maximum.
    pub(crate) fn effective_max(&self) -> u64 {
        let limit = self.limit();
        if limit >= slots(self.max) {
            return self.max;
        }
        let whole = limit as u64;
        whole.saturating_mul(WEIGHT_UNIT).max(self.config.min_concurrency).min(self.max)
    }

    #[inline(never)]
    fn limit(&self) -> f64 {
        self.latency.allowed().min(self.refusals.slots(self.now))
    }

    /// When the next call may be sent, if not now.
    #[inline(never)]
    pub(crate) fn opens_at(&self) -> Option<CoreTime> {
        let at = self.paused_until().max(self.stall.opens_at);
        (at > self.now).then(|| instant(at))
    }

    /// Nothing is sent before, whatever is answered. A stall ends with the next answer.
    pub(crate) fn holds_until(&self) -> CoreTime {
        instant(self.paused_until())
    }

    /// What refusals have taught.
    fn paused_until(&self) -> f64 {
        self.opens_at.max(self.refusals.opens_at(self.now))
    }

    /// When more may be allowed without any call's end.
    #[inline(never)]
    pub(crate) fn next_change(&self) -> CoreTime {
        let rested = self.silent_since + SILENCE_US;
        let changes = [self.refusals.next_slot_at(self.now), self.latency.probe_changes_at(), rested];
        let at = changes.into_iter().fold(self.now + self.interval_us(), f64::min);
        instant(at.max(self.now + 1.0))
    }

    /// Goes by another configuration. What is not held back now is not held back then.
    pub(crate) fn change(&mut self, config: config::Adaptive, max: u64) {
        let free = self.latency.limit >= slots(self.max);
        (self.config, self.max) = (config, max);
        let terms = self.terms();
        self.latency.limit = if free { terms.max } else { self.latency.limit.max(terms.min).min(terms.max) };
    }

    /// Somebody asked; `refused` for concurrency or share.
    #[inline]
    pub(crate) fn asked(&mut self, refused: bool) {
        self.interval.asked += 1.0;
        if refused {
            self.interval.refused += 1.0;
            self.latency.refused();
        }
    }

    /// A call is sent; so much is in flight with it.
    #[inline(never)]
    pub(crate) fn sent(&mut self, in_flight: u64) {
        let in_flight = slots(in_flight);
        self.latency.admitted(in_flight);
        self.refusals.sent(self.now, in_flight);
        self.stall.sent(self.now, self.latency.mean_us);
    }

    /// Time has passed with so much in flight.
    #[inline(never)]
    pub(crate) fn advance(&mut self, now: CoreTime, in_flight: u64) {
        let now = now.as_micros() as f64;
        let in_flight = slots(in_flight);
        self.now = now;
        self.latency.advance(now, in_flight);
        if in_flight > 0.0 {
            self.silent_since = now;
            self.stall.advance(now, self.latency.mean_us);
        } else {
            self.stall.clear();
            if now - self.silent_since >= SILENCE_US {
                self.latency.rest(now - self.silent_since, slots(self.max));
                self.silent_since = now;
            }
        }
        if now - self.interval.began >= self.interval_us() {
            let Interval { asked, refused, .. } = self.interval;
            if refused > asked * self.config.target_deny_rate {
                let terms = self.terms();
                self.latency.limit = (self.latency.limit - 1.0).max(terms.min);
            }
            self.interval = Interval { began: now, ..Interval::default() };
        }
    }

    /// How long nothing must end before own refusals count.
    fn interval_us(&self) -> f64 {
        (self.config.adjust_interval_us as f64).max(2.0 * self.latency.mean_us)
    }

    /// A call was answered, however.
    pub(crate) fn answered(&mut self, admitted: CoreTime) {
        self.stall.answered(admitted.as_micros() as f64);
    }

    /// Nobody waits for a call any more.
    pub(crate) fn given_up(&mut self, admitted: CoreTime) {
        self.stall.given_up(admitted.as_micros() as f64);
    }

    /// A call has ended, at the instant of the last `advance`.
    #[inline(never)]
    pub(crate) fn ended(&mut self, ended: &Ended) {
        self.interval = Interval { began: self.now, ..Interval::default() };
        let (now, admitted) = (self.now, ended.admitted.as_micros() as f64);
        match ended.outcome {
            Outcome::Cancelled => self.given_up(ended.admitted),
            Outcome::Timeout => {}
            _ => self.answered(ended.admitted),
        }
        if ended.outcome == Outcome::Success {
            // Not what was reported, which others' ages cannot be compared with.
            self.stall.took(now - admitted);
        }
        if ended.outcome == Outcome::Cancelled || admitted < self.down_since {
            return;
        }
        let (in_flight, limit) = (slots(ended.in_flight), self.limit());
        if ended.outcome.is_refusal() {
            self.refused(ended, admitted);
        } else if ended.outcome != Outcome::Error {
            let (latency_us, output_tokens) = (ended.latency_us as f64, ended.output_tokens as f64);
            let first_token_us = ended.first_token_us.map(|us| us.min(ended.latency_us) as f64);
            let timed_out = ended.outcome == Outcome::Timeout;
            let sample = Sample { admitted, latency_us, output_tokens, first_token_us, timed_out };
            self.latency.sample(now, &sample, in_flight, limit, &self.terms());
        }
    }

    fn refused(&mut self, ended: &Ended, admitted: f64) {
        // Calls that were sent before the last refusal came back say the same again.
        if self.refusals.is_news(admitted) {
            let in_flight = slots(ended.in_flight_then);
            let (target, mean_us) = (self.config.target_deny_rate, self.latency.mean_us);
            let refusal = Refusal { admitted, in_flight, limit: self.latency.limit, mean_us, target };
            let us = self.refusals.refused(self.now, &refusal);
            self.opens_at = self.opens_at.max(self.now + us);
        }
    }

    /// The gate begins to fail, which may be the begin of an outage.
    pub(crate) const fn fails(&mut self) {
        if self.down == 0.0 {
            self.before = Before { mean_us: self.latency.mean_us, refusals: self.refusals.lesson() };
        }
    }

    /// The provider is down: nobody is sent, but single calls that try.
    pub(crate) fn goes_down(&mut self) {
        // Only what is sent from now on.
        (self.down, self.down_since) = (1.0, self.now + 1.0);
        self.stall.clear();
        self.refusals.restore(self.before.refusals);
    }

    /// It is back, with so much in flight. Of how it is now nothing is known.
    pub(crate) fn comes_back(&mut self, in_flight: u64) {
        if self.down > 0.0 {
            (self.down, self.opens_at) = (0.0, self.now);
            self.latency.begin_again(self.now, slots(in_flight), self.before.mean_us);
        }
    }

    fn terms(&self) -> Terms {
        let config::Adaptive { alpha, latency_threshold, adjust_interval_us, min_concurrency, .. } = self.config;
        Terms {
            alpha,
            threshold: latency_threshold,
            window_us: adjust_interval_us as f64 * WINDOW,
            min: slots(min_concurrency.min(self.max)),
            max: slots(self.max),
        }
    }

    /// Everything, in the order of an image. Never inlined, nor a chain of iterators: copies of that were 8 KB of wasm.
    #[inline(never)]
    fn each_number(&mut self, see: &mut See<'_>) {
        let Self { latency, refusals, stall, before, down, down_since, opens_at, now, silent_since, interval, .. } =
            self;
        let Interval { began, asked, refused } = interval;
        let Before { mean_us, refusals: [cap, is_rate, score] } = before;
        let own = [down, down_since, mean_us, cap, is_rate, score, opens_at, now, silent_since, began, asked, refused];
        own.into_iter().for_each(&mut *see);
        latency.each_number(see);
        refusals.each_number(see);
        stall.each_number(see);
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        self.clone().each_number(&mut |number| w.f64(*number));
    }

    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) {
        self.each_number(&mut |number| {
            *number = r.f64();
            r.require(number.is_finite());
        });
        r.require(self.stall.is_sane());
    }
}

/// Who is shown every number of a state.
type See<'a> = dyn FnMut(&mut f64) + 'a;

fn slots(weight: u64) -> f64 {
    weight as f64 / WEIGHT_UNIT as f64
}

fn instant(at: f64) -> CoreTime {
    // Rounded up: at the instant itself it is open.
    let us = at.max(0.0) as u64;
    CoreTime::from_micros(us.saturating_add(u64::from((us as f64) < at)))
}

#[cfg(test)]
mod tests;
