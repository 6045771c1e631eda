//! Decides what one limit makes of a call: how much of its metric the call counts, whether that fits, what a correction of it
//! changes, and when to warn. What has been counted is not here: a limit that counts by keys has one meter for each.
//!
//! Units: those of the metric. Called by `limit`. Leaves to others: how an algorithm counts (`meter`), who is asked first.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::fixed::Periods;
use super::hidden::Refusal;
use super::meter::{self, Meter};
use super::mirror::{Early, Follow, Mirror, SAME_US, Seen};
use crate::config;
use crate::decision::{
    Amounts, KeyHandle, Learnt, METRICS_MAX, Metric, NO_HANDLE, Output, Subject, TOKENS_MAX, Tokens, Warning,
};
use crate::time::CoreTime;

/// While nobody has said when a calendar period ends, callers are told to ask again after so long.
pub(super) const UNKNOWN_END_US: u64 = 5_000_000;

/// The most that calls without a lease, recorded or told of by the provider, can take a limit to: nothing else bounds them.
const RECORDED_MAX: u64 = 1 << 62;

/// Where no limit counts anything beyond tokens.
pub(super) const NOTHING: Amounts = Amounts { cost_micros: 0, custom: [0; METRICS_MAX] };

/// What a call counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts<'a> {
    pub(crate) tokens: Tokens,
    pub(crate) amounts: &'a Amounts,
}

impl Counts<'_> {
    /// By comparisons for the two that every call is asked for: a table of jumps takes longer.
    #[inline(always)]
    pub(super) fn of(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Requests => 1,
            Metric::Tokens => self.tokens.total(),
            _ => self.of_any(metric),
        }
    }

    #[inline(never)]
    fn of_any(&self, metric: Metric) -> u64 {
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

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) metric: Metric,
    /// What it may hold of admitted calls.
    pub(super) max: u64,
    /// What it may hold at all.
    most: u64,
    pub(super) periods: Periods,
    /// What denials say.
    pub(super) subject: Subject,
    /// Its place among the configured limits.
    pub(super) place: u32,
    /// It has not counted what was admitted before.
    pub(super) since: CoreTime,
    /// Amounts at which it warns, lowest first.
    warns: Vec<u64>,
    pub(super) config: Box<config::Limit>,
    /// Of a limit that follows what the provider says.
    pub(super) mirror: Option<Box<Mirror>>,
}

/// Why a limit has no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shortage {
    /// Place of the limit.
    pub(crate) limit: u32,
    pub(crate) metric: Metric,
    pub(crate) subject: Subject,
    /// Whose it is, of a limit that counts by keys; others may fit.
    pub(crate) key: u32,
    pub(crate) used: u64,
    pub(crate) max: u64,
    pub(crate) asked: u64,
    /// When there will be room, if nothing else is admitted; `None` if the call asks for more than the limit.
    pub(crate) free_at: Option<CoreTime>,
}

impl Rule {
    pub(super) fn new(config: &config::Limit, place: u32, subject: Subject) -> Self {
        let config = Box::new(config.clone());
        let (metric, periods, since) = (config.metric, meter::periods(&config), CoreTime::default());
        let warns = Vec::new();
        let mut rule = Self { metric, max: 0, most: 0, periods, subject, place, since, warns, config, mirror: None };
        rule.set_bounds();
        rule
    }

    fn set_bounds(&mut self) {
        self.max = self.config.capacity();
        self.most = self.config.max_debt.map_or(u64::MAX, |debt| self.max.saturating_add(debt));
        let max = self.max;
        self.warns = self.config.warn_at.iter().map(|&part| part_of(max, part)).collect();
    }

    /// A meter that has counted nothing.
    pub(super) fn meter(&self) -> Meter {
        Meter::new(&self.config)
    }

    #[inline(always)]
    pub(super) fn advance(&mut self, meter: &mut Meter, now: CoreTime) {
        meter.advance(now, &mut self.periods);
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.config.algorithm == config::Algorithm::Hidden
    }

    /// What it may hold, as far as is known.
    pub(super) fn max_of(&self, meter: Option<&Meter>) -> u64 {
        match meter.and_then(Meter::learnt) {
            Some(hidden) => hidden.max(),
            None if self.is_hidden() => self.config.limit,
            None => self.max,
        }
    }

    /// Whether a call fits; without a meter nothing is counted. Call `advance` first.
    #[inline(always)]
    pub(super) fn fits(&self, meter: Option<&Meter>, call: Counts<'_>) -> bool {
        let asked = call.of(self.metric);
        meter.map_or(asked <= self.max, |meter| meter.fits(asked, self.max))
    }

    /// Why it does not; `None` if it does. Call `advance` first.
    #[inline]
    pub(super) fn shortage(&self, meter: Option<&Meter>, now: CoreTime, call: Counts<'_>) -> Option<Shortage> {
        if self.fits(meter, call) { None } else { Some(self.shortage_of(meter, now, call)) }
    }

    #[inline(never)]
    fn shortage_of(&self, meter: Option<&Meter>, now: CoreTime, call: Counts<'_>) -> Shortage {
        let (used, asked) = (meter.map_or(0, Meter::used), call.of(self.metric));
        let Self { metric, subject, place, .. } = *self;
        let max = self.max_of(meter);
        let free_at = self.fits_at(meter, now, asked);
        Shortage { limit: place, metric, subject, key: NO_HANDLE, used, max, asked, free_at }
    }

    /// When so much would fit; `None`: never.
    pub(super) fn fits_at(&self, meter: Option<&Meter>, now: CoreTime, asked: u64) -> Option<CoreTime> {
        if let Some(hidden) = meter.and_then(Meter::learnt) {
            return hidden.fits_at(now, asked);
        }
        let most = self.max.checked_sub(asked)?;
        let at = meter.map_or(Some(now), |meter| meter.free_at(now, &self.periods, most));
        Some(at.unwrap_or(now.plus(UNKNOWN_END_US)))
    }

    /// Counts a call that fits; `key` is whose it is. Call `advance` first.
    #[inline(always)]
    pub(super) fn take(&self, meter: &mut Meter, now: CoreTime, call: Counts<'_>, tell: &mut Tell<'_>) {
        let amount = call.of(self.metric);
        if self.warns.is_empty() {
            meter.add(now, amount);
        } else {
            self.change_warning(meter, tell, |meter| meter.add(now, amount));
        }
    }

    /// What is counted changes; it warns where that reaches an amount at which it does.
    #[inline(never)]
    fn change_warning(&self, meter: &mut Meter, tell: &mut Tell<'_>, change: impl FnOnce(&mut Meter)) {
        let before = meter.used();
        change(meter);
        self.warn(before, meter.used(), tell);
    }

    /// The same of a limit that may follow what the provider says.
    pub(super) fn take_sent(&mut self, meter: &mut Meter, now: CoreTime, call: Counts<'_>, tell: &mut Tell<'_>) {
        self.take(meter, now, call, tell);
        if let Some(mirror) = &mut self.mirror {
            mirror.note(now, call.of(self.metric));
        }
    }

    /// Follows what the provider says; `early` are the calls in flight that the limit has not counted, if it was not there
    /// yet.
    pub(super) fn follow(&mut self, meter: &mut Meter, now: CoreTime, seen: &Seen, (early, key): (&Early, u32)) {
        if self.is_hidden() {
            return;
        }
        self.advance(meter, now);
        let (metric, max) = (self.metric, self.max);
        let mirror = self.mirror.get_or_insert_with(|| {
            let mut mirror = Mirror::default();
            let tokens = Counts { tokens: early.tokens, amounts: &NOTHING };
            mirror.note_early(now, if metric == Metric::Requests { early.calls } else { tokens.of(metric) });
            mirror.into()
        });
        mirror.key = key;
        if !mirror.heed(seen.admitted) {
            return;
        }
        mirror.forget(now);
        let mut begun = false;
        if let (Meter::Fixed(_), Some(at)) = (&meter, seen.resets_at) {
            if at <= now {
                // Of a window that is over.
                return;
            }
            begun = mirror.is_other_reset(at);
            let ends = self.periods.at(now).ends.unwrap_or(at);
            // Of two that may be the same the later one.
            if begun || ends < at || ends > at.plus(SAME_US) {
                meter.end_at(now, &mut self.periods, at);
            }
        }
        match mirror.follow(seen, (meter.used(), max), begun) {
            Follow::Stay => {}
            Follow::Debit(amount) => meter.add(now, amount.min(RECORDED_MAX.saturating_sub(meter.used()))),
            Follow::Credit(amount, settled) => {
                meter.credit(amount);
                self.since = self.since.max(settled.plus(1));
            }
        }
    }

    /// Counts a call whether it fits or not. Call `advance` first.
    pub(super) fn record(&self, meter: &mut Meter, now: CoreTime, call: Counts<'_>, tell: &mut Tell<'_>) {
        let amount = call.of(self.metric).min(RECORDED_MAX.saturating_sub(meter.used()));
        self.change_warning(meter, tell, |meter| meter.add(now, amount));
    }

    /// Corrects what was counted at `admitted`.
    #[inline(always)]
    pub(super) fn correct(
        &mut self,
        meter: &mut Meter,
        (now, admitted): (CoreTime, CoreTime),
        [from, to]: [Counts<'_>; 2],
        tell: &mut Tell<'_>,
    ) {
        let (from, to) = (from.of(self.metric), to.of(self.metric));
        if let Some(mirror) = &mut self.mirror {
            mirror.settle(admitted, from, to);
        }
        if from != to && admitted >= self.since {
            self.advance(meter, now);
            if self.warns.is_empty() {
                meter.settle((now, admitted), from, to, self.most);
            } else {
                self.change_warning(meter, tell, |meter| meter.settle((now, admitted), from, to, self.most));
            }
        }
    }

    /// Takes back all that was counted for a call.
    #[inline]
    pub(super) fn give_back(&mut self, meter: &mut Meter, (now, admitted): (CoreTime, CoreTime), call: Counts<'_>) {
        if let Some(mirror) = &mut self.mirror {
            mirror.settle(admitted, call.of(self.metric), 0);
        }
        if admitted >= self.since {
            self.advance(meter, now);
            meter.settle((now, admitted), call.of(self.metric), 0, u64::MAX);
        }
    }

    /// A call was refused that counts so much: whether the limit, which is hidden, is why. See [`Hidden::refused`].
    pub(super) fn refused(
        &mut self,
        meter: &mut Meter,
        now: CoreTime,
        (refusal, explained): (&Refusal, bool),
        tell: &mut Tell<'_>,
    ) -> bool {
        if refusal.admitted < self.since {
            return false;
        }
        self.advance(meter, now);
        let Meter::Hidden(hidden) = meter else { return false };
        let before = hidden.known();
        let explains = hidden.refused(now, refusal, explained);
        if let Some(known) = hidden.known().filter(|known| Some(*known) != before) {
            let learnt = Learnt { limit: self.place, known, before: before.map(|before| before.estimate) };
            tell.outputs.push_back(Output::Learnt(learnt));
        }
        explains
    }

    /// Allows another amount from now on; the meters are to follow, see [`Meter::change`].
    pub(super) fn change(&mut self, amount: u64) {
        self.config.limit = amount;
        self.set_bounds();
    }

    #[cold]
    fn warn(&self, before: u64, after: u64, tell: &mut Tell<'_>) {
        let reached = self.warns.iter().rposition(|&amount| before < amount && amount <= after);
        if let Some(part) = reached {
            let (limit, part, max) = (self.place, part as u32, self.max);
            tell.outputs.push_back(Output::Warned(Warning { limit, part, used: after, max, key: tell.key }));
        }
    }
}

/// Who looks at limits: a limit, what it has counted (no meter: nothing), and for whom if it counts by keys.
pub(super) type See<'a> = dyn FnMut(&Rule, Option<&Meter>, Option<KeyHandle>) + 'a;

/// Where warnings go, and whose they are.
pub(super) struct Tell<'a> {
    pub(super) outputs: &'a mut VecDeque<Output>,
    pub(super) key: Option<KeyHandle>,
}

/// The amount that is so many millionths of `max`, rounded up.
fn part_of(max: u64, millionths: u32) -> u64 {
    let [whole, rest] = [max / 1_000_000, max % 1_000_000].map(|part| part.saturating_mul(millionths.into()));
    whole.saturating_add(rest.div_ceil(1_000_000))
}
