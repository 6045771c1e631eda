//! Decides nothing itself: it asks the leaf modules in the documented order, takes from all or from none, and tells what
//! happened. Arithmetic is theirs, coordination is here: `acquire` (admission), `release` (settlement, expiry), `waiting`
//! (the queue), `view` (getters), `image` (save and restore).
//!
//! Invariants, checked by [`Governor::check_invariants`] after every step of the simulation: the weight in flight is the
//! sum of the live leases' weights; every live lease is charged once in every limit; a waiter or lease is never in two
//! places; while a lease is held, a timeout is pending.

mod acquire;
mod image;
mod release;
mod view;
mod waiting;

use alloc::collections::VecDeque;

use crate::adaptive::Adaptive;
use crate::config::Config;
use crate::decision::{Metric, Output, WakeReason};
use crate::error::ConfigError;
use crate::fairness::Fairness;
use crate::lease::Leases;
use crate::limit::{Limits, Pool};
use crate::queue::Queue;
use crate::time::{CoreTime, Instant, TimeLine};
pub use image::RestoreError;
pub use view::{ConcurrencyView, RateView, View};

/// The state machine. `now` is the first argument of everything that depends on time.
///
/// - *Commands* change something: [`acquire`](Self::acquire), [`enqueue`](Self::enqueue), [`cancel`](Self::cancel),
///   [`release`](Self::release), [`renew`](Self::renew), [`handle_timeout`](Self::handle_timeout).
/// - *Outputs* are what happened besides the command's own answer: expired leases, grants to waiters, forgotten actors.
///   Poll them with [`poll_output`](Self::poll_output) after every command, until there is none.
/// - *Time-outs*: [`poll_timeout`](Self::poll_timeout) says when [`handle_timeout`](Self::handle_timeout) wants to be
///   called. Calling it late is harmless: expiry is also checked by `acquire`.
/// - *Getters* change nothing: [`view`](Self::view), [`is_live`](Self::is_live).
///
/// The loop of a program that owns one:
///
/// ```
/// use throttleai::{Config, Decision, Governor, Instant, Output, Request};
/// let mut governor = Governor::new(Config { lease_ttl_us: 2_000_000, ..Config::default() })?;
/// let mut now = Instant::from_millis(1_000.0);
/// let Decision::Granted(grant) = governor.acquire(now, &Request::default()) else { unreachable!() };
/// let mut expired = Vec::new();
/// while let Some((at, _reason)) = governor.poll_timeout() {
///     now = at; // a real program sleeps until then, or until somebody gives a command
///     governor.handle_timeout(now);
///     while let Some(output) = governor.poll_output() {
///         if let Output::Expired { lease, .. } = output { expired.push(lease) }
///     }
/// }
/// assert_eq!(expired, [grant.lease]);
/// # Ok::<(), throttleai::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Governor {
    config: Config,
    clock: TimeLine,
    leases: Leases,
    pool: Option<Pool>,
    limits: Limits,
    fairness: Option<Fairness>,
    adaptive: Option<Adaptive>,
    queue: Queue,
    outputs: VecDeque<Output>,
    /// The next sweep; set while leases are held.
    reaper_at: Option<CoreTime>,
}

impl Governor {
    /// A governor without state.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let mut limits = Limits::default();
        if let Some(rate) = &config.rate {
            let both = [(Metric::Requests, rate.requests), (Metric::Tokens, rate.tokens)];
            for (metric, max) in both {
                max.into_iter().for_each(|max| limits.add(metric, max, rate.window_us));
            }
        }
        Ok(Self {
            clock: TimeLine::default(),
            leases: Leases::default(),
            pool: config.concurrency.map(Pool::new),
            limits,
            // Without a maximum there is nothing to share and nothing to adapt.
            fairness: config.concurrency.and(config.fairness).map(|fairness| Fairness::new(fairness, config.caps)),
            adaptive: config.concurrency.and_then(|pool| Some(Adaptive::new(config.adaptive?, pool.max_in_flight))),
            queue: Queue::default(),
            outputs: VecDeque::new(),
            reaper_at: None,
            config,
        })
    }

    /// The configuration it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The next thing that happened besides the answers of commands, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let (Output::ActorFreed(handle), Some(fairness)) = (&output, &mut self.fairness) {
            fairness.actors.reclaim(handle.0);
        }
        Some(output)
    }

    /// How many outputs wait to be polled.
    #[must_use]
    pub fn pending_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, and why. `None`: there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, WakeReason)> {
        let reaper = self.reaper_at.map(|at| (at, WakeReason::Reaper));
        let waiter = self.queue.next_instant().map(|at| (at, WakeReason::Waiter));
        let (at, reason) = match (reaper, waiter) {
            (Some(reaper), Some(waiter)) if waiter.0 <= reaper.0 => waiter,
            (reaper, waiter) => reaper.or(waiter)?,
        };
        Some((self.clock.to_caller(at), reason))
    }

    /// Lets everything happen that is due: expiries, waiters' turns and deadlines, the next sweep.
    pub fn handle_timeout(&mut self, now: Instant) {
        let t = self.advance(now);
        if self.reaper_at.is_some_and(|at| at <= t) {
            self.reaper_at = (self.leases.live() > 0).then(|| t.plus(self.config.reaper_interval_us));
        }
        self.serve(t);
    }

    /// Takes the time of a command and lets time's own effects happen: leases expire, the maximum adapts.
    #[inline]
    fn advance(&mut self, now: Instant) -> CoreTime {
        let t = self.clock.observe(now);
        self.expire(t);
        if let (Some(adaptive), Some(pool)) = (&mut self.adaptive, &self.pool) {
            adaptive.advance(t, pool.active());
        }
        if let Some(fairness) = &mut self.fairness {
            fairness.advance(t);
        }
        t
    }

    /// The maximum in force; 0 without concurrency.
    #[inline]
    fn effective_max(&self) -> u64 {
        match (&self.adaptive, &self.pool) {
            (Some(adaptive), _) => adaptive.effective_max(),
            (None, Some(pool)) => pool.max(),
            (None, None) => 0,
        }
    }
}
