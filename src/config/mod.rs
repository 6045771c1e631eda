//! Decides what a configuration means: checked once, typed afterwards. Every default and every range of the numeric
//! configuration is in this module and nowhere else, in any language.
//!
//! Rust users fill a [`Config`]; what JavaScript users write arrives as a [`Value`] and goes through [`Config::parse`].
//! Both end in [`Config::check`]. Units: weights in millionths, times in microseconds, everything else whole.

mod identity;
mod limit;
mod mistakes;
mod parse;
mod value;

use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use limit::BUCKET_MAX;
pub use limit::{Algorithm, Limit, Window};
pub use value::Value;

use crate::error::ConfigError;
use crate::text::{joined, number};
use mistakes::Mistakes;

/// One unit of concurrency.
pub(crate) const WEIGHT_UNIT: u64 = 1_000_000;
/// The largest weight and the largest maximum: 10^9 slots.
pub(crate) const WEIGHT_MAX: u64 = 1_000_000_000 * WEIGHT_UNIT;
/// Longest window and longest lease: 366 days.
pub(crate) const SPAN_MAX_US: u64 = 366 * 86_400 * 1_000_000;
/// A share of 1, in thousandths.
pub(crate) const SHARE_UNIT: u32 = 1_000;
/// Longest pause of a timer: what JavaScript's take, 2^31 - 1 ms.
const TIMER_MAX_US: u64 = 2_147_483_647_000;
/// Largest amount of a limit: what JavaScript counts exactly.
pub(crate) const LIMIT_MAX: u64 = (1 << 53) - 1;

/// What a governor enforces. The default enforces nothing: it hands out leases, and they expire.
///
/// ```
/// use throttleai::{Concurrency, Config, Rate};
/// let config = Config {
///     concurrency: Some(Concurrency { max_in_flight: 5_000_000, interactive_reserve: 2_000_000 }),
///     rate: Some(Rate { requests: Some(60), tokens: Some(100_000), ..Rate::default() }),
///     ..Config::default()
/// };
/// config.check()?;
/// # Ok::<(), throttleai::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Weight in flight. Off by default.
    pub concurrency: Option<Concurrency>,
    /// Requests and tokens in a rolling window. Off by default.
    pub rate: Option<Rate>,
    /// Any other limits, at most 1,024; `rate` is sugar for two of them. None by default.
    pub limits: Vec<Limit>,
    /// Names of the metrics that [`Metric::Custom`](crate::Metric::Custom) counts, at most [`METRICS_MAX`](crate::METRICS_MAX).
    pub metrics: Vec<String>,
    /// Bounds of what one actor holds of the concurrency (these need `concurrency`), and an order of those who wait that goes by
    /// what actors have consumed. Off by default: in the order of arrival.
    pub fairness: Option<Fairness>,
    /// Actors may have other shares than 1, see [`Request::share`](crate::Request::share), which also orders those who wait by
    /// what actors have consumed. `false` by default.
    pub shares: bool,
    /// Concurrency that follows latency. Off by default; needs `concurrency`.
    pub adaptive: Option<Adaptive>,
    /// Families of models are probed: until the first answer of one was observed one call of it is in flight at a time.
    /// `false` by default.
    pub probes: bool,
    /// Lifetime of a lease, 1 ms to 366 days; 60 s by default.
    pub lease_ttl_us: u64,
    /// Pause between two sweeps while leases are held, 1 ms to 24 days; 5 s by default.
    pub reaper_interval_us: u64,
    /// Those who wait.
    pub queue: Queue,
    /// How much the governor remembers.
    pub caps: Caps,
}

/// How much may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Total weight, in millionths: 1 to 10^15.
    pub max_in_flight: u64,
    /// Weight that background work leaves free, in millionths; 0 by default, less than `max_in_flight`.
    pub interactive_reserve: u64,
}

/// Limits of a rolling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls in a window, 1 to 2^53 - 1. Off by default.
    pub requests: Option<u64>,
    /// Tokens in a window, 1 to 2^53 - 1. Off by default.
    pub tokens: Option<u64>,
    /// Length of the window, 1 ms to 366 days; 60 s by default.
    pub window_us: u64,
}

/// How concurrency is shared between actors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fairness {
    /// Part of the effective maximum that one actor may hold once half of it is in use, above 0 and at most 1; 0.6 by
    /// default.
    pub soft_cap_ratio: f64,
    /// For how long an actor that was refused for concurrency counts as starved, up to 366 days; 5 s by default.
    pub starvation_window_us: u64,
}

/// How the effective maximum follows what is observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// Smoothing of what is observed, above 0 and at most 1; 0.2 by default. Larger follows faster.
    pub alpha: f64,
    /// Part of the calls that may be refused in an interval in which nothing ended, 0 to 1; 0.05 by default.
    pub target_deny_rate: f64,
    /// Latency over its baseline above which the maximum is lowered, 1 to 1000; 1.5 by default.
    pub latency_threshold: f64,
    /// Between two adjustments, 1 ms to 366 days; 5 s by default.
    pub adjust_interval_us: u64,
    /// The effective maximum never goes below, in millionths; 1,000,000 by default, at most `max_in_flight`.
    pub min_concurrency: u64,
}

/// How calls wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Waiters, at most; 0 to 1,000,000, by default 10,000.
    pub max: u32,
    /// Who is refused when there are so many.
    pub overflow: QueueOverflow,
    /// For how long after the first time a waiter that does not fit may be passed by others that do, up to 366 days; 5 s by
    /// default, 0: never. Then what comes free where it waits is kept for it, and background work counts as interactive in the
    /// order.
    pub ageing_us: u64,
}

/// Who is refused when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueOverflow {
    /// Who comes. The default.
    #[default]
    Reject,
    /// Who has waited longest, of the lowest class that is not above that of who comes; without one, who comes.
    DropOldest,
}

/// Bounds of what a governor remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Actors, 1 to 4,000,000; 100,000 by default.
    pub actors: u32,
    /// Keys of limits that count by keys, 1 to 4,000,000; 100,000 by default.
    pub keys: u32,
    /// Leases in flight, 1 to 4,000,000; 1,000,000 by default.
    pub leases: u32,
    /// Bytes of an id in UTF-8, 1 to 65,536; 512 by default. Checked by whoever holds the strings.
    pub id_bytes: u32,
    /// What happens to unknown actors and keys when all places are taken by those that are still needed.
    pub overflow: Overflow,
}

/// What happens to unknown actors and keys at the cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// They count as one together, keys those of a set: stricter, but nobody is locked out. The default.
    #[default]
    Share,
    /// They are refused.
    Deny,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: None,
            rate: None,
            limits: Vec::new(),
            metrics: Vec::new(),
            fairness: None,
            shares: false,
            adaptive: None,
            probes: false,
            lease_ttl_us: 60_000_000,
            reaper_interval_us: 5_000_000,
            queue: Queue::default(),
            caps: Caps::default(),
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { requests: None, tokens: None, window_us: 60_000_000 }
    }
}

impl Default for Fairness {
    fn default() -> Self {
        Self { soft_cap_ratio: 0.6, starvation_window_us: 5_000_000 }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            alpha: 0.2,
            target_deny_rate: 0.05,
            latency_threshold: 1.5,
            adjust_interval_us: 5_000_000,
            min_concurrency: WEIGHT_UNIT,
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { max: 10_000, overflow: QueueOverflow::Reject, ageing_us: 5_000_000 }
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self { actors: 100_000, keys: 100_000, leases: 1_000_000, id_bytes: 512, overflow: Overflow::Share }
    }
}

impl Config {
    /// Checks every number against its range, and the numbers that concern each other.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that is wrong, by the name that JavaScript users know it by.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut first = None;
        self.find_mistakes(&mut Mistakes::new(&mut first));
        first.map_or(Ok(()), Err)
    }

    fn find_mistakes(&self, mistakes: &mut Mistakes<'_>) {
        if let Some(concurrency) = &self.concurrency {
            self.check_concurrency(concurrency, mistakes);
        }
        if let Some(rate) = &self.rate {
            mistakes.count("rate.requestsPerMinute", rate.requests.unwrap_or(1), 1, LIMIT_MAX);
            mistakes.count("rate.tokensPerMinute", rate.tokens.unwrap_or(1), 1, LIMIT_MAX);
            mistakes.span("rate.windowMs", rate.window_us, 1_000, SPAN_MAX_US);
        }
        limit::check(self, mistakes);
        if let Some(fairness) = &self.fairness {
            let ratio = fairness.soft_cap_ratio;
            mistakes.real("fairness.softCapRatio", ratio, ratio > 0.0 && ratio <= 1.0, "a number above 0, at most 1");
            mistakes.span("fairness.starvationWindowMs", fairness.starvation_window_us, 0, SPAN_MAX_US);
        }
        if let Some(adaptive) = &self.adaptive {
            check_adaptive(adaptive, mistakes);
        }
        mistakes.span("leaseTtlMs", self.lease_ttl_us, 1_000, SPAN_MAX_US);
        mistakes.span("reaperIntervalMs", self.reaper_interval_us, 1_000, TIMER_MAX_US);
        mistakes.count("queue.max", u64::from(self.queue.max), 0, 1_000_000);
        mistakes.span("queue.ageingMs", self.queue.ageing_us, 0, SPAN_MAX_US);
        mistakes.count("caps.actors", u64::from(self.caps.actors), 1, 4_000_000);
        mistakes.count("caps.keys", u64::from(self.caps.keys), 1, 4_000_000);
        mistakes.count("caps.leases", u64::from(self.caps.leases), 1, 4_000_000);
        mistakes.count("caps.idBytes", u64::from(self.caps.id_bytes), 1, 65_536);
    }

    fn check_concurrency(&self, concurrency: &Concurrency, mistakes: &mut Mistakes<'_>) {
        let (max, reserve) = (concurrency.max_in_flight, concurrency.interactive_reserve);
        let fits = (1..=WEIGHT_MAX).contains(&max);
        mistakes.weight("concurrency.maxInFlight", max, fits, "a number above 0, at most 1000000000");
        let allowed = "0 or more and less than maxInFlight";
        let noted = mistakes.weight("concurrency.interactiveReserve", reserve, reserve < max, allowed);
        if let Some(mistake) = noted.filter(|_| reserve <= WEIGHT_MAX) {
            let max = number(mistakes::slots(max));
            let told = ["interactiveReserve (", &mistake.value, ") must be less than maxInFlight (", &max, ")"];
            mistake.message = Some(joined(&told));
        }
        if let Some(adaptive) = &self.adaptive {
            let min = adaptive.min_concurrency;
            let fits = min >= 1 && min <= max;
            mistakes.weight("adaptive.minConcurrency", min, fits, "a number above 0, at most maxInFlight");
        }
    }
}

fn check_adaptive(adaptive: &Adaptive, mistakes: &mut Mistakes<'_>) {
    let Adaptive { alpha, target_deny_rate, latency_threshold, adjust_interval_us, .. } = *adaptive;
    mistakes.real("adaptive.alpha", alpha, alpha > 0.0 && alpha <= 1.0, "a number above 0, at most 1");
    let rate = (0.0..=1.0).contains(&target_deny_rate);
    mistakes.real("adaptive.targetDenyRate", target_deny_rate, rate, "a number from 0 to 1");
    let threshold = (1.0..=1000.0).contains(&latency_threshold);
    mistakes.real("adaptive.latencyThreshold", latency_threshold, threshold, "a number from 1 to 1000");
    mistakes.span("adaptive.adjustIntervalMs", adjust_interval_us, 1_000, SPAN_MAX_US);
}
