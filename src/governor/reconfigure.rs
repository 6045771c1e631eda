//! Another configuration at run time, and what the present one says of a call.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::Governor;
use super::waiting::call_of;
use crate::adaptive::Adaptive;
use crate::config::{Config, Window};
use crate::decision::{ActorHandle, Denial, KeyHandle, Metric, Output, Request, Tokens};
use crate::error::ConfigError;
use crate::fairness::Fairness;
use crate::limit::{Finding, Limits, Pool};
use crate::time::{CoreTime, Instant};

/// Whether a call would be let in, and what each limit that counts it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// Why it would be refused now; `None`: it would be granted.
    pub denial: Option<Denial>,
    /// The limits that count it, in the order of checks.
    pub limits: Vec<LimitDiagnosis>,
}

/// What one limit says of a call. Amounts in whole units of its metric, money in millionths of a dollar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitDiagnosis {
    /// Its place among the configured limits, see [`Denial::binding`].
    pub limit: u32,
    /// What it counts.
    pub metric: Metric,
    /// Whose it is, of a limit that counts by keys and knows this one.
    pub key: Option<KeyHandle>,
    /// What is counted.
    pub used: u64,
    /// The limit.
    pub max: u64,
    /// What the call asks for.
    pub asked: u64,
    /// When it would fit by this limit alone; `None`: never.
    pub free_at: Option<Instant>,
    /// When all of the limit is free again, if nothing else happens.
    pub reset_at: Instant,
    /// Over which time it counts.
    pub window: Window,
    /// How much comes back in a window: the limit, whatever a bucket holds.
    pub per_window: u64,
    /// The part of `used` that leases in flight have estimated.
    pub reserved: u64,
    /// Whether it has room for the call.
    pub fits: bool,
}

impl LimitDiagnosis {
    /// What is counted above the limit: reported overuse, or what was counted before the limit was lowered.
    #[must_use]
    pub const fn owed(&self) -> u64 {
        self.used.saturating_sub(self.max)
    }
}

impl Governor {
    /// Goes by another configuration from now on. Limits that are still there (the same name, metric, window, algorithm and
    /// `per`) go on with what they have counted, others count what is admitted from now on, and leases are settled only in
    /// limits that have counted them. Waiters stay, also more than a lowered [`Queue::max`](crate::Queue::max). Actors and keys that nobody
    /// needs any more are freed. Outputs that are still pending name limits by their places of today. Takes time in proportion to
    /// limits, leases, keys and waiters.
    ///
    /// # Errors
    /// [`ConfigError`], as of [`new`](Self::new); nothing has changed then.
    ///
    /// ```
    /// use throttleai::{Config, Decision, Governor, Instant, Limit, Metric, Request};
    /// let hour = Limit::new("requests/1h", Metric::Requests, 1, 3_600_000_000);
    /// let config = Config { limits: vec![hour.clone()], ..Config::default() };
    /// let mut governor = Governor::new(config)?;
    /// let now = Instant::from_millis(1.0);
    /// governor.acquire(now, &Request::default());
    /// let minute = Limit::new("requests/1m", Metric::Requests, 1, 60_000_000);
    /// governor.reconfigure(now, Config { limits: vec![minute, hour], ..Config::default() })?;
    /// let Decision::Denied(denial) = governor.acquire(now, &Request::default()) else { unreachable!() };
    /// assert_eq!(denial.binding, Some(1), "the hour has counted the call, the minute has not");
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn reconfigure(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        let t = self.advance(now);
        let old = core::mem::replace(&mut self.limits, Limits::new(&config));
        let adopted = self.limits.adopt(old, t);
        self.outputs.retain_mut(|output| output.move_places(&adopted));
        if adopted.begins {
            self.clock.tick();
        }
        self.pool = config.concurrency.map(|concurrency| {
            let mut pool = Pool::new(concurrency);
            self.leases.iter().for_each(|(_, lease)| pool.take(lease.weight));
            pool
        });
        self.gates.change(config.probes, config.adaptive.is_some(), self.leases.live());
        self.change_fairness(&config);
        self.adaptive = match (
            config.concurrency.and_then(|pool| Some((config.adaptive?, pool.max_in_flight))),
            self.adaptive.take(),
        ) {
            (Some((adaptive, max)), Some(mut own)) => {
                own.change(adaptive, max);
                Some(own)
            }
            (adaptive, _) => adaptive.map(|(adaptive, max)| Adaptive::new(adaptive, max)),
        };
        let fairness = &self.fairness;
        self.queue.set_ageing(config.queue.ageing_us);
        self.queue.change_all(&mut |waiter| {
            waiter.request.keys = adopted.keys(waiter.request.keys);
            waiter.why.move_places(&|place| adopted.place(place));
            waiter.actor = waiter.actor.filter(|_| fairness.is_some());
            let Some((fairness, actor)) = fairness.as_ref().zip(waiter.actor) else { return 0 };
            waiter.charge = fairness.charge_for(actor, &call_of(&waiter.request));
            fairness.counter(actor)
        });
        self.config = config;
        // The instant of before may have ended: what was due just after it is due now.
        let t = self.advance(self.clock.to_caller(self.clock.last()));
        self.serve(t);
        Ok(())
    }

    fn change_fairness(&mut self, config: &Config) {
        let tokens = self.limits.count_tokens();
        match (Fairness::new(config, tokens), &mut self.fairness) {
            (Some(_), Some(own)) => own.change(config, tokens),
            (Some(new), None) => self.fairness = Some(new),
            (None, own) => {
                let forgotten = own.take().map_or(Vec::new(), |own| own.actors.known());
                self.outputs.extend(forgotten.into_iter().map(|handle| Output::ActorFreed(ActorHandle(handle))));
                self.leases.forget_actors();
            }
        }
    }

    /// Whether a call would be let in now, and what each limit that counts it says. Lets happen what is due, as every command
    /// does; nothing else changes, and nothing is counted.
    ///
    /// ```
    /// use throttleai::{Config, Governor, Instant, Limit, Metric, Request, Tokens};
    /// let minute = Limit::new("tokens/1m", Metric::Tokens, 1_000, 60_000_000);
    /// let mut governor = Governor::new(Config { limits: vec![minute], ..Config::default() })?;
    /// let now = Instant::from_millis(1.0);
    /// let request = Request { tokens: Tokens { prompt: 600, output: 0 }, ..Request::default() };
    /// governor.acquire(now, &request);
    /// let diagnosis = governor.diagnose(now, &request);
    /// assert_eq!((diagnosis.limits[0].used, diagnosis.limits[0].reserved), (600, 600));
    /// assert_eq!(diagnosis.limits[0].free_at, Some(Instant::from_millis(60_001.0)));
    /// assert!(diagnosis.denial.is_some());
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn diagnose(&mut self, now: Instant, request: &Request) -> Diagnosis {
        self.handle_timeout(now);
        let in_flight = self.leases.iter().map(|(lease, held)| (lease.slot, held.admitted, held.tokens));
        let in_flight: Vec<_> = in_flight.collect();
        self.diagnose_beside(request, &in_flight)
    }

    /// What [`diagnose`](Self::diagnose) says, but that `reserved` is 0: takes time in proportion to limits, not to leases.
    pub fn rooms(&mut self, now: Instant, request: &Request) -> Diagnosis {
        self.handle_timeout(now);
        self.diagnose_beside(request, &[])
    }

    fn diagnose_beside(&mut self, request: &Request, in_flight: &[(u32, CoreTime, Tokens)]) -> Diagnosis {
        let t = self.clock.last();
        let (denial, request) = self.would_refuse(t, &super::acquire::normal(request));
        self.limits.advance(t, &request);
        let mut limits = Vec::new();
        self.limits.diagnose(t, &request, in_flight, &mut |finding| {
            let Finding { place, metric, key, used, max, asked, free_at, reset_at, window, per_window, reserved } =
                finding;
            let fits = free_at.is_some_and(|at| at <= t);
            let told = |at: CoreTime| self.clock.to_caller(at.max(t));
            let (free_at, reset_at) = (free_at.map(told), told(reset_at));
            limits.push(LimitDiagnosis {
                limit: place,
                metric,
                key,
                used,
                max,
                asked,
                free_at,
                reset_at,
                window,
                per_window,
                reserved,
                fits,
            });
        });
        Diagnosis { denial, limits }
    }
}
