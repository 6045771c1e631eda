//! Configured limits against lists of all calls that ever were: who is admitted, what each limit counts, which one refuses,
//! and that a refused call fits at the promised instant and not one tick before; also when the configuration changes at run
//! time and the clock is set.

use proptest::prelude::*;
use throttleai::{
    Algorithm, Amounts, Cause, Config, Decision, Denial, Governor, Instant, LeaseId, Limit, Metric, Output, Reason,
    Report, ReportedAmounts, Request, Subject, Tokens, Window,
};

#[derive(Clone, Debug)]
enum Op {
    Acquire(Call),
    /// The n-th newest call ends; `None` keeps what was estimated.
    Release {
        back: usize,
        used: Option<Call>,
    },
    Annul {
        back: usize,
    },
    Restore,
    /// Only the limits whose bit is set stay; the others come back empty.
    Reconfigure {
        stay: u8,
    },
    /// The clock is set back, by more than is clamped.
    SetClock {
        seconds: u64,
    },
}

/// What a call counts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Call {
    prompt: u64,
    output: u64,
    cost: u64,
    pages: u64,
}

impl Call {
    fn of(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Requests => 1,
            Metric::Tokens => self.prompt + self.output,
            Metric::InputTokens => self.prompt,
            Metric::OutputTokens => self.output,
            Metric::CostUsd => self.cost,
            Metric::Custom(_) => self.pages,
        }
    }
}

fn call(most: u64) -> impl Strategy<Value = Call> {
    (0..most, 0..most, 0..most, 0..most).prop_map(|(prompt, output, cost, pages)| Call { prompt, output, cost, pages })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => call(30).prop_map(Op::Acquire),
        4 => (0usize..12, prop::option::of(call(50))).prop_map(|(back, used)| Op::Release { back, used }),
        1 => (0usize..4).prop_map(|back| Op::Annul { back }),
        1 => Just(Op::Restore),
        1 => any::<u8>().prop_map(|stay| Op::Reconfigure { stay }),
        1 => (2u64..50).prop_map(|seconds| Op::SetClock { seconds }),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    let metric = prop_oneof![
        Just(Metric::Requests),
        Just(Metric::Tokens),
        Just(Metric::InputTokens),
        Just(Metric::OutputTokens),
        Just(Metric::CostUsd),
        Just(Metric::Custom(0)),
    ];
    let algorithm = prop_oneof![
        2 => Just(Algorithm::SlidingWindow),
        1 => Just(Algorithm::FixedWindow),
        2 => prop::option::of(1u64..150).prop_map(|burst| Algorithm::TokenBucket { burst }),
    ];
    (metric, algorithm, 1u64..120, 1u64..6).prop_map(|(metric, algorithm, amount, window_ms)| Limit {
        algorithm,
        ..Limit::new("", metric, if metric == Metric::Requests { amount / 10 + 1 } else { amount }, window_ms * 1_000)
    })
}

fn config() -> impl Strategy<Value = Config> {
    let named = |(index, limit): (usize, Limit)| Limit { name: format!("limit {index}"), ..limit };
    let named = move |limits: Vec<Limit>| limits.into_iter().enumerate().map(named).collect();
    (prop::collection::vec(limit(), 1..6).prop_map(named), 1_000u64..9_000).prop_map(|(limits, lease_ttl_us)| Config {
        limits,
        metrics: vec!["pages".into()],
        lease_ttl_us,
        ..Config::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn limits_count_what_a_list_of_all_calls_counts(
        config in config(),
        ops in prop::collection::vec((0u64..900, op()), 1..100),
    ) {
        Pair::new(config).run(ops)?;
    }
}

/// A call that was admitted.
struct Admitted {
    at: u64,
    lease: LeaseId,
    estimate: Call,
    /// When and as what it was settled.
    settled: Option<(u64, Call)>,
    annulled: bool,
}

struct Pair {
    governor: Governor,
    /// In core time.
    now: u64,
    /// Core time minus that of the clock.
    ahead: u64,
    calls: Vec<Admitted>,
    /// By place: the first call that the limit has counted.
    since: Vec<usize>,
    /// Every limit that there was.
    all: Vec<Limit>,
}

impl Pair {
    fn new(config: Config) -> Self {
        let (since, all) = (vec![0; config.limits.len()], config.limits.clone());
        let governor = Governor::new(config).expect("a valid configuration");
        Self { governor, now: 10_000_000_000_000, ahead: 0, calls: Vec::new(), since, all }
    }

    fn run(&mut self, ops: Vec<(u64, Op)>) -> Result<(), TestCaseError> {
        for (step, op) in ops {
            self.now += step;
            match op {
                Op::Acquire(call) => self.acquire(call)?,
                Op::Release { back, used } => self.release(back, used),
                Op::Annul { back } => self.annul(back),
                Op::Restore => {
                    let image = self.governor.save();
                    self.governor = Governor::restore(self.governor.config().clone(), &image).expect("its own image");
                }
                Op::Reconfigure { stay } => self.reconfigure(stay),
                Op::SetClock { seconds } => {
                    self.governor.handle_timeout(self.now());
                    self.ahead += seconds * 1_000_000;
                    self.governor.handle_timeout(self.now());
                }
            }
            while let Some(output) = self.governor.poll_output() {
                prop_assert!(matches!(output, Output::Expired { .. }), "{output:?}");
            }
            self.compare()?;
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.now - self.ahead)
    }

    /// Takes limits out and puts them in again, at other places and with nothing counted; the others stay.
    fn reconfigure(&mut self, stay: u8) {
        let stays = |index: usize| stay >> (index % 8) & 1 == 1;
        let before = self.governor.config().limits.clone();
        let without: Vec<Limit> =
            before.iter().enumerate().filter(|(index, _)| stays(*index)).map(|(_, limit)| limit.clone()).collect();
        let config = |limits: &[Limit]| Config { limits: limits.to_vec(), ..self.governor.config().clone() };
        let (fewer, mut limits) = (config(&without), without.clone());
        limits.splice(0..0, self.all.iter().filter(|limit| !without.iter().any(|own| own.name == limit.name)).cloned());
        let more = config(&limits);
        let now = self.now();
        self.governor.reconfigure(now, fewer).expect("a valid configuration");
        self.governor.reconfigure(now, more).expect("a valid configuration");
        let since = |limit: &Limit| {
            let place = before.iter().position(|own| own.name == limit.name).filter(|&place| stays(place));
            place.map_or(self.calls.len(), |place| self.since[place])
        };
        self.since = limits.iter().map(since).collect();
        // What is admitted from now on is later than what was before.
        if without.len() < limits.len() {
            (self.now, self.ahead) = (self.now + 1, self.ahead + 1);
        }
    }

    fn acquire(&mut self, call: Call) -> Result<(), TestCaseError> {
        let request = Request {
            tokens: Tokens { prompt: call.prompt, output: call.output },
            amounts: Amounts { cost_micros: call.cost, custom: [call.pages, 0, 0, 0] },
            ..Request::default()
        };
        let limits = self.governor.config().limits.clone();
        let used = |place: usize| self.governor.limit_view(self.now(), place as u32).expect("a limit");
        let mut order: Vec<usize> = (0..limits.len()).collect();
        order.sort_by_key(|&place| limits[place].is_budget());
        let short = |&place: &usize| used(place).current + call.of(limits[place].metric) > used(place).limit;
        let first = order.into_iter().find(short);
        let before = self.governor.save();
        match (self.governor.acquire(self.now(), &request), first) {
            (Decision::Granted(grant), None) => {
                let estimate = call;
                let (settled, annulled) = (None, false);
                self.calls.push(Admitted { at: self.now, lease: grant.lease, estimate, settled, annulled });
            }
            (Decision::Denied(denial), Some(place)) => {
                self.check_denial(&denial, &limits[place], place, call)?;
                self.check_promise(&before, &request, &denial)?;
            }
            (decision, first) => prop_assert!(false, "{decision:?}, expected {first:?} to refuse"),
        }
        Ok(())
    }

    fn check_denial(&self, denial: &Denial, limit: &Limit, place: usize, call: Call) -> Result<(), TestCaseError> {
        let (subject, reason, cause) = if limit.is_budget() {
            (Subject::Budget(place as u32), Reason::Budget, Cause::Budget)
        } else {
            (Subject::Limit(place as u32), Reason::Rate, Cause::Limit)
        };
        let view = self.governor.limit_view(self.now(), place as u32).expect("a limit");
        let asked = call.of(limit.metric);
        prop_assert_eq!((denial.subject, denial.reason), (subject, reason));
        prop_assert_eq!((denial.used, denial.limit, denial.asked), (view.current, view.limit, asked));
        prop_assert_eq!(denial.cause, if asked > view.limit { Cause::TooLarge } else { cause });
        prop_assert_eq!(denial.never.is_some(), denial.retry_at.is_none());
        Ok(())
    }

    fn check_promise(&self, before: &[u8], request: &Request, denial: &Denial) -> Result<(), TestCaseError> {
        let fits_at = |us: u64| {
            let mut twin = Governor::restore(self.governor.config().clone(), before).expect("its own image");
            matches!(twin.acquire(Instant::from_micros(us), request), Decision::Granted(_))
        };
        match denial.retry_at.map(Instant::as_micros) {
            Some(at) => {
                prop_assert!(at > self.now - self.ahead && fits_at(at), "promised {at}");
                prop_assert!(!fits_at(at - 1), "fits before {at}");
            }
            None => prop_assert!(!fits_at(self.now - self.ahead + 1_000_000_000), "said to be impossible"),
        }
        Ok(())
    }

    fn release(&mut self, back: usize, used: Option<Call>) {
        let now = self.now();
        let Some(index) = self.calls.len().checked_sub(back + 1) else { return };
        let call = &mut self.calls[index];
        let amounts = used.map_or_else(ReportedAmounts::default, |used| ReportedAmounts {
            cost_micros: Some(used.cost),
            custom: [Some(used.pages), None, None, None],
        });
        let report = Report {
            prompt_tokens: used.map(|used| used.prompt),
            output_tokens: used.map(|used| used.output),
            amounts,
            ..Report::default()
        };
        use throttleai::Released::{AfterExpiry, Live};
        if matches!(self.governor.release(now, call.lease, &report), Live { .. } | AfterExpiry) {
            call.settled = Some((self.now, used.unwrap_or(call.estimate)));
        }
    }

    fn annul(&mut self, back: usize) {
        let now = self.now();
        let Some(index) = self.calls.len().checked_sub(back + 1) else { return };
        let call = &mut self.calls[index];
        call.annulled |= self.governor.annul(now, call.lease);
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        for (place, limit) in self.governor.config().limits.iter().enumerate() {
            let view = self.governor.limit_view(self.now(), place as u32).expect("a limit");
            let calls = &self.calls[self.since[place]..];
            let Window::Micros(window_us) = limit.window else { continue };
            match limit.algorithm {
                Algorithm::SlidingWindow => {
                    prop_assert_eq!(view.current, Self::sum(calls, limit.metric, |at| at + window_us > self.now));
                }
                Algorithm::Hidden => unreachable!("{limit:?}"),
                Algorithm::FixedWindow => {
                    let sum = Self::sum(calls, limit.metric, |at| at / window_us == self.now / window_us);
                    prop_assert_eq!(view.current, sum);
                }
                Algorithm::TokenBucket { burst } => {
                    let burst = burst.unwrap_or(limit.limit);
                    prop_assert_eq!(view.limit, burst);
                    let used = self.bucket(calls, limit, window_us, burst);
                    prop_assert!(view.current >= used, "{} instead of {used} used of {limit:?}", view.current);
                    let estimate_kept = |call: &Admitted| {
                        call.settled.is_none_or(|(_, used)| used.of(limit.metric) <= call.estimate.of(limit.metric))
                    };
                    if calls.len() <= 16 && calls.iter().all(estimate_kept) {
                        prop_assert_eq!(view.current, used, "of {:?}", limit);
                    }
                }
            }
        }
        Ok(())
    }

    fn counted(call: &Admitted, metric: Metric) -> u64 {
        let used = call.settled.map_or(call.estimate, |(_, used)| used);
        if call.annulled { 0 } else { used.of(metric) }
    }

    fn sum(calls: &[Admitted], metric: Metric, in_window: impl Fn(u64) -> bool) -> u64 {
        let counted = calls.iter().filter(|call| in_window(call.at));
        counted.map(|call| Self::counted(call, metric)).sum()
    }

    /// What would be used of a bucket that had charged every call what it used from the start, and overuse when it was told.
    fn bucket(&self, calls: &[Admitted], limit: &Limit, window_us: u64, burst: u64) -> u64 {
        let metric = limit.metric;
        let admitted = |call: &Admitted| (call.at, Self::counted(call, metric).min(call.estimate.of(metric)));
        let more = |call: &Admitted| {
            let (at, used) = call.settled.filter(|_| !call.annulled)?;
            Some((at, used.of(metric).saturating_sub(call.estimate.of(metric))))
        };
        let mut events: Vec<(u64, u64)> = calls.iter().map(admitted).collect();
        events.extend(calls.iter().filter_map(more));
        events.sort_by_key(|event| event.0);
        let (mut used, mut then) = (0u64, 0);
        for (at, amount) in events.into_iter().chain([(self.now, 0)]) {
            // One part is a unit divided by the microseconds of the window. Ten buckets is the most that can be owed.
            used = used.saturating_sub((at - then) * limit.limit);
            used = (used + amount * window_us).min(burst * 10 * window_us);
            then = at;
        }
        used.div_ceil(window_us)
    }
}
