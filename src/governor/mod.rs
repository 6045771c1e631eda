//! Decides nothing itself: it asks the leaf modules in the documented order, takes from all or from none, and tells what
//! happened. Arithmetic is theirs, coordination is here: `acquire` (admission), `explain` (why not, and when), `release`
//! (settlement, expiry), `waiting` (the queue), `limits` (amounts at run time, recorded calls), `observe` (what providers
//! answer), `health` (how calls went), `reconfigure` (another configuration, diagnosis), `view` (getters), `image` (save and
//! restore).
//!
//! Invariants, checked by [`Governor::check_invariants`] after every step of the simulation: the weight in flight is the
//! sum of the live leases' weights; every live lease is charged once in every limit; a waiter or lease is never in two
//! places; while a lease is held, a timeout is pending.

mod acquire;
mod explain;
mod health;
mod image;
mod limits;
mod observe;
mod reconfigure;
mod release;
mod view;
mod waiting;

use alloc::collections::VecDeque;

use crate::adaptive::Adaptive;
use crate::config::Config;
use crate::decision::{Output, WakeReason};
use crate::error::ConfigError;
use crate::fairness::Fairness;
use crate::gate::Gates;
use crate::lease::Leases;
use crate::limit::{Limits, Pool};
use crate::queue::Queue;
use crate::time::{CoreTime, Instant, TimeLine};
pub use image::RestoreError;
pub use reconfigure::{Diagnosis, LimitDiagnosis};
pub use view::{ConcurrencyView, RateView, View};

/// The state machine. `now` is the first argument of everything that depends on time.
///
/// - *Commands* change something: [`acquire`](Self::acquire), [`enqueue`](Self::enqueue), [`cancel`](Self::cancel),
///   [`release`](Self::release), [`renew`](Self::renew), [`set_boundaries`](Self::set_boundaries),
///   [`set_limit`](Self::set_limit), [`reconfigure`](Self::reconfigure), [`record`](Self::record),
///   [`observe`](Self::observe), [`reopen`](Self::reopen),
///   [`handle_timeout`](Self::handle_timeout).
/// - *Outputs* are what happened besides the command's own answer: expired leases, grants to waiters, forgotten actors
///   and keys, warnings, gates that close and open, calendars that need their next boundaries.
///   Poll them with [`poll_output`](Self::poll_output) after every command, until there is none.
/// - *Time-outs*: [`poll_timeout`](Self::poll_timeout) says when [`handle_timeout`](Self::handle_timeout) wants to be
///   called. Calling it late is harmless: expiry is also checked by `acquire`.
/// - [`diagnose`](Self::diagnose) and [`rooms`](Self::rooms) are a time-out and a getter in one.
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
    gates: Gates,
    queue: Queue,
    outputs: VecDeque<Output>,
    /// The next sweep; set while leases are held.
    reaper_at: Option<CoreTime>,
    /// Looks at heads of the queue.
    #[cfg(test)]
    looks: u64,
}

/// What an instant of `poll_timeout` comes from.
#[cfg(feature = "wasm")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Wake {
    at: Option<CoreTime>,
    offset: i64,
}

impl Governor {
    /// A governor without state.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let limits = Limits::new(&config);
        Ok(Self {
            clock: TimeLine::default(),
            leases: Leases::default(),
            pool: config.concurrency.map(Pool::new),
            fairness: Fairness::new(&config, limits.count_tokens()),
            limits,
            // Without a maximum there is nothing to adapt.
            adaptive: config.concurrency.and_then(|pool| Some(Adaptive::new(config.adaptive?, pool.max_in_flight))),
            gates: Gates::new(config.probes, config.adaptive.is_some()),
            queue: Queue::new(config.queue.ageing_us),
            outputs: VecDeque::new(),
            reaper_at: None,
            #[cfg(test)]
            looks: 0,
            config,
        })
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The next thing that happened besides the answers of commands, oldest first; what limits tell
    /// (keys that are freed, warnings) comes last.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front().or_else(|| self.limits.outputs.pop_front())?;
        match (&output, &mut self.fairness) {
            (Output::ActorFreed(handle), Some(fairness)) => fairness.actors.reclaim(handle.0),
            (Output::KeyFreed(handle), _) => self.limits.reclaim(*handle),
            _ => {}
        }
        Some(output)
    }

    /// How many outputs wait to be polled.
    #[must_use]
    pub fn pending_outputs(&self) -> usize {
        self.outputs.len().saturating_add(self.limits.outputs.len())
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, and why. `None`: there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, WakeReason)> {
        self.next_wake().map(|(at, reason)| (self.clock.to_caller(at), reason))
    }

    #[inline]
    fn next_wake(&self) -> Option<(CoreTime, WakeReason)> {
        let reaper = self.reaper_at.map(|at| (at, WakeReason::Reaper));
        let waiter = self.next_turn().map(|at| (at, WakeReason::Waiter));
        match (reaper, waiter) {
            (Some(reaper), Some(waiter)) if waiter.0 <= reaper.0 => Some(waiter),
            (reaper, waiter) => reaper.or(waiter),
        }
    }

    /// Changes whenever the instant of [`poll_timeout`](Self::poll_timeout) does, and costs less.
    #[cfg(feature = "wasm")]
    #[inline]
    pub(crate) fn wake(&self) -> Wake {
        Wake { at: self.next_wake().map(|(at, _)| at), offset: self.clock.offset() }
    }

    /// Lets everything happen that is due: expiries, waiters' turns and deadlines, the next sweep.
    pub fn handle_timeout(&mut self, now: Instant) {
        let t = self.advance(now);
        if self.reaper_at.is_some_and(|at| at <= t) {
            self.reaper_at = (self.leases.live() > 0).then(|| t.plus(self.config.reaper_interval_us));
            self.limits.sweep(t);
        }
        self.serve(t);
    }

    /// Takes the time of a command and lets time's own effects happen: leases expire, the maximum adapts.
    #[inline]
    fn advance(&mut self, now: Instant) -> CoreTime {
        let t = self.take_time(now);
        self.expire(t);
        self.gates.advance(t);
        if let (Some(adaptive), Some(pool)) = (&mut self.adaptive, &self.pool) {
            adaptive.advance(t, pool.active());
        }
        if let Some(fairness) = &mut self.fairness {
            fairness.advance(t);
        }
        t
    }

    /// Takes the time of a command.
    #[inline]
    fn take_time(&mut self, now: Instant) -> CoreTime {
        if self.limits.have_calendars() { self.take_time_of_calendars(now) } else { self.clock.observe(now) }
    }

    #[inline(never)]
    fn take_time_of_calendars(&mut self, now: Instant) -> CoreTime {
        let (_, changes) = self.clock.faults();
        let t = self.clock.observe(now);
        if self.clock.faults().1 != changes {
            self.limits.ask_again();
        }
        while let Some(limit) = self.limits.asks(t) {
            self.outputs.push_back(Output::NeedBoundaries(limit));
        }
        t
    }

    /// Says when the current and the next calendar period of a limit end, by its place in [`Output::NeedBoundaries`]. Ends
    /// that are not after `now`, or not in order, are none: then it asks again. While the end is not known the period goes on.
    ///
    /// ```
    /// use throttleai::{Algorithm, Config, Governor, Instant, Limit, Metric, Output, Window};
    /// let limit = Limit::new("requests/day", Metric::Requests, 100, 0);
    /// let limit = Limit { window: Window::Calendar, algorithm: Algorithm::FixedWindow, ..limit };
    /// let mut governor = Governor::new(Config { limits: vec![limit], ..Config::default() })?;
    /// let now = Instant::from_millis(1_000.0);
    /// governor.handle_timeout(now);
    /// let Some(Output::NeedBoundaries(place)) = governor.poll_output() else { unreachable!() };
    /// let [midnight, next] = [86_400_000.0, 2.0 * 86_400_000.0].map(Instant::from_millis);
    /// governor.set_boundaries(now, place, midnight, next);
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn set_boundaries(&mut self, now: Instant, limit: u32, ends: Instant, next_ends: Instant) {
        let t = self.advance(now);
        let [ends, next_ends] = [ends, next_ends].map(|at| self.clock.to_core(at));
        self.limits.set_boundaries(t, limit, ends, next_ends);
        self.queue.limit_changed(limit);
        self.serve(t);
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
