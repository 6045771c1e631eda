//! Limits at run time: other amounts, and calls that were made elsewhere.

use super::Governor;
use crate::decision::{Keys, LeaseId, Request};
use crate::error::ConfigError;
use crate::time::Instant;

impl Governor {
    /// Changes how much a limit allows, by its place (see [`Denial::binding`](crate::Denial::binding)). What is counted stays
    /// counted, leases are settled as before; a limit that is below what it counts admits nothing until it has drained.
    /// Waiters that ask for more than it will ever let in are refused when their turn comes.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no such limit or it cannot have that amount; nothing has changed then.
    ///
    /// ```
    /// use throttleai::{Config, Decision, Governor, Instant, Rate, Request};
    /// let rate = Rate { requests: Some(1), ..Rate::default() };
    /// let mut governor = Governor::new(Config { rate: Some(rate), ..Config::default() })?;
    /// let now = Instant::from_millis(1.0);
    /// governor.acquire(now, &Request::default());
    /// assert!(matches!(governor.acquire(now, &Request::default()), Decision::Denied(_)));
    /// governor.set_limit(now, 0, 2)?;
    /// assert!(matches!(governor.acquire(now, &Request::default()), Decision::Granted(_)));
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn set_limit(&mut self, now: Instant, place: u32, amount: u64) -> Result<(), ConfigError> {
        let t = self.advance(now);
        let changed = self.config.set_limit(place, amount);
        if changed.is_ok() {
            self.limits.change(t, place, amount);
            self.queue.limit_changed(place);
        }
        self.serve(t);
        changed
    }

    /// The keys under which a lease is counted, in the order of its request and without those of sets that there are not; without a handle those that found no place and are
    /// counted together with others. None for what is no lease.
    ///
    /// ```
    /// use throttleai::{Config, Decision, Governor, Instant, Keys, Limit, Metric, Request};
    /// let limit = Limit { per: "actor".into(), ..Limit::new("requests/1m/actor", Metric::Requests, 1, 60_000_000) };
    /// let mut governor = Governor::new(Config { limits: vec![limit], ..Config::default() })?;
    /// let now = Instant::from_millis(1.0);
    /// let mut keys = Keys::default();
    /// keys.push(0, None);
    /// let unknown = Request { keys, ..Request::default() };
    /// let Decision::Granted(grant) = governor.acquire(now, &unknown) else { unreachable!() };
    /// let known = Request { keys: governor.keys_of(grant.lease), ..Request::default() };
    /// assert!(matches!(governor.acquire(now, &known), Decision::Denied(_)), "the same key");
    /// assert!(matches!(governor.acquire(now, &unknown), Decision::Granted(_)), "another one");
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    #[must_use]
    pub fn keys_of(&self, lease: LeaseId) -> Keys {
        if self.is_live(lease) { self.limits.keys_of(lease.slot) } else { Keys::default() }
    }

    /// Counts a call that was made without a lease, such as one of before a restart or by another program: what `request`
    /// names is counted in all limits now, whether it fits or not. Nothing is in flight for it. The keys under which it is
    /// counted; at the cap unknown ones are counted together, also where calls under them are refused.
    pub fn record(&mut self, now: Instant, request: &Request) -> Keys {
        let t = self.advance(now);
        let mut request = super::acquire::normal(request);
        request.keys = self.limits.resolve_at_any_cost(t, request.keys);
        self.limits.advance(t, &request);
        let keys = self.limits.record(t, &request);
        self.serve(t);
        self.limits.told(keys)
    }
}
