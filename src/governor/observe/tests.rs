//! Limits that follow a provider, beside a naive provider: a bucket or a fixed window, answers that come back out of order,
//! others who use the same quota, rounding.

use alloc::collections::BTreeMap;
use alloc::vec;

use fastrand::Rng;

use crate::decision::{Decision, Grant, Keys, LeaseId, Metric, Report, Request, Tokens};
use crate::observation::{Observation, Remaining};
use crate::{Algorithm, Config, Governor, Instant, Limit};

const MS: u64 = 1_000;
const MINUTE: u64 = 60_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bucket,
    Fixed,
}

#[derive(Clone, Copy)]
struct World {
    kind: Kind,
    limit: u64,
    rounded_to: u64,
    /// Part of the limit that others use, and whether the server gives back what a call did not use.
    foreign: f64,
    refunds: bool,
    /// Part of the limit that is left alone.
    margin: f64,
    minutes: u64,
}

/// What the provider has counted.
struct Server {
    world: World,
    used: f64,
    at: u64,
    /// Where its windows begin.
    phase: u64,
    window: u64,
    counted: f64,
}

impl Server {
    fn advance(&mut self, now: u64) {
        match self.world.kind {
            Kind::Bucket => {
                let gained = (now - self.at) as f64 * self.world.limit as f64 / MINUTE as f64;
                self.used = (self.used - gained).max(0.0);
            }
            Kind::Fixed => {
                let window = (now + MINUTE - self.phase) / MINUTE;
                if window != self.window {
                    (self.window, self.used) = (window, 0.0);
                }
            }
        }
        self.at = now;
    }

    fn take(&mut self, now: u64, tokens: u64) -> bool {
        self.advance(now);
        let fits = self.used + tokens as f64 <= self.world.limit as f64;
        if fits {
            self.used += tokens as f64;
            self.counted += tokens as f64;
        }
        fits
    }

    fn give_back(&mut self, now: u64, tokens: u64, taken_at: u64) {
        self.advance(now);
        let same = self.world.kind == Kind::Bucket || (taken_at + MINUTE - self.phase) / MINUTE == self.window;
        let back = if same { (tokens as f64).min(self.used) } else { 0.0 };
        self.used -= back;
        self.counted -= back;
    }

    /// What is left, in whole multiples of what it rounds to, and when the window ends.
    fn says(&self) -> (u64, u64) {
        let left = (self.world.limit as f64 - self.used).max(0.0) as u64;
        let to = self.world.rounded_to;
        let rounded = (left + to / 2).checked_div(to).map_or(left, |multiple| multiple * to);
        (rounded, self.window * MINUTE + self.phase)
    }
}

enum Event {
    Try,
    Foreign,
    Arrive { lease: LeaseId, tokens: u64 },
    Answer { lease: LeaseId, left: u64, resets_at: u64 },
    End { lease: LeaseId, tokens: u64, used: u64, taken_at: u64 },
}

#[derive(Debug, Default)]
struct Outcome {
    sent: u64,
    refused: u64,
    /// Of what the server could have counted after the first minute.
    part: f64,
}

/// What is left alone of the limit.
fn margin(world: World) -> u64 {
    (world.limit as f64 * world.margin) as u64
}

fn governor(world: World) -> Governor {
    let algorithm =
        if world.kind == Kind::Bucket { Algorithm::TokenBucket { burst: None } } else { Algorithm::FixedWindow };
    let limit = Limit {
        per: "model=m".into(),
        algorithm,
        ..Limit::new("tokens", Metric::Tokens, world.limit - margin(world), MINUTE)
    };
    Governor::new(Config { limits: vec![limit], ..Config::default() }).unwrap()
}

/// One run: the governor, the server and what is on its way between them.
struct Play {
    world: World,
    rng: Rng,
    governor: Governor,
    server: Server,
    keys: Keys,
    events: BTreeMap<(u64, u64), Event>,
    next: u64,
    outcome: Outcome,
}

impl Play {
    fn push(&mut self, at: u64, event: Event) {
        self.next += 1;
        self.events.insert((at, self.next), event);
    }

    /// So many milliseconds later.
    fn after(&mut self, now: u64, most_ms: u64) -> u64 {
        now + self.rng.u64(1..most_ms) * MS
    }

    fn attempt(&mut self, now: u64) {
        let tokens = self.rng.u64(200..2_000);
        let request = Request { tokens: Tokens { prompt: tokens, output: 0 }, keys: self.keys, ..Request::default() };
        let mut again = self.after(now, 20);
        match self.governor.acquire(Instant::from_micros(now), &request) {
            Decision::Granted(Grant { lease, .. }) => {
                self.keys = self.governor.keys_of(lease);
                self.outcome.sent += 1;
                let arrives = self.after(now, 80);
                self.push(arrives, Event::Arrive { lease, tokens });
            }
            Decision::Denied(denial) => {
                let free = denial.retry_at.map_or(u64::MAX, Instant::as_micros);
                again = free.clamp(now + MS, now + 50 * MS);
            }
        }
        self.push(again, Event::Try);
    }

    fn foreign(&mut self, now: u64) {
        let World { foreign, limit, .. } = self.world;
        if foreign > 0.0 {
            let tokens = self.rng.u64(200..2_000);
            self.server.take(now, tokens);
            let pause = tokens as f64 / (limit as f64 * foreign) * MINUTE as f64;
            let next = now + (pause * 2.0 * self.rng.f64()) as u64 + 1;
            self.push(next, Event::Foreign);
        }
    }

    fn arrive(&mut self, now: u64, lease: LeaseId, tokens: u64) {
        let fits = self.server.take(now, tokens);
        let (left, resets_at) = self.server.says();
        self.outcome.refused += u64::from(!fits);
        let slowest = if self.rng.u8(..20) == 0 { 3_000 } else { 300 };
        let back = self.after(now, slowest);
        self.push(back, Event::Answer { lease, left, resets_at });
        let used = if fits && self.world.refunds { self.rng.u64(tokens / 3..=tokens) } else { tokens };
        let used = if fits { used } else { 0 };
        let end = self.after(back, 4_000);
        self.push(end, Event::End { lease, tokens, used, taken_at: now });
    }

    fn answer(&mut self, now: u64, lease: LeaseId, (left, resets_at): (u64, u64)) {
        let resets_at = (self.world.kind == Kind::Fixed).then(|| Instant::from_micros(resets_at));
        let amount = left.saturating_sub(self.world.rounded_to / 2 + margin(self.world));
        let limits = vec![Remaining { place: 0, amount, resets_at }];
        let seen = Observation { lease: Some(lease), keys: self.keys, limits, ..Observation::default() };
        self.governor.observe(Instant::from_micros(now), &seen);
    }
}

fn run(world: World, seed: u64) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let start = 1_000_000 * MS;
    let phase = rng.u64(..MINUTE);
    let window = (start + MINUTE - phase) / MINUTE;
    let server = Server { world, used: 0.0, at: start, phase, window, counted: 0.0 };
    let mut keys = Keys::default();
    keys.push(0, None);
    let (events, governor) = (BTreeMap::new(), governor(world));
    let mut play = Play { world, rng, governor, server, keys, events, next: 0, outcome: Outcome::default() };
    play.push(start, Event::Try);
    play.push(start, Event::Foreign);
    let (mut counted, mut measured_at) = (0.0, 0);
    while let Some(((now, _), event)) = play.events.pop_first() {
        if now > start + 2 * MINUTE && measured_at == 0 {
            (counted, measured_at) = (play.server.counted, now);
        }
        if now > start + world.minutes * MINUTE {
            let minutes = (now - measured_at) as f64 / MINUTE as f64;
            return Outcome { part: (play.server.counted - counted) / world.limit as f64 / minutes, ..play.outcome };
        }
        match event {
            Event::Try => play.attempt(now),
            Event::Foreign => play.foreign(now),
            Event::Arrive { lease, tokens } => play.arrive(now, lease, tokens),
            Event::Answer { lease, left, resets_at } => play.answer(now, lease, (left, resets_at)),
            Event::End { lease, tokens, used, taken_at } => {
                if used > 0 && used < tokens {
                    play.server.give_back(now, tokens - used, taken_at);
                }
                let report = Report { prompt_tokens: Some(used), ..Report::default() };
                play.governor.release(Instant::from_micros(now), lease, &report);
            }
        }
    }
    unreachable!("tries go on")
}

fn worlds(kind: Kind, rounded_to: u64) -> impl Iterator<Item = World> {
    [(0.0, false), (0.0, true), (0.3, false), (0.3, true)].into_iter().map(move |(foreign, refunds)| World {
        kind,
        limit: 200_000,
        rounded_to,
        foreign,
        refunds,
        margin: 0.0,
        minutes: 8,
    })
}

fn check(world: World, refused_most: f64, part_least: f64) {
    for seed in 0..6 {
        let Outcome { sent, refused, part } = run(world, seed);
        let refused = refused as f64 / sent as f64;
        let told = (world.foreign, world.refunds, world.rounded_to, seed);
        assert!(
            part >= part_least && refused <= refused_most,
            "{told:?}: {part:.3} of the limit, {refused:.5} refused of {sent}"
        );
    }
}

#[test]
fn a_bucket_is_used_without_refusals() {
    for rounded_to in [0, 1_000] {
        for world in worlds(Kind::Bucket, rounded_to) {
            // Of two who use up the same quota, each is refused for what the other has just taken.
            let unknowable = if world.foreign > 0.0 { 0.05 } else { 0.0 };
            check(world, unknowable, 0.95);
        }
    }
}

#[test]
fn what_others_take_between_two_answers_fits_into_a_margin() {
    for world in worlds(Kind::Bucket, 1_000).filter(|world| world.foreign > 0.0) {
        check(World { margin: 0.1, ..world }, 0.001, 0.95);
    }
}

#[test]
fn a_fixed_window_is_used_with_few_refusals() {
    for world in worlds(Kind::Fixed, 0) {
        check(world, 0.02, 0.90);
    }
}
