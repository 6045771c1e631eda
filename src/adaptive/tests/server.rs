//! Servers with a known capacity, and a client that sends what the controller allows.

use alloc::collections::{BTreeMap, VecDeque};

use super::super::{Adaptive, Ended};
use crate::codec::{Reader, Writer};
use crate::config::WEIGHT_UNIT;
use crate::decision::Outcome;
use crate::time::CoreTime;

const S: u64 = 1_000_000;
const START: u64 = 1_000 * S;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// So many at a time, the others wait.
    Queue,
    /// So many at a time, the others are refused after 50 ms.
    Refusing,
    /// So many a second with a burst of twice that, the others are refused after 50 ms.
    Rate,
}

/// Tokens of a stream, and seconds for each.
const TOKENS: (f64, f64) = (10.0, 4_000.0);
const TOKEN_S: f64 = 0.01;
const TOKEN_US: u64 = S / 100;
/// What the tokens of a stream take: (4,000 - 10) / ln(4,000 / 10) of them.
const MEAN_STREAMING_S: f64 = 665.9 * TOKEN_S;

/// Four stretches of calls; for the second of them the capacity is divided by `drop`.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    /// Of a stretch.
    pub(super) minutes: u64,
    /// Calls at a time.
    pub(super) capacity: f64,
    pub(super) drop: f64,
    /// Demand, as a part of the capacity.
    pub(super) load: f64,
    /// Part of the calls that fail.
    pub(super) errors: f64,
    /// Part of the calls that are streams, in each stretch: half of the work of others, then 10 to 4,000 tokens, one every 10 ms.
    pub(super) streams: [f64; 4],
    /// Whether their time to the first token is told.
    pub(super) tells: bool,
    /// Whether instead it is told how many tokens they had.
    pub(super) counts: bool,
    /// Whether calls come evenly and their work is a second each.
    pub(super) even: bool,
    /// Whether the controller goes through its image at every end of a call.
    pub(super) save: bool,
}

impl Run {
    pub(super) const fn of(kind: Kind) -> Self {
        let (minutes, streams, tells, counts, even) = (1, [0.0; 4], true, false, false);
        Self {
            kind,
            seed: 1,
            minutes,
            capacity: 40.0,
            drop: 1.0,
            load: 0.7,
            errors: 0.0,
            streams,
            tells,
            counts,
            even,
            save: false,
        }
    }

    fn stretch_at(&self, at: u64) -> usize {
        ((at - START) / (self.minutes * 60 * S)) as usize
    }

    fn capacity_at(&self, at: u64) -> f64 {
        if self.stretch_at(at) == 1 { (self.capacity / self.drop).max(1.0) } else { self.capacity }
    }

    fn streams_at(&self, at: u64) -> f64 {
        self.streams.get(self.stretch_at(at)).copied().unwrap_or(0.0)
    }
}

#[derive(Debug, Default)]
pub(super) struct Score {
    good: u64,
    /// What the server could have answered of what was asked for.
    possible: f64,
    sent: u64,
    refused: u64,
    pub(super) asked_in_vain: u64,
    pub(super) limits: (u64, u64),
}

impl Score {
    pub(super) fn good_part(&self) -> f64 {
        self.good as f64 / self.possible
    }

    pub(super) fn refused_part(&self) -> f64 {
        self.refused as f64 / self.sent as f64
    }
}

#[derive(Clone, Copy)]
struct Call {
    admitted: u64,
    /// Until the answer, or its first token.
    work: u64,
    /// From there to the end; 0: it is no stream.
    streaming: u64,
    outcome: Outcome,
    then: u64,
    serving: bool,
}

/// Poisson arrivals; a service of a mean of one second, the sum of four exponentials.
pub(super) fn drive(adaptive: &mut Adaptive, run: &Run) -> Score {
    let mut world = World {
        run,
        rng: fastrand::Rng::with_seed(run.seed),
        score: Score { limits: (u64::MAX, 0), ..Score::default() },
        ends: BTreeMap::new(),
        waiting: VecDeque::new(),
        next: START,
        in_flight: 0,
        serving: 0.0,
        order: 0,
        bucket: 2.0 * run.capacity,
        filled: START,
    };
    loop {
        let now = world.ends.first_key_value().map_or(world.next, |(&(at, _), _)| at.min(world.next));
        if run.stretch_at(now) > 3 {
            return world.score;
        }
        adaptive.advance(CoreTime::from_micros(now), world.in_flight * WEIGHT_UNIT);
        let limit = adaptive.effective_max() / WEIGHT_UNIT;
        world.score.limits = (world.score.limits.0.min(limit), world.score.limits.1.max(limit));
        let ended = world.ends.first_entry().filter(|entry| entry.key().0 == now).map(|entry| entry.remove());
        match ended {
            Some(call) => world.end(adaptive, now, &call),
            None => world.arrive(adaptive, now),
        }
    }
}

struct World<'a> {
    run: &'a Run,
    rng: fastrand::Rng,
    score: Score,
    /// By instant and order.
    ends: BTreeMap<(u64, u64), Call>,
    waiting: VecDeque<Call>,
    next: u64,
    in_flight: u64,
    serving: f64,
    order: u64,
    bucket: f64,
    filled: u64,
}

impl World<'_> {
    fn ends_at(&mut self, at: u64, call: Call) {
        self.order += 1;
        self.ends.insert((at, self.order), call);
    }

    fn serve(&mut self, now: u64, call: Call) {
        self.serving += 1.0;
        self.ends_at(now + call.work + call.streaming, Call { serving: true, ..call });
    }

    fn end(&mut self, adaptive: &mut Adaptive, now: u64, call: &Call) {
        self.in_flight -= 1;
        self.serving -= if call.serving { 1.0 } else { 0.0 };
        while self.run.kind == Kind::Queue && self.serving < self.run.capacity_at(now) {
            let Some(waited) = self.waiting.pop_front() else { break };
            self.serve(now, waited);
        }
        let answered_us = now - call.streaming - call.admitted;
        if call.outcome == Outcome::Success && answered_us <= 4 * S {
            self.score.good += 1;
        }
        self.score.refused += u64::from(call.outcome == Outcome::Refused);
        adaptive.ended(&Ended {
            outcome: call.outcome,
            admitted: CoreTime::from_micros(call.admitted),
            latency_us: now - call.admitted,
            first_token_us: Some(answered_us).filter(|_| call.streaming > 0 && self.run.tells && !self.run.counts),
            output_tokens: if self.run.counts { call.streaming / TOKEN_US } else { 0 },
            in_flight_then: call.then * WEIGHT_UNIT,
            in_flight: self.in_flight * WEIGHT_UNIT,
        });
        if self.run.save {
            go_through_its_image(adaptive);
        }
    }

    fn exponential(&mut self) -> f64 {
        if self.run.even { 1.0 } else { -(1.0 - self.rng.f64()).ln() }
    }

    /// As many short streams as long ones, by orders of magnitude; in microseconds.
    fn streaming(&mut self) -> u64 {
        let (least, most) = TOKENS;
        (least * (most / least).powf(self.rng.f64()) * TOKEN_S * S as f64) as u64
    }

    fn arrive(&mut self, adaptive: &mut Adaptive, now: u64) {
        let (run, capacity) = (self.run, self.run.capacity_at(now));
        let streams = run.streams_at(now);
        let rate = run.load * run.capacity / (1.0 + streams * (MEAN_STREAMING_S - 0.5));
        self.next = now + (self.exponential() / rate * S as f64) as u64;
        let work = ((0..4).map(|_| self.exponential()).sum::<f64>() / 4.0 * S as f64) as u64;
        let fails = self.rng.f64() < run.errors;
        let streaming = if streams > 0.0 && self.rng.f64() < streams { self.streaming() } else { 0 };
        let work = if streaming > 0 { work / 2 } else { work };
        self.score.possible += (capacity / run.capacity / run.load).min(1.0) * (1.0 - run.errors);
        let room = (self.in_flight + 1) * WEIGHT_UNIT <= adaptive.effective_max();
        adaptive.asked(!room);
        if !room || adaptive.opens_at().is_some_and(|at| at > CoreTime::from_micros(now)) {
            self.score.asked_in_vain += 1;
            return;
        }
        let outcome = if fails { Outcome::Error } else { Outcome::Success };
        let call = Call { admitted: now, work, streaming, outcome, then: self.in_flight, serving: false };
        self.in_flight += 1;
        self.score.sent += 1;
        adaptive.sent(self.in_flight * WEIGHT_UNIT);
        self.take(now, call, capacity);
    }

    /// The server takes a call in.
    fn take(&mut self, now: u64, call: Call, capacity: f64) {
        let filled = self.bucket + capacity * (now - self.filled) as f64 / S as f64;
        (self.bucket, self.filled) = (filled.min(2.0 * capacity), now);
        let refused = match self.run.kind {
            Kind::Queue => false,
            Kind::Refusing => self.serving >= capacity,
            Kind::Rate => self.bucket < 1.0,
        };
        self.bucket = (self.bucket - 1.0).max(-2.0 * capacity);
        if refused {
            self.ends_at(now + S / 20, Call { outcome: Outcome::Refused, ..call });
        } else if self.run.kind == Kind::Queue && self.serving >= capacity {
            self.waiting.push_back(call);
        } else {
            self.serve(now, call);
        }
    }
}

fn go_through_its_image(adaptive: &mut Adaptive) {
    let mut writer = Writer::default();
    adaptive.write(&mut writer);
    let bytes = writer.into_bytes();
    let mut restored = Adaptive::new(adaptive.config, adaptive.max);
    let mut reader = Reader::new(&bytes);
    restored.restore(&mut reader);
    assert!(reader.end().is_ok());
    assert_eq!(&restored, adaptive);
    *adaptive = restored;
}
