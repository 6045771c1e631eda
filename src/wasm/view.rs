//! Where each number stands in the view, as `js/core/binding.ts` reads it, and how answers are written there.

use alloc::boxed::Box;
use alloc::vec::Vec;

use wasm_bindgen::JsValue;

use super::plain::Plain;
use super::{NO_HANDLE, OBSERVED_MAX};
use crate::config::Window;
use crate::decision::{
    Amounts, Cause, Denial, Grant, HiddenLimit, KEYS_MAX, KeyHandle, Keys, Learnt, Metric, Output, Reason,
    ReportedAmounts, Subject, Warning, round_up,
};
use crate::governor::{Diagnosis, Governor, LimitDiagnosis, RateView};
use crate::observation::{GateMoved, Remaining};
use crate::time::{Instant, whole};

pub(super) const PENDING: usize = 0;
pub(super) const TIMEOUT: usize = 1;
pub(super) const WAITING: usize = 2;
const GENERATION: usize = 3;
pub(super) const EXPIRES_AT: usize = 4;
pub(super) const ACTOR: usize = 5;
pub(super) const WAITER: usize = 7;
pub(super) const WAITER_GENERATION: usize = 8;
pub(super) const HELD_US: usize = 9;
pub(super) const TTL_US: usize = 10;
pub(super) const WEIGHT: usize = 11;
const DENY: usize = 12;
const OUT: usize = 24;
/// What the shell writes before a command whose flags say so: amounts beyond tokens.
const IN: usize = 32;
/// Written by the shell: the HTTP status of the provider's answer.
const STATUS: usize = 30;
/// Written by the shell with it: how long the provider asks for a pause, in milliseconds; NaN: not said.
const RETRY_AFTER: usize = 31;
/// Likewise, beside the status: how long it took to the first part of a stream, in milliseconds; NaN: not said.
const FIRST_TOKEN: usize = 59;
/// Likewise: how many keys, then set and handle of each; handles are written back.
const KEYS: usize = 40;
/// Likewise: the share of the actor, in thousandths.
const IN_SHARE: usize = 58;
/// Likewise: limits that an answer tells of, three numbers each: place, what is left, when it resets.
const OBSERVED: usize = 64;
const LENGTH: usize = 88;

/// The governor's piece of linear memory. It does not move while the governor lives.
#[derive(Debug)]
pub(super) struct View(Box<[f64; LENGTH]>);

impl Default for View {
    fn default() -> Self {
        Self(Box::new([0.0; LENGTH]))
    }
}

impl View {
    pub(super) fn address(&self) -> u32 {
        self.0.as_ptr() as u32
    }

    #[inline]
    pub(super) fn set(&mut self, at: usize, value: f64) {
        if let Some(place) = self.0.get_mut(at) {
            *place = value;
        }
    }

    /// The amounts that the shell has written; NaN: not given.
    fn amount(&self, at: usize) -> Option<f64> {
        self.0.get(IN.saturating_add(at)).copied().filter(|amount| !amount.is_nan())
    }

    /// The status of the provider's answer.
    pub(super) fn status(&self) -> u16 {
        self.0.get(STATUS).map_or(0, |&status| status as u16)
    }

    /// The pause that the provider asked for, in microseconds.
    pub(super) fn retry_after_us(&self) -> Option<u64> {
        self.micros(RETRY_AFTER)
    }

    pub(super) fn first_token_us(&self) -> Option<u64> {
        self.micros(FIRST_TOKEN)
    }

    fn micros(&self, at: usize) -> Option<u64> {
        let ms = self.0.get(at).copied().filter(|ms| !ms.is_nan())?;
        Some(whole(ms * 1000.0))
    }

    /// Dollars to their millionths; whatever else is rounded up to whole units.
    pub(super) fn reported(&self) -> ReportedAmounts {
        let micros = |dollars: f64| round_up(dollars * 1e6);
        let custom = core::array::from_fn(|index| self.amount(index.saturating_add(1)).map(round_up));
        ReportedAmounts { cost_micros: self.amount(0).map(micros), custom }
    }

    /// The same for a request: what is not given is nothing.
    pub(super) fn amounts(&self) -> Amounts {
        let ReportedAmounts { cost_micros, custom } = self.reported();
        Amounts { cost_micros: cost_micros.unwrap_or(0), custom: custom.map(|amount| amount.unwrap_or(0)) }
    }

    /// The limits of an answer that the shell has written. Dollars are in millionths.
    pub(super) fn remaining(&self, count: u32) -> Vec<Remaining> {
        let told = |index: usize| {
            let at =
                |offset: usize| self.0.get(OBSERVED.saturating_add(index.saturating_mul(3)).saturating_add(offset));
            let (place, amount, resets_at) = (at(0)?, at(1)?, at(2)?);
            let resets_at = Some(*resets_at).filter(|at| !at.is_nan()).map(Instant::from_millis);
            Some(Remaining { place: *place as u32, amount: whole(*amount), resets_at })
        };
        (0..count.min(OBSERVED_MAX) as usize).filter_map(told).collect()
    }

    /// The share that the shell has written.
    pub(super) fn share(&self) -> u32 {
        self.0.get(IN_SHARE).map_or(0, |&share| share as u32)
    }

    /// The keys that the shell has written.
    pub(super) fn keys(&self) -> Keys {
        let at = |offset: usize| self.0.get(KEYS.saturating_add(offset)).map_or(0, |&number| number as u32);
        let mut keys = Keys::default();
        for index in 0..(at(0) as usize).min(KEYS_MAX) {
            let [set, handle] = [1, 2].map(|offset| at(index.saturating_mul(2).saturating_add(offset)));
            keys.push(set as u16, Some(KeyHandle(handle)).filter(|_| handle != NO_HANDLE));
        }
        keys
    }

    /// Writes the handles of keys where the shell has written them.
    pub(super) fn set_handles(&mut self, keys: Keys) {
        for (index, (_, handle)) in keys.iter().enumerate() {
            let handle = handle.map_or(NO_HANDLE, |handle| handle.0);
            self.set(KEYS.saturating_add(2).saturating_add(index.saturating_mul(2)), f64::from(handle));
        }
    }

    fn set_all(&mut self, from: usize, values: &[f64]) {
        for (offset, value) in values.iter().enumerate() {
            self.set(from.saturating_add(offset), *value);
        }
    }
}

#[inline]
pub(super) fn write_grant(view: &mut View, grant: &Grant) {
    view.set(GENERATION, f64::from(grant.lease.generation));
    view.set(EXPIRES_AT, grant.expires_at.as_millis_ceil_f64());
    view.set(ACTOR, f64::from(grant.actor.map_or(NO_HANDLE, |actor| actor.0)));
}

#[inline]
pub(super) fn write_denial(view: &mut View, denial: &Denial) {
    let Denial { subject, never, .. } = *denial;
    view.set(DENY, f64::from(reason(denial.reason)));
    view.set(DENY + 1, f64::from(cause(denial.cause)));
    view.set(DENY + 2, f64::from(denial.retry_after_ms));
    view.set(DENY + 3, denial.retry_at.map_or(f64::NAN, Instant::as_millis_ceil_f64));
    view.set(DENY + 4, f64::from(text(denial)));
    view.set(DENY + 5, subject.in_units(denial.used));
    view.set(DENY + 6, subject.in_units(denial.limit));
    view.set(DENY + 8, denial.binding.map_or(-1.0, f64::from));
    let (asked, max_allowed) = never.map_or((f64::NAN, f64::NAN), |never| {
        (never.subject.in_units(never.asked), never.subject.in_units(never.max_allowed))
    });
    view.set(DENY + 7, asked);
    view.set(DENY + 9, max_allowed);
    view.set(DENY + 10, place(never.map_or(subject, |never| never.subject)).map_or(-1.0, f64::from));
}

/// Of the limit that a subject is.
const fn place(subject: Subject) -> Option<u32> {
    match subject {
        Subject::Limit(place) | Subject::Budget(place) => Some(place),
        _ => None,
    }
}

const fn reason(reason: Reason) -> u8 {
    match reason {
        Reason::Concurrency => 0,
        Reason::Rate => 1,
        Reason::Budget => 2,
        Reason::Policy => 3,
    }
}

const fn cause(cause: Cause) -> u8 {
    match cause {
        Cause::Slots => 0,
        Cause::Reserve => 1,
        Cause::Share => 2,
        Cause::Limit => 3,
        Cause::Budget => 4,
        Cause::Cooldown => 5,
        Cause::QueueFull => 6,
        Cause::QueuedAhead => 7,
        Cause::Deadline => 8,
        Cause::TooLarge => 9,
        Cause::Cap => 10,
        Cause::Store => 11,
        Cause::Circuit => 12,
    }
}

/// Which text the shell makes of it, by the numbers of `TEXT` in the shell.
const fn text(denial: &Denial) -> u8 {
    if let Some(never) = denial.never {
        return match never.subject {
            Subject::Tokens => 6,
            Subject::Limit(_) | Subject::Budget(_) => 13,
            Subject::Provider => 16,
            _ => 5,
        };
    }
    match (denial.cause, denial.subject) {
        (Cause::QueueFull, _) => 7,
        (Cause::Deadline, Subject::Waiters) => 8,
        (Cause::Circuit, _) => 16,
        (_, Subject::Provider) => 15,
        (_, Subject::Slots) => 0,
        (_, Subject::Share) => 1,
        (_, Subject::Requests) => 2,
        (_, Subject::Tokens) => 3,
        (_, Subject::Waiters) => 4,
        (_, Subject::Leases) => 9,
        (_, Subject::Actors) => 10,
        (_, Subject::Keys) => 14,
        (_, Subject::Limit(_)) => 11,
        (_, Subject::Budget(_)) => 12,
    }
}

/// Writes an output record; its kind.
pub(super) fn write_output(view: &mut View, output: &Output) -> u32 {
    match output {
        Output::Expired { lease, weight } => {
            let weight = *weight as f64 / 1_000_000.0;
            view.set_all(OUT, &[f64::from(lease.slot), f64::from(lease.generation), weight]);
            1
        }
        Output::Granted(waiter, grant) => {
            let actor = f64::from(grant.actor.map_or(NO_HANDLE, |actor| actor.0));
            let [slot, generation] = [grant.lease.slot, grant.lease.generation].map(f64::from);
            let expires_at = grant.expires_at.as_millis_ceil_f64();
            view.set_all(
                OUT,
                &[f64::from(waiter.slot), f64::from(waiter.generation), slot, generation, expires_at, actor],
            );
            2
        }
        Output::Refused(waiter, denial) => {
            view.set_all(OUT, &[f64::from(waiter.slot), f64::from(waiter.generation)]);
            write_denial(view, denial);
            3
        }
        Output::ActorFreed(actor) => {
            view.set(OUT, f64::from(actor.0));
            4
        }
        Output::NeedBoundaries(place) => {
            view.set(OUT, f64::from(*place));
            5
        }
        Output::Gate(GateMoved { family, until, open, circuit }) => {
            let until = until.map_or(f64::INFINITY, Instant::as_millis_ceil_f64);
            let [open, circuit] = [*open, *circuit].map(|flag| f64::from(u8::from(flag)));
            view.set_all(OUT, &[f64::from(*family), until, open, circuit]);
            8
        }
        Output::Learnt(Learnt { limit, known: HiddenLimit { estimate, low, high }, before }) => {
            let [estimate, low, high] = [estimate, low, high].map(|amount| *amount as f64);
            let before = before.map_or(f64::NAN, |before| before as f64);
            view.set_all(OUT, &[f64::from(*limit), estimate, low, high, before]);
            9
        }
        Output::KeyFreed(key) => {
            view.set(OUT, f64::from(key.0));
            6
        }
        Output::Warned(Warning { limit, part, used, max, key }) => {
            let key = f64::from(key.map_or(NO_HANDLE, |key| key.0));
            view.set_all(OUT, &[f64::from(*limit), f64::from(*part), *used as f64, *max as f64, key]);
            7
        }
    }
}

/// One number of the state, by the indices of `Gauge` in the shell.
pub(super) fn gauge(governor: &Governor, now: Instant, which: u32) -> f64 {
    let view = governor.view(now);
    let slots = |weight: u64| weight as f64 / 1_000_000.0;
    let pool = view.concurrency;
    match which {
        0 => f64::from(view.active_leases),
        1 => pool.map_or(0.0, |pool| slots(pool.active)),
        2 => pool.map_or(f64::INFINITY, |pool| slots(pool.available)),
        3 => pool.map_or(f64::INFINITY, |pool| slots(pool.effective_max)),
        4 => view.requests.map_or(0.0, |rate| rate.current as f64),
        5 => view.requests.map_or(f64::INFINITY, |rate| rate.limit as f64),
        6 => view.tokens.map_or(0.0, |rate| rate.current as f64),
        7 => view.tokens.map_or(f64::INFINITY, |rate| rate.limit as f64),
        10 => f64::from(governor.config().caps.id_bytes),
        12 => f64::from(view.keys),
        11 => f64::from(governor.config().fairness.is_some() && pool.is_some()),
        _ => limit_gauge(governor, now, which),
    }
}

/// From 32 on, two numbers for each limit by place: what is counted, and the limit. From 4096 on those of hidden limits: bounds.
fn limit_gauge(governor: &Governor, now: Instant, which: u32) -> f64 {
    if let Some(which) = which.checked_sub(4_096) {
        let bounds = governor.known_limit(which / 2);
        return bounds.map_or(f64::NAN, |known| if which.is_multiple_of(2) { known.low } else { known.high } as f64);
    }
    let place = which.checked_sub(32).map(|which| which / 2);
    let view = place.and_then(|place| governor.limit_view(now, place));
    view.map_or(f64::NAN, |view| if which.is_multiple_of(2) { view.current } else { view.limit } as f64)
}

/// The view that users read.
pub(super) fn snapshot(governor: &Governor, now: Instant) -> Result<JsValue, JsValue> {
    let view = governor.view(now);
    let slots = |weight: u64| Plain::Number(weight as f64 / 1_000_000.0);
    let rate =
        |rate: RateView| [("current", Plain::Number(rate.current as f64)), ("limit", Plain::Number(rate.limit as f64))];
    let concurrency = view.concurrency.map(|pool| {
        [
            ("inFlightWeight", slots(pool.active)),
            ("inFlightCount", Plain::count(view.active_leases)),
            ("max", slots(pool.max)),
            ("effectiveMax", slots(pool.effective_max)),
            ("available", slots(pool.available)),
        ]
    });
    let [request_rate, token_rate] = [view.requests.map(rate), view.tokens.map(rate)];
    let clock = [
        ("stepsClamped", Plain::Number(view.clock_steps_clamped as f64)),
        ("changes", Plain::Number(view.clock_changes as f64)),
    ];
    let snapshot = [
        ("activeLeases", Plain::count(view.active_leases)),
        ("concurrency", Plain::fields(concurrency.as_ref())),
        ("requestRate", Plain::fields(request_rate.as_ref())),
        ("tokenRate", Plain::fields(token_rate.as_ref())),
        ("fairness", Plain::Flag(view.fairness)),
        ("adaptive", Plain::Flag(view.adaptive)),
        ("waiting", Plain::count(view.waiting)),
        ("actors", Plain::count(view.actors)),
        ("clock", Plain::Fields(&clock)),
    ];
    Plain::Fields(&snapshot).to_js()
}

/// What limits say of a call, money in dollars.
pub(super) fn diagnosis(diagnosis: &Diagnosis) -> Result<JsValue, JsValue> {
    let rows: Vec<_> = diagnosis.limits.iter().map(limit_diagnosis).collect();
    let limits: Vec<_> = rows.iter().map(|row| Plain::Fields(row)).collect();
    Plain::Fields(&[("granted", Plain::Flag(diagnosis.denial.is_none())), ("limits", Plain::List(&limits))]).to_js()
}

fn limit_diagnosis(limit: &LimitDiagnosis) -> [(&'static str, Plain<'static>); 10] {
    let unit = if limit.metric == Metric::CostUsd { 1e6 } else { 1.0 };
    let amount = |amount: u64| Plain::Number(amount as f64 / unit);
    // In which time all of it comes back: a bucket may hold more than a window brings.
    let window_ms = match limit.window {
        Window::Micros(us) => Plain::Number(us as f64 / 1e3 * limit.max as f64 / limit.per_window as f64),
        Window::Calendar => Plain::Null,
    };
    let free_at = limit.free_at.map_or(Plain::Null, |at| Plain::Number(at.as_millis_ceil_f64()));
    [
        ("place", Plain::count(limit.limit)),
        ("used", amount(limit.used)),
        ("limit", amount(limit.max)),
        ("asked", amount(limit.asked)),
        ("fits", Plain::Flag(limit.fits)),
        ("freeAt", free_at),
        ("resetAt", Plain::Number(limit.reset_at.as_millis_ceil_f64())),
        ("windowMs", window_ms),
        ("reserved", amount(limit.reserved)),
        ("owed", amount(limit.owed())),
    ]
}
