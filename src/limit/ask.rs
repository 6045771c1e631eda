//! Questions that change nothing: whether a call fits, what is short, when there is room, what is counted.

use crate::config::{self, Window};
use crate::decision::{HiddenLimit, KeyHandle, Keys, Metric, ReportedAmounts, Request, Subject, Tokens};
use crate::time::CoreTime;

use super::meter::Meter;
use super::rule::{Counts, Rule, See, Shortage};
use super::{Limits, Note, counts, handle};

/// What one limit says of a call, see [`Limits::diagnose`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) place: u32,
    pub(crate) metric: Metric,
    pub(crate) key: Option<KeyHandle>,
    pub(crate) used: u64,
    pub(crate) max: u64,
    pub(crate) asked: u64,
    /// When the call fits by this limit alone; `None`: never.
    pub(crate) free_at: Option<CoreTime>,
    /// When all of the limit is free again.
    pub(crate) reset_at: CoreTime,
    pub(crate) window: Window,
    /// How much comes back in a window.
    pub(crate) per_window: u64,
    /// The part of `used` that leases in flight have estimated.
    pub(crate) reserved: u64,
}

impl Limits {
    /// Whether all limits have room for a call. Call `advance` first.
    #[inline]
    pub(crate) fn have_room(&self, request: &Request) -> bool {
        let call = counts(request);
        request.unlimited
            || self.rules.iter().zip(&self.meters).all(|(rule, meter)| rule.fits(Some(meter), call))
                && (request.keys.is_empty() || self.keyed.have_room(&request.keys, call))
    }

    /// Shows the limits without room, in the order of checks. Call `advance` first.
    #[inline]
    pub(crate) fn shortages(&self, now: CoreTime, request: &Request, mut see: impl FnMut(&Shortage)) {
        if request.unlimited {
            return;
        }
        for (rule, meter) in self.rules.iter().zip(&self.meters) {
            rule.shortage(Some(meter), now, counts(request)).iter().for_each(&mut see);
        }
        if !request.keys.is_empty() {
            self.keyed.visit(&request.keys, &mut |rule, meter, key| {
                if let Some(shortage) = rule.shortage(meter, now, counts(request)) {
                    see(&Shortage { key: handle(key), ..shortage });
                }
            });
        }
    }

    /// Shows the limits that count a call.
    #[inline(never)]
    pub(super) fn visit(&self, request: &Request, see: &mut See<'_>) {
        if !request.unlimited {
            self.rules.iter().zip(&self.meters).for_each(|(rule, meter)| see(rule, Some(meter), None));
            self.keyed.visit(&request.keys, see);
        }
    }

    /// Shows the limits of which a call takes something: their places and keys.
    pub(crate) fn needs(&self, request: &Request, see: &mut dyn FnMut(u32, u32)) {
        self.visit(request, &mut |rule, _, key| {
            if counts(request).of(rule.metric) > 0 {
                see(rule.place, handle(key));
            }
        });
    }

    /// Shows the limits to which the end of the lease at `slot` gives something back of what was taken: their places and keys.
    /// Without what it used, all is given back.
    #[inline(never)]
    pub(crate) fn given_back(
        &self,
        slot: u32,
        from: Tokens,
        used: Option<(Tokens, &ReportedAmounts)>,
        see: &mut dyn FnMut(u32, u32),
    ) {
        let note = self.notes.get(slot as usize).copied().unwrap_or_default();
        let Note { amounts, keys, unlimited, .. } = note;
        let after = used.map(|(tokens, reported)| (tokens, amounts.corrected(reported)));
        self.visit(&Request { keys, unlimited, ..Request::default() }, &mut |rule, _, key| {
            let before = Counts { tokens: from, amounts: &amounts }.of(rule.metric);
            let after = after.map_or(0, |(tokens, amounts)| Counts { tokens, amounts: &amounts }.of(rule.metric));
            if after < before {
                see(rule.place, handle(key));
            }
        });
    }

    /// When a call fits by the limit at a place alone; `None` if never or by none. Call `advance` first.
    pub(crate) fn fits_at(&self, now: CoreTime, place: u32, request: &Request) -> Option<CoreTime> {
        let mut fits_at = None;
        self.visit(request, &mut |rule, meter, _| {
            if rule.place == place {
                fits_at = rule.fits_at(meter, now, counts(request).of(rule.metric));
            }
        });
        fits_at
    }

    /// Whether any limit counts tokens.
    pub(crate) fn count_tokens(&self) -> bool {
        let tokens = |rule: &Rule| matches!(rule.metric, Metric::Tokens | Metric::InputTokens | Metric::OutputTokens);
        self.rules.iter().chain(self.keyed.sets.iter().flat_map(|set| &set.rules)).any(tokens)
    }

    /// What every limit that counts a call says of it, where `in_flight` are slot, admission and estimate of all leases. Call
    /// `advance` first.
    pub(crate) fn diagnose(
        &self,
        now: CoreTime,
        request: &Request,
        in_flight: &[(u32, CoreTime, Tokens)],
        see: &mut dyn FnMut(Finding),
    ) {
        self.visit(request, &mut |rule, meter, key| {
            let asked = counts(request).of(rule.metric);
            let used = meter.map_or(0, Meter::used);
            let mut reserved = 0u64;
            for &(slot, admitted, tokens) in in_flight {
                let note = self.notes.get(slot as usize).copied().unwrap_or_default();
                let own = key.is_none_or(|key| note.keys.each().any(|(_, handle)| handle == key.0));
                let until = meter.map_or(admitted, |meter| meter.settles_until(admitted, &rule.periods));
                if own && !note.unlimited && admitted >= rule.since && until > now {
                    reserved = reserved.saturating_add(Counts { tokens, amounts: &note.amounts }.of(rule.metric));
                }
            }
            let free_at = rule.fits_at(meter, now, asked);
            let max = rule.max_of(meter);
            let full =
                if rule.is_hidden() { meter.and_then(|meter| meter.free_at(now, &rule.periods, 0)) } else { None };
            let reset_at = full.or_else(|| rule.fits_at(meter, now, max)).unwrap_or(now);
            let config::Limit { window, limit, .. } = *rule.config;
            let per_window = if rule.is_hidden() { max } else { limit };
            let key = key.filter(|&key| !self.keyed.is_shared(key));
            let (place, metric, reserved) = (rule.place, rule.metric, reserved.min(used));
            see(Finding { place, metric, key, used, max, asked, free_at, reset_at, window, per_window, reserved });
        });
    }

    /// Until when a charge made at `admitted` for the lease at `slot` can still be corrected, if any limit counts what calls
    /// report.
    pub(crate) fn settles_until(&self, slot: u32, admitted: CoreTime) -> Option<CoreTime> {
        let keys = self.notes.get(slot as usize).map_or(Keys::default(), |note| note.keys);
        let mut last = None;
        self.visit(&Request { keys, ..Request::default() }, &mut |rule, meter, _| {
            if let Some(meter) = meter.filter(|_| rule.metric != Metric::Requests) {
                last = last.max(Some(meter.settles_until(admitted, &rule.periods)));
            }
        });
        last
    }

    /// What the limit with this subject has counted by `now`, and its maximum.
    pub(crate) fn usage(&self, now: CoreTime, subject: Subject) -> Option<(u64, u64)> {
        self.usage_where(now, |rule| rule.subject == subject)
    }

    /// The same by place; of those that count by keys only of one that follows what the provider says.
    pub(crate) fn usage_at(&self, now: CoreTime, place: u32) -> Option<(u64, u64)> {
        self.usage_where(now, |rule| rule.place == place).or_else(|| {
            let (rule, meter) = self.keyed.followed(place)?;
            Some((meter.map_or(0, |meter| meter.used_at(now, &rule.periods)), rule.max_of(meter)))
        })
    }

    /// What is known of the limit at a place, if it is hidden and was refused once.
    pub(crate) fn known_of(&self, place: u32) -> Option<HiddenLimit> {
        let at = self.rules.iter().position(|rule| rule.place == place);
        let meter = at.map_or_else(|| self.keyed.followed(place)?.1, |at| self.meters.get(at));
        meter?.learnt()?.known()
    }

    fn usage_where(&self, now: CoreTime, mut wanted: impl FnMut(&Rule) -> bool) -> Option<(u64, u64)> {
        let (rule, meter) = self.rules.iter().zip(&self.meters).find(|(rule, _)| wanted(rule))?;
        Some((meter.used_at(now, &rule.periods), rule.max_of(Some(meter))))
    }

    /// When a key may be forgotten at the earliest, as far as is known.
    pub(crate) fn key_may_go_at(&self) -> Option<CoreTime> {
        self.keyed.looks.peek().map(|(at, _)| CoreTime::from_micros(at))
    }

    /// Whether no key is kept for nothing: for checks of invariants.
    pub(crate) fn keys_accounted_for(&self) -> bool {
        self.keyed.all_accounted_for()
    }
}
