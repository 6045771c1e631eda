//! Why a call does not fit, and when it would. The first check that refuses gives reason and text; whatever frees last gives
//! `retry_at`.

use super::Governor;
use super::acquire::Check;
use crate::decision::{Cause, Denial, Metric, Never, Priority, Reason, Request, Subject};
use crate::fairness::{Fairness, Who};
use crate::gate::Shut;
use crate::limit::{Full, Shortage};
use crate::queue::{At, Why};
use crate::time::CoreTime;

/// Bounds of the delay that callers are told, in milliseconds: shorter is a busy loop, longer hides that slots free early.
const RETRY_AFTER_MS: (u64, u64) = (25, 5_000);

/// A denial, and what the core knows of when the call would fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) denial: Denial,
    /// When it would fit, if nothing ends early; `None`: never.
    pub(super) free_at: Option<CoreTime>,
    /// It cannot fit before, whatever ends early.
    pub(super) not_before: CoreTime,
    /// What binds it: of the limits that refuse it the one that frees last, or the slots.
    pub(super) at: At,
    pub(super) why: Why,
}

impl Governor {
    /// Why the request does not fit. From the first that refuses on all checks are asked, since `retry_at` comes from
    /// whatever frees last.
    #[cold]
    #[inline(never)]
    pub(super) fn explain(&self, t: CoreTime, request: &Request, who: Option<Who>, first: Check) -> Option<Refusal> {
        let slots = (At::SLOTS, Why { reason: Reason::Concurrency, free_at: None });
        let mut reasons =
            Reasons { first: None, never: None, free_at: Some(t), not_before: t, binding: None, bound: slots };
        if let Some(pool) = self.pool.as_ref().filter(|_| first <= Check::Share) {
            if let Some(full) = pool.check(request.weight, request.priority, self.effective_max()) {
                self.explain_full(&mut reasons, t, request, &full);
            }
            if let (Some(fairness), Some(Who::Known(handle))) = (&self.fairness, who) {
                self.explain_share(&mut reasons, t, request, fairness, handle);
            }
        }
        if let Some((at, holds_until)) = self.controller_opens() {
            reasons.frees(Some(at), None);
            reasons.not_before = reasons.not_before.max(holds_until);
            reasons.bound = (At::SLOTS, Why { reason: Reason::Rate, free_at: Some(at) });
            reasons.say(|| Denial {
                retry_after_ms: polite_ms(at.since(t)),
                ..plain(Reason::Rate, Cause::Cooldown, Subject::Provider, [0; 3])
            });
        }
        self.explain_gate(&mut reasons, t, request.family);
        self.limits.shortages(t, request, |shortage| {
            reasons.bind(shortage);
            if let (Metric::Requests, Some(at)) = (shortage.metric, shortage.free_at) {
                reasons.not_before = reasons.not_before.max(at);
            }
            reasons.frees(shortage.free_at, Some(shortage.limit));
            if shortage.free_at.is_none() {
                let Shortage { subject, asked, max: max_allowed, .. } = *shortage;
                reasons.never(Never { subject, asked, max_allowed });
            }
            reasons.say(|| limit_denial(t, shortage));
        });
        let caps = &self.config.caps;
        if self.leases.live() >= caps.leases {
            reasons.frees(self.leases.next_expiry().or(Some(t)), None);
            reasons.say(|| self.at_cap(t, Subject::Leases, self.leases.live(), caps.leases));
        }
        if who.is_none() {
            reasons.frees(self.leases.next_expiry().or(Some(t)), None);
            reasons.say(|| self.no_place(t));
        }
        self.finish(t, reasons)
    }

    /// The share is right again when so much of the actor's own has ended, or the load is light; and nobody is starved.
    fn explain_share(&self, reasons: &mut Reasons, t: CoreTime, request: &Request, fairness: &Fairness, handle: u32) {
        let m = self.effective_max();
        let active = self.pool.as_ref().map_or(0, |pool| pool.active());
        if fairness.allows(Who::Known(handle), request.weight, active, m) {
            return;
        }
        // Below half of the maximum nobody's share matters, and with everything expired the actor holds nothing.
        let most = (m / 2).saturating_sub(request.weight).saturating_sub(1);
        let light = self.leases.weight_expires_by(active.saturating_sub(most).max(1));
        let (over, forgiven) = fairness.excess(handle, request.weight, m);
        let own = if over == 0 { Some(t) } else { self.leases.actor_weight_expires_by(handle, over) };
        let by = own.map_or(light, |own| own.max(forgiven.unwrap_or(t)).min(light));
        reasons.frees(Some(by), None);
        reasons.say(|| self.for_slots(t, request, Reason::Policy, Cause::Share, Subject::Share));
    }

    /// The provider is not to be called for this family: until an instant, until somebody acts, or until an answer comes.
    fn explain_gate(&self, reasons: &mut Reasons, t: CoreTime, family: u32) {
        let Some((shut, cause)) = self.gates.shut(family) else { return };
        let free_at = match shut {
            Shut::Until(at) => Some(at),
            Shut::Never => None,
            Shut::Opening => Some(self.leases.next_expiry().unwrap_or(t).max(t.plus(1))),
        };
        reasons.frees(free_at, None);
        match shut {
            Shut::Until(at) => reasons.not_before = reasons.not_before.max(at),
            Shut::Never => reasons.never(Never { subject: Subject::Provider, asked: 1, max_allowed: 0 }),
            Shut::Opening => {}
        }
        if reasons.bound.1.free_at <= free_at {
            reasons.bound = (At::gate(family), Why { reason: Reason::Rate, free_at });
        }
        reasons.say(|| {
            let denial = plain(Reason::Rate, cause, Subject::Provider, [0; 3]);
            let wait_us = free_at.map(|at| polite_ms(at.since(t)));
            Denial { retry_after_ms: wait_us.unwrap_or(denial.retry_after_ms), ..denial }
        });
    }

    /// The denial of an actor for which there is no place.
    pub(super) fn no_place(&self, t: CoreTime) -> Denial {
        let max = self.config.caps.actors;
        let retry_at = Some(self.clock.to_caller(self.leases.next_expiry().unwrap_or(t).max(t)));
        Denial { retry_at, ..self.at_cap(t, Subject::Actors, max, max) }
    }

    #[inline]
    fn explain_full(&self, reasons: &mut Reasons, t: CoreTime, request: &Request, full: &Full) {
        reasons.frees(full.must_end.map(|weight| self.leases.weight_expires_by(weight)), None);
        if full.must_end.is_none() {
            reasons.never(Never { subject: Subject::Slots, asked: request.weight, max_allowed: full.ceiling });
        }
        reasons.say(|| self.for_slots(t, request, Reason::Concurrency, full.cause, Subject::Slots));
    }

    pub(super) fn at_cap(&self, t: CoreTime, subject: Subject, used: u32, limit: u32) -> Denial {
        let denial = plain(Reason::Policy, Cause::Cap, subject, [u64::from(used), u64::from(limit), 1]);
        Denial { retry_after_ms: self.slots_hint_ms(t), ..denial }
    }

    #[inline]
    fn for_slots(&self, t: CoreTime, request: &Request, reason: Reason, cause: Cause, subject: Subject) -> Denial {
        let active = self.pool.as_ref().map_or(0, |pool| pool.active());
        let mut denial = plain(reason, cause, subject, [active, self.effective_max(), request.weight]);
        denial.retry_after_ms = self.slots_hint_ms(t);
        denial
    }

    /// A polite delay where slots are short: until the first lease expires; without one 250 to 1000 ms, growing with load.
    fn slots_hint_ms(&self, t: CoreTime) -> u32 {
        if let Some(at) = self.leases.next_expiry() {
            return polite_ms(at.since(t));
        }
        let m = self.effective_max().max(1);
        let active = self.pool.as_ref().map_or(0, |pool| pool.active()).min(m);
        let ms = active.saturating_mul(750).checked_div(m).unwrap_or(0).saturating_add(250);
        polite_ms(ms.saturating_mul(1_000))
    }

    #[inline]
    fn finish(&self, t: CoreTime, reasons: Reasons) -> Option<Refusal> {
        let Reasons { first, never, free_at, not_before, binding, bound: (at, why) } = reasons;
        let mut denial = first?;
        denial.retry_at = free_at.map(|at| self.clock.to_caller(at.max(t)));
        denial.binding = binding;
        denial.never = never;
        Some(Refusal { denial, free_at, not_before, at, why })
    }

    /// The denial of a request that stands behind waiters.
    #[inline]
    pub(super) fn queued_ahead(&self, request: &Request, t: CoreTime) -> Option<Denial> {
        if request.barge || self.queue.is_empty() { None } else { self.behind(request, t) }
    }

    #[inline(never)]
    fn behind(&self, request: &Request, t: CoreTime) -> Option<Denial> {
        let mut last: Option<(CoreTime, u32)> = None;
        self.needs(request, &mut |park| {
            if self.queue.waiting_in(park, request.priority, t) > 0 {
                let free_at = self.room_at(park, t);
                last = last.filter(|&(at, _)| at >= free_at).or(Some((free_at, park)));
            }
        });
        last.map(|(_, park)| self.behind_in(park, request.priority, t))
    }

    /// The denial of a request that stands behind those in a park.
    pub(super) fn behind_in(&self, park: u32, priority: Priority, t: CoreTime) -> Denial {
        let At { place, .. } = self.queue.at(park);
        let count = self.queue.waiting_in(park, priority, t).max(1);
        let amounts = [u64::from(count), u64::from(self.config.queue.max), 1];
        let reason = self.queue.why(park).map_or(Reason::Concurrency, |why| why.reason);
        let denial = plain(reason, Cause::QueuedAhead, Subject::Waiters, amounts);
        let at = self.room_at(park, t);
        let (binding, retry_after_ms) = match self.queue.at(park) {
            At::SLOTS => (None, self.slots_hint_ms(t)),
            At { place: At::GATES, .. } => (None, polite_ms(at.since(t))),
            _ => (Some(place), polite_ms(at.since(t))),
        };
        Denial { retry_after_ms, retry_at: Some(self.clock.to_caller(at)), binding, ..denial }
    }

    /// When the first of those in a park may fit, as far as is known.
    fn room_at(&self, park: u32, t: CoreTime) -> CoreTime {
        let free_at = self.queue.why(park).and_then(|why| why.free_at);
        free_at.or_else(|| self.leases.next_expiry()).unwrap_or(t).max(t)
    }
}

/// What the checks said, in their order.
struct Reasons {
    first: Option<Denial>,
    never: Option<Never>,
    free_at: Option<CoreTime>,
    not_before: CoreTime,
    binding: Option<u32>,
    /// Of the limits the one that frees last, else the slots.
    bound: (At, Why),
}

impl Reasons {
    /// A check that refuses lets the call through at this instant, or never; what frees last binds.
    #[inline]
    fn frees(&mut self, free_at: Option<CoreTime>, limit: Option<u32>) {
        let later = match (self.free_at, free_at) {
            (Some(before), Some(at)) => at >= before,
            (before, _) => before.is_some(),
        };
        if later {
            self.free_at = free_at;
            self.binding = limit;
        }
    }

    fn bind(&mut self, shortage: &Shortage) {
        let Shortage { limit: place, key, subject, free_at, .. } = *shortage;
        if self.bound.1.free_at <= free_at {
            self.bound = (At { place, key }, Why { reason: reason_of(subject).0, free_at });
        }
    }

    fn never(&mut self, never: Never) {
        self.never.get_or_insert(never);
    }

    /// The denial of a check that refuses; the first one counts, and only that is made.
    #[inline]
    fn say(&mut self, denial: impl FnOnce() -> Denial) {
        if self.first.is_none() {
            self.first = Some(denial());
        }
    }
}

#[inline]
fn plain(reason: Reason, cause: Cause, subject: Subject, [used, limit, asked]: [u64; 3]) -> Denial {
    let retry_after_ms = RETRY_AFTER_MS.1 as u32;
    let (retry_at, binding, never) = (None, None, None);
    Denial { reason, cause, subject, used, limit, asked, retry_after_ms, retry_at, never, binding }
}

const fn reason_of(limit: Subject) -> (Reason, Cause) {
    match limit {
        Subject::Budget(_) => (Reason::Budget, Cause::Budget),
        _ => (Reason::Rate, Cause::Limit),
    }
}

#[inline]
fn limit_denial(t: CoreTime, shortage: &Shortage) -> Denial {
    let (reason, cause) = reason_of(shortage.subject);
    let cause = if shortage.free_at.is_some() { cause } else { Cause::TooLarge };
    let mut denial = plain(reason, cause, shortage.subject, [shortage.used, shortage.max, shortage.asked]);
    if let Some(at) = shortage.free_at {
        denial.retry_after_ms = polite_ms(at.since(t));
    }
    denial
}

/// Microseconds to the milliseconds that callers are told, rounded up and clamped.
fn polite_ms(us: u64) -> u32 {
    // Clamped first: 32 bits are divided several times as fast as 64 in wasm.
    let us = us.clamp(RETRY_AFTER_MS.0.saturating_mul(1_000), RETRY_AFTER_MS.1.saturating_mul(1_000)) as u32;
    us.div_ceil(1_000)
}
