//! The end of leases: by release, which settles what was really used, or by expiry, which keeps the charge.

use super::Governor;
use crate::config::SPAN_MAX_US;
use crate::decision::{LeaseId, Output, Released, Report, Tokens};
use crate::lease::{Known, Lease, NO_ACTOR};
use crate::time::{CoreTime, Instant};

impl Governor {
    /// Ends a lease and settles what it used.
    ///
    /// Reported tokens and amounts replace the estimate, up or down, at the instant of admission; what is not reported keeps
    /// its estimate. A lease that has expired frees nothing, but its charge is still corrected while the window lasts. Unknown
    /// and repeated names change nothing.
    pub fn release(&mut self, now: Instant, lease: LeaseId, report: &Report) -> Released {
        let t = self.observe(now);
        match self.leases.find(lease) {
            Known::Live(held) => {
                self.leases.release(lease);
                self.settle(t, lease, &held, report);
                self.free(t, lease, &held);
                let answer = self.describe_end(t, lease, &held);
                let Released::Live { held_us, .. } = answer else { return answer };
                if let Some(adaptive) = &mut self.adaptive {
                    adaptive.ended(report.outcome, report.latency_us.unwrap_or(held_us));
                }
                self.serve_due(now);
                answer
            }
            Known::Expired(held)
                if self.limits.settles_until(lease.slot, held.admitted).is_some_and(|until| until > t) =>
            {
                self.leases.release_tombstone(lease);
                self.settle(t, lease, &held, report);
                self.serve_due(now);
                Released::AfterExpiry
            }
            Known::Released => Released::Double,
            Known::Expired(_) | Known::Unknown => Released::Unknown,
        }
    }

    /// Takes a live lease back that nobody has been told of, as if its call had never been admitted: unlike a release it
    /// also gives the request itself back. For callers that share a lease under one idempotency key and were granted one
    /// each in the same step. Whether the lease was live.
    ///
    /// ```
    /// # use throttleai::{Config, Decision, Governor, Instant, Metric, Rate, Request};
    /// # let rate = Rate { requests: Some(1), tokens: None, window_us: 60_000_000 };
    /// # let mut governor = Governor::new(Config { rate: Some(rate), ..Config::default() })?;
    /// # let now = Instant::from_millis(1.0);
    /// let Decision::Granted(grant) = governor.acquire(now, &Request::default()) else { unreachable!() };
    /// assert!(governor.annul(now, grant.lease));
    /// assert_eq!(governor.view(now).requests.map(|rate| rate.current), Some(0));
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn annul(&mut self, now: Instant, lease: LeaseId) -> bool {
        let t = self.observe(now);
        let Known::Live(held) = self.leases.find(lease) else { return false };
        self.leases.release(lease);
        self.limits.give_back(t, (lease.slot, held.admitted), held.tokens);
        self.free(t, lease, &held);
        self.serve_due(now);
        true
    }

    fn describe_end(&self, t: CoreTime, lease: LeaseId, held: &Lease) -> Released {
        // Who renewed a lease meant to hold it longer. Of others the lifetime is that of when they were admitted.
        let renewed = self.leases.is_renewed(lease);
        let ttl_us = if renewed { self.config.lease_ttl_us } else { held.expires_at.since(held.admitted) };
        let held_us = t.since(held.admitted);
        // Neither can overflow: core time stays below 2^61. (Saturating products cost a call each in wasm.)
        let late = !renewed && held_us.wrapping_mul(5) > ttl_us.wrapping_mul(4);
        Released::Live { held_us, ttl_us, late, weight: held.weight }
    }

    fn settle(&mut self, t: CoreTime, lease: LeaseId, held: &Lease, report: &Report) {
        let used = Tokens {
            prompt: report.prompt_tokens.unwrap_or(held.tokens.prompt),
            output: report.output_tokens.unwrap_or(held.tokens.output),
        };
        let admission = (lease.slot, held.admitted);
        self.limits.settle(t, admission, (held.tokens, used.capped()), &report.amounts);
    }

    /// Moves the end of a live lease to `now` plus `ttl_us` (the configured lifetime without it, at most 366 days). The new
    /// end, or `None` if the lease is not live.
    pub fn renew(&mut self, now: Instant, lease: LeaseId, ttl_us: Option<u64>) -> Option<Instant> {
        let t = self.observe(now);
        let Known::Live(_) = self.leases.find(lease) else { return None };
        let expires_at = t.plus(ttl_us.unwrap_or(self.config.lease_ttl_us).min(SPAN_MAX_US));
        self.leases.renew(lease, expires_at);
        // An earlier end is an earlier turn for those who wait.
        self.serve_due(now);
        Some(self.clock.to_caller(expires_at))
    }

    /// Frees the leases that have expired.
    #[inline]
    pub(super) fn expire(&mut self, t: CoreTime) {
        loop {
            let limits = &self.limits;
            let until = |slot: u32, held: &Lease| limits.settles_until(slot, held.admitted);
            let Some((lease, held)) = self.leases.expire_next(t, until) else { return };
            self.outputs.push_back(Output::Expired { lease, weight: held.weight });
            self.free(t, lease, &held);
        }
    }

    /// Gives back what a lease held.
    #[inline]
    fn free(&mut self, t: CoreTime, lease: LeaseId, held: &Lease) {
        if let Some(pool) = &mut self.pool {
            pool.give_back(held.weight);
        }
        if let Some(fairness) = self.fairness.as_mut().filter(|_| held.actor != NO_ACTOR) {
            fairness.actors.let_go(held.actor, held.weight);
            self.queue.wake(held.actor);
        }
        self.limits.ended(t, lease.slot);
    }

    /// Serves the queue after something has come free, if anybody waits.
    #[inline]
    fn serve_due(&mut self, now: Instant) {
        if !self.queue.is_empty() {
            let t = self.advance(now);
            self.queue.look_at_keys(t);
            self.serve(t);
        }
    }
}
