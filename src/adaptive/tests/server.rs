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

/// Four minutes of calls; for the second of them the capacity is divided by `drop`.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    /// Calls at a time.
    pub(super) capacity: f64,
    pub(super) drop: f64,
    /// Demand, as a part of the capacity.
    pub(super) load: f64,
    /// Part of the calls that fail.
    pub(super) errors: f64,
    /// When every call fails after 50 ms, in microseconds from the start.
    pub(super) outage: Option<(u64, u64)>,
    /// Whether the controller goes through its image at every end of a call.
    pub(super) save: bool,
}

impl Run {
    pub(super) const fn of(kind: Kind) -> Self {
        Self { kind, seed: 1, capacity: 40.0, drop: 1.0, load: 0.7, errors: 0.0, outage: None, save: false }
    }

    fn capacity_at(&self, at: u64) -> f64 {
        if (60 * S..120 * S).contains(&(at - START)) { (self.capacity / self.drop).max(1.0) } else { self.capacity }
    }

    fn is_down(&self, at: u64) -> bool {
        self.outage.is_some_and(|(from, to)| (from..to).contains(&(at - START)))
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
    pub(super) sent_in_outage: u64,
    pub(super) first_after_us: Option<u64>,
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
    work: u64,
    outcome: Outcome,
    then: u64,
    serving: bool,
}

/// Poisson arrivals, lognormal-like service of a mean of one second (the sum of four exponentials).
pub(super) fn drive(adaptive: &mut Adaptive, run: &Run) -> Score {
    let mut rng = fastrand::Rng::with_seed(run.seed);
    let mut score = Score { limits: (u64::MAX, 0), ..Score::default() };
    let mut ends: BTreeMap<(u64, u64), Call> = BTreeMap::new();
    let mut waiting: VecDeque<Call> = VecDeque::new();
    let (mut next, mut in_flight, mut serving, mut order) = (START, 0u64, 0.0, 0u64);
    let (mut bucket, mut filled) = (2.0 * run.capacity, START);
    let exp = |rng: &mut fastrand::Rng| -(1.0 - rng.f64()).ln();
    loop {
        let now = ends.first_key_value().map_or(next, |(&(at, _), _)| at.min(next));
        if now > START + 240 * S {
            return score;
        }
        let capacity = run.capacity_at(now);
        let t = CoreTime::from_micros(now);
        adaptive.advance(t, in_flight * WEIGHT_UNIT);
        let limit = adaptive.effective_max() / WEIGHT_UNIT;
        score.limits = (score.limits.0.min(limit), score.limits.1.max(limit));
        if let Some((&(at, id), _)) = ends.first_key_value().filter(|(key, _)| key.0 == now) {
            let call = ends.remove(&(at, id)).unwrap();
            in_flight -= 1;
            if call.serving {
                serving -= 1.0;
            }
            while run.kind == Kind::Queue && serving < capacity {
                let Some(waited) = waiting.pop_front() else { break };
                serving += 1.0;
                order += 1;
                ends.insert((now + waited.work, order), Call { serving: true, ..waited });
            }
            if call.outcome == Outcome::Success && now - call.admitted <= 4 * S {
                score.good += 1;
                let after = run.outage.map(|(_, to)| START + to).filter(|&to| call.admitted >= to);
                score.first_after_us = score.first_after_us.or(after.map(|to| now - to));
            }
            score.refused += u64::from(call.outcome == Outcome::Refused);
            adaptive.ended(&Ended {
                outcome: call.outcome,
                admitted: CoreTime::from_micros(call.admitted),
                latency_us: now - call.admitted,
                output_tokens: 0,
                in_flight_then: call.then * WEIGHT_UNIT,
                in_flight: in_flight * WEIGHT_UNIT,
                retry_after_us: None,
            });
            if run.save {
                go_through_its_image(adaptive);
            }
            continue;
        }
        let rate = run.load * run.capacity;
        let gap = exp(&mut rng) / rate;
        next = now + (gap * S as f64) as u64;
        let work = ((0..4).map(|_| exp(&mut rng)).sum::<f64>() / 4.0 * S as f64) as u64;
        let fails = rng.f64() < run.errors;
        if !run.is_down(now) {
            score.possible += (capacity / rate).min(1.0) * (1.0 - run.errors);
        }
        let opens = adaptive.opens_at().is_none_or(|at| at <= t);
        let room = (in_flight + 1) * WEIGHT_UNIT <= adaptive.effective_max();
        adaptive.asked(!room);
        if !room || !opens {
            score.asked_in_vain += 1;
            continue;
        }
        let mut call = Call { admitted: now, work, outcome: Outcome::Success, then: in_flight, serving: false };
        in_flight += 1;
        order += 1;
        score.sent += 1;
        adaptive.sent(in_flight * WEIGHT_UNIT);
        bucket = (bucket + capacity * (now - filled) as f64 / S as f64).min(2.0 * capacity);
        filled = now;
        if fails {
            call.outcome = Outcome::Error;
        }
        if run.is_down(now) {
            score.sent_in_outage += 1;
            ends.insert((now + S / 20, order), Call { outcome: Outcome::Error, ..call });
            continue;
        }
        let refused = match run.kind {
            Kind::Queue => false,
            Kind::Refusing => serving >= capacity,
            Kind::Rate => bucket < 1.0,
        };
        bucket = (bucket - 1.0).max(-2.0 * capacity);
        if refused {
            ends.insert((now + S / 20, order), Call { outcome: Outcome::Refused, ..call });
        } else if run.kind == Kind::Queue && serving >= capacity {
            waiting.push_back(call);
        } else {
            serving += 1.0;
            ends.insert((now + work, order), Call { serving: true, ..call });
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
