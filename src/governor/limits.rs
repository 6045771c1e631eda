//! Limits at run time: other amounts, and calls that were made elsewhere.

use super::Governor;
use super::acquire::counts;
use crate::decision::Request;
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
        self.config.set_limit(place, amount)?;
        self.limits.change(t, place, amount);
        self.serve(t);
        Ok(())
    }

    /// Counts a call that was made without a lease, such as one of before a restart or by another program: what `request`
    /// names is counted in all limits now, whether it fits or not. Nothing is in flight for it.
    pub fn record(&mut self, now: Instant, request: &Request) {
        let t = self.advance(now);
        self.limits.advance(t);
        let request = &super::acquire::normal(request);
        self.limits.record(t, counts(request));
        self.serve(t);
    }
}
