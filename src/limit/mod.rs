//! Decides whether a limit has room, and takes account of what is admitted and settled.
//!
//! A limit is a metric, an amount and an algorithm (`rule`); what it has counted lives with its algorithm, one file each,
//! which also knows how to settle (`meter` asks them all alike). Limits without `per` have one meter, those with one have a
//! meter a key (`keyed`). The governor asks all of them before it takes from any, so a refused call consumes nothing. Those of
//! `rate` are asked first, then the others in the order of the configuration, budgets last; limits that count by keys after
//! those that do not. Questions that change nothing: `ask`.
//!
//! Invariants: an admission never takes a limit above its amount; overuse reported later may, up to the bound of the debt, and
//! then nothing is admitted until it has drained. Units: those of the metrics. Leaves to others: time, leases.

mod adopt;
mod ask;
mod bucket;
mod fixed;
mod hidden;
mod image;
mod keyed;
mod meter;
mod mirror;
mod pool;
mod rule;
mod window;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::chunks::Chunks;
use crate::config::{self, Config, Overflow};
use crate::decision::{Amounts, KeyHandle, Keys, Metric, NO_HANDLE, Output, ReportedAmounts, Request, Subject, Tokens};
use crate::index::Index;
use crate::time::CoreTime;
pub(crate) use ask::Finding;
use hidden::Refusal;
use keyed::{Keyed, Set};
use meter::Meter;
pub(crate) use mirror::{Early, Seen};
pub(crate) use pool::{Full, Pool};
pub(crate) use rule::Shortage;
use rule::{Counts, NOTHING, Rule, Tell};

/// What a lease counts beyond tokens, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Note {
    amounts: Amounts,
    keys: Keys,
    unlimited: bool,
    /// The provider has refused the call: hidden limits count it no more.
    refused: bool,
    /// One of them says why.
    explained: bool,
}

impl Note {
    /// Whether a limit still counts the call.
    fn counts_in(&self, rule: &Rule) -> bool {
        !(self.refused && rule.is_hidden())
    }
}

/// All limits of a governor, in the order in which they are checked.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    rules: Vec<Rule>,
    /// By rule.
    meters: Vec<Meter>,
    keyed: Keyed,
    /// By slot of the lease; empty while no lease needs one.
    notes: Chunks<Note>,
    notes_needed: bool,
    overflow: Overflow,
    /// Names of the metrics of the user's own.
    metrics: Vec<alloc::string::String>,
    calendars: bool,
    /// What is to be told besides the answers of commands.
    pub(crate) outputs: VecDeque<Output>,
}

/// What a call counts.
#[inline]
const fn counts(request: &Request) -> Counts<'_> {
    Counts { tokens: request.tokens, amounts: &request.amounts }
}

fn handle(key: Option<KeyHandle>) -> u32 {
    key.map_or(NO_HANDLE, |key| key.0)
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        let config::Caps { keys, overflow, .. } = config.caps;
        let mut limits = Self { metrics: config.metrics.clone(), keyed: Keyed::new(keys), overflow, ..Self::default() };
        let mut first = 0u32;
        if let Some(rate) = &config.rate {
            let requests = ("requests", Metric::Requests, Subject::Requests, rate.requests);
            for (name, metric, subject, max) in [requests, ("tokens", Metric::Tokens, Subject::Tokens, rate.tokens)] {
                let Some(max) = max else { continue };
                limits.add(&config::Limit::new(name, metric, max, rate.window_us), first, subject, None);
                first = first.saturating_add(1);
            }
        }
        let mut sets = Index::default();
        for limit in config.limits.iter().filter(|limit| !limit.per.is_empty()) {
            let sets_so_far = limits.keyed.sets.len();
            if sets.note(&limit.per, sets_so_far).is_none() {
                limits.keyed.sets.push(Set { per: limit.per.clone(), rules: Vec::new(), overflow: None });
            }
        }
        // Budgets last. (A stable sort would be 20 KB of wasm.)
        for budgets in [false, true] {
            for (place, limit) in (first..).zip(&config.limits).filter(|(_, limit)| limit.is_budget() == budgets) {
                let subject = if budgets { Subject::Budget(place) } else { Subject::Limit(place) };
                limits.add(limit, place, subject, sets.get(&limit.per));
            }
        }
        limits
    }

    /// With the set of its keys, if it counts by keys.
    #[inline(never)]
    fn add(&mut self, config: &config::Limit, place: u32, subject: Subject, set: Option<usize>) {
        let rule = Rule::new(config, place, subject);
        self.notes_needed |=
            rule.is_hidden() || !config.per.is_empty() || matches!(config.metric, Metric::CostUsd | Metric::Custom(_));
        self.calendars |= config.window == config::Window::Calendar;
        match set.and_then(|set| self.keyed.sets.get_mut(set)) {
            Some(set) => set.rules.push(rule),
            None => {
                self.meters.push(rule.meter());
                self.rules.push(rule);
            }
        }
    }

    /// The keys of a request as they are counted now; `None` if unknown ones are refused at the cap.
    pub(crate) fn resolve(&mut self, now: CoreTime, keys: Keys) -> Option<Keys> {
        self.keyed.resolve(now, keys, self.overflow, &mut self.outputs)
    }

    /// The same where nobody can be refused.
    pub(crate) fn resolve_at_any_cost(&mut self, now: CoreTime, keys: Keys) -> Keys {
        self.keyed.resolve(now, keys, Overflow::Share, &mut self.outputs).unwrap_or_default()
    }

    /// Moves every limit that counts a call to `now`.
    #[inline(always)]
    pub(crate) fn advance(&mut self, now: CoreTime, request: &Request) {
        for (rule, meter) in self.rules.iter_mut().zip(&mut self.meters) {
            rule.advance(meter, now);
        }
        if !request.keys.is_empty() {
            self.keyed.advance(now, &request.keys, &mut self.outputs);
        }
    }

    /// Takes what an admitted call counts; it is the lease at `slot`.
    #[inline]
    pub(crate) fn take(&mut self, now: CoreTime, slot: u32, request: &Request) {
        if self.notes_needed || request.unlimited {
            self.take_noted(now, slot, request);
        } else {
            self.take_own(now, request);
        }
    }

    #[inline]
    fn take_own(&mut self, now: CoreTime, request: &Request) {
        let tell = &mut Tell { outputs: &mut self.outputs, key: None };
        for (rule, meter) in self.rules.iter().zip(&mut self.meters) {
            rule.take(meter, now, counts(request), tell);
        }
    }

    #[inline(never)]
    fn take_noted(&mut self, now: CoreTime, slot: u32, request: &Request) {
        self.notes_needed = true;
        let Request { unlimited, .. } = *request;
        let keys = if unlimited { Keys::default() } else { self.keyed.hold(now, &request.keys) };
        if !unlimited {
            self.take_own(now, request);
            let take = &mut |rule: &mut Rule, meter: &mut Meter, tell: &mut Tell<'_>| {
                rule.take_sent(meter, now, counts(request), tell);
            };
            self.keyed.change_all(now, &keys, &mut self.outputs, take);
        }
        let at = slot as usize;
        while self.notes.len() <= at {
            self.notes.push(Note::default());
        }
        if let Some(note) = self.notes.get_mut(at) {
            *note = Note { amounts: request.amounts.capped(), keys, unlimited, ..Note::default() };
        }
    }

    /// The keys under which the lease at `slot` is counted, as callers may know them.
    pub(crate) fn keys_of(&self, slot: u32) -> Keys {
        self.notes.get(slot as usize).map_or(Keys::default(), |note| self.told(note.keys))
    }

    /// Keys without those that stand for others.
    pub(crate) fn told(&self, keys: Keys) -> Keys {
        self.keyed.told(keys)
    }

    /// Forgets some of the keys that are needed no more.
    pub(crate) fn sweep(&mut self, now: CoreTime) {
        self.keyed.sweep(now, &mut self.outputs);
    }

    /// A waiter names these keys, which are made where there are none.
    pub(crate) fn hold(&mut self, now: CoreTime, keys: &Keys) -> Keys {
        self.keyed.hold(now, keys)
    }

    /// A waiter names these keys no more.
    pub(crate) fn let_go(&mut self, now: CoreTime, keys: &Keys) {
        self.keyed.let_go(now, keys);
    }

    /// The lease at `slot` names its keys no more.
    #[inline]
    pub(crate) fn ended(&mut self, now: CoreTime, slot: u32) {
        if let Some(note) = self.notes.get(slot as usize).filter(|note| !note.keys.is_empty()) {
            self.keyed.let_go(now, &note.keys);
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
            return self.correct((now, admitted), [from, to].map(|tokens| Counts { tokens, amounts: &NOTHING }));
        }
        let note = self.notes.get(slot as usize).copied().unwrap_or_default();
        if note.unlimited {
            return;
        }
        let used = note.amounts.corrected(reported);
        let change = [(from, &note.amounts), (to, &used)].map(|(tokens, amounts)| Counts { tokens, amounts });
        let correct: &mut dyn FnMut(&mut Rule, &mut Meter, &mut Tell<'_>) = &mut |rule, meter, tell| {
            if note.counts_in(rule) {
                rule.correct(meter, (now, admitted), change, tell);
            }
        };
        if note.refused {
            let tell = &mut Tell { outputs: &mut self.outputs, key: None };
            self.rules.iter_mut().zip(&mut self.meters).for_each(|(rule, meter)| correct(rule, meter, tell));
        } else {
            self.correct((now, admitted), change);
        }
        self.keyed.change_all(admitted, &note.keys, &mut self.outputs, correct);
    }

    /// The provider has refused the call of the lease at `slot`: hidden limits learn from it once, and count it no more. Whether one of
    /// them is why it was refused, as far as anybody can know. `moved` is called with the places of those whose state has changed.
    #[inline(never)]
    pub(crate) fn refused(
        &mut self,
        now: CoreTime,
        (slot, admitted, tokens): (u32, CoreTime, Tokens),
        retry_at: Option<CoreTime>,
        moved: &mut dyn FnMut(u32),
    ) -> bool {
        let Some(note) = self.notes.get_mut(slot as usize).filter(|note| !note.unlimited) else { return false };
        if core::mem::replace(&mut note.refused, true) {
            return note.explained;
        }
        let Note { amounts, keys, .. } = *note;
        let call = Counts { tokens, amounts: &amounts };
        let refusal = |rule: &Rule| Refusal { admitted, amount: call.of(rule.metric), retry_at };
        let mut explained = false;
        self.visit(&Request { keys, ..Request::default() }, &mut |rule, meter, _| {
            let hidden = meter.and_then(Meter::learnt);
            explained |= hidden.is_some_and(|hidden| hidden.explains(&refusal(rule)) == Some(true));
        });
        let mut explains = false;
        let learn: &mut dyn FnMut(&mut Rule, &mut Meter, &mut Tell<'_>) = &mut |rule, meter, tell| {
            let refusal = refusal(rule);
            if rule.is_hidden() && refusal.amount > 0 {
                explains |= rule.refused(meter, now, (&refusal, explained), tell);
                moved(rule.place);
            }
        };
        let tell = &mut Tell { outputs: &mut self.outputs, key: None };
        self.rules.iter_mut().zip(&mut self.meters).for_each(|(rule, meter)| learn(rule, meter, tell));
        self.keyed.change_all(admitted, &keys, &mut self.outputs, learn);
        if let Some(note) = self.notes.get_mut(slot as usize) {
            note.explained = explains;
        }
        explains
    }

    #[inline]
    fn correct(&mut self, when: (CoreTime, CoreTime), change: [Counts<'_>; 2]) {
        let tell = &mut Tell { outputs: &mut self.outputs, key: None };
        for (rule, meter) in self.rules.iter_mut().zip(&mut self.meters) {
            rule.correct(meter, when, change, tell);
        }
    }

    /// Takes back all that was taken for the lease at `slot`, `tokens` at `admitted`.
    #[inline(never)]
    pub(crate) fn give_back(&mut self, now: CoreTime, (slot, admitted): (u32, CoreTime), tokens: Tokens) {
        let note = self.notes.get(slot as usize).copied().unwrap_or_default();
        if note.unlimited {
            return;
        }
        let call = Counts { tokens, amounts: &note.amounts };
        let give_back = |rule: &mut Rule, meter: &mut Meter| {
            if note.counts_in(rule) {
                rule.give_back(meter, (now, admitted), call);
            }
        };
        self.rules.iter_mut().zip(&mut self.meters).for_each(|(rule, meter)| give_back(rule, meter));
        self.keyed.change_all(admitted, &note.keys, &mut self.outputs, &mut |rule, meter, _| give_back(rule, meter));
    }

    /// Counts a call that was made elsewhere, whether it fits or not; the keys it is counted under. Call `advance` first.
    pub(crate) fn record(&mut self, now: CoreTime, request: &Request) -> Keys {
        if request.unlimited {
            return Keys::default();
        }
        let tell = &mut Tell { outputs: &mut self.outputs, key: None };
        for (rule, meter) in self.rules.iter().zip(&mut self.meters) {
            rule.record(meter, now, counts(request), tell);
        }
        let keys = self.keyed.hold(now, &request.keys);
        self.keyed.change_all(now, &keys, &mut self.outputs, &mut |rule, meter, tell| {
            rule.record(meter, now, counts(request), tell);
        });
        self.keyed.let_go(now, &keys);
        keys
    }

    /// Whether a limit at a place follows what the provider says, if it counts by keys.
    pub(crate) fn follows(&mut self, place: u32) -> bool {
        self.keyed.rule_mut(place).is_none_or(|rule| rule.mirror.is_some())
    }

    /// Lets limits that count these keys follow what the provider says of them; the keys as they are now.
    pub(crate) fn follow(&mut self, now: CoreTime, keys: Keys, seen: &[Seen], early: &Early) -> Keys {
        let keys = self.resolve_at_any_cost(now, keys);
        let keys = self.keyed.hold(now, &keys);
        self.keyed.change_all(now, &keys, &mut self.outputs, &mut |rule, meter, tell| {
            if let Some(seen) = seen.iter().find(|seen| seen.place == rule.place) {
                rule.follow(meter, now, seen, (early, handle(tell.key)));
            }
        });
        self.keyed.let_go(now, &keys);
        keys
    }

    /// Changes what the limit at a place allows; what is counted stays counted.
    pub(crate) fn change(&mut self, now: CoreTime, place: u32, amount: u64) {
        if let Some((rule, meter)) = self.rules.iter_mut().zip(&mut self.meters).find(|(rule, _)| rule.place == place) {
            rule.advance(meter, now);
            rule.change(amount);
            meter.change(now, &rule.config);
        } else {
            self.keyed.change(now, place, amount);
        }
    }

    /// How many keys are remembered.
    pub(crate) const fn keys(&self) -> u32 {
        self.keyed.alive()
    }

    /// Makes the handle of a forgotten key usable again.
    pub(crate) fn reclaim(&mut self, handle: KeyHandle) {
        self.keyed.reclaim(handle);
    }

    /// Whether there are limits of calendar periods.
    #[inline]
    pub(crate) const fn have_calendars(&self) -> bool {
        self.calendars
    }

    /// The next limit that has to be told when its calendar periods end; of those that count by keys only what calls have
    /// named, see `advance`.
    pub(crate) fn asks(&mut self, now: CoreTime) -> Option<u32> {
        self.rules.iter_mut().find_map(|rule| rule.periods.asks(now).then_some(rule.place))
    }

    /// The clock was set: calendar periods end at other instants of core time.
    pub(crate) fn ask_again(&mut self) {
        let keyed = self.keyed.sets.iter_mut().flat_map(|set| &mut set.rules);
        self.rules.iter_mut().chain(keyed).for_each(|rule| rule.periods.ask_again());
    }

    /// Takes the ends of the calendar period of `now` and of the next one, if the limit has any.
    #[inline(never)]
    pub(crate) fn set_boundaries(&mut self, now: CoreTime, place: u32, ends: CoreTime, next_ends: CoreTime) {
        if let Some((rule, meter)) = self.rules.iter_mut().zip(&mut self.meters).find(|(rule, _)| rule.place == place) {
            rule.periods.give(now, ends, next_ends);
            rule.advance(meter, now);
        } else if let Some(rule) = self.keyed.rule_mut(place) {
            rule.periods.give(now, ends, next_ends);
        }
    }
}
