//! The end of leases: by release, which settles what was really used, or by expiry, which keeps the charge.

use super::Governor;
use crate::config::SPAN_MAX_US;
use crate::decision::{LeaseId, Outcome, Output, Released, Report, ReportedAmounts, Tokens};
use crate::fairness::Consumption;
use crate::lease::{Known, Lease, NO_ACTOR};
use crate::queue::At;
use crate::time::{CoreTime, Instant};

impl Governor {
    /// Ends a lease and settles what it used.
    ///
    /// Reported tokens and amounts replace the estimate, up or down, at the instant of admission; what is not reported keeps
    /// its estimate. A refusal that names an instant ([`Report::retry_after_us`]) closes the gate of the call's family until then, as
    /// one that is observed does; with [`Config::adaptive`](crate::Config::adaptive) so do eight failures in a row, for pauses of 0.25
    /// to 2 s in which single calls try whether the provider is back. A lease that has expired frees nothing, but its charge is still corrected while the window lasts. Unknown
    /// and repeated names change nothing.
    pub fn release(&mut self, now: Instant, lease: LeaseId, report: &Report) -> Released {
        let t = self.take_time(now);
        match self.leases.find(lease) {
            Known::Live(held) => {
                let renewed = self.leases.release(lease);
                // Before it is settled: what it used a hidden limit does not count.
                let explained = report.outcome == Outcome::Refused && self.learn_limits(t, lease, &held, report);
                self.settle(t, lease, &held, report);
                self.free(t, lease, &held, Some(used_tokens(&held, report)));
                if self.adaptive.is_some() || self.gates.listens(report.retry_after_us.is_some()) {
                    let latency_us = report.latency_us.unwrap_or(t.since(held.admitted));
                    self.learn(t, (lease, &held), latency_us, report, explained);
                }
                self.serve_due(now);
                self.describe_end(t, &held, renewed)
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
        let t = self.take_time(now);
        let Known::Live(held) = self.leases.find(lease) else { return false };
        self.leases.release(lease);
        self.limits.give_back(t, (lease.slot, held.admitted), held.tokens);
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.given_up(held.admitted);
        }
        self.note_given_back(lease, &held, None);
        self.free(t, lease, &held, None);
        self.serve_due(now);
        true
    }

    /// Tells hidden limits that a call was refused. Whether one of them is why.
    #[inline(never)]
    fn learn_limits(&mut self, t: CoreTime, lease: LeaseId, held: &Lease, report: &Report) -> bool {
        let retry_at = report.pause_us().map(|us| t.plus(us));
        self.refused(t, lease, held, retry_at)
    }

    #[inline]
    fn describe_end(&self, t: CoreTime, held: &Lease, renewed: bool) -> Released {
        // Who renewed a lease meant to hold it longer. Of others the lifetime is that of when they were admitted.
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
        self.note_given_back(lease, held, Some((used.capped(), &report.amounts)));
    }

    /// Who waits for what has come back is looked at.
    #[inline]
    fn note_given_back(&mut self, lease: LeaseId, held: &Lease, used: Option<(Tokens, &ReportedAmounts)>) {
        if !self.queue.is_empty() {
            let queue = &mut self.queue;
            let see = &mut |place, key| queue.came_back(At { place, key });
            self.limits.given_back(lease.slot, held.tokens, used, see);
        }
    }

    /// Moves the end of a live lease to `now` plus `ttl_us` (the configured lifetime without it, at most 366 days). The new
    /// end, or `None` if the lease is not live.
    pub fn renew(&mut self, now: Instant, lease: LeaseId, ttl_us: Option<u64>) -> Option<Instant> {
        let t = self.take_time(now);
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
            self.free(t, lease, &held, Some(estimated(&held)));
        }
    }

    /// Gives back what a lease held. It used so many tokens, if that is known; without `used` it never was.
    #[inline]
    fn free(&mut self, t: CoreTime, lease: LeaseId, held: &Lease, used: Option<Option<u64>>) {
        if let Some(pool) = &mut self.pool {
            pool.give_back(held.weight);
        }
        self.queue.slots_came();
        if let Some(fairness) = self.fairness.as_mut().filter(|_| held.actor != NO_ACTOR) {
            let held_us = Some(t.since(held.admitted));
            let call = used.map(|tokens| Consumption { weight: held.weight, tokens, held_us });
            let counter = fairness.settle(held.actor, lease.slot, call.as_ref());
            fairness.actors.let_go(held.actor, held.weight);
            if let Some(counter) = counter.filter(|_| !self.queue.is_empty()) {
                self.queue.set_counter(held.actor, counter);
            }
        }
        self.limits.ended(t, lease.slot);
        if let Some(family) = self.gates.ended(lease.slot, held.admitted) {
            self.queue.came_back(At::gate(family));
        }
    }

    /// Serves the queue after something has come free, if anybody waits.
    #[inline]
    fn serve_due(&mut self, now: Instant) {
        if !self.queue.is_empty() {
            let t = self.advance(now);
            self.serve(t);
        }
    }
}

/// What a call was estimated to use, if it was.
fn estimated(held: &Lease) -> Option<u64> {
    Some(held.tokens.total()).filter(|&tokens| tokens > 0)
}

/// What it used, if that is known.
fn used_tokens(held: &Lease, report: &Report) -> Option<u64> {
    let Report { prompt_tokens, output_tokens, .. } = *report;
    if prompt_tokens.or(output_tokens).is_none() {
        return estimated(held);
    }
    let prompt = prompt_tokens.unwrap_or(held.tokens.prompt);
    Some(Tokens { prompt, output: output_tokens.unwrap_or(held.tokens.output) }.capped().total())
}
