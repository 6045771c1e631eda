//! Random configurations and commands. Every run draws its own weights, so that some runs are nothing but waiting, others
//! nothing but hostile ids.

use fastrand::Rng;
use throttleai::trace::Input;
use throttleai::{
    ActorHandle, Adaptive, Algorithm, Amounts, Answered, Caps, Concurrency, Config, Fairness, Instant, KeyHandle, Keys,
    LeaseId, Limit, Metric, Observation, Outcome, Overflow, Priority, Queue, QueueOverflow, Rate, Remaining, Report,
    ReportedAmounts, Request, Tokens, WaiterId, Window,
};

/// How calls end.
const OUTCOMES: [Outcome; 5] =
    [Outcome::Success, Outcome::Error, Outcome::Timeout, Outcome::Cancelled, Outcome::Refused];

/// What comes of calls, as providers tell it.
const ANSWERS: [Answered; 7] = [
    Answered::Ok,
    Answered::Ok,
    Answered::Ok,
    Answered::Transient,
    Answered::Overload,
    Answered::Terminal,
    Answered::Other,
];
/// Calls go through so many gates, or none.
const FAMILIES: u32 = 4;

use crate::oracle::Oracle;

pub struct Generator {
    rng: Rng,
    now_us: u64,
    /// Weights of acquire, enqueue, cancel, release, renew, timeout, annul.
    weights: [u32; 7],
    /// Mean step between two commands.
    step_us: u64,
    /// One in so many commands meets a clock fault.
    faults: u32,
    strangers: bool,
    /// One in so many commands changes a limit, records a call or tells what a provider has answered; 0: none.
    changes: u32,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut weights: [u32; 7] = std::array::from_fn(|_| if rng.u8(..4) == 0 { 0 } else { rng.u32(1..100) });
        weights[0] = weights[0].max(1);
        let now_us = if rng.bool() { 0 } else { rng.u64(..1 << 51) };
        let step_us = 1 << rng.u32(..22);
        let (faults, strangers) = (if rng.bool() { 0 } else { rng.u32(10..2_000) }, rng.bool());
        let changes = if rng.bool() { 0 } else { rng.u32(20..2_000) };
        Self { rng, now_us, weights, step_us, faults, strangers, changes }
    }

    pub fn config(&mut self) -> Config {
        let rng = &mut self.rng;
        let max = rng.u64(1..12) * if rng.bool() { 1_000_000 } else { 300_000 };
        let concurrency =
            (rng.u8(..5) > 0).then(|| Concurrency { max_in_flight: max, interactive_reserve: rng.u64(..max) });
        let min_concurrency = rng.u64(1..=max);
        let rate = Rate {
            requests: (rng.u8(..3) > 0).then(|| rng.u64(1..2_000)),
            tokens: (rng.u8(..3) > 0).then(|| rng.u64(1..100_000)),
            window_us: rng.u64(1_000..120_000_000),
        };
        Config {
            concurrency,
            rate: rng.bool().then_some(rate),
            limits: if rng.bool() { Vec::new() } else { limits(rng) },
            metrics: vec!["images".into(), "pages".into()],
            fairness: rng.bool().then(|| Fairness { soft_cap_ratio: rng.f64().max(0.01), ..Fairness::default() }),
            adaptive: rng.bool().then(|| Adaptive {
                min_concurrency,
                adjust_interval_us: rng.u64(1_000..9_000_000),
                ..Adaptive::default()
            }),
            probes: rng.u8(..4) == 0,
            lease_ttl_us: rng.u64(1_000..90_000_000),
            reaper_interval_us: rng.u64(1_000..9_000_000),
            queue: Queue {
                max: rng.u32(..50),
                overflow: if rng.bool() { QueueOverflow::Reject } else { QueueOverflow::DropOldest },
                ageing_us: if rng.u8(..4) == 0 { 0 } else { rng.u64(..10_000_000) },
            },
            shares: rng.u8(..4) == 0,
            caps: Caps {
                actors: rng.u32(1..30),
                keys: rng.u32(1..30),
                leases: rng.u32(1..200),
                overflow: if rng.bool() { Overflow::Share } else { Overflow::Deny },
                ..Caps::default()
            },
        }
    }

    pub fn next(&mut self, oracle: &Oracle) -> Input {
        self.move_clock(oracle);
        let now = Instant::from_micros(self.now_us);
        if let Some(&limit) = oracle.calendars.first().filter(|_| self.rng.u8(..4) == 0) {
            let ends = self.now_us.saturating_add(self.rng.u64(..self.step_us * 300));
            let next = ends.saturating_add(self.rng.u64(..self.step_us * 300));
            let [ends, next_ends] = [ends, next].map(Instant::from_micros);
            return Input::Boundaries { now, limit, ends, next_ends };
        }
        if self.changes > 0 && self.rng.u32(..self.changes) == 0 {
            let (place, amount) = (self.rng.u32(..8), self.rng.u64(..100_000));
            return match self.rng.u8(..6) {
                0 => Input::SetLimit { now, place, amount },
                1 => Input::Record { now, request: self.request(oracle) },
                2 => Input::Reopen { now, family: self.rng.u32(..FAMILIES) },
                _ => Input::Observe { now, seen: Box::new(self.observation(oracle)) },
            };
        }
        let total: u32 = self.weights.iter().sum();
        let mut pick = self.rng.u32(..total);
        let kind = self.weights.iter().position(|&weight| {
            let hit = pick < weight;
            pick = pick.saturating_sub(weight);
            hit
        });
        match kind {
            Some(1) => Input::Enqueue { now, request: self.request(oracle), deadline: self.deadline() },
            Some(2) => Input::Cancel { now, waiter: self.waiter(oracle) },
            Some(3) => Input::Release { now, lease: self.lease(oracle), report: self.report() },
            Some(4) => Input::Renew {
                now,
                lease: self.lease(oracle),
                ttl_us: self.rng.bool().then(|| self.rng.u64(..1 << 30)),
            },
            Some(5) => Input::Timeout { now },
            Some(6) => Input::Annul { now, lease: self.lease(oracle) },
            _ => Input::Acquire { now, request: self.request(oracle) },
        }
    }

    fn move_clock(&mut self, oracle: &Oracle) {
        let rng = &mut self.rng;
        if self.faults > 0 && rng.u32(..self.faults) == 0 {
            self.now_us = match rng.u8(..6) {
                0 => self.now_us.saturating_sub(rng.u64(..1_000_000)),
                1 => self.now_us.saturating_sub(rng.u64(1_000_000..1 << 40)),
                2 => self.now_us.saturating_add(rng.u64(..1 << 40)),
                3 => 0,
                4 => rng.u64(..1 << 55),
                _ => self.now_us,
            };
            return;
        }
        // Often to the instant that the governor asked for, which is where off-by-one errors live; otherwise a bit on.
        let asked = oracle.governor.poll_timeout().map(|(at, _)| at.as_micros());
        let promised = oracle.promised.map(|at| at.as_micros());
        self.now_us = match (rng.u8(..8), asked, promised) {
            (0, Some(at), _) | (1, _, Some(at)) if at > self.now_us => at - u64::from(rng.bool()),
            (2 | 3, ..) => self.now_us,
            _ => self.now_us.saturating_add(rng.u64(..=self.step_us * 2)),
        };
    }

    fn request(&mut self, oracle: &Oracle) -> Request {
        let rng = &mut self.rng;
        let known = (!self.strangers || rng.bool()).then(|| rng.choice(&oracle.actors)).flatten().copied();
        let bogus = rng.u8(..50) == 0;
        Request {
            actor: if bogus { Some(ActorHandle(rng.u32(..))) } else { known },
            share: (rng.u8(..4) == 0).then(|| rng.u32(..2_000_000)),
            priority: if rng.u8(..3) == 0 { Priority::Background } else { Priority::Interactive },
            weight: match rng.u8(..10) {
                0 => rng.u64(..),
                1 => rng.u64(..20_000_000),
                2 => 0,
                _ => 1_000_000,
            },
            tokens: match rng.u8(..20) {
                0 => Tokens { prompt: rng.u64(..), output: rng.u64(..) },
                1..=4 => Tokens::default(),
                _ => Tokens { prompt: rng.u64(..2_000), output: rng.u64(..2_000) },
            },
            amounts: if rng.bool() { Amounts::default() } else { amounts(rng) },
            keys: keys(rng, oracle, self.strangers),
            unlimited: rng.u8(..20) == 0,
            family: rng.u32(..FAMILIES),
            barge: rng.u8(..10) == 0,
            claim: (rng.u8(..10) == 0).then(|| self.lease(oracle)),
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        let within_us = self.step_us * 50;
        self.rng.bool().then(|| self.soon(within_us))
    }

    fn soon(&mut self, within_us: u64) -> Instant {
        Instant::from_micros(self.now_us.saturating_add(self.rng.u64(..within_us)))
    }

    fn observation(&mut self, oracle: &Oracle) -> Observation {
        let lease = self.lease(oracle);
        let within_us = self.step_us * 300;
        let retry_at = self.soon(within_us);
        let limits = (0..self.rng.usize(..4))
            .map(|_| Remaining {
                place: self.rng.u32(..8),
                amount: if self.rng.u8(..20) == 0 { self.rng.u64(..) } else { self.rng.u64(..10_000) },
                resets_at: self.rng.bool().then(|| self.soon(within_us)),
            })
            .collect();
        let rng = &mut self.rng;
        Observation {
            lease: (rng.u8(..4) > 0).then_some(lease),
            family: if rng.u8(..50) == 0 { rng.u32(..) } else { rng.u32(..FAMILIES) },
            answered: ANSWERS[rng.usize(..ANSWERS.len())],
            retry_at: rng.bool().then_some(retry_at),
            counts_at_end: rng.bool(),
            keys: keys(rng, oracle, self.strangers),
            limits,
        }
    }

    /// Mostly a lease that is held; sometimes one that has ended, sometimes one that never was.
    fn lease(&mut self, oracle: &Oracle) -> LeaseId {
        let rng = &mut self.rng;
        let ended = oracle.ended.get(rng.usize(..oracle.ended.len().max(1))).copied();
        match rng.u8(..20) {
            0 => LeaseId { slot: rng.u32(..), generation: rng.u32(..) },
            1 => LeaseId { slot: rng.u32(..300), generation: rng.u32(..50) },
            2 | 3 => ended.unwrap_or_default(),
            _ => oracle.some_lease(rng).or(ended).unwrap_or_default(),
        }
    }

    fn waiter(&mut self, oracle: &Oracle) -> WaiterId {
        if self.rng.u8(..10) == 0 {
            return WaiterId { slot: self.rng.u32(..60), generation: self.rng.u32(..50) };
        }
        oracle.some_waiter(&mut self.rng).unwrap_or_default()
    }

    fn report(&mut self) -> Report {
        let rng = &mut self.rng;
        let tokens = |rng: &mut Rng| match rng.u8(..8) {
            0 => Some(rng.u64(..)),
            1 => Some(0),
            2..=4 => Some(rng.u64(..3_000)),
            _ => None,
        };
        let time = |rng: &mut Rng| {
            let bits = rng.u32(1..63);
            rng.u64(..1 << bits)
        };
        Report {
            outcome: OUTCOMES[rng.usize(..OUTCOMES.len())],
            retry_after_us: rng.bool().then(|| rng.u64(..2_000_000)),
            latency_us: rng.bool().then(|| time(rng)),
            first_token_us: rng.bool().then(|| time(rng)),
            prompt_tokens: tokens(rng),
            output_tokens: tokens(rng),
            amounts: if rng.bool() {
                ReportedAmounts::default()
            } else {
                let Amounts { cost_micros, custom } = amounts(rng);
                ReportedAmounts {
                    cost_micros: rng.bool().then_some(cost_micros),
                    custom: custom.map(|amount| rng.bool().then_some(amount)),
                }
            },
        }
    }
}

fn amounts(rng: &mut Rng) -> Amounts {
    let most = [1 << 63, 4_000, 4_000, 10][rng.usize(..4)];
    Amounts { cost_micros: rng.u64(..most), custom: std::array::from_fn(|_| rng.u64(..most)) }
}

/// A key of most sets: one that was granted, or a new one.
fn keys(rng: &mut Rng, oracle: &Oracle, strangers: bool) -> Keys {
    let mut keys = Keys::default();
    for (set, known) in (0u16..).zip(&oracle.keys) {
        let handle = if rng.u8(..50) == 0 { Some(KeyHandle(rng.u32(..40))) } else { rng.choice(known).copied() };
        if rng.u8(..8) > 0 {
            keys.push(set, handle.filter(|_| !strangers || rng.bool()));
        }
    }
    keys
}

/// Up to five limits of all kinds.
fn limits(rng: &mut Rng) -> Vec<Limit> {
    let metrics = [
        Metric::Requests,
        Metric::Tokens,
        Metric::InputTokens,
        Metric::OutputTokens,
        Metric::CostUsd,
        Metric::Custom(0),
        Metric::Custom(1),
    ];
    let limit = |index: usize, rng: &mut Rng| {
        let metric = metrics[rng.usize(..metrics.len())];
        let amount = if metric == Metric::Requests { rng.u64(1..2_000) } else { rng.u64(1..100_000) };
        let mut limit = Limit::new(&format!("limit {index}"), metric, amount, rng.u64(1..120_000) * 1_000);
        match rng.u8(..5) {
            0 => limit.algorithm = Algorithm::FixedWindow,
            1 => limit.algorithm = Algorithm::TokenBucket { burst: rng.bool().then(|| rng.u64(1..=amount * 2)) },
            2 => (limit.algorithm, limit.window) = (Algorithm::FixedWindow, Window::Calendar),
            3 if metric != Metric::CostUsd => limit.algorithm = Algorithm::Hidden,
            _ => {}
        }
        limit.per = ["", "", "one", "other"][rng.usize(..4)].into();
        limit.warn_at = if rng.bool() { vec![rng.u32(1..1_000_000), 1_000_000] } else { Vec::new() };
        limit.max_debt = (rng.u8(..3) == 0).then(|| rng.u64(..=amount));
        if limit.algorithm == Algorithm::Hidden {
            (limit.warn_at, limit.max_debt) = (Vec::new(), None);
            limit.limit = if rng.bool() { amount } else { (1 << 53) - 1 };
        }
        limit
    };
    (0..rng.usize(1..6)).map(|index| limit(index, rng)).collect()
}
