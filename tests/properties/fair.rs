//! Turns in the queue go by what actors have consumed: what two of them have had that wait for the same stays close, whatever
//! they ask for and whenever they come and go. `FAIR_TRACES=1000000` says how many runs are made up.

use std::collections::BTreeMap;
use std::env;

use fastrand::Rng;
use throttleai::{
    ActorHandle, Concurrency, Config, Decision, Enqueued, Governor, Grant, Instant, LeaseId, Output, Queue, Rate,
    Report, Request, Tokens, WaiterId,
};

const ACTORS: usize = 5;
const OPS: usize = 80;
/// What one token is charged at a share of 1.
const TOKEN: u64 = 1_024;

/// What is known from the answers alone.
struct Watched {
    governor: Governor,
    shares: [u32; ACTORS],
    handles: [Option<ActorHandle>; ACTORS],
    waiting: BTreeMap<WaiterId, (usize, u64)>,
    leases: Vec<LeaseId>,
    /// What each actor has been granted in all, for its share.
    had: [u64; ACTORS],
    /// The largest call that was asked for.
    largest: u64,
    /// While both of a pair wait: by how much the first one was ahead, at least and at most.
    apart: BTreeMap<(usize, usize), (i128, i128)>,
}

impl Watched {
    fn new(rng: &mut Rng) -> Self {
        let slots = Concurrency { max_in_flight: rng.u64(1..6) * 1_000_000, interactive_reserve: 0 };
        let window = Rate { tokens: Some(rng.u64(100..400)), window_us: 1_000_000, ..Rate::default() };
        let by_slots = rng.bool();
        let config = Config {
            concurrency: by_slots.then_some(slots),
            rate: (!by_slots).then_some(window),
            shares: true,
            queue: Queue { ageing_us: [0, 300_000, 5_000_000][rng.usize(..3)], ..Queue::default() },
            lease_ttl_us: 3_600_000_000,
            ..Config::default()
        };
        Self {
            governor: Governor::new(config).expect("a valid configuration"),
            shares: std::array::from_fn(|_| if rng.bool() { 1_000 } else { rng.u32(100..5_000) }),
            handles: [None; ACTORS],
            waiting: BTreeMap::new(),
            leases: Vec::new(),
            had: [0; ACTORS],
            largest: 0,
            apart: BTreeMap::new(),
        }
    }

    fn charge(&self, actor: usize, tokens: u64) -> u64 {
        tokens * TOKEN * 1_000 / u64::from(self.shares[actor])
    }

    fn granted(&mut self, actor: usize, tokens: u64, grant: &Grant) {
        self.handles[actor] = self.handles[actor].or(grant.actor);
        self.leases.push(grant.lease);
        self.had[actor] += self.charge(actor, tokens);
        self.check();
    }

    fn ask(&mut self, rng: &mut Rng, now: Instant) {
        let actor = rng.usize(..ACTORS);
        let most = if rng.bool() { 100 } else { 5 };
        let tokens = rng.u64(1..=most);
        self.largest = self.largest.max(self.charge(actor, tokens));
        let request = Request {
            actor: self.handles[actor],
            share: Some(self.shares[actor]),
            weight: if rng.u8(..4) == 0 { rng.u64(1..4) * 1_000_000 } else { 1_000_000 },
            tokens: Tokens { prompt: tokens, output: 0 },
            ..Request::default()
        };
        if rng.u8(..5) == 0 {
            if let Decision::Granted(grant) = self.governor.acquire(now, &request) {
                self.granted(actor, tokens, &grant);
            }
            return;
        }
        match self.governor.enqueue(now, &request, None) {
            Enqueued::Granted(grant) => self.granted(actor, tokens, &grant),
            Enqueued::Waiting { waiter, actor: handle, .. } => {
                self.handles[actor] = self.handles[actor].or(handle);
                self.waiting.insert(waiter, (actor, tokens));
            }
            Enqueued::Denied(_) => {}
        }
    }

    fn poll(&mut self) {
        while let Some(output) = self.governor.poll_output() {
            match output {
                Output::Granted(waiter, grant) => {
                    // It waited up to here, and was charged then.
                    let (actor, tokens) = self.waiting[&waiter];
                    self.granted(actor, tokens, &grant);
                    self.waiting.remove(&waiter);
                }
                Output::Refused(waiter, _) => drop(self.waiting.remove(&waiter)),
                other => panic!("{other:?}"),
            }
        }
        self.check();
    }

    /// How far apart those are who wait, by what they had since both did.
    fn check(&mut self) {
        let waits: [bool; ACTORS] = std::array::from_fn(|actor| self.waiting.values().any(|other| other.0 == actor));
        for one in 0..ACTORS {
            for other in one + 1..ACTORS {
                if !(waits[one] && waits[other]) {
                    self.apart.remove(&(one, other));
                    continue;
                }
                let now = i128::from(self.had[one]) - i128::from(self.had[other]);
                let (least, most) = self.apart.entry((one, other)).or_insert((now, now));
                (*least, *most) = ((*least).min(now), (*most).max(now));
                let spread = *most - *least;
                assert!(
                    spread <= 4 * i128::from(self.largest),
                    "{one} and {other} are {spread} apart, in what they had"
                );
            }
        }
    }

    /// The same by the governor's own counters, when it has answered.
    fn check_counters(&self) {
        let mut counters: Vec<u64> = Vec::new();
        for &(actor, _) in self.waiting.values() {
            counters.extend(self.handles[actor].map(|handle| self.governor.consumed(handle)));
        }
        let apart = counters.iter().max().unwrap_or(&0) - counters.iter().min().unwrap_or(&0);
        assert!(apart <= 2 * self.largest.max(1), "{apart} apart, where the largest charge is {}", self.largest);
        self.governor.check_invariants().expect("invariants");
    }
}

fn run(seed: u64) -> usize {
    let mut rng = Rng::with_seed(seed);
    let mut watched = Watched::new(&mut rng);
    let mut now_us = 1_000_000;
    let mut both = 0;
    for _ in 0..OPS {
        now_us += rng.u64(..60_000);
        let now = Instant::from_micros(now_us);
        match rng.u8(..10) {
            0..=4 => watched.ask(&mut rng, now),
            5..=7 if !watched.leases.is_empty() => {
                let lease = watched.leases.swap_remove(rng.usize(..watched.leases.len()));
                watched.governor.release(now, lease, &Report::default());
            }
            8 if !watched.waiting.is_empty() => {
                let waiter = *watched.waiting.keys().nth(rng.usize(..watched.waiting.len())).expect("a waiter");
                assert!(watched.governor.cancel(now, waiter));
                watched.waiting.remove(&waiter);
            }
            _ => watched.governor.handle_timeout(now),
        }
        watched.poll();
        watched.check_counters();
        both += watched.apart.len();
    }
    both
}

#[test]
fn two_that_wait_are_never_further_apart_than_twice_the_largest_charge() {
    let traces = env::var("FAIR_TRACES").map_or(20_000, |text| text.parse().expect("a number"));
    let first = fastrand::u64(..1 << 53);
    println!("fair: {traces} traces from seed {first}");
    let mut both = 0;
    for seed in first..first + traces {
        both += std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
            println!("seed {seed}");
            std::panic::resume_unwind(panic)
        });
    }
    assert!(both > 0, "no two ever waited at once");
}
