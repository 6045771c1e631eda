//! What the provider's refusals say: a hidden limit of calls in flight, or of calls a second.
//!
//! A refusal caps what is sent. The cap is first flat, then rises faster and faster (the cubic curve of CUBIC, RFC 9438), so
//! that asking for more costs one refusal a period, and the period is long enough for refusals to stay a small part of the
//! calls. As a limit of *calls in flight* the cap is what was in flight when the refused call was sent, without it. As a limit
//! of *calls a second* it is what was sent since the last refusal, over the time: the provider's bucket was empty at both
//! ends, so that is its refill. Which of the two it is shows in evidence: refused with nothing else in flight, or below a
//! level that was accepted since, speaks for a rate; refused again at the same level speaks for calls in flight.
//!
//! After a refusal that follows a reaction at once, and after any while a rate is limited, nothing is sent for a short while.
//!
//! Instants and durations in microseconds, rates in calls a second; everything is a number with a fraction, so that one list
//! of them is the image.

use super::See;
use super::maths::cbrt;

const S: f64 = 1_000_000.0;
/// Steepness of the curve.
const STEEP: f64 = 0.1;
/// Bounds of the period.
const PERIOD: (f64, f64) = (2.5 * S, 20.0 * S);
/// Longest pause, in microseconds.
pub(super) const PAUSE_MAX: f64 = 2.0 * S;
/// After a refusal the rate falls to this part of what is known; by at most so much at a time, more if refused again at once.
const RATE_AFTER: f64 = 0.95;
const RATE_CUT: (f64, f64) = (0.8, 0.7);
const RATE_MIN: f64 = 0.2;
/// What may be sent at once, in seconds of the rate.
const BURST_S: f64 = 0.5;
/// Evidence for a rate, and where it stops counting.
const SCORE: (f64, f64, f64) = (-2.0, 2.0, 3.0);

/// The state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Refusals {
    /// Slots, or calls a second; 0 before the first refusal.
    cap: f64,
    /// 1 if the cap is a rate.
    is_rate: f64,
    score: f64,
    /// When the curve began, and the period.
    since: f64,
    period: f64,
    /// Mean time until a refusal comes back.
    answer_us: f64,
    refused_at: f64,
    /// In flight when last refused, and the most that was accepted since.
    level: f64,
    accepted: f64,
    /// A call above the level whose refusal has not come back yet.
    witness_at: f64,
    witness: f64,
    sent: f64,
    bucket: f64,
    bucket_at: f64,
    /// Refusals in a row, each right after a reaction; the last pause.
    again: f64,
    pause: f64,
}

/// A refusal that has come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) admitted: f64,
    /// What was in flight when it was sent, without it.
    pub(super) in_flight: f64,
    /// The limit that latency sets.
    pub(super) limit: f64,
    /// Mean latency of answers; 0 if there was none.
    pub(super) mean_us: f64,
    /// Part of the calls that may be refused.
    pub(super) target: f64,
}

impl Refusals {
    fn lift(&self, now: f64) -> f64 {
        let u = (now - self.since) / self.period - 1.0;
        STEEP * u * u * u
    }

    /// Calls in flight, at most.
    pub(super) fn slots(&self, now: f64) -> f64 {
        if self.cap == 0.0 || self.is_rate > 0.0 { f64::INFINITY } else { self.cap * (1.0 + self.lift(now).max(0.0)) }
    }

    /// When one more slot than now is allowed.
    pub(super) fn next_slot_at(&self, now: f64) -> f64 {
        if self.slots(now) == f64::INFINITY {
            return f64::INFINITY;
        }
        let slots = self.slots(now);
        let more = (slots as u64 as f64 + 1.0) / self.cap - 1.0;
        self.since + self.period * (1.0 + cbrt(more / STEEP))
    }

    /// Calls a second.
    fn rate(&self, now: f64) -> f64 {
        let lift = self.lift(now);
        self.cap + lift * if lift > 0.0 { self.cap.max(0.5) } else { self.cap }
    }

    /// When the rate lets the next call through; `now` or earlier if it does.
    pub(super) fn opens_at(&self, now: f64) -> f64 {
        if self.is_rate == 0.0 {
            return now;
        }
        self.bucket_at + (1.0 - self.bucket).max(0.0) / self.rate(self.bucket_at) * S
    }

    /// Calls that may be sent at once. They come in at the rate of the last call, so that the instant of the next is exact.
    fn tokens(&self, now: f64) -> f64 {
        let rate = self.rate(self.bucket_at);
        (self.bucket + rate * (now - self.bucket_at) / S).min((BURST_S * rate).max(1.0))
    }

    /// A call is sent; `in_flight` counts it.
    pub(super) fn sent(&mut self, now: f64, in_flight: f64) {
        if self.cap == 0.0 {
            return;
        }
        self.sent += 1.0;
        if self.is_rate > 0.0 {
            self.bucket = self.tokens(now) - 1.0;
            self.bucket_at = now;
        }
        self.look_at_witness(now);
        if self.witness_at == 0.0 && in_flight > self.level {
            (self.witness_at, self.witness) = (now, in_flight);
        }
    }

    /// A call whose refusal would have come back by now was accepted.
    fn look_at_witness(&mut self, now: f64) {
        if self.witness_at > 0.0 && now - self.witness_at > 3.0 * self.answer_us {
            self.accepted = self.accepted.max(self.witness);
            self.witness_at = 0.0;
        }
    }

    /// Whether a refusal is news: its call was sent after the last one came back.
    pub(super) fn is_news(&self, admitted: f64) -> bool {
        admitted >= self.refused_at
    }

    /// Lets news change the cap. How long nothing is to be sent.
    pub(super) fn refused(&mut self, now: f64, refusal: &Refusal) -> f64 {
        let answer_us = now - refusal.admitted;
        self.answer_us += if self.answer_us == 0.0 { answer_us } else { 0.2 * (answer_us - self.answer_us) };
        let at_once = self.refused_at > 0.0 && now - self.refused_at < 4.0 * self.answer_us + self.pause;
        self.look_at_witness(now);
        if self.cap > 0.0 {
            self.weigh(refusal.in_flight, at_once);
        }
        let seconds = (now - self.since) / S;
        let sent_rate = if self.cap > 0.0 && seconds > 0.0 { self.sent / seconds } else { 0.0 };
        self.lower(now, refusal, sent_rate, at_once);
        self.since = now;
        self.period = self.period_for(refusal);
        (self.sent, self.bucket, self.bucket_at) = (0.0, 0.0, now);
        (self.level, self.accepted, self.witness_at, self.refused_at) = (refusal.in_flight, 0.0, 0.0, now);
        self.again = if at_once { self.again + 1.0 } else { 0.0 };
        self.pause = 0.0;
        if at_once || self.is_rate > 0.0 {
            let doubled =
                (1..self.again.min(32.0) as u32).fold(2.0 * self.answer_us, |us, _| (2.0 * us).min(PAUSE_MAX));
            self.pause = doubled.min(PAUSE_MAX);
        }
        self.pause
    }

    /// Evidence for a rate, or for calls in flight.
    fn weigh(&mut self, in_flight: f64, at_once: bool) {
        let near = (0.05 * self.level).max(1.0);
        let lower_was_refused = self.is_rate == 0.0 && at_once && in_flight + 1.0 <= self.cap;
        let higher_was_accepted = self.accepted > self.level + near;
        if in_flight < 1.0 || lower_was_refused || higher_was_accepted {
            self.score += 1.0;
        } else if !at_once && (in_flight - self.level).abs() <= near {
            self.score -= 1.0;
        }
        self.score = self.score.max(SCORE.0).min(SCORE.2);
    }

    fn lower(&mut self, now: f64, refusal: &Refusal, sent_rate: f64, at_once: bool) {
        let in_flight = refusal.in_flight.max(1.0);
        if self.is_rate == 0.0 && self.score >= SCORE.1 {
            let throughput = 0.7 * (refusal.in_flight + 1.0) / refusal.mean_us.max(1.0) * S;
            self.is_rate = 1.0;
            self.cap = (RATE_AFTER * sent_rate.max(throughput)).max(RATE_MIN);
        } else if self.is_rate > 0.0 && self.score <= 0.0 {
            self.is_rate = 0.0;
            self.cap = in_flight;
        } else if self.is_rate > 0.0 {
            // A rate that nobody asked for was never tried.
            let rate = self.rate(now).min(4.0 * sent_rate.max(RATE_MIN));
            let least = rate * if at_once { RATE_CUT.1 } else { RATE_CUT.0 };
            self.cap = (RATE_AFTER * sent_rate.min(rate).max(least)).max(RATE_MIN);
        } else {
            let allowed = self.slots(now).min(refusal.limit).max(1.0);
            let least = if at_once { allowed / 2.0 } else { 0.0 };
            self.cap = in_flight.max(least).min(allowed);
        }
    }

    /// So long that the refusals of a period are the target's part of its calls.
    fn period_for(&self, refusal: &Refusal) -> f64 {
        let answer_s = self.answer_us / S;
        let is_rate = self.is_rate > 0.0;
        let rate = if is_rate { self.cap } else { self.cap / (refusal.mean_us.max(1.0) / S) };
        let refusals = if is_rate { 1.0 } else { 0.5 } + 0.5 * rate * answer_s;
        let seconds = refusals / (refusal.target.max(0.001) * rate);
        (seconds * S).min(PERIOD.1).max(PERIOD.0).max(4.0 * self.answer_us)
    }

    /// Takes back what an outage taught.
    pub(super) const fn restore(&mut self, before: [f64; 3]) {
        [self.cap, self.is_rate, self.score] = before;
    }

    /// What an outage may teach wrongly.
    pub(super) const fn lesson(&self) -> [f64; 3] {
        [self.cap, self.is_rate, self.score]
    }

    /// Everything, in the order of an image.
    pub(super) fn each_number(&mut self, see: &mut See<'_>) {
        let Self { cap, is_rate, score, since, period, answer_us, refused_at, level, accepted, .. } = self;
        let Self { witness_at, witness, sent, bucket, bucket_at, again, pause, .. } = self;
        let own = [
            cap, is_rate, score, since, period, answer_us, refused_at, level, accepted, witness_at, witness, sent,
            bucket, bucket_at, again, pause,
        ];
        own.into_iter().for_each(see);
    }
}
