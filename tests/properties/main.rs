//! Properties against a naive model: every decision of a governor, its reason, cause, numbers and instants, equals what the
//! documented rules say, written down in the simplest way that could be right (`model.rs`).

mod fair;
mod keys;
mod limits;
mod model;
mod windows;

use std::collections::BTreeMap;

use model::{Ask, Model};
use proptest::prelude::*;
use throttleai::{
    ActorHandle, Concurrency, Config, Decision, Fairness, Governor, Instant, LeaseId, Output, Priority, Rate, Released,
    Report, Request, Tokens,
};

#[derive(Clone, Debug)]
enum Op {
    Acquire {
        actor: u8,
        background: bool,
        weight: u64,
        prompt: u64,
        output: u64,
    },
    /// The n-th newest lease.
    Release {
        back: usize,
        prompt: Option<u64>,
        output: Option<u64>,
    },
    Renew {
        back: usize,
        ttl_us: Option<u64>,
    },
    Sweep,
}

fn op() -> impl Strategy<Value = Op> {
    let tokens = prop::option::of(0u64..80);
    prop_oneof![
        6 => (0u8..6, any::<bool>(), weight(), 0u64..40, 0u64..40)
            .prop_map(|(actor, background, weight, prompt, output)| Op::Acquire { actor, background, weight, prompt, output }),
        4 => (0usize..12, tokens.clone(), tokens).prop_map(|(back, prompt, output)| Op::Release { back, prompt, output }),
        1 => (0usize..12, prop::option::of(0u64..3_000)).prop_map(|(back, ttl_us)| Op::Renew { back, ttl_us }),
        1 => Just(Op::Sweep),
    ]
}

fn weight() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(1_000_000), 2 => 0u64..3_000_000, 1 => Just(0), 1 => 0u64..12_000_000]
}

fn config() -> impl Strategy<Value = Config> {
    let concurrency = prop::option::of((1u64..8, 0u64..8_000_000).prop_map(|(max, reserve)| Concurrency {
        max_in_flight: max * 1_000_000,
        interactive_reserve: reserve % (max * 1_000_000),
    }));
    let rate = prop::option::of(
        (prop::option::of(1u64..12), prop::option::of(1u64..300), 1_000u64..6_000)
            .prop_map(|(requests, tokens, window_us)| Rate { requests, tokens, window_us }),
    );
    let fairness = prop::option::of(
        (0.05f64..1.0, 0u64..3_000)
            .prop_map(|(soft_cap_ratio, starvation_window_us)| Fairness { soft_cap_ratio, starvation_window_us }),
    );
    (concurrency, rate, fairness, 1_000u64..5_000).prop_map(|(concurrency, rate, fairness, lease_ttl_us)| Config {
        concurrency,
        rate,
        fairness,
        lease_ttl_us,
        reaper_interval_us: 1_000,
        ..Config::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn decisions_are_those_of_the_documented_rules(
        config in config(),
        ops in prop::collection::vec((0u64..900, op()), 1..120),
    ) {
        Pair::new(config).run(ops)?;
    }
}

/// The governor and the model, asked the same.
struct Pair {
    governor: Governor,
    model: Model,
    now: u64,
    handles: BTreeMap<u8, ActorHandle>,
    leases: Vec<LeaseId>,
}

impl Pair {
    fn new(config: Config) -> Self {
        let governor = Governor::new(config.clone()).expect("a valid configuration");
        Self { governor, model: Model::new(config), now: 1_000_000, handles: BTreeMap::new(), leases: Vec::new() }
    }

    fn run(&mut self, ops: Vec<(u64, Op)>) -> Result<(), TestCaseError> {
        for (step, op) in ops {
            self.now += step;
            match op {
                Op::Acquire { actor, background, weight, prompt, output } => {
                    self.acquire(Ask { actor, background, weight, tokens: Tokens { prompt, output } })?;
                }
                Op::Release { back, prompt, output } => self.release(back, prompt, output)?,
                Op::Renew { back, ttl_us } => self.renew(back, ttl_us)?,
                Op::Sweep => {
                    self.governor.handle_timeout(Instant::from_micros(self.now));
                    self.model.sweep(self.now);
                }
            }
            self.compare_state()?;
        }
        Ok(())
    }

    fn acquire(&mut self, ask: Ask) -> Result<(), TestCaseError> {
        let request = Request {
            actor: self.handles.get(&ask.actor).copied(),
            priority: if ask.background { Priority::Background } else { Priority::Interactive },
            weight: ask.weight,
            tokens: ask.tokens,
            ..Request::default()
        };
        let before = self.governor.save();
        let decision = self.governor.acquire(Instant::from_micros(self.now), &request);
        let expected = self.model.acquire(self.now, &ask);
        match (decision, expected) {
            (Decision::Granted(grant), Ok(expires_at)) => {
                prop_assert_eq!(grant.expires_at.as_micros(), expires_at);
                self.leases.push(grant.lease);
                grant.actor.map(|handle| self.handles.insert(ask.actor, handle));
            }
            (Decision::Denied(denial), Err(expected)) => {
                let told = model::Told {
                    reason: denial.reason,
                    cause: denial.cause,
                    used: denial.used,
                    limit: denial.limit,
                    retry_at: denial.retry_at.map(Instant::as_micros),
                    retry_after_ms: denial.retry_after_ms,
                    binding: denial.binding,
                };
                prop_assert_eq!(told, expected);
                self.check_promise(&before, &request, denial.retry_at)?;
            }
            (decision, expected) => prop_assert!(false, "{decision:?}, expected {expected:?}"),
        }
        Ok(())
    }

    /// At the promised instant the call fits; one tick earlier, if a limit binds, it does not.
    fn check_promise(&self, before: &[u8], request: &Request, retry_at: Option<Instant>) -> Result<(), TestCaseError> {
        let fits_at = |us: u64| {
            let mut twin = Governor::restore(self.governor.config().clone(), before).expect("its own image");
            matches!(twin.acquire(Instant::from_micros(us), request), Decision::Granted(_))
        };
        match retry_at.map(Instant::as_micros) {
            Some(at) => {
                prop_assert!(fits_at(at), "promised {at}");
                prop_assert!(at == self.now || self.model.only_slots_bind(at) || !fits_at(at - 1), "fits before {at}");
            }
            None => prop_assert!(!fits_at(self.now + 1_000_000_000), "said to be impossible"),
        }
        Ok(())
    }

    fn release(&mut self, back: usize, prompt: Option<u64>, output: Option<u64>) -> Result<(), TestCaseError> {
        let Some(index) = self.leases.len().checked_sub(back + 1) else { return Ok(()) };
        let report = Report { prompt_tokens: prompt, output_tokens: output, ..Report::default() };
        let released = self.governor.release(Instant::from_micros(self.now), self.leases[index], &report);
        let kind = match released {
            Released::Live { .. } => "live",
            Released::AfterExpiry => "after expiry",
            Released::Double => "double",
            Released::Unknown => "unknown",
        };
        prop_assert_eq!(kind, self.model.release(self.now, index, prompt, output));
        Ok(())
    }

    fn renew(&mut self, back: usize, ttl_us: Option<u64>) -> Result<(), TestCaseError> {
        let Some(index) = self.leases.len().checked_sub(back + 1) else { return Ok(()) };
        let renewed = self.governor.renew(Instant::from_micros(self.now), self.leases[index], ttl_us);
        prop_assert_eq!(renewed.map(Instant::as_micros), self.model.renew(self.now, index, ttl_us));
        Ok(())
    }

    fn compare_state(&mut self) -> Result<(), TestCaseError> {
        while let Some(output) = self.governor.poll_output() {
            prop_assert!(matches!(output, Output::Expired { .. }), "{output:?}");
        }
        let view = self.governor.view(Instant::from_micros(self.now));
        prop_assert_eq!(view.active_leases as usize, self.model.live());
        if let Some(pool) = view.concurrency {
            prop_assert_eq!(pool.active, self.model.active());
        }
        if let Some(requests) = view.requests {
            prop_assert_eq!(requests.current, self.model.requests(self.now));
        }
        if let Some(tokens) = view.tokens {
            prop_assert_eq!(tokens.current, self.model.tokens(self.now));
        }
        prop_assert!(self.governor.check_invariants().is_ok());
        Ok(())
    }
}
