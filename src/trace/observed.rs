//! Made-up answers beside made-up calls: no invariant breaks, an image says all, and a recorded run is answered alike.

use alloc::vec;
use alloc::vec::Vec;

use fastrand::Rng;

use crate::decision::{Decision, Enqueued, Keys, LeaseId, Metric, Outcome, Output, Report, Request, Tokens};
use crate::observation::{Answered, Observation, Remaining};
use crate::trace::{Answer, Input, Recorder, replay};
use crate::{Algorithm, Concurrency, Config, Governor, Instant, Limit};

const KINDS: [Answered; 5] =
    [Answered::Ok, Answered::Transient, Answered::Overload, Answered::Terminal, Answered::Other];

fn config(rng: &mut Rng) -> Config {
    let algorithms =
        [Algorithm::TokenBucket { burst: None }, Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::Hidden];
    let limit = |(place, algorithm)| {
        let metric = if place == 0 { Metric::Requests } else { Metric::Tokens };
        let limit = Limit::new(["a", "b", "c", "d"][place], metric, 20 + 100 * place as u64, 1_000_000);
        Limit { per: if place < 3 { "model=m" } else { "model=n" }.into(), algorithm, ..limit }
    };
    let concurrency = Concurrency { max_in_flight: 5_000_000, interactive_reserve: 0 };
    Config {
        limits: algorithms.into_iter().enumerate().map(limit).collect(),
        concurrency: rng.bool().then_some(concurrency),
        probes: rng.bool(),
        lease_ttl_us: rng.u64(1_000..3_000_000),
        ..Config::default()
    }
}

struct Made {
    rng: Rng,
    now_us: u64,
    leases: Vec<LeaseId>,
    keys: Keys,
}

impl Made {
    fn lease(&mut self) -> Option<LeaseId> {
        self.rng.choice(&self.leases).copied()
    }

    fn soon(&mut self) -> Instant {
        Instant::from_micros(self.now_us + self.rng.u64(..2_000_000))
    }

    fn request(&mut self) -> Request {
        let tokens = Tokens { prompt: self.rng.u64(..60), output: 0 };
        let keys = if self.rng.bool() { self.keys } else { Keys::default() };
        Request { tokens, keys, family: self.rng.u32(..3), ..Request::default() }
    }

    fn observation(&mut self) -> Observation {
        let limits = (0..self.rng.u32(..4)).map(|_| Remaining {
            place: self.rng.u32(..5),
            amount: self.rng.u64(..200),
            resets_at: self.rng.bool().then(|| Instant::from_micros(self.now_us + self.rng.u64(..1_500_000))),
        });
        let limits = limits.collect();
        Observation {
            lease: if self.rng.bool() { self.lease() } else { None },
            family: self.rng.u32(..3),
            answered: KINDS[self.rng.usize(..KINDS.len())],
            retry_at: if self.rng.bool() { Some(self.soon()) } else { None },
            counts_at_end: self.rng.bool(),
            keys: self.keys,
            limits,
        }
    }

    fn next(&mut self) -> Input {
        self.now_us += if self.rng.bool() { 0 } else { self.rng.u64(..300_000) };
        let now = Instant::from_micros(self.now_us);
        match self.rng.u8(..10) {
            0..=2 => Input::Acquire { now, request: self.request() },
            3 | 4 => Input::Enqueue { now, request: self.request(), deadline: self.rng.bool().then(|| self.soon()) },
            5 | 6 => {
                let Some(lease) = self.lease() else { return Input::Timeout { now } };
                let outcome = if self.rng.bool() { Outcome::Success } else { Outcome::Error };
                let report = Report { outcome, prompt_tokens: Some(self.rng.u64(..90)), ..Report::default() };
                Input::Release { now, lease, report }
            }
            7 | 8 => Input::Observe { now, seen: self.observation().into() },
            _ if self.rng.u8(..4) == 0 => Input::Reopen { now, family: self.rng.u32(..3) },
            _ => Input::Timeout { now },
        }
    }

    fn learn(&mut self, governor: &Governor, answer: &Answer, outputs: &[Output]) {
        let granted = match answer {
            Answer::Decided(Decision::Granted(grant)) | Answer::Enqueued(Enqueued::Granted(grant)) => Some(grant.lease),
            _ => None,
        };
        let later = outputs.iter().filter_map(|output| match output {
            Output::Granted(_, grant) => Some(grant.lease),
            _ => None,
        });
        self.leases.extend(granted.into_iter().chain(later));
        let keys = granted.map(|lease| governor.keys_of(lease)).filter(|keys| keys.iter().count() == 2);
        self.keys = keys.unwrap_or(self.keys);
    }
}

#[test]
fn whatever_providers_answer_the_state_is_sound() {
    for seed in 0..120 {
        let mut rng = Rng::with_seed(seed);
        let config = config(&mut rng);
        let mut keys = Keys::default();
        assert!(keys.push(0, None) && keys.push(1, None));
        let mut made = Made { rng, now_us: 5_000_000, leases: vec![], keys };
        let mut recorder = Recorder::new(config.clone()).unwrap();
        for step in 0..300 {
            let input = made.next();
            let (answer, outputs) = recorder.apply(&input);
            let governor = recorder.governor();
            governor
                .check_invariants()
                .unwrap_or_else(|broken| panic!("seed {seed}, step {step}: {broken}, {input:?}"));
            made.learn(governor, &answer, &outputs);
            // Waiters are not in an image.
            if governor.waiting() == 0 {
                let image = governor.save();
                let again = Governor::restore(config.clone(), &image).expect("an image that was saved");
                assert_eq!(again.save(), image, "seed {seed}, step {step}: {input:?}");
            }
        }
        assert_eq!(replay(&recorder.finish()).map(|replayed| replayed.inputs), Ok(300));
    }
}
