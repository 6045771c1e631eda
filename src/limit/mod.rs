//! Decides whether a limit has room, and takes account of what is admitted and settled.
//!
//! A limit is a metric, an amount and an algorithm; its state lives with its algorithm, one file each, which also knows
//! how to settle (`meter` asks them all alike). This module only knows what a metric counts in a call and which limits there
//! are. The governor asks all of them before it takes from any, so a refused call consumes nothing. Those of `rate` are asked
//! first, then the others in the order of the configuration, budgets last.
//!
//! Invariants: an admission never takes a limit above its amount; overuse reported later may, up to the bound of the debt, and
//! then nothing is admitted until it has drained. Units: those of the metrics. Leaves to others: time, leases.

mod bucket;
mod fixed;
mod image;
mod meter;
mod pool;
mod window;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::config::{self, Config};
use crate::decision::{Amounts, METRICS_MAX, Metric, ReportedAmounts, Subject, TOKENS_MAX, Tokens};
use crate::time::CoreTime;
use fixed::Periods;
use meter::Meter;
pub(crate) use pool::{Full, Pool};

/// While nobody has said when a calendar period ends, callers are told to ask again after so long.
const UNKNOWN_END_US: u64 = 5_000_000;

/// The most that recorded calls can take a limit to: without leases nothing else bounds them.
const RECORDED_MAX: u64 = 1 << 62;

/// Where no limit counts anything beyond tokens.
const NOTHING: Amounts = Amounts { cost_micros: 0, custom: [0; METRICS_MAX] };

/// What a call counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts<'a> {
    pub(crate) tokens: Tokens,
    pub(crate) amounts: &'a Amounts,
}

impl Counts<'_> {
    #[inline]
    fn of(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Requests => 1,
            Metric::Tokens => self.tokens.total(),
            Metric::InputTokens => self.tokens.prompt,
            Metric::OutputTokens => self.tokens.output,
            Metric::CostUsd => self.amounts.cost_micros.min(TOKENS_MAX),
            Metric::Custom(index) => {
                self.amounts.custom.get(usize::from(index)).map_or(0, |&amount| amount.min(TOKENS_MAX))
            }
        }
    }
}

/// One limit with its state.
#[derive(Clone, Debug, PartialEq)]
struct Limit {
    metric: Metric,
    /// What it may hold of admitted calls.
    max: u64,
    /// What it may hold at all.
    most: u64,
    meter: Meter,
    periods: Periods,
    /// What denials say.
    subject: Subject,
    /// Its place among the configured limits.
    place: u32,
    config: Box<config::Limit>,
}

/// Why a limit has no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shortage {
    /// Place of the limit.
    pub(crate) limit: u32,
    pub(crate) metric: Metric,
    pub(crate) subject: Subject,
    pub(crate) used: u64,
    pub(crate) max: u64,
    pub(crate) asked: u64,
    /// When there will be room, if nothing else is admitted; `None` if the call asks for more than the limit.
    pub(crate) free_at: Option<CoreTime>,
}

/// All limits of a governor, in the order in which they are checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    list: Vec<Limit>,
    /// What leases count beyond tokens, by slot; empty where no limit counts such.
    notes: Vec<Amounts>,
    notes_needed: bool,
    /// Names of the metrics of the user's own.
    metrics: Vec<alloc::string::String>,
    calendars: bool,
}

impl Limit {
    fn new(config: &config::Limit, place: u32, subject: Subject) -> Self {
        let (meter, periods) = (Meter::new(config), meter::periods(config));
        let config = Box::new(config.clone());
        let mut limit = Self { metric: config.metric, max: 0, most: 0, meter, periods, subject, place, config };
        limit.set_bounds();
        limit
    }

    fn set_bounds(&mut self) {
        self.max = self.config.capacity();
        self.most = self.config.max_debt.map_or(u64::MAX, |debt| self.max.saturating_add(debt));
    }

    #[inline]
    fn advance(&mut self, now: CoreTime) {
        self.meter.advance(now, &mut self.periods);
    }
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        let mut limits = Self { metrics: config.metrics.clone(), ..Self::default() };
        if let Some(rate) = &config.rate {
            let requests = ("requests", Metric::Requests, Subject::Requests, rate.requests);
            for (name, metric, subject, max) in [requests, ("tokens", Metric::Tokens, Subject::Tokens, rate.tokens)] {
                let limit = max.map(|max| config::Limit::new(name, metric, max, rate.window_us));
                limit.iter().for_each(|limit| limits.add(limit, limits.list.len() as u32, subject));
            }
        }
        // Budgets last. (A stable sort would be 20 KB of wasm.)
        let first = limits.list.len();
        for budgets in [false, true] {
            for (index, limit) in config.limits.iter().enumerate().filter(|(_, limit)| limit.is_budget() == budgets) {
                let place = first.saturating_add(index) as u32;
                limits.add(limit, place, if budgets { Subject::Budget(place) } else { Subject::Limit(place) });
            }
        }
        limits
    }

    fn add(&mut self, config: &config::Limit, place: u32, subject: Subject) {
        self.list.push(Limit::new(config, place, subject));
        self.notes_needed |= matches!(config.metric, Metric::CostUsd | Metric::Custom(_));
        self.calendars |= config.window == config::Window::Calendar;
    }

    /// Moves every limit to `now`.
    #[inline]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        for limit in &mut self.list {
            limit.advance(now);
        }
    }

    /// Whether all limits have room for a call. Call `advance` first.
    #[inline]
    pub(crate) fn have_room(&self, call: Counts<'_>) -> bool {
        self.list.iter().all(|limit| limit.meter.used().saturating_add(call.of(limit.metric)) <= limit.max)
    }

    /// The limits without room, in the order of checks. Call `advance` first.
    pub(crate) fn shortages<'a>(&'a self, now: CoreTime, call: Counts<'a>) -> impl Iterator<Item = Shortage> + 'a {
        self.list.iter().filter_map(move |limit| {
            let Limit { metric, max, subject, place, .. } = *limit;
            let (used, asked) = (limit.meter.used(), call.of(metric));
            if used.saturating_add(asked) <= max {
                return None;
            }
            let free_at = |most| limit.meter.free_at(now, &limit.periods, most).unwrap_or(now.plus(UNKNOWN_END_US));
            let free_at = max.checked_sub(asked).map(free_at);
            Some(Shortage { limit: place, metric, subject, used, max, asked, free_at })
        })
    }

    /// What a call asks for of the limit at a place, or 0.
    pub(crate) fn asked_of(&self, place: u32, call: Counts<'_>) -> u64 {
        self.list.iter().find(|limit| limit.place == place).map_or(0, |limit| call.of(limit.metric))
    }

    /// Takes what an admitted call counts; it is the lease at `slot`.
    #[inline]
    pub(crate) fn take(&mut self, now: CoreTime, slot: u32, call: Counts<'_>) {
        for limit in &mut self.list {
            limit.meter.add(now, call.of(limit.metric));
        }
        if self.notes_needed {
            self.note(slot, *call.amounts);
        }
    }

    #[inline(never)]
    fn note(&mut self, slot: u32, amounts: Amounts) {
        let at = slot as usize;
        if self.notes.len() <= at {
            self.notes.resize(at.saturating_add(1), Amounts::default());
        }
        if let Some(note) = self.notes.get_mut(at) {
            *note = amounts.capped();
        }
    }

    /// Corrects what was taken for the lease at `slot`, `from` at `admitted`, to what was really used.
    pub(crate) fn settle(
        &mut self,
        now: CoreTime,
        (slot, admitted): (u32, CoreTime),
        (from, to): (Tokens, Tokens),
        reported: &ReportedAmounts,
    ) {
        if !self.notes_needed {
            return self.correct(now, admitted, [from, to].map(|tokens| Counts { tokens, amounts: &NOTHING }));
        }
        let estimated = self.notes.get(slot as usize).copied().unwrap_or_default();
        let used = estimated.corrected(reported);
        let [from, to] = [(from, &estimated), (to, &used)].map(|(tokens, amounts)| Counts { tokens, amounts });
        self.correct(now, admitted, [from, to]);
    }

    #[inline]
    fn correct(&mut self, now: CoreTime, admitted: CoreTime, [from, to]: [Counts<'_>; 2]) {
        for limit in &mut self.list {
            let (from, to) = (from.of(limit.metric), to.of(limit.metric));
            if from != to {
                limit.advance(now);
                limit.meter.settle(admitted, from, to, limit.most);
            }
        }
    }

    /// Takes back all that was taken for the lease at `slot`, `tokens` at `admitted`.
    #[inline(never)]
    pub(crate) fn give_back(&mut self, now: CoreTime, (slot, admitted): (u32, CoreTime), tokens: Tokens) {
        let amounts = self.notes.get(slot as usize).copied().unwrap_or_default();
        let call = Counts { tokens, amounts: &amounts };
        for limit in &mut self.list {
            limit.advance(now);
            limit.meter.settle(admitted, call.of(limit.metric), 0, u64::MAX);
        }
    }

    /// Counts a call that was made elsewhere, whether it fits or not. Call `advance` first.
    pub(crate) fn record(&mut self, now: CoreTime, call: Counts<'_>) {
        for limit in &mut self.list {
            let room = RECORDED_MAX.saturating_sub(limit.meter.used());
            limit.meter.add(now, call.of(limit.metric).min(room));
        }
    }

    /// Changes what the limit at a place allows; what is counted stays counted.
    pub(crate) fn change(&mut self, now: CoreTime, place: u32, amount: u64) {
        if let Some(limit) = self.list.iter_mut().find(|limit| limit.place == place) {
            limit.advance(now);
            limit.config.limit = amount;
            limit.meter.change(now, &limit.config);
            limit.set_bounds();
        }
    }

    /// Until when a charge made at `admitted` can still be corrected, if any limit counts what calls report.
    pub(crate) fn settles_until(&self, admitted: CoreTime) -> Option<CoreTime> {
        let corrected = self.list.iter().filter(|limit| limit.metric != Metric::Requests);
        corrected.map(|limit| limit.meter.settles_until(admitted, &limit.periods)).max()
    }

    /// What the limit with this subject has counted by `now`, and its maximum.
    pub(crate) fn usage(&self, now: CoreTime, subject: Subject) -> Option<(u64, u64)> {
        let limit = self.list.iter().find(|limit| limit.subject == subject)?;
        Some((limit.meter.used_at(now, &limit.periods), limit.max))
    }

    /// The same by place.
    pub(crate) fn usage_at(&self, now: CoreTime, place: u32) -> Option<(u64, u64)> {
        let subject = self.list.iter().find(|limit| limit.place == place)?.subject;
        self.usage(now, subject)
    }

    /// Whether there are limits of calendar periods.
    #[inline]
    pub(crate) const fn have_calendars(&self) -> bool {
        self.calendars
    }

    /// The next limit that has to be told when its calendar periods end.
    pub(crate) fn asks(&mut self, now: CoreTime) -> Option<u32> {
        self.list.iter_mut().find_map(|limit| limit.periods.asks(now).then_some(limit.place))
    }

    /// The clock was set: calendar periods end at other instants of core time.
    pub(crate) fn ask_again(&mut self) {
        self.list.iter_mut().for_each(|limit| limit.periods.ask_again());
    }

    /// Takes the ends of the calendar period of `now` and of the next one, if the limit has any.
    #[inline(never)]
    pub(crate) fn set_boundaries(&mut self, now: CoreTime, place: u32, ends: CoreTime, next_ends: CoreTime) {
        if let Some(limit) = self.list.iter_mut().find(|limit| limit.place == place) {
            limit.periods.give(now, ends, next_ends);
            limit.advance(now);
        }
    }
}
