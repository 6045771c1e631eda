//! Stalls as callers see them: calls that nobody answers, and what ends that.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::config::{Adaptive, Algorithm, Concurrency, Config, Limit};
use crate::decision::{Cause, Decision, Enqueued, Metric, Outcome, Reason, Request, Subject, Tokens};

const IN_FLIGHT: usize = 20;

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms as f64)
}

fn send(governor: &mut Governor, ms: u64) -> LeaseId {
    let decision = governor.acquire(at(ms), &Request::default());
    let Decision::Granted(grant) = decision else { panic!("{decision:?} at {ms}") };
    grant.lease
}

fn end(governor: &mut Governor, ms: u64, lease: LeaseId, outcome: Outcome) {
    let _ = governor.release(at(ms), lease, &Report { outcome, latency_us: Some(1_000_000), ..Report::default() });
}

fn governor(limits: Vec<Limit>) -> Governor {
    let concurrency = Some(Concurrency { max_in_flight: 64_000_000, interactive_reserve: 0 });
    let adaptive = Some(Adaptive::default());
    Governor::new(Config { concurrency, adaptive, limits, ..Config::default() }).unwrap()
}

/// A provider whose calls took a second each, and since second 100 calls are in flight, one each tenth.
fn hanging(limits: Vec<Limit>) -> (Governor, Vec<LeaseId>) {
    let mut governor = governor(limits);
    for call in 0..50 {
        let lease = send(&mut governor, 2_000 * call);
        end(&mut governor, 2_000 * call + 1_000, lease, Outcome::Success);
    }
    let leases = (0..IN_FLIGHT as u64).map(|call| send(&mut governor, 100_000 + 100 * call)).collect();
    (governor, leases)
}

/// Why the provider is not asked.
fn stalled(governor: &mut Governor, ms: u64) -> Option<Instant> {
    match governor.acquire(at(ms), &Request::default()) {
        Decision::Granted(grant) => {
            assert!(governor.annul(at(ms), grant.lease));
            None
        }
        Decision::Denied(denial) => {
            assert_eq!((denial.reason, denial.subject), (Reason::Rate, Subject::Provider));
            denial.retry_at
        }
    }
}

#[test]
fn single_calls_go_out_while_nothing_is_answered_and_an_answer_ends_that() {
    for outcome in [Outcome::Success, Outcome::Error, Outcome::Refused] {
        let (mut governor, leases) = hanging(vec![]);
        assert_eq!(stalled(&mut governor, 102_500), None);
        send(&mut governor, 106_000);
        let opens_at = stalled(&mut governor, 106_001).expect("it has stalled");
        assert!(opens_at > at(106_900) && opens_at <= at(107_100), "{opens_at:?}");
        send(&mut governor, 107_100);
        assert!(stalled(&mut governor, 108_900).is_some(), "one at a time");
        end(&mut governor, 108_900, leases[0], outcome);
        assert_eq!(governor.adaptive.as_ref().and_then(crate::adaptive::Adaptive::opens_at), None, "{outcome:?}");
    }
}

#[test]
fn who_waits_is_not_refused_for_a_stall_that_the_next_answer_ends() {
    for has_begun in [false, true] {
        let (mut governor, leases) = hanging(vec![]);
        send(&mut governor, 106_000);
        let opens_at = stalled(&mut governor, 106_000).expect("it has stalled");
        let deadline = at(106_100);
        assert!(opens_at > deadline);
        let waits = governor.enqueue(at(106_000), &Request::default(), Some(deadline));
        let Enqueued::Waiting { waiter, .. } = waits else { panic!("{waits:?}") };
        if has_begun {
            let seen = Observation { lease: Some(leases[0]), ..Observation::default() };
            let _ = governor.observe(at(106_050), &seen);
        } else {
            end(&mut governor, 106_050, leases[0], Outcome::Success);
        }
        let served: Vec<Output> = core::iter::from_fn(|| governor.poll_output()).collect();
        assert!(served.iter().any(|output| matches!(output, Output::Granted(who, _) if *who == waiter)), "{served:?}");
    }
}

#[test]
fn who_waits_for_an_answer_is_looked_at_when_the_lease_of_who_tries_expires() {
    let mut governor = Governor::new(Config::default()).unwrap();
    let retry_at = Some(at(1_000));
    let refused = Observation { answered: Answered::Transient, retry_at, family: 1, ..Observation::default() };
    let _ = governor.observe(at(0), &refused);
    let request = Request { family: 1, ..Request::default() };
    let Decision::Granted(tries) = governor.acquire(at(1_000), &request) else { panic!("the gate is open") };
    let waits = governor.enqueue(at(1_000), &request, None);
    let Enqueued::Waiting { waiter, .. } = waits else { panic!("{waits:?}") };
    governor.renew(at(1_000), tries.lease, Some(50_000));
    let Some((wakes_at, _)) = governor.poll_timeout() else { panic!("somebody waits") };
    assert_eq!(wakes_at, at(1_050));
    governor.handle_timeout(wakes_at);
    let served: Vec<Output> = core::iter::from_fn(|| governor.poll_output()).collect();
    assert!(served.iter().any(|output| matches!(output, Output::Granted(who, _) if *who == waiter)), "{served:?}");
}

#[test]
fn what_the_provider_has_refused_is_given_back_once() {
    let hidden = Limit { algorithm: Algorithm::Hidden, ..Limit::new("tpm", Metric::Tokens, 1 << 40, 60_000_000) };
    let mut governor = Governor::new(Config { limits: vec![hidden], ..Config::default() }).unwrap();
    let request = Request { tokens: Tokens { prompt: 10, output: 0 }, ..Request::default() };
    let [lease, _] = [(); 2].map(|()| {
        let Decision::Granted(grant) = governor.acquire(at(1_000), &request) else { panic!("nothing is known") };
        grant.lease
    });
    let seen = Observation { lease: Some(lease), answered: Answered::Transient, ..Observation::default() };
    let _ = governor.observe(at(1_100), &seen);
    assert!(governor.annul(at(1_100), lease));
    assert_eq!(governor.limit_view(at(1_100), 0).map(|window| window.current), Some(10));
}

#[test]
fn who_waits_is_refused_where_a_pause_after_refusals_is_longer_than_it_may_wait() {
    let (mut governor, leases) = hanging(vec![]);
    leases[..15].iter().for_each(|&lease| end(&mut governor, 102_000, lease, Outcome::Success));
    end(&mut governor, 102_000, leases[IN_FLIGHT - 1], Outcome::Refused);
    // What is sent next is refused too.
    let lease = send(&mut governor, 102_001);
    end(&mut governor, 102_100, lease, Outcome::Refused);
    let now = 102_100;
    let opens_at = stalled(&mut governor, now).expect("it pauses");
    let late = governor.enqueue(at(now), &Request::default(), Some(at(now + 1)));
    assert!(opens_at > at(now + 1));
    assert!(matches!(late, Enqueued::Denied(denial) if denial.cause == Cause::Deadline), "{late:?}");
    let waits = governor.enqueue(at(now), &Request::default(), Some(opens_at));
    assert!(matches!(waits, Enqueued::Waiting { .. }), "{waits:?}");
}

#[test]
fn a_refusal_that_a_hidden_limit_explains_is_an_answer_observed_first_or_not() {
    for (explained, observed) in [(false, false), (true, false), (true, true)] {
        let hidden = Limit { algorithm: Algorithm::Hidden, ..Limit::new("rpm", Metric::Requests, 1 << 40, 60_000_000) };
        let (mut governor, leases) = hanging(vec![hidden]);
        let before = governor.adaptive.as_ref().unwrap().effective_max();
        if explained {
            // As many were let in during a minute as it holds, and one that was sent last is refused for it.
            let lease = leases[IN_FLIGHT - 1];
            if observed {
                let seen = Observation { lease: Some(lease), answered: Answered::Transient, ..Observation::default() };
                let _ = governor.observe(at(102_000), &seen);
            }
            end(&mut governor, 102_000, lease, Outcome::Refused);
            assert!(governor.known_limit(0).is_some());
        }
        send(&mut governor, 106_000);
        let adaptive = governor.adaptive.as_ref().unwrap();
        assert_eq!((adaptive.opens_at().is_none(), adaptive.effective_max()), (explained, before), "{observed}");
    }
}

#[test]
fn an_answer_that_has_begun_is_one() {
    let (mut governor, leases) = hanging(vec![]);
    let seen = Observation { lease: leases.last().copied(), answered: Answered::Ok, ..Observation::default() };
    let _ = governor.observe(at(102_000), &seen);
    assert_eq!(stalled(&mut governor, 106_000), None);
}

#[test]
fn what_callers_report_as_latency_is_not_how_long_others_wait() {
    // Leases are held for ten times as long as is reported, from the first call on.
    let mut governor = governor(vec![]);
    let mut held: Vec<LeaseId> = Vec::new();
    for step in 0..600 {
        let now = 1_000 + 333 * step;
        held.push(send(&mut governor, now));
        if held.len() > 30 {
            let lease = held.remove(0);
            end(&mut governor, now, lease, Outcome::Success);
        }
    }
}
