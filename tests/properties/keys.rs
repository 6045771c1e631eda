//! Limits that count by keys against governors of their own for each key: a call is admitted exactly if everybody who counts
//! it would admit it, each counts the same, and a refused call fits at the promised instant and not one tick before.

use std::collections::BTreeMap;

use proptest::prelude::*;
use throttleai::{
    Algorithm, Caps, Concurrency, Config, Decision, Enqueued, Fairness, Governor, Instant, KeyHandle, Keys, LeaseId,
    Limit, Metric, Output, Overflow, Report, Request, Tokens,
};

/// Values of each of two scopes that calls name; 0: none.
const NAMES: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Acquire {
        names: [usize; 2],
        tokens: u64,
    },
    /// The n-th newest call ends, with so many tokens used.
    Release {
        back: usize,
        used: Option<u64>,
    },
    Record {
        names: [usize; 2],
        tokens: u64,
    },
    SetLimit {
        place: usize,
        amount: u64,
    },
    Restore,
    Reconfigure,
}

fn names() -> impl Strategy<Value = [usize; 2]> {
    [0..NAMES, 0..NAMES]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (names(), 0u64..40).prop_map(|(names, tokens)| Op::Acquire { names, tokens }),
        4 => (0usize..12, prop::option::of(0u64..60)).prop_map(|(back, used)| Op::Release { back, used }),
        1 => (names(), 0u64..60).prop_map(|(names, tokens)| Op::Record { names, tokens }),
        1 => (0usize..6, 1u64..100).prop_map(|(place, amount)| Op::SetLimit { place, amount }),
        1 => Just(Op::Restore),
        1 => Just(Op::Reconfigure),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    let metric = prop_oneof![Just(Metric::Requests), Just(Metric::Tokens)];
    let algorithm = prop_oneof![
        2 => Just(Algorithm::SlidingWindow),
        1 => Just(Algorithm::FixedWindow),
        2 => prop::option::of(1u64..80).prop_map(|burst| Algorithm::TokenBucket { burst }),
    ];
    let per = prop_oneof![Just(""), Just("a"), Just("b")];
    (metric, algorithm, per, 1u64..80, 1u64..6).prop_map(|(metric, algorithm, per, amount, window_ms)| Limit {
        algorithm,
        per: per.into(),
        ..Limit::new("", metric, if metric == Metric::Requests { amount / 10 + 1 } else { amount }, window_ms * 1_000)
    })
}

fn config() -> impl Strategy<Value = Config> {
    let named = |(index, limit): (usize, Limit)| Limit { name: format!("limit {index}"), ..limit };
    let named = move |limits: Vec<Limit>| limits.into_iter().enumerate().map(named).collect();
    let caps = prop_oneof![Just(Caps::default()), Just(Caps { keys: 2 * NAMES as u32, ..Caps::default() })];
    (prop::collection::vec(limit(), 1..6).prop_map(named), caps, 1_000u64..9_000)
        .prop_map(|(limits, caps, lease_ttl_us)| Config { limits, caps, lease_ttl_us, ..Config::default() })
}

fn at(ms: f64) -> Instant {
    Instant::from_millis(ms)
}

fn slots(max: u64) -> Option<Concurrency> {
    Some(Concurrency { max_in_flight: max * 1_000_000, interactive_reserve: 0 })
}

#[test]
fn fairness_can_begin_while_somebody_waits() {
    let mut governor = Governor::new(Config { concurrency: slots(1), ..Config::default() }).expect("valid");
    governor.acquire(at(1.0), &Request::default());
    let Enqueued::Waiting { waiter, .. } = governor.enqueue(at(1.0), &Request::default(), Some(at(9.0))) else {
        panic!("there is no slot");
    };
    let fair = Config { fairness: Some(Fairness::default()), ..governor.config().clone() };
    governor.reconfigure(at(2.0), fair).expect("valid");
    governor.handle_timeout(at(9.0));
    assert!(matches!(governor.poll_output(), Some(Output::Refused(refused, _)) if refused == waiter));
}

#[test]
fn who_waits_for_a_limit_of_its_key_is_served_when_that_is_raised() {
    let limit = Limit { per: "a".into(), ..Limit::new("calls", Metric::Requests, 1, 86_400_000_000) };
    let config = Config { concurrency: slots(2), limits: vec![limit], ..Config::default() };
    let mut governor = Governor::new(config).expect("valid");
    let mut keys = Keys::default();
    assert!(keys.push(0, None));
    let Decision::Granted(grant) = governor.acquire(at(1.0), &Request { keys, ..Request::default() }) else {
        panic!("there is room");
    };
    let request = Request { keys: governor.keys_of(grant.lease), ..Request::default() };
    let Enqueued::Waiting { waiter, .. } = governor.enqueue(at(1.0), &request, None) else { panic!("it is spent") };
    governor.set_limit(at(2.0), 0, 2).expect("an amount");
    assert!(matches!(governor.poll_output(), Some(Output::Granted(served, _)) if served == waiter));
}

#[test]
fn at_the_cap_of_keys_a_denial_says_when_one_may_go() {
    let limit = Limit { per: "a".into(), ..Limit::new("calls", Metric::Requests, 1, 60_000_000) };
    let caps = Caps { keys: 1, overflow: Overflow::Deny, ..Caps::default() };
    let mut governor = Governor::new(Config { limits: vec![limit], caps, ..Config::default() }).expect("valid");
    let mut keys = Keys::default();
    assert!(keys.push(0, None));
    let stranger = Request { keys, ..Request::default() };
    let Decision::Granted(grant) = governor.acquire(at(1.0), &stranger) else { panic!("there is room") };
    governor.release(at(2.0), grant.lease, &Report::default());
    let Decision::Denied(denial) = governor.acquire(at(3.0), &stranger) else { panic!("there is no place") };
    assert_eq!(denial.retry_at, Some(at(60_001.0)));
    assert!(matches!(governor.acquire(at(60_001.0), &stranger), Decision::Granted(_)));
}

#[test]
fn the_reaper_forgets_keys_that_are_needed_no_more() {
    let limit = Limit { per: "a".into(), ..Limit::new("calls", Metric::Requests, 1, 60_000_000) };
    let mut governor = Governor::new(Config { limits: vec![limit], ..Config::default() }).expect("valid");
    let mut keys = Keys::default();
    assert!(keys.push(0, None));
    for call in 0..1_500 {
        let now = at(1.0 + f64::from(call));
        let Decision::Granted(grant) = governor.acquire(now, &Request { keys, ..Request::default() }) else {
            panic!("each has a key of its own");
        };
        governor.release(now, grant.lease, &Report::default());
    }
    let now = at(1_501.0);
    let Decision::Granted(held) = governor.acquire(now, &Request::default()) else { panic!("no key, no limit") };
    governor.renew(now, held.lease, Some(1_000_000_000));
    let mut swept = Vec::new();
    while let Some((now, _)) = governor.poll_timeout().filter(|_| governor.is_live(held.lease)) {
        governor.handle_timeout(now);
        let freed =
            core::iter::from_fn(|| governor.poll_output()).filter(|output| matches!(output, Output::KeyFreed(_)));
        swept.extend(Some(freed.count()).filter(|&freed| freed > 0));
    }
    assert!(swept.iter().all(|&freed| freed <= 1_000) && swept.iter().sum::<usize>() == 1_500, "{swept:?}");
    assert_eq!(governor.view(at(2_000_000.0)).keys, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn keys_count_as_governors_of_their_own(
        config in config(),
        ops in prop::collection::vec((0u64..900, op()), 1..100),
    ) {
        Ensemble::new(config).run(ops)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Names come and go through fewer places than there are of them. Whatever a name was granted, with a place or without,
    /// a governor of its own would have granted too.
    #[test]
    fn nobody_gets_past_a_limit_by_the_place_that_others_share(
        limit in limit(),
        keys in 1u32..4,
        ops in prop::collection::vec((0u64..1_500, 0usize..7, 0u64..40, prop::option::of(0u64..100)), 1..120),
    ) {
        let limit = Limit { name: "limit".into(), per: "a".into(), ..limit };
        let config = Config { caps: Caps { keys, ..Caps::default() }, lease_ttl_us: 1_000_000_000, ..Config::default() };
        let mut governor = Governor::new(Config { limits: vec![limit.clone()], ..config.clone() }).expect("valid");
        let alone = Config { limits: vec![Limit { per: String::new(), ..limit }], ..config };
        let mut owns: Vec<Governor> = (0..7).map(|_| Governor::new(alone.clone()).expect("valid")).collect();
        let mut handles: BTreeMap<usize, KeyHandle> = BTreeMap::new();
        let mut now_us = 1_000_000;
        for (step, name, tokens, part_used) in ops {
            now_us += step;
            let now = Instant::from_micros(now_us);
            let mut keys = Keys::default();
            prop_assert!(keys.push(0, handles.get(&name).copied()));
            let plain = Request { tokens: Tokens { prompt: tokens, output: 0 }, ..Request::default() };
            if let Decision::Granted(grant) = governor.acquire(now, &Request { keys, ..plain }) {
                let known = governor.keys_of(grant.lease).iter().next().and_then(|(_, handle)| handle);
                handles.extend(known.map(|handle| (name, handle)));
                let Decision::Granted(own) = owns[name].acquire(now, &plain) else {
                    return Err(TestCaseError::fail(format!("{name} is granted more than it may have")));
                };
                // Overruns of calls in flight would be known to those who share only.
                let used = part_used.map(|part| tokens * part / 100);
                let report = Report { prompt_tokens: used, ..Report::default() };
                governor.release(now, grant.lease, &report);
                owns[name].release(now, own.lease, &report);
            }
            while let Some(output) = governor.poll_output() {
                if let Output::KeyFreed(handle) = output { handles.retain(|_, own| *own != handle) }
            }
            prop_assert!(governor.check_invariants().is_ok());
        }
    }
}

/// A `per` and which of its names: whose governor it is.
type Part = (String, usize);

struct Call {
    lease: LeaseId,
    parts: Vec<(Part, LeaseId)>,
}

struct Ensemble {
    governor: Governor,
    parts: BTreeMap<Part, Governor>,
    handles: BTreeMap<Part, KeyHandle>,
    calls: Vec<Call>,
    now: u64,
}

impl Ensemble {
    fn new(config: Config) -> Self {
        let governor = Governor::new(config).expect("a valid configuration");
        let (parts, handles, calls) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { governor, parts, handles, calls, now: 1_000_000 }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    fn run(&mut self, ops: Vec<(u64, Op)>) -> Result<(), TestCaseError> {
        for (step, op) in ops {
            self.now += step;
            // Time is the same for all: a lease expires when a command sees that it is over.
            let now = self.now();
            self.parts.values_mut().chain([&mut self.governor]).for_each(|governor| governor.handle_timeout(now));
            match op {
                Op::Acquire { names, tokens } => self.acquire(names, tokens)?,
                Op::Release { back, used } => self.release(back, used),
                Op::Record { names, tokens } => self.record(names, tokens),
                Op::SetLimit { place, amount } => self.set_limit(place, amount),
                Op::Restore => {
                    let image = self.governor.save();
                    self.governor = Governor::restore(self.governor.config().clone(), &image).expect("its own image");
                    prop_assert_eq!(self.governor.save(), image, "an image is read as it was written");
                }
                Op::Reconfigure => {
                    let same = self.governor.config().clone();
                    self.governor.reconfigure(self.now(), same).expect("its own configuration");
                }
            }
            self.poll()?;
            prop_assert!(self.governor.check_invariants().is_ok());
        }
        Ok(())
    }

    /// The sets of the configuration, by first appearance.
    fn sets(&self) -> Vec<String> {
        let mut sets: Vec<String> = Vec::new();
        for limit in self.governor.config().limits.iter().filter(|limit| !limit.per.is_empty()) {
            if !sets.contains(&limit.per) {
                sets.push(limit.per.clone());
            }
        }
        sets
    }

    /// Who counts a call, the one of all calls first.
    fn parts_of(&self, names: [usize; 2]) -> Vec<Part> {
        let own = |per: String| (per.clone(), if per == "a" { names[0] } else { names[1] });
        [(String::new(), 0)].into_iter().chain(self.sets().into_iter().map(own)).collect()
    }

    fn part(&mut self, part: &Part) -> &mut Governor {
        let config = self.governor.config();
        let limits = config.limits.iter().filter(|limit| limit.per == part.0);
        let limits = limits.map(|limit| Limit { per: String::new(), ..limit.clone() }).collect();
        let config = Config { limits, ..config.clone() };
        self.parts.entry(part.clone()).or_insert_with(|| Governor::new(config).expect("a valid configuration"))
    }

    fn request(&self, parts: &[Part], tokens: u64) -> Request {
        let mut keys = Keys::default();
        for (set, part) in (0u16..).zip(&parts[1..]) {
            assert!(keys.push(set, self.handles.get(part).copied()));
        }
        Request { tokens: Tokens { prompt: tokens, output: 0 }, keys, ..Request::default() }
    }

    fn learn(&mut self, parts: &[Part], keys: Keys) -> Result<(), TestCaseError> {
        for (part, (_, handle)) in parts[1..].iter().zip(keys.iter()) {
            let handle = handle.expect("a place for everybody");
            let other = self.handles.iter().find(|(other, known)| **known == handle && *other != part);
            prop_assert_eq!(other, None, "one handle for two keys");
            self.handles.insert(part.clone(), handle);
        }
        Ok(())
    }

    fn acquire(&mut self, names: [usize; 2], tokens: u64) -> Result<(), TestCaseError> {
        let (now, parts) = (self.now(), self.parts_of(names));
        let request = self.request(&parts, tokens);
        let plain = Request { keys: Keys::default(), ..request };
        let refusing: Vec<_> = parts.iter().filter_map(|part| self.part(part).diagnose(now, &plain).denial).collect();
        let before = self.governor.save();
        match self.governor.acquire(now, &request) {
            Decision::Granted(grant) => {
                prop_assert!(refusing.is_empty(), "granted, but {refusing:?}");
                self.learn(&parts, self.governor.keys_of(grant.lease))?;
                let mut leases = Vec::new();
                for part in parts {
                    let Decision::Granted(own) = self.part(&part).acquire(now, &plain) else { unreachable!() };
                    leases.push((part, own.lease));
                }
                self.calls.push(Call { lease: grant.lease, parts: leases });
            }
            Decision::Denied(denial) => {
                prop_assert!(!refusing.is_empty(), "{denial:?}, and nobody refuses");
                let never = refusing.iter().any(|other| other.retry_at.is_none());
                let latest = refusing.iter().filter_map(|other| other.retry_at).max();
                prop_assert_eq!(denial.retry_at, latest.filter(|_| !never));
                self.check_promise(&before, &request, denial.retry_at)?;
            }
        }
        Ok(())
    }

    fn check_promise(&self, before: &[u8], request: &Request, at: Option<Instant>) -> Result<(), TestCaseError> {
        let fits_at = |us: u64| {
            let mut twin = Governor::restore(self.governor.config().clone(), before).expect("its own image");
            matches!(twin.acquire(Instant::from_micros(us), request), Decision::Granted(_))
        };
        if let Some(at) = at.map(Instant::as_micros) {
            prop_assert!(fits_at(at) && !fits_at(at - 1), "promised {at}");
        }
        Ok(())
    }

    fn release(&mut self, back: usize, used: Option<u64>) {
        let (now, report) = (self.now(), Report { prompt_tokens: used, ..Report::default() });
        let Some(index) = self.calls.len().checked_sub(back + 1) else { return };
        // How long an expired lease can be settled is a matter of all limits together.
        if !self.governor.is_live(self.calls[index].lease) {
            return;
        }
        self.governor.release(now, self.calls[index].lease, &report);
        for (part, lease) in self.calls[index].parts.clone() {
            self.part(&part).release(now, lease, &report);
        }
    }

    fn record(&mut self, names: [usize; 2], tokens: u64) {
        let (now, parts) = (self.now(), self.parts_of(names));
        let request = self.request(&parts, tokens);
        let keys = self.governor.record(now, &request);
        self.learn(&parts, keys).expect("a key of its own");
        for part in parts {
            self.part(&part).record(now, &Request { keys: Keys::default(), ..request });
        }
    }

    fn set_limit(&mut self, place: usize, amount: u64) {
        let now = self.now();
        let Some(limit) = self.governor.config().limits.get(place).cloned() else { return };
        if self.governor.set_limit(now, place as u32, amount).is_err() {
            return;
        }
        let at = |other: &Governor| other.config().limits.iter().position(|own| own.name == limit.name);
        for governor in self.parts.values_mut() {
            if let Some(place) = at(governor) {
                governor.set_limit(now, place as u32, amount).expect("what the other one took");
            }
        }
    }

    fn poll(&mut self) -> Result<(), TestCaseError> {
        while let Some(output) = self.governor.poll_output() {
            match output {
                Output::Expired { .. } => {}
                Output::KeyFreed(handle) => {
                    let known = self.handles.len();
                    self.handles.retain(|_, own| *own != handle);
                    prop_assert_eq!(self.handles.len() + 1, known, "a key that was known is freed");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        Ok(())
    }
}
