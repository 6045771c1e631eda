//! How many calls the provider serves before they slow each other down.
//!
//! Once a window the typical latency is compared with a baseline: what a call takes on a provider that is not overloaded.
//! Above `threshold` times the baseline the limit is cut in proportion; otherwise it grows while it is in use, and drifts to
//! the maximum while it is not. What tells of load (the time to the first token of a stream, the time per token where they are known, else
//! the latency; `kinds`) enters as its square root, which halves the effect of heavy tails; the standard error comes from the
//! same window, so a noisy one convinces less.
//!
//! Of a stream only the first part of its latency tells of load, and only that changes with the calls in flight: limits are moved in
//! proportion to it.
//!
//! A cut takes three things into account. `pressure` is the integral of the calls in flight over the sum of the latencies
//! that ended: 1 in a steady state (Little's law), more while a queue builds up, so that the cut is for the latency that new
//! calls will see. Strong evidence closes a window early. What ends within one latency of a cut was queued before it, and
//! says nothing of it.
//!
//! The baseline follows windows in which demand and not the limit set the concurrency (*free* ones), falls with faster
//! windows, and rises slowly otherwise. Under steady saturation a longer workload and overload look alike: then a *probe*
//! halves what is in flight for about one latency, and the baseline moves towards what the calls of that span took. Cuts
//! in a row that do not help, and slowness with next to nothing in flight, speak against the baseline too.
//!
//! A first baseline that was taken under overload would look like health for ever. It is therefore compared with the first calls
//! (`early`), and tried by a probe when callers are refused early on.
//!
//! Sources: windowed latency against a baseline as in Netflix's concurrency-limits (Gradient2); Little's law (1961); probing
//! for the base latency as in BBR (Cardwell et al., 2016). Instants and durations in microseconds, calls in slots. Everything
//! is a number with a fraction, so that one list of them is the image.

use core::mem;

use super::See;
use super::early::Early;
use super::kinds::{BATCH, Kinds, Signal};
use super::maths::sqrt;

const S: f64 = 1_000_000.0;
/// Samples that fill a window.
const SAMPLES: f64 = BATCH;
/// After so many mean latencies fewer samples are enough: with little in flight there are no more.
const PATIENCE: f64 = 4.0;
const SAMPLES_LEAST: f64 = 3.0;
/// A window that is cut short needs this much evidence: samples, microseconds, part of the threshold.
const EARLY: (f64, f64, f64) = (5.0, 0.5 * S, 1.3);
/// The first windows, whose mean is the first baseline; those before the flow is steady are left out, up to a number.
const FIRST: f64 = 5.0;
const UNSTEADY: f64 = 1.25;
const UNSTEADY_MAX: f64 = 8.0;
/// Largest growth of a window: before the first cut, and after.
const GROWTH: (f64, f64) = (1.5, 1.25);
const CUT_MAX: f64 = 0.5;
const PRESSURE_MAX: f64 = 3.0;
/// A limit that is not used is at the maximum after this long.
const IDLE_US: f64 = 60.0 * S;
/// How the baseline follows, at `alpha` 0.2: free windows, faster ones.
const FOLLOW_FREE: f64 = 0.03;
const FOLLOW_FASTER: f64 = 0.3;
/// Standard errors by which a window must be faster.
const FASTER_SE: f64 = 3.0;
/// Above this ratio of latency (as a root) to the baseline, the baseline is in doubt.
const SUSPECT: f64 = 1.1;
/// Mean latencies between two probes, at least and at most, and how often one lasts at the longest.
const PROBES: (f64, f64) = (30.0, 120.0);
const PROBE_MAX: f64 = 6.0;
/// Probes of a baseline that may have been taken under overload begin within so many windows, with so much in flight.
const UNTRIED: (f64, f64) = (20.0, 4.0);
/// Calls that waited for fewer lower the baseline if they took less than this part of it, less a standard error of heavy tails.
const LOOK_LESS: f64 = 0.95;

/// The state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Latency {
    /// Calls in flight, at most.
    pub(super) limit: f64,
    /// Mean latency; 0 before the first sample.
    pub(super) mean_us: f64,
    /// Typical root of a latency without overload; 0 before the first window.
    base: f64,
    /// Windows judged, and those left out before the first.
    windows: f64,
    unsteady: f64,
    /// Cuts so far, and since the last window that was not slow.
    cuts: f64,
    cuts_in_row: f64,
    cut_at: f64,
    /// Ends before this instant do not count.
    counts_from: f64,
    seen: f64,
    window: Window,
    probe: Probe,
    early: Early,
    kinds: Kinds,
}

/// What ended since the window began.
#[derive(Clone, Debug, Default, PartialEq)]
struct Window {
    began: f64,
    samples: f64,
    roots: f64,
    squares: f64,
    latency_us: f64,
    /// What of it tells of load.
    telling_us: f64,
    /// Integral of the calls in flight, in call microseconds.
    area: f64,
    peak: f64,
    /// How many were refused for want of slots.
    starved: f64,
}

/// A look at the provider with half of the calls, in three stages: until those above the limit have ended; while those are
/// let in that are looked at; until they have ended.
#[derive(Clone, Debug, Default, PartialEq)]
struct Probe {
    limit: f64,
    /// When the stage ends at the latest; 0: no probe goes on.
    until: f64,
    /// When the second stage began, and ended; 0 before.
    from: f64,
    to: f64,
    samples: f64,
    roots: f64,
    /// Not before this instant.
    next: f64,
    /// Mean latencies between two; 0 before the first.
    interval: f64,
}

/// A call that ended with a latency that says something about load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) admitted: f64,
    pub(super) latency_us: f64,
    /// 0 where they are not known.
    pub(super) output_tokens: f64,
    /// Of a stream.
    pub(super) first_token_us: Option<f64>,
    pub(super) timed_out: bool,
}

impl Sample {
    /// What tells of load, as a root.
    fn signal(&self) -> (Signal, f64) {
        let Self { latency_us, output_tokens, first_token_us, timed_out, .. } = *self;
        if let Some(us) = first_token_us {
            return (Signal::FirstToken, sqrt(us.max(1.0)));
        }
        let (kind, unit) =
            if output_tokens > 0.0 { (Signal::PerToken, output_tokens + 20.0) } else { (Signal::Latency, 1.0) };
        (if timed_out { Signal::TimedOut } else { kind }, sqrt(latency_us.max(1.0) / unit))
    }
}

/// What the configuration says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) alpha: f64,
    pub(super) threshold: f64,
    /// Shortest window.
    pub(super) window_us: f64,
    /// Bounds of the limit.
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Latency {
    pub(super) fn new(limit: f64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Calls in flight, at most: fewer than the limit during a probe.
    pub(super) fn allowed(&self) -> f64 {
        let probing = self.probe.until > 0.0 && self.probe.to == 0.0;
        if probing { self.limit.min(self.probe.limit) } else { self.limit }
    }

    /// When a probe lets more in again, if nothing else does before.
    pub(super) fn probe_changes_at(&self) -> f64 {
        if self.probe.until > 0.0 { self.probe.until } else { f64::INFINITY }
    }

    pub(super) fn refused(&mut self) {
        self.window.starved += 1.0;
    }

    pub(super) fn admitted(&mut self, in_flight: f64) {
        self.window.peak = self.window.peak.max(in_flight);
        self.early.admitted(self.seen, in_flight);
    }

    /// For so long the limit was not needed: what was learned grows old.
    pub(super) fn rest(&mut self, us: f64, max: f64) {
        self.limit = (self.limit + max * (us / IDLE_US)).min(max);
    }

    /// Time has passed with so many calls in flight.
    pub(super) fn advance(&mut self, now: f64, in_flight: f64) {
        self.window.area += in_flight * (now - self.seen);
        self.seen = now;
        let Probe { until, from, to, limit, .. } = self.probe;
        if until == 0.0 {
            return;
        }
        if from == 0.0 && in_flight <= limit {
            self.probe.from = now;
            self.probe.until = self.after(1.0, now);
        } else if now < until {
        } else if from > 0.0 && to == 0.0 {
            self.probe.to = now;
            self.probe.until = self.after(2.0, now);
            // What was in flight under the probe says nothing of the limit.
            self.counts_from = self.after(1.0, now);
            self.begin_window(now, in_flight);
        } else {
            self.learn_from_probe();
            self.probe.until = 0.0;
            self.probe.next = self.after(self.probe.interval.max(2.0), now);
        }
    }

    /// A call has ended; `in_flight` is without it, `allowed` what was in force.
    pub(super) fn sample(&mut self, now: f64, sample: &Sample, in_flight: f64, allowed: f64, terms: &Terms) {
        let latency_us = sample.latency_us.max(1.0);
        let (signal, own) = sample.signal();
        let scaled = self.kinds.scaled(signal, own);
        // A sixteenth at the usual `alpha`.
        let weight = if self.mean_us > 0.0 { terms.alpha * 0.3125 } else { 1.0 };
        self.mean_us += weight * (latency_us - self.mean_us);
        if let Some(root) = scaled {
            self.probe.sample(sample.admitted, root);
            self.early.sample(sample.admitted, root);
        }
        if now < self.counts_from {
            self.begin_window(now, in_flight);
            return;
        }
        self.kinds.note(signal, own);
        let window = &mut self.window;
        window.latency_us += latency_us;
        window.telling_us += sample.first_token_us.unwrap_or(latency_us);
        if let Some(root) = scaled {
            window.samples += 1.0;
            window.roots += root;
            window.squares += root * root;
        }
        if self.is_full(now, terms) {
            self.judge(now, in_flight, allowed, terms);
        }
    }

    fn is_full(&self, now: f64, terms: &Terms) -> bool {
        let Window { samples, began, .. } = self.window;
        let long_us = now - began;
        if long_us >= self.mean_us.max(terms.window_us) {
            let is_patient = long_us >= PATIENCE * self.mean_us;
            return samples >= SAMPLES || (samples >= SAMPLES_LEAST && is_patient) || self.kinds.has_news();
        }
        if samples < EARLY.0 || long_us < EARLY.1 || self.base == 0.0 {
            return false;
        }
        let (typical, error) = self.typical();
        square((typical - 2.0 * error).max(0.0) / self.base) * self.pressure() > EARLY.2 * terms.threshold
    }

    /// Mean of the window's roots, and its standard error.
    fn typical(&self) -> (f64, f64) {
        let Window { samples, roots, squares, .. } = self.window;
        let mean = roots / samples;
        (mean, sqrt((squares / samples - mean * mean).max(0.0) / samples))
    }

    fn pressure(&self) -> f64 {
        let pressure = (self.window.area / self.window.latency_us).clamp(1.0, PRESSURE_MAX);
        // Windows of streams differ in it by the lengths of those that ended.
        1.0 + self.window.telling() * (pressure - 1.0)
    }

    /// What was seen of late says nothing.
    pub(super) fn begin_again(&mut self, now: f64, in_flight: f64, mean_us: f64) {
        self.mean_us = mean_us;
        self.begin_window(now, in_flight);
    }

    fn begin_window(&mut self, now: f64, in_flight: f64) {
        self.window = Window { began: now, peak: in_flight, ..Window::default() };
    }

    /// A window whose kinds are new says nothing but what they are.
    fn get_to_know(&mut self, now: f64, in_flight: f64) {
        if self.windows == 0.0 {
            self.kinds.begin_anew();
            self.early.begin_anew();
        } else {
            self.kinds.correct(None, 0.0);
        }
        self.begin_window(now, in_flight);
    }

    fn judge(&mut self, now: f64, in_flight: f64, allowed: f64, terms: &Terms) {
        if self.window.samples < SAMPLES_LEAST {
            return self.get_to_know(now, in_flight);
        }
        let ((typical, error), pressure) = (self.typical(), self.pressure());
        let window = mem::take(&mut self.window);
        let Window { began, samples, peak, starved, .. } = window;
        self.begin_window(now, in_flight);
        if self.windows == 0.0
            && let Some(base) = self.early.instead_of(typical)
        {
            (self.base, self.windows) = (base, FIRST);
        }
        if self.windows == 0.0 && pressure > UNSTEADY && self.unsteady < UNSTEADY_MAX {
            self.unsteady += 1.0;
            return;
        }
        self.windows += 1.0;
        let first = self.windows <= FIRST;
        if first {
            self.base += (typical - self.base) / self.windows;
            if self.windows == FIRST {
                let (samples, roots) = self.early.seen();
                self.look(samples, roots);
            }
        }
        let ratio = square(typical / self.base);
        let room = window.room(ratio, terms.threshold);
        // Demand and not the limit set the concurrency.
        let free = starved == 0.0 && peak < 0.8 * allowed && pressure < 1.1;
        let agility = terms.alpha * 5.0;
        self.kinds.correct(Some(typical), if free { (FOLLOW_FREE * agility).min(1.0) } else { 0.0 });
        if !free && square((typical - error).max(0.0) / self.base) > terms.threshold {
            self.cut(now, room / pressure, typical, peak, terms);
        } else {
            self.cuts_in_row = 0.0;
            if !free && (starved > 0.0 || peak >= 0.8 * self.limit) {
                let most = if self.cuts > 0.0 { GROWTH.1 } else { GROWTH.0 };
                self.limit = self.limit * room.min(most) + 0.2;
            } else {
                self.rest(now - began, terms.max);
            }
        }
        self.limit = self.limit.max(terms.min).min(terms.max);
        if first {
            return;
        }
        let suspect = !free && ratio > SUSPECT * SUSPECT;
        let follow = if free {
            FOLLOW_FREE
        } else if typical + FASTER_SE * error < self.base {
            FOLLOW_FASTER
        } else if suspect {
            // With little in flight there is little to queue: what is slow then is slow by itself.
            (1.0 / square(self.limit)).clamp(0.003, FOLLOW_FASTER)
        } else {
            samples / (samples + 2_000.0)
        };
        self.base += (follow * agility).min(1.0) * (typical - self.base);
        // The first baseline may have been taken under overload, which then looks like health: it is tried as well.
        let untried = self.is_untried() && self.cuts == 0.0 && in_flight >= UNTRIED.1 && starved > 0.0;
        let settled = now - self.cut_at > 5.0 * self.mean_us && self.probe.until == 0.0 && now >= self.probe.next;
        if settled && (suspect || untried) {
            self.begin_probe(now, in_flight, terms);
        }
    }

    fn cut(&mut self, now: f64, factor: f64, typical: f64, peak: f64, terms: &Terms) {
        let before = self.limit;
        self.limit = (before.min(peak) * factor.clamp(CUT_MAX, 1.0)).max(terms.min);
        self.cuts += 1.0;
        self.cuts_in_row += 1.0;
        if self.cuts_in_row > 2.0 {
            self.base += (0.1 * (self.cuts_in_row - 1.0)).min(0.5) * (typical - self.base);
        }
        if self.limit < 0.9 * before {
            self.cut_at = now;
            self.counts_from = self.after(1.0, now);
        }
    }

    /// Lowers the baseline to what calls took that waited for fewer, if that is clearly less.
    fn look(&mut self, samples: f64, roots: f64) -> bool {
        let found = roots / samples;
        let is_less = samples >= SAMPLES_LEAST && found < self.base * (LOOK_LESS - 0.5 / sqrt(samples));
        if is_less {
            self.base += (found - self.base) * samples / (samples + 5.0);
        }
        is_less
    }

    fn is_untried(&self) -> bool {
        self.probe.interval == 0.0 && self.windows < UNTRIED.0
    }

    fn begin_probe(&mut self, now: f64, in_flight: f64, terms: &Terms) {
        self.probe = Probe {
            limit: (0.5 * in_flight).max(terms.min).max(1.0),
            until: self.after(PROBE_MAX, now),
            interval: self.probe.interval,
            ..Probe::default()
        };
    }

    fn learn_from_probe(&mut self) {
        let Probe { samples, roots, interval, .. } = self.probe;
        if samples >= SAMPLES_LEAST {
            let before = self.base;
            let found = roots / samples;
            if self.is_untried() && self.look(samples, roots) {
                return;
            }
            self.base = (before + (found - before) * samples / (samples + 15.0)).min(before * 1.25);
            let changed = (self.base - before).abs() > 0.1 * before;
            self.probe.interval = if changed { PROBES.0 } else { (2.0 * interval.max(PROBES.0)).min(PROBES.1) };
        }
    }

    /// So many mean latencies after an instant.
    const fn after(&self, times: f64, now: f64) -> f64 {
        now + times * self.mean_us
    }

    /// Everything, in the order of an image.
    pub(super) fn each_number(&mut self, see: &mut See<'_>) {
        let Self { window, probe, early, kinds, .. } = self;
        let own = [
            &mut self.limit,
            &mut self.mean_us,
            &mut self.base,
            &mut self.windows,
            &mut self.unsteady,
            &mut self.cuts,
            &mut self.cuts_in_row,
            &mut self.cut_at,
            &mut self.counts_from,
            &mut self.seen,
        ];
        own.into_iter().for_each(&mut *see);
        window.numbers().into_iter().for_each(&mut *see);
        probe.numbers().into_iter().for_each(&mut *see);
        early.numbers().into_iter().for_each(&mut *see);
        kinds.each_number(see);
    }
}

impl Window {
    /// The part of the latency that tells of load: of a stream what comes after its first token does not.
    fn telling(&self) -> f64 {
        self.telling_us / self.latency_us
    }

    /// How many calls may be in flight, as a part of those that were, for the signal to be at the threshold.
    fn room(&self, ratio: f64, threshold: f64) -> f64 {
        threshold / ratio * self.telling() + (1.0 - self.telling())
    }

    fn numbers(&mut self) -> [&mut f64; 9] {
        let Self { began, samples, roots, squares, latency_us, telling_us, area, peak, starved } = self;
        [began, samples, roots, squares, latency_us, telling_us, area, peak, starved]
    }
}

impl Probe {
    /// A call has ended; it counts if it was let in during the second stage.
    fn sample(&mut self, admitted: f64, root: f64) {
        let Self { until, from, to, .. } = *self;
        if until > 0.0 && from > 0.0 && admitted >= from && (to == 0.0 || admitted < to) {
            self.samples += 1.0;
            self.roots += root;
        }
    }

    fn numbers(&mut self) -> [&mut f64; 8] {
        let Self { limit, until, from, to, samples, roots, next, interval } = self;
        [limit, until, from, to, samples, roots, next, interval]
    }
}

fn square(x: f64) -> f64 {
    x * x
}
