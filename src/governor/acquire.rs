//! Admission. The order of checks is documented: adaptive adjustment, idempotency, the queue, concurrency, fairness, the
//! provider's gate, request rate, token rate, the other limits, budgets, caps. What is told of one that refuses: `explain`.

use super::Governor;
use super::explain::Refusal;
use crate::config::{WEIGHT_MAX, WEIGHT_UNIT};
use crate::decision::{
    ActorHandle, Cause, Decision, Denial, Grant, Keys, LeaseId, Output, Reason, Request, Subject, TOKENS_MAX, Tokens,
};
use crate::fairness::{Fairness, Who};
use crate::gate::GATES_MAX;
use crate::lease::{Known, Lease, NO_ACTOR};
use crate::time::{CoreTime, Instant};

/// The checks of an admission, in their order.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Check {
    Slots,
    Share,
    Provider,
    Limits,
    Caps,
}

impl Governor {
    /// Asks for a lease now.
    ///
    /// A refused call has consumed nothing. While somebody waits in the queue for the same, a call of no higher priority is
    /// refused unless it may barge. A claimed lease that is still live is returned again and counts nothing.
    #[inline(always)]
    pub fn acquire(&mut self, now: Instant, request: &Request) -> Decision {
        // A copy costs more than the look.
        if is_normal(request) { self.decide(now, request) } else { self.decide(now, &normal(request)) }
    }

    #[inline(never)]
    fn decide(&mut self, now: Instant, request: &Request) -> Decision {
        let t = self.advance(now);
        self.serve(t);
        if let Some(grant) = self.claimed(request) {
            return Decision::Granted(grant);
        }
        let keyed;
        let request = if request.keys.is_empty() {
            request
        } else {
            keyed = match self.keyed(t, request) {
                Ok(request) => request,
                Err(denial) => return Decision::Denied(denial),
            };
            &keyed
        };
        if let Some(denial) = self.queued_ahead(request, t) {
            return Decision::Denied(denial);
        }
        let who = self.who(request);
        let refusal = self.check(t, request, who);
        self.note_asked(t, who, refusal.as_ref().map(|refusal| &refusal.denial));
        match (refusal, who) {
            (None, Some(who)) => {
                if !self.queue.is_empty() {
                    let passer = self.newcomer(request, who);
                    self.note_passed(t, request, passer);
                }
                let grant = self.grant(t, request, who);
                self.serve(t);
                Decision::Granted(grant)
            }
            (Some(refusal), _) => Decision::Denied(refusal.denial),
            (None, None) => Decision::Denied(self.no_place(t)),
        }
    }

    /// The denial that a request would get, and the request with its keys as they are counted now.
    pub(super) fn would_refuse(&mut self, t: CoreTime, request: &Request) -> (Option<Denial>, Request) {
        let ahead = self.queued_ahead(request, t);
        let (denial, keyed) = match self.keyed(t, request) {
            Err(denial) => (Some(denial), Request { keys: Keys::default(), ..*request }),
            Ok(keyed) => {
                let who = self.who(&keyed);
                let refusal = self.check(t, &keyed, who).map(|refusal| refusal.denial);
                (refusal.or_else(|| who.is_none().then(|| self.no_place(t))), keyed)
            }
        };
        (if self.claimed(request).is_some() { None } else { ahead.or(denial) }, keyed)
    }

    /// The request with its keys as they are counted now, or the denial of one for whose keys there is no place.
    #[inline(never)]
    pub(super) fn keyed(&mut self, t: CoreTime, request: &Request) -> Result<Request, Denial> {
        let keys = if request.unlimited { Keys::default() } else { request.keys };
        match self.limits.resolve(t, keys) {
            Some(keys) => Ok(Request { keys, ..*request }),
            None => {
                let (keys, max) = (self.limits.keys(), self.config.caps.keys);
                // A key makes place when all it has counted is gone, which an expiry may bring about.
                let at = self.limits.key_may_go_at().or(self.leases.next_expiry()).unwrap_or(t);
                let retry_at = Some(self.clock.to_caller(at.max(t)));
                Err(Denial { retry_at, ..self.at_cap(t, Subject::Keys, keys, max) })
            }
        }
    }

    /// Why the request may not go now; `None` if it may.
    #[inline]
    pub(super) fn check(&mut self, t: CoreTime, request: &Request, who: Option<Who>) -> Option<Refusal> {
        self.limits.advance(t, request);
        let first = self.first_refusing(request, who)?;
        self.explain(t, request, who, first)
    }

    /// The live lease that the caller's table says holds the request's idempotency key.
    #[inline]
    pub(super) fn claimed(&self, request: &Request) -> Option<Grant> {
        let lease = request.claim?;
        let Known::Live(held) = self.leases.find(lease) else { return None };
        Some(self.describe(lease, held.expires_at, held.actor, true))
    }

    pub(super) fn describe(&self, lease: LeaseId, expires_at: CoreTime, actor: u32, reused: bool) -> Grant {
        let own = |fairness: &Fairness| actor != NO_ACTOR && !fairness.actors.is_overflow(actor);
        let actor = self.fairness.as_ref().is_some_and(own).then_some(ActorHandle(actor));
        Grant { lease, expires_at: self.clock.to_caller(expires_at), actor, reused }
    }

    #[inline]
    pub(super) fn who(&mut self, request: &Request) -> Option<Who> {
        let handle = request.actor.map(|actor| actor.0);
        self.fairness.as_mut().map_or(Some(Who::Known(NO_ACTOR)), |fairness| fairness.who(handle))
    }

    /// The first check that does not let the request through.
    #[inline]
    pub(super) fn first_refusing(&self, request: &Request, who: Option<Who>) -> Option<Check> {
        if let Some(pool) = &self.pool {
            let m = self.effective_max();
            if pool.check(request.weight, request.priority, m).is_some() {
                return Some(Check::Slots);
            }
            if let (Some(fairness), Some(who)) = (&self.fairness, who)
                && !fairness.allows(who, request.weight, pool.active(), m)
            {
                return Some(Check::Share);
            }
            if self.controller_opens().is_some() {
                return Some(Check::Provider);
            }
        }
        if self.gates.shut(request.family).is_some() {
            return Some(Check::Provider);
        }
        if !self.limits.have_room(request) {
            return Some(Check::Limits);
        }
        (who.is_none() || self.leases.live() >= self.config.caps.leases).then_some(Check::Caps)
    }

    /// Takes from everything that counts, and names the lease.
    #[inline]
    pub(super) fn grant(&mut self, t: CoreTime, request: &Request, who: Who) -> Grant {
        let actor = self.admit(who);
        let crowd = self.pool.as_ref().map_or(0, |pool| pool.active());
        if let Some(pool) = &mut self.pool {
            pool.take(request.weight);
        }
        if let Some(fairness) = &mut self.fairness {
            fairness.actors.hold(actor, request.weight);
        }
        let expires_at = t.plus(self.config.lease_ttl_us);
        let Request { weight, tokens, .. } = *request;
        let lease = self.leases.insert(Lease { admitted: t, expires_at, weight, tokens, actor, generation: 0 });
        self.limits.take(t, lease.slot, request);
        self.gates.sent(t, request.family, lease.slot);
        self.charge(request, actor, lease.slot);
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.sent(crowd.saturating_add(weight));
            self.leases.note_crowd(lease, crowd / WEIGHT_UNIT);
        }
        if self.reaper_at.is_none() {
            self.reaper_at = Some(t.plus(self.config.reaper_interval_us));
        }
        self.describe(lease, expires_at, actor, false)
    }

    /// The handle of an actor that is let in; [`NO_ACTOR`] where no rule reads actors.
    #[inline]
    pub(super) fn admit(&mut self, who: Who) -> u32 {
        if let Who::Known(actor) = who { actor } else { self.admit_new() }
    }

    #[inline(never)]
    fn admit_new(&mut self) -> u32 {
        let Some(fairness) = &mut self.fairness else { return NO_ACTOR };
        let (actor, evicted) = fairness.admit_new();
        if let Some(evicted) = evicted {
            self.outputs.push_back(Output::ActorFreed(ActorHandle(evicted)));
        }
        actor
    }

    #[inline]
    pub(super) fn note_asked(&mut self, t: CoreTime, who: Option<Who>, denial: Option<&Denial>) {
        if let Some(adaptive) = &mut self.adaptive {
            let for_slots = |denial: &Denial| matches!(denial.reason, Reason::Concurrency | Reason::Policy);
            adaptive.asked(denial.is_some_and(for_slots));
        }
        if let Some(denial) = denial {
            self.note_starved(t, who, denial);
        }
    }

    pub(super) fn note_starved(&mut self, t: CoreTime, who: Option<Who>, denial: &Denial) {
        let m = self.effective_max();
        if let Some(fairness) = &mut self.fairness
            && matches!(denial.cause, Cause::Slots | Cause::Reserve)
        {
            fairness.refused(who, t, m);
        }
    }

    /// When the controller lets the next call through, if not now.
    #[inline]
    pub(super) fn controller_opens(&self) -> Option<(CoreTime, CoreTime)> {
        let adaptive = self.adaptive.as_ref()?;
        Some((adaptive.opens_at()?, adaptive.holds_until()))
    }
}

#[inline]
const fn is_normal(request: &Request) -> bool {
    let Tokens { prompt, output } = request.tokens;
    request.weight <= WEIGHT_MAX && prompt <= TOKENS_MAX && output <= TOKENS_MAX && request.family <= GATES_MAX
}

/// A request within the ranges of the arithmetic; see the fields for what is out of range.
pub(super) fn normal(request: &Request) -> Request {
    let family = if request.family <= GATES_MAX { request.family } else { 0 };
    Request { weight: request.weight.min(WEIGHT_MAX), tokens: request.tokens.capped(), family, ..*request }
}
