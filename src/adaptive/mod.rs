//! Decides how much of the maximum is used: the effective maximum follows what calls show of the provider.
//!
//! Once an interval: if calls ended, their mean latency is compared with a moving baseline. Above `threshold` times the
//! baseline, and with at least half of it used, the maximum shrinks in proportion, at most by half; otherwise it grows by a tenth, at least by one, at any load.
//! The governor's own refusals are no evidence against the provider: they count only in an interval in which nothing
//! ended, as one step down. An interval without any sign of life restores the maximum.
//!
//! The baseline falls with a faster mean, rises slowly while latency is healthy (so it follows longer answers), and at
//! the floor quickly (what is slow with one call in flight is slow by itself).
//!
//! Invariants: `min <= effective <= max`; floats only here, with + - * /, so every machine computes the same. Times in core
//! microseconds, weights in millionths. DEVIATION from the documented behaviour, in which own refusals fed back: at half
//! load that rule fell to 1 and stayed there. Called by `governor`.

use crate::codec::{Reader, Writer};
use crate::config::{self, WEIGHT_UNIT};
use crate::decision::Outcome;
use crate::time::CoreTime;

/// Largest cut of one interval.
const CUT_MAX: f64 = 0.5;
/// Growth of one healthy interval.
const GROWTH: f64 = 0.1;
/// How fast the baseline follows, as parts of `alpha`: slower latency while healthy, and while over the threshold.
const FOLLOW_HEALTHY: f64 = 0.25;
const FOLLOW_SLOW: f64 = 0.1;

/// The controller's state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Adaptive {
    config: config::Adaptive,
    max: u64,
    effective: u64,
    /// Mean latency when the provider is not overloaded, in microseconds; 0 before the first sample.
    baseline_us: f64,
    /// Smoothed latency, in microseconds; 0 before the first sample.
    smooth_us: f64,
    interval: Interval,
}

/// What happened since the last adjustment.
#[derive(Clone, Debug, Default, PartialEq)]
struct Interval {
    started: CoreTime,
    asked: u64,
    refused: u64,
    ended: u64,
    /// Ends with a latency that says something about load.
    samples: u64,
    latency_sum_us: f64,
    /// Highest weight in flight, in millionths.
    peak: u64,
}

impl Adaptive {
    pub(crate) fn new(config: config::Adaptive, max: u64) -> Self {
        Self { config, max, effective: max, baseline_us: 0.0, smooth_us: 0.0, interval: Interval::default() }
    }

    #[inline]
    pub(crate) const fn effective_max(&self) -> u64 {
        self.effective
    }

    /// Goes by another configuration. What is not held back now is not held back then.
    pub(crate) fn change(&mut self, config: config::Adaptive, max: u64) {
        let free = self.effective == self.max;
        (self.config, self.max) = (config, max);
        self.effective = if free { max } else { self.effective.clamp(config.min_concurrency.min(max), max) };
    }

    /// When the next adjustment may happen.
    pub(crate) fn next_adjustment(&self) -> CoreTime {
        self.interval.started.plus(self.config.adjust_interval_us)
    }

    /// Somebody asked; `refused` for concurrency or share.
    #[inline]
    pub(crate) const fn asked(&mut self, refused: bool) {
        self.interval.asked = self.interval.asked.saturating_add(1);
        self.interval.refused = self.interval.refused.saturating_add(refused as u64);
    }

    /// So much is in flight after a grant.
    #[inline]
    pub(crate) fn in_flight(&mut self, weight: u64) {
        self.interval.peak = self.interval.peak.max(weight);
    }

    /// A call ended after `latency_us`. Errors and cancellations say nothing about latency: quick failures look healthy.
    #[inline]
    pub(crate) fn ended(&mut self, outcome: Outcome, latency_us: u64) {
        self.interval.ended = self.interval.ended.saturating_add(1);
        if matches!(outcome, Outcome::Success | Outcome::Timeout) {
            self.interval.samples = self.interval.samples.saturating_add(1);
            self.interval.latency_sum_us += latency_us as f64;
        }
    }

    /// Adjusts if an interval is over. `in_flight` is the weight held now.
    #[inline]
    pub(crate) fn advance(&mut self, now: CoreTime, in_flight: u64) {
        if now >= self.next_adjustment() {
            self.adjust(now, in_flight);
        }
    }

    fn adjust(&mut self, now: CoreTime, in_flight: u64) {
        let quiet_us = now.since(self.next_adjustment());
        let interval = core::mem::take(&mut self.interval);
        self.interval.started = now;
        self.interval.peak = in_flight;
        if interval.samples > 0 {
            self.judge(interval.latency_sum_us / interval.samples as f64, interval.peak);
        } else if interval.ended == 0 && interval.asked > 0 {
            let refused = interval.refused as f64 / interval.asked as f64;
            if refused > self.config.target_deny_rate {
                self.set((self.effective as f64) - WEIGHT_UNIT as f64);
            }
        }
        // Nobody asked and nothing is held, or a whole interval went by in which nothing called: what was learned is old.
        if (interval.asked == 0 && in_flight == 0) || quiet_us >= self.config.adjust_interval_us {
            self.effective = self.max;
        }
    }

    fn judge(&mut self, mean_us: f64, peak: u64) {
        let config::Adaptive { alpha, latency_threshold, .. } = self.config;
        if self.baseline_us <= 0.0 {
            self.baseline_us = mean_us.max(1.0);
            self.smooth_us = mean_us;
        }
        self.smooth_us += alpha * (mean_us - self.smooth_us);
        // A mean that is healthy again counts at once; one that is slow has to last.
        let level_us = self.smooth_us.min(mean_us);
        let ratio = level_us / self.baseline_us;
        let effective = self.effective as f64;
        let follow = if ratio > latency_threshold {
            let at_floor = self.effective <= self.config.min_concurrency;
            // What is slow while not half of the maximum is used is slow by itself.
            let used = peak >= self.effective / 2;
            if used {
                self.set(effective * (latency_threshold / ratio).max(CUT_MAX));
            }
            if at_floor || !used { alpha } else { alpha * FOLLOW_SLOW }
        } else {
            self.set(effective + (effective * GROWTH).max(WEIGHT_UNIT as f64));
            if ratio < 1.0 { alpha } else { alpha * FOLLOW_HEALTHY }
        };
        self.baseline_us = (self.baseline_us + follow * (level_us - self.baseline_us)).max(1.0);
    }

    /// Whole slots between the floor and the maximum.
    fn set(&mut self, weight: f64) {
        let whole = (weight.max(0.0) as u64) / WEIGHT_UNIT;
        self.effective = whole.saturating_mul(WEIGHT_UNIT).max(self.config.min_concurrency).min(self.max);
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.effective);
        w.f64(self.baseline_us);
        w.f64(self.smooth_us);
        w.u64(self.interval.started.as_micros());
        w.u64(self.interval.asked);
        w.u64(self.interval.refused);
        w.u64(self.interval.ended);
        w.u64(self.interval.samples);
        w.f64(self.interval.latency_sum_us);
        w.u64(self.interval.peak);
    }

    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) {
        self.effective = r.u64().clamp(self.config.min_concurrency, self.max);
        self.baseline_us = finite(r);
        self.smooth_us = finite(r);
        self.interval = Interval {
            started: CoreTime::from_micros(r.u64()),
            asked: r.u64(),
            refused: r.u64(),
            ended: r.u64(),
            samples: r.u64(),
            latency_sum_us: finite(r),
            peak: r.u64(),
        };
    }
}

fn finite(r: &mut Reader<'_>) -> f64 {
    let value = r.f64();
    r.require(value.is_finite() && value >= 0.0);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn controller(max: u64) -> Adaptive {
        let mut adaptive = Adaptive::new(config::Adaptive::default(), max * WEIGHT_UNIT);
        adaptive.advance(CoreTime::from_micros(100 * S), 0);
        adaptive
    }

    /// One interval with `refused` refusals and ends of these latencies; the effective maximum after it, in slots.
    fn interval(adaptive: &mut Adaptive, refused: u64, latencies_ms: &[u64]) -> u64 {
        (0..refused).for_each(|_| adaptive.asked(true));
        for ms in latencies_ms {
            adaptive.asked(false);
            adaptive.in_flight(20 * WEIGHT_UNIT);
            adaptive.ended(Outcome::Success, ms * 1000);
        }
        let next = adaptive.next_adjustment();
        adaptive.advance(next, WEIGHT_UNIT);
        adaptive.effective_max() / WEIGHT_UNIT
    }

    #[test]
    fn own_refusals_do_not_lower_it_while_calls_end_in_healthy_time() {
        let mut adaptive = controller(20);
        for _ in 0..100 {
            assert_eq!(interval(&mut adaptive, 1000, &[1000; 10]), 20);
        }
    }

    #[test]
    fn refusals_alone_lower_it_by_one_step() {
        let mut adaptive = controller(20);
        assert_eq!(interval(&mut adaptive, 10, &[]), 19);
        assert_eq!(interval(&mut adaptive, 10, &[]), 18);
        assert_eq!(interval(&mut adaptive, 0, &[500]), 19, "and it rises again when calls end");
    }

    #[test]
    fn slow_calls_lower_it_and_healthy_ones_restore_it() {
        let mut adaptive = controller(20);
        interval(&mut adaptive, 0, &[1000; 10]);
        let slow = (0..5).map(|_| interval(&mut adaptive, 0, &[5000; 10])).last().unwrap();
        assert!(slow <= 10, "{slow}");
        let healthy = (0..20).map(|_| interval(&mut adaptive, 0, &[1000; 10])).last().unwrap();
        assert_eq!(healthy, 20);
    }

    #[test]
    fn it_follows_a_workload_that_became_longer_for_good() {
        let mut adaptive = controller(20);
        interval(&mut adaptive, 0, &[1000; 10]);
        (0..200).for_each(|_| {
            interval(&mut adaptive, 50, &[4000; 10]);
        });
        assert_eq!(interval(&mut adaptive, 50, &[4000; 10]), 20);
    }

    #[test]
    fn silence_restores_it() {
        let mut adaptive = controller(20);
        (0..30).for_each(|_| {
            interval(&mut adaptive, 10, &[]);
        });
        assert_eq!(adaptive.effective_max(), WEIGHT_UNIT);
        let later = adaptive.next_adjustment().plus(5 * S);
        adaptive.advance(later, 0);
        assert_eq!(adaptive.effective_max(), 20 * WEIGHT_UNIT);
    }

    #[test]
    fn natural_variance_does_not_lower_it_while_it_is_barely_used() {
        let mut adaptive = controller(20);
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            // Exponential with a mean of 2 s, one call at a time.
            adaptive.asked(false);
            adaptive.in_flight(WEIGHT_UNIT);
            adaptive.ended(Outcome::Success, (-(rng.f64().max(1e-9)).ln() * 2e6) as u64);
            let next = adaptive.next_adjustment();
            adaptive.advance(next, 0);
            assert!(adaptive.effective_max() >= 10 * WEIGHT_UNIT);
        }
    }

    #[test]
    fn quick_errors_are_not_healthy_latency() {
        let mut adaptive = controller(20);
        interval(&mut adaptive, 0, &[1000; 10]);
        (0..10).for_each(|_| adaptive.ended(Outcome::Error, 1));
        let next = adaptive.next_adjustment();
        adaptive.advance(next, WEIGHT_UNIT);
        assert!(adaptive.baseline_us > 500_000.0);
    }
}
