//! A governor that is watched while it obeys made-up commands.

use std::collections::VecDeque;

use throttleai::{
    ActorHandle, Algorithm, Amounts, Answered, Caps, Config, Decision, Enqueued, Governor, Grant, Instant, KeyHandle,
    Keys, LeaseId, Observation, Outcome, Output, Priority, Remaining, Report, ReportedAmounts, Request, Tokens,
    WaiterId,
};

use crate::{Asked, Operation, Setup};

/// Longer ago than this many, names are forgotten.
const REMEMBERED: usize = 64;

/// One run: the governor, its time, and the names it has given out.
pub struct Run {
    pub governor: Governor,
    now_us: u64,
    leases: VecDeque<LeaseId>,
    waiters: VecDeque<WaiterId>,
    actors: VecDeque<ActorHandle>,
    keys: VecDeque<(u16, KeyHandle)>,
}

impl Run {
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        Self::of(Governor::new(setup.config()).expect("the configuration is valid"))
    }

    /// `None` if the bytes are not an image. With ample caps: under lower ones a restored governor is above them until it
    /// drains.
    #[must_use]
    pub fn restored(setup: &Setup, image: &[u8]) -> Option<Self> {
        let config = Config { caps: Caps::default(), ..setup.config() };
        let run = Self::of(Governor::restore(config, image).ok()?);
        run.check();
        Some(run)
    }

    fn of(governor: Governor) -> Self {
        let leases = governor.leases().take(REMEMBERED).collect();
        Self {
            governor,
            now_us: 1_000_000_000,
            leases,
            waiters: VecDeque::new(),
            actors: VecDeque::new(),
            keys: VecDeque::new(),
        }
    }

    /// Obeys one command, takes all outputs and checks the state.
    pub fn step(&mut self, operation: Operation) {
        let now = Instant::from_micros(self.now_us);
        match operation {
            Operation::Acquire(asked) => self.acquire(now, &self.request(asked)),
            Operation::AcquireHuge { weight, prompt, output } => {
                self.acquire(now, &Request { weight, tokens: Tokens { prompt, output }, ..Request::default() });
            }
            Operation::Enqueue { asked, deadline_ms } => self.enqueue(now, asked, deadline_ms),
            Operation::Cancel(waiter) => {
                let waiter = recent(&self.waiters, waiter);
                let _ = waiter.is_some_and(|waiter| self.governor.cancel(now, waiter));
            }
            Operation::Release { lease, outcome, latency_us, first_token_us, prompt, output, cost } => {
                let outcomes =
                    [Outcome::Success, Outcome::Error, Outcome::Timeout, Outcome::Cancelled, Outcome::Refused];
                let outcome = outcomes[usize::from(outcome) % outcomes.len()];
                let amounts = ReportedAmounts { cost_micros: cost, ..ReportedAmounts::default() };
                let retry_after_us = cost.filter(|_| outcome == Outcome::Refused);
                let report = Report {
                    outcome,
                    latency_us,
                    first_token_us,
                    prompt_tokens: prompt,
                    output_tokens: output,
                    retry_after_us,
                    amounts,
                };
                if let Some(lease) = recent(&self.leases, lease) {
                    self.governor.release(now, lease, &report);
                    assert!(!self.governor.is_live(lease), "a released lease is live");
                }
            }
            Operation::Renew { lease, ttl_us } => {
                recent(&self.leases, lease).map(|lease| self.governor.renew(now, lease, ttl_us));
            }
            Operation::Annul(lease) => {
                recent(&self.leases, lease).map(|lease| self.governor.annul(now, lease));
            }
            Operation::Stranger { slot, generation } => {
                self.governor.renew(now, LeaseId { slot, generation }, None);
                self.governor.release(now, LeaseId { slot, generation }, &Report::default());
                self.governor.annul(now, LeaseId { slot, generation });
            }
            Operation::Boundaries { limit, ends_ms, next_ms } => {
                let ends = self.now_us.saturating_add(u64::from(ends_ms) * 1_000);
                let next_ends = ends.saturating_add(u64::from(next_ms) * 1_000);
                let [ends, next_ends] = [ends, next_ends].map(Instant::from_micros);
                self.governor.set_boundaries(now, u32::from(limit), ends, next_ends);
            }
            Operation::Reconfigure(setup) => self.reconfigure(now, &setup),
            Operation::Observe { lease, family, answered, retry_ms, counts_at_end, keys, limits } => {
                let soon = |ms: u16| Instant::from_micros(self.now_us.saturating_add(u64::from(ms) * 1_000));
                let kinds =
                    [Answered::Ok, Answered::Transient, Answered::Overload, Answered::Terminal, Answered::Other];
                let told = |(place, amount, resets): (u8, u8, Option<u16>)| Remaining {
                    place: place.into(),
                    amount: amount.into(),
                    resets_at: resets.map(soon),
                };
                let seen = Observation {
                    lease: recent(&self.leases, lease),
                    family: (family % 3).into(),
                    answered: kinds[usize::from(answered) % kinds.len()],
                    retry_at: retry_ms.map(soon),
                    counts_at_end,
                    keys: self.keys(keys),
                    limits: limits.map(told).to_vec(),
                };
                let keys = self.governor.observe(now, &seen);
                self.learn(keys);
            }
            Operation::Reopen(family) => {
                let _ = self.governor.reopen(now, (family % 3).into());
            }
            Operation::SetLimit { place, amount } => {
                let _ = self.governor.set_limit(now, place.into(), amount.into());
            }
            Operation::Record(asked) => {
                let keys = self.governor.record(now, &self.request(asked));
                self.learn(keys);
            }
            Operation::Diagnose(asked) => self.diagnose(now, &self.request(asked)),
            Operation::Pass { ms } => self.now_us = self.now_us.saturating_add(u64::from(ms) * 1_000),
            Operation::Jump { us } => self.now_us = us,
            Operation::Wake => self.wake(),
            Operation::Restore => self.restore(),
        }
        self.take_outputs();
        self.check();
    }

    fn acquire(&mut self, now: Instant, request: &Request) {
        if let Decision::Granted(grant) = self.governor.acquire(now, request) {
            self.granted(now, grant, request.unlimited);
        }
    }

    fn enqueue(&mut self, now: Instant, asked: Asked, deadline_ms: Option<u16>) {
        let deadline = deadline_ms.map(|ms| Instant::from_micros(self.now_us.saturating_add(u64::from(ms) * 1_000)));
        match self.governor.enqueue(now, &self.request(asked), deadline) {
            Enqueued::Granted(grant) => self.granted(now, grant, asked.unlimited),
            Enqueued::Waiting { waiter, actor, keys } => {
                self.learn(keys);
                remember(&mut self.waiters, waiter);
                actor.into_iter().for_each(|actor| remember(&mut self.actors, actor));
            }
            Enqueued::Denied(_) => {}
        }
    }

    fn learn(&mut self, keys: Keys) {
        for (set, handle) in keys.iter() {
            handle.into_iter().for_each(|handle| remember(&mut self.keys, (set, handle)));
        }
    }

    /// Keys and actors of before may be gone: only outputs would say which.
    fn reconfigure(&mut self, now: Instant, setup: &Setup) {
        let config = Config { caps: Caps::default(), ..setup.config() };
        self.governor.reconfigure(now, config).expect("the configuration is valid");
        self.keys.clear();
    }

    /// A diagnosis says what a copy of the governor then does.
    fn diagnose(&mut self, now: Instant, request: &Request) {
        let diagnosis = self.governor.diagnose(now, request);
        if self.governor.waiting() > 0 {
            return;
        }
        let image = self.governor.save();
        let mut copy =
            Governor::restore(self.governor.config().clone(), &image).expect("a saved image can be restored");
        match (copy.acquire(now, request), diagnosis.denial) {
            (Decision::Granted(_), None) => {}
            (Decision::Denied(own), Some(said)) => assert_eq!(own, said),
            (own, said) => panic!("diagnosed {said:?}, and was {own:?}"),
        }
    }

    fn wake(&mut self) {
        let Some((at, _)) = self.governor.poll_timeout() else { return };
        self.now_us = self.now_us.max(at.as_micros());
        self.governor.handle_timeout(Instant::from_micros(self.now_us));
    }

    /// Waiters are not in an image, so only a governor without them is swapped for its copy.
    fn restore(&mut self) {
        if self.governor.waiting() > 0 {
            return;
        }
        let now = Instant::from_micros(self.now_us);
        let image = self.governor.save();
        let again = Governor::restore(self.governor.config().clone(), &image).expect("a saved image can be restored");
        assert_eq!(again.view(now), self.governor.view(now), "the restored governor shows another state");
        assert_eq!(again.poll_timeout(), self.governor.poll_timeout(), "the restored governor wakes at another time");
        assert_eq!(again.save(), image, "the restored governor saves another image");
        self.governor = again;
    }

    fn granted(&mut self, now: Instant, grant: Grant, unlimited: bool) {
        assert!(self.governor.is_live(grant.lease), "a granted lease is not live");
        remember(&mut self.leases, grant.lease);
        self.learn(self.governor.keys_of(grant.lease));
        grant.actor.into_iter().for_each(|actor| remember(&mut self.actors, actor));
        if grant.reused || unlimited {
            return;
        }
        let view = self.governor.view(now);
        if let Some(pool) = view.concurrency {
            assert!(pool.active <= pool.max, "admitted above the maximum: {pool:?}");
        }
        for window in [view.requests, view.tokens].into_iter().flatten() {
            assert!(window.current <= window.limit, "admitted above a limit: {window:?}");
        }
        let config = self.governor.config();
        let rates = config.rate.map_or(0, |rate| u32::from(rate.requests.is_some()) + u32::from(rate.tokens.is_some()));
        // Those that count by keys and follow a provider may not count this call.
        for (place, limit) in (rates..).zip(&config.limits).filter(|(_, limit)| limit.per.is_empty()) {
            let window = self.governor.limit_view(now, place).expect("the limit is shown");
            // What a hidden limit is taken to hold is no bound: what is sent alone fits, and tries go beyond it.
            let max = if limit.algorithm == Algorithm::Hidden { limit.limit } else { window.limit };
            assert!(window.current <= max, "admitted above a limit: {window:?} of {max}");
        }
    }

    /// Freed actors must not be named again, as their owners forget them now.
    fn take_outputs(&mut self) {
        while let Some(output) = self.governor.poll_output() {
            match output {
                Output::ActorFreed(handle) => self.actors.retain(|&known| known != handle),
                Output::KeyFreed(handle) => self.keys.retain(|&(_, known)| known != handle),
                Output::Granted(_, grant) => remember(&mut self.leases, grant.lease),
                _ => {}
            }
        }
    }

    fn check(&self) {
        if let Err(broken) = self.governor.check_invariants() {
            panic!("{broken}");
        }
    }

    fn request(&self, asked: Asked) -> Request {
        Request {
            actor: asked.actor.and_then(|actor| recent(&self.actors, actor)),
            share: asked.share.map(u32::from),
            priority: if asked.background { Priority::Background } else { Priority::Interactive },
            weight: u64::from(asked.weight) * 100_000,
            tokens: Tokens { prompt: asked.prompt.into(), output: asked.output.into() },
            amounts: Amounts { cost_micros: asked.cost.into(), custom: [asked.pages.into(), 0, 0, 0] },
            keys: self.keys(asked.keys),
            unlimited: asked.unlimited,
            family: (asked.family % 3).into(),
            barge: asked.barge,
            claim: asked.claim.and_then(|lease| recent(&self.leases, lease)),
        }
    }
}

impl Run {
    fn keys(&self, wanted: [Option<u8>; 2]) -> Keys {
        let mut keys = Keys::default();
        for (set, wanted) in (0u16..).zip(wanted) {
            let of_set: VecDeque<KeyHandle> = self.keys.iter().filter(|key| key.0 == set).map(|key| key.1).collect();
            if let Some(wanted) = wanted {
                keys.push(set, wanted.checked_sub(1).and_then(|index| recent(&of_set, index)));
            }
        }
        keys
    }
}

fn recent<T: Copy>(known: &VecDeque<T>, index: u8) -> Option<T> {
    known.get(usize::from(index) % known.len().max(1)).copied()
}

fn remember<T: PartialEq>(known: &mut VecDeque<T>, name: T) {
    known.retain(|other| *other != name);
    known.push_front(name);
    known.truncate(REMEMBERED);
}
