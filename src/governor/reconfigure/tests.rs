use alloc::vec;

use super::*;
use crate::config::{Algorithm, Limit, Rate};
use crate::decision::{Cause, Decision, Enqueued, Reason, Released, Report, Subject, Tokens};
use crate::observation::{Answered, Observation};

fn at(ms: f64) -> Instant {
    Instant::from_millis(ms)
}

fn limit(name: &str, amount: u64) -> Limit {
    Limit { warn_at: vec![1_000_000], ..Limit::new(name, Metric::Tokens, amount, 60_000_000) }
}

fn with(limits: Vec<Limit>) -> Config {
    Config { limits, ..Config::default() }
}

fn tokens(prompt: u64) -> Request {
    Request { tokens: Tokens { prompt, output: 0 }, ..Request::default() }
}

/// A full minute, with a waiter until `deadline`, and what it told meanwhile left in the queue of outputs.
fn waiting(deadline: f64) -> (Governor, Config) {
    let config = with(vec![limit("gone", 100), limit("minute", 10)]);
    let mut governor = Governor::new(config.clone()).unwrap();
    governor.acquire(at(0.0), &tokens(10));
    assert!(matches!(governor.enqueue(at(0.0), &tokens(5), Some(at(deadline))), Enqueued::Waiting { .. }));
    (governor, config)
}

#[test]
fn pending_outputs_name_limits_by_their_places_of_today() {
    let (mut governor, _) = waiting(1_000.0);
    governor.handle_timeout(at(1_000.0));
    let now = at(1_000.0);
    let limits = vec![limit("new", 1), limit("newer", 1), limit("minute", 10)];
    governor
        .reconfigure(now, Config { rate: Some(Rate { requests: Some(9), ..Rate::default() }), ..with(limits) })
        .unwrap();
    let told: Vec<Output> = core::iter::from_fn(|| governor.poll_output()).collect();
    let [Output::Refused(_, denial), Output::Warned(warning)] = told[..] else { panic!("{told:?}") };
    assert_eq!((denial.cause, denial.binding, denial.subject), (Cause::Deadline, Some(3), Subject::Limit(3)));
    assert_eq!((warning.limit, warning.used), (3, 10));
}

#[test]
fn what_is_told_of_limits_that_are_gone_names_none() {
    let (mut governor, _) = waiting(1_000.0);
    governor.handle_timeout(at(1_000.0));
    governor.reconfigure(at(1_000.0), with(vec![limit("gone", 100)])).unwrap();
    let Some(Output::Refused(_, denial)) = governor.poll_output() else { panic!("the waiter was refused") };
    assert_eq!((denial.binding, denial.subject, denial.reason), (None, Subject::Limit(u32::MAX), Reason::Rate));
    assert_eq!(governor.poll_output(), None, "no warning of it");
}

#[test]
fn a_waiter_whose_time_is_up_at_the_change_is_refused_by_the_limits_of_today() {
    let (mut governor, _) = waiting(1_000.0);
    // The timer is late: the deadline has passed.
    governor.reconfigure(at(2_000.0), with(vec![limit("minute", 11)])).unwrap();
    let Some(Output::Refused(_, denial)) = governor.poll_output() else { panic!("the waiter was refused") };
    assert_eq!((denial.binding, denial.limit), (Some(0), 11));
}

#[test]
fn who_may_go_when_the_instant_of_a_change_has_ended_is_served() {
    let mut governor = Governor::new(Config::default()).unwrap();
    let retry_at = Some(Instant::from_micros(1_000_001));
    let refused = Observation { answered: Answered::Transient, retry_at, family: 1, ..Observation::default() };
    governor.observe(at(0.0), &refused);
    let request = Request { family: 1, ..Request::default() };
    let Enqueued::Waiting { waiter, .. } = governor.enqueue(at(0.0), &request, None) else {
        panic!("the gate is shut")
    };
    // A limit begins to count a microsecond later, when the gate is open.
    governor.reconfigure(at(1_000.0), with(vec![limit("new", 10)])).unwrap();
    let told: Vec<Output> = core::iter::from_fn(|| governor.poll_output()).collect();
    assert!(matches!(told.last(), Some(Output::Granted(served, _)) if *served == waiter), "{told:?}");
    governor.check_invariants().unwrap();
}

#[test]
fn a_waiter_that_comes_too_late_says_what_it_waited_for_by_todays_place() {
    let (mut governor, mut config) = waiting(90_000.0);
    config.limits.rotate_left(1);
    governor.reconfigure(at(1_000.0), config).unwrap();
    while governor.poll_output().is_some() {}
    // There has been room for half a minute, and the deadline has passed as well.
    governor.handle_timeout(at(95_000.0));
    let told: Vec<Output> = core::iter::from_fn(|| governor.poll_output()).collect();
    let Some(Output::Refused(_, denial)) = told.last() else { panic!("{told:?}") };
    assert_eq!((denial.subject, denial.binding), (Subject::Waiters, Some(0)));
}

#[test]
fn a_thousand_limits_are_taken_over_by_name_in_any_order() {
    let key = |index: u32| Limit { per: alloc::format!("set {index}"), ..limit(&alloc::format!("limit {index}"), 1) };
    let mut config = with((0..1_000).map(key).collect());
    let mut governor = Governor::new(config.clone()).unwrap();
    let under = |set: u16| {
        let mut keys = crate::decision::Keys::default();
        keys.push(set, None);
        Request { keys, ..tokens(1) }
    };
    let Decision::Granted(grant) = governor.acquire(at(0.0), &under(0)) else { panic!("there is room") };
    config.limits.reverse();
    governor.reconfigure(at(1.0), config).unwrap();
    let known = Request { keys: governor.keys_of(grant.lease), ..tokens(1) };
    let Decision::Denied(denial) = governor.acquire(at(1.0), &known) else { panic!("the key is spent") };
    assert_eq!(denial.binding, Some(999));
    assert!(matches!(governor.acquire(at(1.0), &under(0)), Decision::Granted(_)));
}

#[test]
fn rooms_are_what_a_diagnosis_says_without_what_leases_reserve() {
    let mut governor = Governor::new(with(vec![limit("minute", 10), limit("other", 4)])).unwrap();
    governor.acquire(at(0.0), &tokens(3));
    let mut diagnosis = governor.diagnose(at(1.0), &tokens(2));
    assert_eq!(diagnosis.limits.iter().map(|limit| limit.reserved).collect::<Vec<_>>(), [3, 3]);
    diagnosis.limits.iter_mut().for_each(|limit| limit.reserved = 0);
    assert_eq!(governor.rooms(at(1.0), &tokens(2)), diagnosis);
}

#[test]
fn a_limit_says_when_all_of_it_is_free_again() {
    let fixed = Limit { algorithm: Algorithm::FixedWindow, ..limit("fixed", 10) };
    let bucket = Limit { algorithm: Algorithm::TokenBucket { burst: Some(20) }, ..limit("bucket", 10) };
    let mut governor = Governor::new(with(vec![limit("sliding", 10), fixed, bucket])).unwrap();
    governor.acquire(at(15_000.0), &tokens(2));
    governor.acquire(at(30_000.0), &tokens(2));
    let resets = |diagnosis: Diagnosis| diagnosis.limits.iter().map(|limit| limit.reset_at).collect::<Vec<_>>();
    let full = [90_000.0, 60_000.0, 42_000.0].map(at);
    assert_eq!(resets(governor.diagnose(at(30_000.0), &tokens(1))), full);
    let idle = at(200_000.0);
    assert_eq!(resets(governor.diagnose(idle, &tokens(1))), [idle; 3], "nothing is counted any more");
}

#[test]
fn a_lease_was_held_for_long_by_the_lifetime_it_was_granted() {
    let late = |before: u64, renewed: bool, after: u64| {
        let ttl = |seconds| Config { lease_ttl_us: seconds * 1_000_000, ..Config::default() };
        let mut governor = Governor::new(ttl(before)).unwrap();
        let Decision::Granted(grant) = governor.acquire(at(0.0), &Request::default()) else { panic!("no limits") };
        if renewed {
            governor.renew(at(0.0), grant.lease, Some(before * 1_000_000));
        }
        governor.reconfigure(at(0.0), ttl(after)).unwrap();
        let mut restored = Governor::restore(ttl(after), &governor.save()).unwrap();
        let ends = [&mut governor, &mut restored].map(|own| own.release(at(9_000.0), grant.lease, &Report::default()));
        assert_eq!(ends[0], ends[1], "an image says it too");
        let Released::Live { late, ttl_us, .. } = ends[0] else { panic!("it is held") };
        (late, ttl_us)
    };
    assert_eq!(late(10, false, 1_000), (true, 10_000_000));
    assert_eq!(late(1_000, false, 10), (false, 1_000_000_000));
    assert_eq!(late(10, true, 10), (false, 10_000_000), "renewed for the same time");
}
