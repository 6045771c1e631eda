//! Decides what a configured limit is: its metric, amount, window and algorithm, each within the range that its arithmetic
//! keeps exact.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::mistakes::Mistakes;
use super::{Config, LIMIT_MAX, SPAN_MAX_US};
use crate::decision::{METRICS_MAX, Metric};
use crate::error::{ConfigError, Mistake};
use crate::index::Index;
use crate::text::{digits, item, joined, quoted};

/// Limits of one governor, at most: each that counts a call costs time at that call.
const LIMITS_MAX: usize = 1_024;
/// Warnings of one limit.
const WARNINGS_MAX: usize = 8;
/// Bytes of what a limit counts by.
const PER_MAX: u64 = 65_536;
/// The largest amount of a token bucket, burst and debt together: below it every step of its arithmetic is exact.
pub(crate) const BUCKET_MAX: u64 = (1 << 53) / 1_000;
/// How many times its burst a bucket may owe by default.
const DEBT_BURSTS: u64 = 9;

/// So much of a metric in each window. It is its name: another metric, window, algorithm or `per` is another limit.
///
/// ```
/// use throttleai::{Algorithm, Config, Limit, Metric, Window};
/// let cost = Limit::new("spend", Metric::CostUsd, 25_000_000, 1);
/// let day = Limit { window: Window::Calendar, algorithm: Algorithm::FixedWindow, ..cost };
/// let minute = Limit::new("tokens/1m", Metric::Tokens, 200_000, 60_000_000);
/// let bucket = Limit { algorithm: Algorithm::TokenBucket { burst: Some(500) }, ..minute.clone() };
/// Config { limits: vec![day, Limit { name: "smooth".into(), ..bucket }, minute], ..Config::default() }.check()?;
/// # Ok::<(), throttleai::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What denials call it; one name a limit.
    pub name: String,
    /// What it counts.
    pub metric: Metric,
    /// How much fits into a window, in whole units of the metric (money in millionths of a dollar): 1 to 2^53 - 1, of a
    /// token bucket to 9,007,199,254,740.
    pub limit: u64,
    /// Over which time.
    pub window: Window,
    /// How. By default an exact sliding window; calendar periods are always fixed ones.
    pub algorithm: Algorithm,
    /// Which key of a call it counts apart: limits with the same text are a set, see [`Keys`](crate::Keys). Empty by default:
    /// all calls together. At most 65,536 bytes.
    pub per: String,
    /// Parts of it at which to warn, in millionths, in rising order: 1 to 1,000,000, at most 8. None by default.
    pub warn_at: Vec<u32>,
    /// How far reported overuse may take it above its limit, in units; what is above that is forgiven. By default as far as
    /// it goes; of a token bucket nine times its burst.
    pub max_debt: Option<u64>,
}

/// Over which time a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// So many microseconds: 1 ms to 366 days, of a token bucket whole milliseconds.
    Micros(u64),
    /// Periods whose ends the governor is told, see [`Output::NeedBoundaries`](crate::Output::NeedBoundaries).
    Calendar,
}

/// How a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// What was admitted in the last `window`, exactly.
    #[default]
    SlidingWindow,
    /// What was admitted since the last multiple of `window`, or since the calendar period began.
    FixedWindow,
    /// A bucket that holds `burst` (by default the limit) and gains the limit in each `window`, evenly.
    TokenBucket {
        /// 1 to what [`Limit::limit`] may be.
        burst: Option<u64>,
    },
    /// What was admitted in the last `window`, of a limit whose number nobody tells: it is learnt from the provider's refusals,
    /// and [`Limit::limit`] is what it is at most. It binds from the first refusal on. Only of requests, tokens and metrics of
    /// one's own, without `warn_at` and `max_debt`; of those that count by keys each key learns its own.
    Hidden,
}

impl Limit {
    /// A sliding window of `window_us` microseconds.
    #[must_use]
    pub fn new(name: &str, metric: Metric, limit: u64, window_us: u64) -> Self {
        let (window, algorithm) = (Window::Micros(window_us), Algorithm::default());
        let (per, warn_at) = (String::new(), Vec::new());
        Self { name: name.to_owned(), metric, limit, window, algorithm, per, warn_at, max_debt: None }
    }

    /// Whether denials for it have the reason [`Reason::Budget`](crate::Reason::Budget).
    #[must_use]
    pub const fn is_budget(&self) -> bool {
        matches!(self.metric, Metric::CostUsd) || matches!(self.window, Window::Calendar)
    }

    /// The most that it can ever hold of admitted calls.
    pub(crate) const fn capacity(&self) -> u64 {
        match self.algorithm {
            Algorithm::TokenBucket { burst: Some(burst) } => burst,
            _ => self.limit,
        }
    }

    /// The bound of a bucket's debt.
    pub(crate) fn bucket_debt(&self) -> u64 {
        let default = self.capacity().saturating_mul(DEBT_BURSTS).min(BUCKET_MAX.saturating_sub(self.capacity()));
        self.max_debt.unwrap_or(default)
    }

    /// Whether both are one limit, of which only amounts may have changed.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let kinds = [self, other].map(|limit| core::mem::discriminant(&limit.algorithm));
        let [own, others] = [self, other].map(|limit| (&limit.name, &limit.per, limit.metric, limit.window));
        own == others && kinds[0] == kinds[1]
    }

    /// Whether its window suits its algorithm.
    pub(crate) fn can_be(&self) -> bool {
        let mut first = None;
        self.check(&mut Mistakes::new(&mut first), usize::MAX);
        first.is_none()
    }

    fn check(&self, mistakes: &mut Mistakes<'_>, metrics: usize) {
        if matches!(self.metric, Metric::Custom(index) if usize::from(index) >= metrics) {
            mistakes.note("metric", "a metric without a name", "an index into metrics");
        }
        let bucket = matches!(self.algorithm, Algorithm::TokenBucket { .. });
        let most = if bucket { BUCKET_MAX } else { LIMIT_MAX };
        self.amount(mistakes, "limit", self.limit, 1, most);
        match self.window {
            Window::Micros(us) if bucket && !us.is_multiple_of(1_000) => {
                let value = joined(&[&digits(us), " microseconds"]);
                mistakes.note("window", &value, "whole milliseconds, for a token bucket");
            }
            Window::Micros(us) => mistakes.span("window", us, 1_000, SPAN_MAX_US),
            Window::Calendar if self.algorithm == Algorithm::FixedWindow => {}
            Window::Calendar if self.algorithm == Algorithm::Hidden => {
                mistakes.note("window", "a calendar period", "a length of time, of a hidden limit");
            }
            Window::Calendar => {
                mistakes.note("algorithm", "another one", "\"fixed-window\" with calendar periods");
            }
        }
        if self.algorithm == Algorithm::Hidden {
            self.check_hidden(mistakes);
        }
        mistakes.count("per", self.per.len() as u64, 0, PER_MAX);
        let rising = self.warn_at.is_sorted_by(|one, other| one < other);
        if !rising
            || self.warn_at.len() > WARNINGS_MAX
            || self.warn_at.iter().any(|part| !(1..=1_000_000).contains(part))
        {
            let most = digits(WARNINGS_MAX as u64);
            let allowed = joined(&["at most ", &most, " parts above 0, at most 1, in rising order"]);
            mistakes.note("warnAt", "another list", &allowed);
        }
        if bucket {
            self.amount(mistakes, "burst", self.capacity(), 1, BUCKET_MAX);
        }
        let debt = if bucket { self.bucket_debt() } else { self.max_debt.unwrap_or(0) };
        let room = if bucket { BUCKET_MAX.saturating_sub(self.capacity()) } else { LIMIT_MAX };
        self.amount(mistakes, "maxDebt", debt, 0, room);
    }

    /// What is not known cannot be a budget, nor are there parts of it.
    fn check_hidden(&self, mistakes: &mut Mistakes<'_>) {
        if self.metric == Metric::CostUsd {
            mistakes.note("metric", "\"costUsd\"", "another one, of a hidden limit");
        }
        let absent = "left out of a hidden limit";
        if !self.warn_at.is_empty() {
            mistakes.note("warnAt", "a list", absent);
        }
        if let Some(debt) = self.max_debt {
            mistakes.note("maxDebt", &digits(debt), absent);
        }
    }

    /// Checks an amount of its metric.
    fn amount(&self, mistakes: &mut Mistakes<'_>, field: &str, value: u64, min: u64, max: u64) {
        if self.metric == Metric::CostUsd {
            mistakes.dollars(field, value, min, max);
        } else {
            mistakes.count(field, value, min, max);
        }
    }
}

impl Config {
    /// Gives the limit at a place, as denials count them, another amount. Nothing has changed if it cannot have that.
    pub(crate) fn set_limit(&mut self, place: u32, amount: u64) -> Result<(), ConfigError> {
        let before = self.change_limit(place, amount)?;
        let checked = self.check();
        if checked.is_err() {
            self.change_limit(place, before)?;
        }
        checked
    }

    /// The amount before.
    fn change_limit(&mut self, place: u32, amount: u64) -> Result<u64, ConfigError> {
        let rate = self.rate.as_mut().map(|rate| [rate.requests.as_mut(), rate.tokens.as_mut()]);
        let of_rate = rate.into_iter().flatten().flatten();
        if let Some(own) = of_rate.chain(self.limits.iter_mut().map(|limit| &mut limit.limit)).nth(place as usize) {
            return Ok(core::mem::replace(own, amount));
        }
        let (field, value, allowed) = ("limits".to_owned(), digits(place.into()), "the place of a limit".to_owned());
        Err(Mistake { field, value, allowed, message: None }.into())
    }
}

/// Checks all limits, and that no two have one name.
pub(super) fn check(config: &Config, mistakes: &mut Mistakes<'_>) {
    let Config { limits, metrics, rate, .. } = config;
    mistakes.count("metrics", metrics.len() as u64, 0, METRICS_MAX as u64);
    let mut own = Index::default();
    for (index, name) in metrics.iter().enumerate().take(METRICS_MAX) {
        if own.note(name, index).is_some() {
            mistakes.note(&item("metrics", index), &quoted(name), "a name that no other metric has");
        }
    }
    if limits.len() > LIMITS_MAX {
        let allowed = joined(&["at most ", &digits(LIMITS_MAX as u64), " limits"]);
        mistakes.note("limits", &digits(limits.len() as u64), &allowed);
    }
    let rate = rate.as_ref().map(|rate| [rate.requests.map(|_| "requests"), rate.tokens.map(|_| "tokens")]);
    let mut names: Index<'_> = rate.into_iter().flatten().flatten().collect();
    for (index, limit) in limits.iter().enumerate().take(LIMITS_MAX) {
        let path = item("limits", index);
        let mut mistakes = mistakes.at(&path);
        if limit.name.is_empty() || names.note(&limit.name, index).is_some() {
            mistakes.note("name", &quoted(&limit.name), "a name that no other limit has");
        }
        limit.check(&mut mistakes, metrics.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn field_of(config: &Config) -> Option<String> {
        config.check().err().map(|error| error.field.clone())
    }

    #[test]
    fn no_two_limits_and_no_two_metrics_have_one_name() {
        let limit = |name: &str| Limit::new(name, Metric::Requests, 1, 1_000);
        let limits = vec![limit("b"), limit("a"), limit("c"), limit("a")];
        assert_eq!(field_of(&Config { limits, ..Config::default() }).as_deref(), Some("limits[3].name"));
        let rate = Some(crate::config::Rate { requests: Some(1), ..Default::default() });
        let config = Config { rate, limits: vec![limit("tokens"), limit("requests")], ..Config::default() };
        assert_eq!(field_of(&config).as_deref(), Some("limits[1].name"));
        let metrics = vec!["images".to_owned(), "pages".to_owned(), "images".to_owned()];
        assert_eq!(field_of(&Config { metrics, ..Config::default() }).as_deref(), Some("metrics[2]"));
    }
}
