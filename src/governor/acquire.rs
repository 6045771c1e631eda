//! Admission. The order of checks is documented: adaptive adjustment, idempotency, the queue, concurrency, fairness, request
//! rate, token rate, caps. The first that refuses gives reason and text; whatever frees last gives `retry_at`.

use super::Governor;
use crate::config::WEIGHT_MAX;
use crate::decision::{ActorHandle, Cause, Decision, Denial, Grant, LeaseId, Metric, Output, Reason, Request, Subject};
use crate::fairness::Who;
use crate::lease::{Known, Lease, NO_ACTOR};
use crate::limit::{Full, Shortage};
use crate::time::{CoreTime, Instant};

/// Bounds of the delay that callers are told, in milliseconds: shorter is a busy loop, longer hides that slots free early.
const RETRY_AFTER_MS: (u64, u64) = (25, 5_000);

/// A denial, and the core time at which the call would fit; `None` if it never can.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) denial: Denial,
    pub(super) free_at: Option<CoreTime>,
}

impl Governor {
    /// Asks for a lease now.
    ///
    /// A refused call has consumed nothing. While somebody waits in the queue for the same, a call of no higher priority is
    /// refused unless it may barge. A claimed lease that is still live is returned again and counts nothing.
    pub fn acquire(&mut self, now: Instant, request: &Request) -> Decision {
        let request = &normal(request);
        let t = self.advance(now);
        self.serve(t);
        if let Some(grant) = self.claimed(request) {
            return Decision::Granted(grant);
        }
        if let Some(denial) = self.queued_ahead(request, t) {
            return Decision::Denied(denial);
        }
        let who = self.who(request);
        if self.fits(t, request, who) {
            self.note_asked(None);
            return Decision::Granted(self.grant(t, request, who));
        }
        let refusal = self.explain(t, request, who);
        self.note_asked(Some(&refusal.denial));
        self.note_starved(t, who, &refusal.denial);
        Decision::Denied(refusal.denial)
    }

    /// The live lease that the caller's table says holds the request's idempotency key.
    #[inline]
    pub(super) fn claimed(&self, request: &Request) -> Option<Grant> {
        let lease = request.claim?;
        let Known::Live(held) = self.leases.find(lease) else { return None };
        Some(self.describe(lease, held.expires_at, held.actor, true))
    }

    pub(super) fn describe(&self, lease: LeaseId, expires_at: CoreTime, actor: u32, reused: bool) -> Grant {
        let own = |fairness: &crate::fairness::Fairness| actor != NO_ACTOR && !fairness.actors.is_overflow(actor);
        let actor = self.fairness.as_ref().is_some_and(own).then_some(ActorHandle(actor));
        Grant { lease, expires_at: self.clock.to_caller(expires_at), actor, reused }
    }

    #[inline]
    pub(super) fn who(&mut self, request: &Request) -> Who {
        let handle = request.actor.map(|actor| actor.0);
        self.fairness.as_mut().map_or(Who::Known(NO_ACTOR), |fairness| fairness.who(handle))
    }

    /// Whether all checks let the request through.
    #[inline]
    pub(super) fn fits(&mut self, t: CoreTime, request: &Request, who: Who) -> bool {
        let m = self.effective_max();
        if let Some(pool) = &self.pool {
            if pool.check(request.weight, request.priority, m).is_some() {
                return false;
            }
            if let Some(fairness) = &self.fairness
                && !fairness.allows(who, request.weight, pool.active(), m)
            {
                return false;
            }
        }
        self.limits.have_room(t, request.tokens) && self.leases.live() < self.config.caps.leases && who != Who::Refused
    }

    /// Takes from everything that counts, and names the lease.
    #[inline]
    pub(super) fn grant(&mut self, t: CoreTime, request: &Request, who: Who) -> Grant {
        let actor = self.admit(who);
        if let Some(pool) = &mut self.pool {
            pool.take(request.weight);
        }
        if let Some(fairness) = &mut self.fairness {
            fairness.actors.hold(actor, request.weight);
        }
        self.limits.take(t, request.tokens);
        let expires_at = t.plus(self.config.lease_ttl_us);
        let Request { weight, tokens, priority, .. } = *request;
        let lease = self.leases.insert(Lease { admitted: t, expires_at, weight, tokens, actor, priority });
        if self.reaper_at.is_none() {
            self.reaper_at = Some(t.plus(self.config.reaper_interval_us));
        }
        self.describe(lease, expires_at, actor, false)
    }

    /// The handle of an actor that is let in; [`NO_ACTOR`] where no rule reads actors.
    #[inline]
    pub(super) fn admit(&mut self, who: Who) -> u32 {
        let Some(fairness) = &mut self.fairness else { return NO_ACTOR };
        let (actor, evicted) = fairness.admit(who);
        if let Some(evicted) = evicted {
            self.outputs.push_back(Output::ActorFreed(ActorHandle(evicted)));
        }
        actor
    }

    pub(super) fn note_asked(&mut self, denial: Option<&Denial>) {
        if let Some(adaptive) = &mut self.adaptive {
            let for_slots = |denial: &Denial| matches!(denial.reason, Reason::Concurrency | Reason::Policy);
            adaptive.asked(denial.is_some_and(for_slots));
        }
    }

    fn note_starved(&mut self, t: CoreTime, who: Who, denial: &Denial) {
        let m = self.effective_max();
        if let Some(fairness) = &mut self.fairness
            && matches!(denial.cause, Cause::Slots | Cause::Reserve)
        {
            fairness.refused(who, t, m);
        }
    }

    /// Why the request does not fit: all checks are asked, since `retry_at` comes from whatever frees last.
    #[cold]
    pub(super) fn explain(&self, t: CoreTime, request: &Request, who: Who) -> Refusal {
        let mut reasons = Reasons { first: None, free_at: Some(t), binding: None };
        let m = self.effective_max();
        if let Some(pool) = &self.pool {
            if let Some(full) = pool.check(request.weight, request.priority, m) {
                self.explain_full(&mut reasons, t, request, &full);
            }
            let allowed = self.fairness.as_ref().is_none_or(|f| f.allows(who, request.weight, pool.active(), m));
            if !allowed {
                // Below half of the maximum nobody's share matters, and with everything expired the actor holds nothing.
                let most = (m / 2).saturating_sub(request.weight).saturating_sub(1);
                let by = self.leases.weight_expires_by(pool.active().saturating_sub(most).max(1));
                reasons.add(self.for_slots(t, request, Reason::Policy, Cause::Share, Subject::Share), Some(by), None);
            }
        }
        for shortage in self.limits.shortages(t, request.tokens) {
            reasons.add(rate_denial(t, &shortage), shortage.free_at, u32::try_from(shortage.limit).ok());
        }
        let caps = &self.config.caps;
        if self.leases.live() >= caps.leases {
            self.explain_cap(&mut reasons, t, Subject::Leases, self.leases.live(), caps.leases);
        }
        if who == Who::Refused {
            self.explain_cap(&mut reasons, t, Subject::Actors, caps.actors, caps.actors);
        }
        self.finish(t, reasons)
    }

    fn explain_full(&self, reasons: &mut Reasons, t: CoreTime, request: &Request, full: &Full) {
        let mut denial = self.for_slots(t, request, Reason::Concurrency, full.cause, Subject::Slots);
        denial.max_allowed = full.must_end.is_none().then_some(full.ceiling);
        reasons.add(denial, full.must_end.map(|weight| self.leases.weight_expires_by(weight)), None);
    }

    fn explain_cap(&self, reasons: &mut Reasons, t: CoreTime, subject: Subject, used: u32, limit: u32) {
        let mut denial = plain(Reason::Policy, Cause::Cap, subject, [u64::from(used), u64::from(limit), 1]);
        denial.retry_after_ms = self.slots_hint_ms(t);
        reasons.add(denial, self.leases.next_expiry().or(Some(t)), None);
    }

    fn for_slots(&self, t: CoreTime, request: &Request, reason: Reason, cause: Cause, subject: Subject) -> Denial {
        let active = self.pool.as_ref().map_or(0, |pool| pool.active());
        let mut denial = plain(reason, cause, subject, [active, self.effective_max(), request.weight]);
        denial.retry_after_ms = self.slots_hint_ms(t);
        denial
    }

    /// A polite delay where slots are short: until the first lease expires; without one 250 to 1000 ms, growing with load.
    fn slots_hint_ms(&self, t: CoreTime) -> u32 {
        let m = self.effective_max().max(1);
        let active = self.pool.as_ref().map_or(0, |pool| pool.active()).min(m);
        let without = active.saturating_mul(750).checked_div(m).unwrap_or(0).saturating_add(250);
        polite_ms(self.leases.next_expiry().map_or(without.saturating_mul(1_000), |at| at.since(t)))
    }

    fn finish(&self, t: CoreTime, reasons: Reasons) -> Refusal {
        let nothing = || plain(Reason::Policy, Cause::Cap, Subject::Leases, [0, 0, 0]);
        let mut denial = reasons.first.unwrap_or_else(nothing);
        denial.retry_at = reasons.free_at.map(|at| self.clock.to_caller(at.max(t)));
        denial.binding = reasons.binding;
        Refusal { denial, free_at: reasons.free_at }
    }
}

/// What the checks said, in their order.
struct Reasons {
    first: Option<Denial>,
    free_at: Option<CoreTime>,
    binding: Option<u32>,
}

impl Reasons {
    fn add(&mut self, denial: Denial, free_at: Option<CoreTime>, limit: Option<u32>) {
        let later = match (self.free_at, free_at) {
            (Some(before), Some(at)) => at >= before,
            (before, _) => before.is_some(),
        };
        if later {
            self.free_at = free_at;
            self.binding = limit;
        }
        self.first.get_or_insert(denial);
    }
}

/// A request within the ranges of the arithmetic; see the fields for what is out of range.
pub(super) fn normal(request: &Request) -> Request {
    Request { weight: request.weight.min(WEIGHT_MAX), tokens: request.tokens.capped(), ..*request }
}

fn plain(reason: Reason, cause: Cause, subject: Subject, [used, limit, asked]: [u64; 3]) -> Denial {
    let retry_after_ms = RETRY_AFTER_MS.1 as u32;
    let (retry_at, binding, max_allowed) = (None, None, None);
    Denial { reason, cause, subject, used, limit, asked, retry_after_ms, retry_at, max_allowed, binding }
}

fn rate_denial(t: CoreTime, shortage: &Shortage) -> Denial {
    let subject = match shortage.metric {
        Metric::Requests => Subject::Requests,
        Metric::Tokens => Subject::Tokens,
    };
    let amounts = [shortage.used, shortage.max, shortage.asked];
    match shortage.free_at {
        Some(at) => {
            Denial { retry_after_ms: polite_ms(at.since(t)), ..plain(Reason::Rate, Cause::Limit, subject, amounts) }
        }
        None => Denial { max_allowed: Some(shortage.max), ..plain(Reason::Rate, Cause::TooLarge, subject, amounts) },
    }
}

/// Microseconds to the milliseconds that callers are told, rounded up and clamped.
fn polite_ms(us: u64) -> u32 {
    us.div_ceil(1_000).clamp(RETRY_AFTER_MS.0, RETRY_AFTER_MS.1) as u32
}

impl Governor {
    /// The denial of a request that stands behind waiters.
    pub(super) fn queued_ahead(&self, request: &Request, t: CoreTime) -> Option<Denial> {
        if request.barge || self.queue.is_empty() {
            return None;
        }
        let (count, first) = self.queue.ahead_of(request.priority)?;
        let amounts = [u64::from(count), u64::from(self.config.queue_max), 1];
        let retry_at = first.retry_at.map(|at| at.max(self.clock.to_caller(t)));
        let denial = plain(first.reason, Cause::QueuedAhead, Subject::Waiters, amounts);
        Some(Denial { retry_after_ms: first.retry_after_ms, retry_at, binding: first.binding, ..denial })
    }
}
