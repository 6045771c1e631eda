//! Stalls as callers see them: calls that nobody answers, and what ends that.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::config::{Adaptive, Algorithm, Concurrency, Config, Limit};
use crate::decision::{Decision, Enqueued, Metric, Outcome, Reason, Request, Subject};

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

/// A provider whose calls took a second each, and since second 100 calls are in flight, one each tenth.
fn hanging(limits: Vec<Limit>) -> (Governor, Vec<LeaseId>) {
    let concurrency = Some(Concurrency { max_in_flight: 64_000_000, interactive_reserve: 0 });
    let adaptive = Some(Adaptive::default());
    let mut governor = Governor::new(Config { concurrency, adaptive, limits, ..Config::default() }).unwrap();
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
        let opens_at = stalled(&mut governor, 106_000).expect("it has stalled");
        assert!(opens_at > at(106_000) && opens_at <= at(107_100), "{opens_at:?}");
        send(&mut governor, 107_100);
        assert!(stalled(&mut governor, 107_101).is_some(), "one at a time");
        end(&mut governor, 107_200, leases[0], outcome);
        // A refusal is obeyed for a while, but the gate's.
        assert_eq!(governor.adaptive.as_ref().and_then(crate::adaptive::Adaptive::opens_at), None, "{outcome:?}");
    }
}

#[test]
fn who_waits_is_not_refused_for_a_stall_that_the_next_answer_ends() {
    let (mut governor, leases) = hanging(vec![]);
    let opens_at = stalled(&mut governor, 106_000).expect("it has stalled");
    let deadline = at(106_100);
    assert!(opens_at > deadline);
    let waits = governor.enqueue(at(106_000), &Request::default(), Some(deadline));
    let Enqueued::Waiting { waiter, .. } = waits else { panic!("{waits:?}") };
    end(&mut governor, 106_050, leases[0], Outcome::Success);
    let served: Vec<Output> = core::iter::from_fn(|| governor.poll_output()).collect();
    assert!(served.iter().any(|output| matches!(output, Output::Granted(who, _) if *who == waiter)), "{served:?}");
}

#[test]
fn a_refusal_that_a_hidden_limit_explains_is_an_answer() {
    for explained in [false, true] {
        let hidden = Limit { algorithm: Algorithm::Hidden, ..Limit::new("rpm", Metric::Requests, 1 << 40, 60_000_000) };
        let (mut governor, leases) = hanging(vec![hidden]);
        if explained {
            // As many were let in during a minute as it holds, and one that was sent last is refused for it.
            end(&mut governor, 102_000, leases[IN_FLIGHT - 1], Outcome::Refused);
            assert!(governor.known_limit(0).is_some());
        }
        governor.handle_timeout(at(106_000));
        let adaptive = governor.adaptive.as_ref().unwrap();
        assert_eq!(adaptive.opens_at().is_none(), explained);
    }
}

#[test]
fn calls_that_were_never_sent_are_not_awaited() {
    for annulled in [0, IN_FLIGHT / 2] {
        let (mut governor, leases) = hanging(vec![]);
        for &lease in &leases[..annulled] {
            assert!(governor.annul(at(102_000), lease));
        }
        assert_eq!(stalled(&mut governor, 106_000).is_none(), annulled > 0);
    }
}
