//! Commands as the fuzzer makes them up. Leases, waiters and actors are named by how recently they were seen, so that most
//! commands meet something; `Operation::Stranger` names leases that may never have been.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use throttleai::{
    Adaptive, Algorithm, Caps, Concurrency, Config, Fairness, Limit, Metric, Overflow, Queue, QueueOverflow, Rate,
    Window,
};

/// A configuration: small numbers, so that every limit is met within a few commands.
#[derive(Arbitrary, Debug)]
pub struct Setup {
    concurrency: Option<(u8, u8)>,
    requests: Option<u8>,
    tokens: Option<u8>,
    window_ms: u16,
    /// At most four are taken.
    limits: Vec<Bounded>,
    fairness: bool,
    adaptive: bool,
    ttl_ms: u16,
    reaper_ms: u16,
    queue_max: u8,
    drops_oldest: bool,
    ageing_ms: u8,
    shares: bool,
    probes: bool,
    actors: u8,
    keys: u8,
    leases: u8,
    deny_overflow: bool,
}

/// A limit of any kind.
#[derive(Arbitrary, Debug)]
struct Bounded {
    metric: u8,
    amount: u8,
    window_ms: u16,
    algorithm: u8,
    burst: Option<u8>,
    max_debt: Option<u8>,
    per: u8,
    warns: bool,
}

impl Bounded {
    fn limit(&self, index: usize) -> Limit {
        let metrics = [
            Metric::Requests,
            Metric::Tokens,
            Metric::InputTokens,
            Metric::OutputTokens,
            Metric::CostUsd,
            Metric::Custom(0),
        ];
        let metric = metrics[usize::from(self.metric) % metrics.len()];
        let (algorithm, window) = match self.algorithm % 5 {
            0 => (Algorithm::SlidingWindow, Window::Micros(millis(self.window_ms))),
            1 => (Algorithm::FixedWindow, Window::Micros(millis(self.window_ms))),
            2 => (Algorithm::FixedWindow, Window::Calendar),
            3 if metric != Metric::CostUsd => (Algorithm::Hidden, Window::Micros(millis(self.window_ms))),
            _ => {
                let burst = self.burst.map(|burst| u64::from(burst.max(1)));
                (Algorithm::TokenBucket { burst }, Window::Micros(millis(self.window_ms)))
            }
        };
        let hidden = algorithm == Algorithm::Hidden;
        let limit = Limit::new(&format!("limit {index}"), metric, u64::from(self.amount.max(1)), 0);
        let per = ["", "one", "other"][usize::from(self.per) % 3].into();
        let warn_at = if self.warns && !hidden { vec![500_000, 1_000_000] } else { Vec::new() };
        Limit { algorithm, window, per, warn_at, max_debt: self.max_debt.filter(|_| !hidden).map(u64::from), ..limit }
    }
}

impl Setup {
    /// The configuration; valid whatever the fuzzer made up.
    #[must_use]
    pub fn config(&self) -> Config {
        let concurrency = self.concurrency.map(|(max, reserve)| {
            let max = u64::from(max.max(1));
            Concurrency { max_in_flight: max * 1_000_000, interactive_reserve: (u64::from(reserve) % max) * 1_000_000 }
        });
        let count = |limit: u8| u64::from(limit.max(1));
        let rate = Rate {
            requests: self.requests.map(count),
            tokens: self.tokens.map(count),
            window_us: millis(self.window_ms),
        };
        Config {
            rate: (rate.requests.is_some() || rate.tokens.is_some()).then_some(rate),
            limits: self.limits.iter().take(4).enumerate().map(|(index, limit)| limit.limit(index)).collect(),
            metrics: vec!["pages".into()],
            fairness: (self.fairness && concurrency.is_some()).then(Fairness::default),
            adaptive: (self.adaptive && concurrency.is_some()).then(Adaptive::default),
            concurrency,
            lease_ttl_us: millis(self.ttl_ms),
            reaper_interval_us: millis(self.reaper_ms),
            queue: Queue {
                max: u32::from(self.queue_max),
                overflow: if self.drops_oldest { QueueOverflow::DropOldest } else { QueueOverflow::Reject },
                ageing_us: u64::from(self.ageing_ms) * 1_000,
            },
            shares: self.shares,
            probes: self.probes,
            caps: Caps {
                actors: u32::from(self.actors.max(1)),
                keys: u32::from(self.keys.max(1)),
                leases: u32::from(self.leases.max(1)),
                overflow: if self.deny_overflow { Overflow::Deny } else { Overflow::Share },
                ..Caps::default()
            },
        }
    }
}

fn millis(ms: u16) -> u64 {
    u64::from(ms.max(1)) * 1_000
}

/// What a call asks for.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Asked {
    /// `None`: an actor that the governor does not know.
    pub actor: Option<u8>,
    pub share: Option<u16>,
    pub background: bool,
    /// In tenths of a slot.
    pub weight: u8,
    pub prompt: u8,
    pub output: u8,
    pub cost: u8,
    pub pages: u8,
    pub barge: bool,
    pub claim: Option<u8>,
    /// By set; of `None` the call names no key, and key 0 is one that the governor does not know.
    pub keys: [Option<u8>; 2],
    pub unlimited: bool,
    pub family: u8,
}

#[derive(Arbitrary, Debug)]
pub enum Operation {
    Acquire(Asked),
    /// Weight and tokens of any size.
    AcquireHuge {
        weight: u64,
        prompt: u64,
        output: u64,
    },
    Enqueue {
        asked: Asked,
        deadline_ms: Option<u16>,
    },
    Cancel(u8),
    Release {
        lease: u8,
        outcome: u8,
        latency_us: Option<u64>,
        first_token_us: Option<u64>,
        prompt: Option<u64>,
        output: Option<u64>,
        cost: Option<u64>,
    },
    Renew {
        lease: u8,
        ttl_us: Option<u64>,
    },
    Annul(u8),
    /// Releases, annuls and renews a lease by any name.
    Stranger {
        slot: u32,
        generation: u32,
    },
    /// A calendar limit is told its boundaries.
    Boundaries {
        limit: u8,
        ends_ms: u16,
        next_ms: u16,
    },
    /// The configuration changes; with ample caps, see `Run::restored`.
    Reconfigure(Box<Setup>),
    /// A provider has answered.
    Observe {
        lease: u8,
        family: u8,
        answered: u8,
        retry_ms: Option<u16>,
        counts_at_end: bool,
        keys: [Option<u8>; 2],
        /// Place, amount, when it resets.
        limits: [(u8, u8, Option<u16>); 2],
    },
    Reopen(u8),
    SetLimit {
        place: u8,
        amount: u8,
    },
    Record(Asked),
    Diagnose(Asked),
    /// Time goes on.
    Pass {
        ms: u16,
    },
    /// The clock is set to any time.
    Jump {
        us: u64,
    },
    /// Time goes on to the next time-out, which is served.
    Wake,
    /// The state is saved, and the governor restored from it takes over.
    Restore,
}
