//! What a provider's answer changes: the gate of its family, and the limits that follow what it says is left.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::Governor;
use crate::decision::{Keys, LeaseId};
use crate::lease::{Known, Lease};
use crate::limit::{Early, Seen};
use crate::observation::{Answered, Observation, Remaining};
use crate::time::{CoreTime, Instant};

impl Governor {
    /// Takes in what a provider has answered to a call.
    ///
    /// A refusal closes the gate of the family: until `retry_at`, or where that is not said for a pause that doubles (1 to 64 s),
    /// a terminal one until somebody acts. Then calls of the family are refused, and waiters wait. When it opens one call goes
    /// out, and with each that succeeds one more may be in flight, until there are as many as were. The release of `lease`
    /// says the same again, and does not count twice. Limits that count by keys are debited down to what is left,
    /// and given more only when several answers in a row have said so, or a window has begun anew: see `limit::mirror`. Hidden
    /// limits learn from transient refusals of calls whose leases are live, see [`Algorithm::Hidden`](crate::Algorithm::Hidden).
    ///
    /// The keys as they are known from now on, as of [`record`](Self::record).
    ///
    /// ```
    /// use throttleai::{Answered, Cause, Config, Decision, Governor, Instant, Observation, Request};
    /// let mut governor = Governor::new(Config::default())?;
    /// let request = Request { family: 1, ..Request::default() };
    /// let now = Instant::from_millis(1_000.0);
    /// let Decision::Granted(grant) = governor.acquire(now, &request) else { unreachable!() };
    /// let retry_at = Some(Instant::from_millis(4_000.0));
    /// let (lease, answered) = (Some(grant.lease), Answered::Transient);
    /// governor.observe(now, &Observation { lease, answered, retry_at, family: 1, ..Observation::default() });
    /// let Decision::Denied(denial) = governor.acquire(now, &request) else { unreachable!() };
    /// assert_eq!((denial.cause, denial.retry_at), (Cause::Cooldown, retry_at));
    /// assert!(matches!(governor.acquire(Instant::from_millis(4_000.0), &request), Decision::Granted(_)));
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn observe(&mut self, now: Instant, seen: &Observation) -> Keys {
        let t = self.advance(now);
        let admitted = seen.lease.and_then(|lease| self.admission(lease));
        if let (Answered::Transient, Some(lease)) = (seen.answered, seen.lease)
            && let Known::Live(held) = self.leases.find(lease)
        {
            let retry_at = seen.retry_at.map(|at| self.clock.to_core(at));
            self.refused(t, lease, &held, retry_at);
        }
        let keys = self.follow(t, seen, admitted);
        self.note_answer(t, seen, admitted);
        self.serve(t);
        keys
    }

    /// Tells hidden limits that a call was refused. Whether one of them is why.
    pub(super) fn refused(&mut self, t: CoreTime, lease: LeaseId, held: &Lease, retry_at: Option<CoreTime>) -> bool {
        let queue = &mut self.queue;
        let call = (lease.slot, held.admitted, held.tokens);
        self.limits.refused(t, call, retry_at, &mut |place| queue.limit_changed(place))
    }

    fn admission(&self, lease: LeaseId) -> Option<CoreTime> {
        match self.leases.find(lease) {
            Known::Live(held) | Known::Expired(held) => Some(held.admitted),
            Known::Released | Known::Unknown => None,
        }
    }

    fn follow(&mut self, t: CoreTime, seen: &Observation, admitted: Option<CoreTime>) -> Keys {
        if seen.limits.is_empty() {
            return Keys::default();
        }
        let told = |limit: &Remaining| Seen {
            place: limit.place,
            remaining: limit.amount,
            resets_at: limit.resets_at.map(|at| self.clock.to_core(at)),
            admitted,
            counts_at_end: seen.counts_at_end,
        };
        let told: Vec<Seen> = seen.limits.iter().map(told).collect();
        let mut early = Early::default();
        let new = !told.iter().all(|limit| self.limits.follows(limit.place));
        if new {
            let sent_later = |held: &Lease| admitted.is_none_or(|admitted| held.admitted > admitted);
            self.leases
                .iter()
                .map(|(_, held)| held)
                .filter(|held| sent_later(held))
                .for_each(|held| early.add(held.tokens));
        }
        let keys = self.limits.follow(t, seen.keys, &told, &early);
        if new {
            self.count_waiters(t, seen.family, keys);
        }
        told.iter().for_each(|limit| self.queue.limit_changed(limit.place));
        self.limits.told(keys)
    }

    /// Waiters of a family are counted by its limits, also by those that were not there when they came.
    fn count_waiters(&mut self, t: CoreTime, family: u32, keys: Keys) {
        let (limits, fairness) = (&mut self.limits, &self.fairness);
        self.queue.change_all(&mut |waiter| {
            for (set, handle) in keys.iter().filter(|_| waiter.request.family == family && family > 0) {
                if waiter.request.keys.push(set, handle) {
                    let mut own = Keys::default();
                    own.push(set, handle);
                    limits.hold(t, &own);
                }
            }
            fairness.as_ref().zip(waiter.actor).map_or(0, |(fairness, actor)| fairness.counter(actor))
        });
    }
}
