//! What the queue costs, counted in looks at heads; and every order of a few operations of two actors.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::config::{Concurrency, Config, Fairness, Limit};
use crate::decision::{Decision, Grant, Keys, LeaseId, Metric, Priority, Report, Tokens};
use crate::observation::{Answered, Observation};

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms as f64)
}

fn governor(slots: u64, config: Config) -> Governor {
    let concurrency = Some(Concurrency { max_in_flight: slots * 1_000_000, interactive_reserve: 0 });
    Governor::new(Config { concurrency, ..config }).unwrap()
}

fn granted(decision: Decision) -> Grant {
    let Decision::Granted(grant) = decision else { panic!("{decision:?}") };
    grant
}

fn waits(enqueued: Enqueued) -> (WaiterId, Option<ActorHandle>) {
    let Enqueued::Waiting { waiter, actor, .. } = enqueued else { panic!("{enqueued:?}") };
    (waiter, actor)
}

fn served(governor: &mut Governor) -> Vec<(WaiterId, Grant)> {
    let all = core::iter::from_fn(|| governor.poll_output());
    all.filter_map(|output| if let Output::Granted(waiter, grant) = output { Some((waiter, grant)) } else { None })
        .collect()
}

/// Ends a lease; who is served then, and the lease of the first.
fn served_by(governor: &mut Governor, ms: u64, lease: LeaseId) -> (Vec<WaiterId>, Option<LeaseId>) {
    governor.release(at(ms), lease, &Report::default());
    let served = served(governor);
    (served.iter().map(|(waiter, _)| *waiter).collect(), served.first().map(|(_, grant)| grant.lease))
}

#[test]
fn a_hundred_thousand_come_and_go_and_hardly_any_is_looked_at() {
    const N: u64 = 100_000;
    let queue = Queue { max: N as u32, ..Queue::default() };
    for fairness in [None, Some(Fairness::default())] {
        let mut governor = governor(1, Config { queue, fairness, ..Config::default() });
        let held = granted(governor.acquire(at(0), &Request::default()));
        let all: Vec<WaiterId> = (0..N).map(|_| waits(governor.enqueue(at(1), &Request::default(), None)).0).collect();
        let before = governor.looks;
        // From both ends and the middle, so that heads and others go.
        for (index, &waiter) in all.iter().enumerate().skip(1) {
            assert!(governor.cancel(at(2 + index as u64 % 3), waiter));
        }
        assert!(governor.looks - before <= N, "{} looks for {N} that were cancelled", governor.looks - before);
        governor.release(at(9), held.lease, &Report::default());
        assert_eq!(served(&mut governor).len(), 1);
        assert_eq!(governor.waiting(), 0);
    }
}

#[test]
fn those_at_a_spent_key_cost_nothing_while_others_are_served() {
    const N: u64 = 10_000;
    let limit = Limit { per: "model".into(), ..Limit::new("spent", Metric::Requests, 1, 3_600_000_000) };
    let queue = Queue { max: 2 * N as u32, ..Queue::default() };
    let mut governor = governor(2, Config { limits: vec![limit], queue, shares: true, ..Config::default() });
    let mut keys = Keys::default();
    keys.push(0, None);
    let spent = granted(governor.acquire(at(0), &Request { keys, ..Request::default() }));
    let keys = governor.keys_of(spent.lease);
    // Every one of its own actor: a lane each.
    for _ in 0..N {
        waits(governor.enqueue(at(1), &Request { keys, ..Request::default() }, None));
    }
    let mut held = granted(governor.acquire(at(2), &Request::default())).lease;
    for round in 0..1_000 {
        waits(governor.enqueue(at(3 + round), &Request::default(), None));
        let before = governor.looks;
        governor.release(at(3 + round), held, &Report::default());
        held = served(&mut governor).pop().unwrap().1.lease;
        assert!(governor.looks - before <= 3, "{} looks at a release", governor.looks - before);
    }
    assert_eq!(u64::from(governor.waiting()), N);
}

#[test]
fn a_heavy_call_is_passed_for_a_while_and_then_served() {
    let mut governor = governor(4, Config { shares: true, ..Config::default() });
    let mut small: Vec<LeaseId> = (0..4).map(|_| granted(governor.acquire(at(0), &Request::default())).lease).collect();
    let heavy = Request { weight: 4_000_000, ..Request::default() };
    let (heavy, _) = waits(governor.enqueue(at(1), &heavy, None));
    let mut passed = 0;
    for ms in (100..60_000).step_by(100) {
        waits(governor.enqueue(at(ms), &Request::default(), None));
        if !small.is_empty() {
            governor.release(at(ms), small.remove(0), &Report::default());
        }
        for (waiter, grant) in served(&mut governor) {
            if waiter == heavy {
                assert!(passed > 0, "nobody passed");
                assert!(ms <= 6_000, "served after {ms} ms");
                return;
            }
            passed += 1;
            small.push(grant.lease);
        }
    }
    panic!("never served; {passed} passed");
}

/// Of two parks each has a head that has been passed for too long, and a third head that has consumed less is first in either.
#[test]
fn two_that_keep_room_do_not_send_a_third_to_and_fro() {
    let queue = Queue { ageing_us: 1_000_000, ..Queue::default() };
    let mut governor = governor(6, Config { shares: true, queue, ..Config::default() });
    let call = |actor, tokens| Request { actor, tokens: Tokens { prompt: tokens, output: 0 }, ..Request::default() };
    let background = |request| Request { priority: Priority::Background, ..request };
    let report = |tokens| Report { prompt_tokens: Some(tokens), ..Report::default() };
    // Two that have consumed 10 and one that seems to have consumed more, until its lease is settled.
    let [one, other] = [0, 1].map(|ms| {
        let grant = granted(governor.acquire(at(ms), &call(None, 10)));
        governor.release(at(ms), grant.lease, &report(10));
        grant.actor
    });
    let light = granted(governor.acquire(at(2), &call(None, 1_000)));
    // Each waits for slots, and is passed.
    let heavy = |actor, family| background(Request { weight: 6_000_000, family, ..call(actor, 10) });
    let small = Request { weight: 1, ..call(None, 1) };
    waits(governor.enqueue(at(3), &heavy(one, 1), None));
    granted(governor.acquire(at(4), &small));
    let closed =
        Observation { family: 1, answered: Answered::Transient, retry_at: Some(at(9_000)), ..Observation::default() };
    governor.observe(at(5), &closed);
    let held = granted(governor.acquire(at(6), &small));
    governor.release(at(7), held.lease, &report(1));
    waits(governor.enqueue(at(8), &heavy(other, 0), None));
    granted(governor.acquire(at(9), &small));
    let (third, _) = waits(governor.enqueue(at(10), &background(Request { family: 1, ..call(light.actor, 1) }), None));
    // Room comes, and the gate opens.
    let before = governor.looks;
    governor.release(at(9_000), light.lease, &report(0));
    assert!(governor.looks - before < 20, "{} looks", governor.looks - before);
    assert!(served(&mut governor).is_empty(), "the room is kept for those that have waited for so long");
    assert!(governor.cancel(at(9_001), third));
}

/// When background work is served beside interactive calls without end, in milliseconds.
fn background_is_served(reconfigured: bool) -> u64 {
    let mut governor = governor(1, Config::default());
    let mut held = granted(governor.acquire(at(0), &Request::default())).lease;
    let background = Request { priority: Priority::Background, ..Request::default() };
    let (background, _) = waits(governor.enqueue(at(1), &background, None));
    for ms in (100..60_000).step_by(100) {
        waits(governor.enqueue(at(ms), &Request::default(), None));
        governor.release(at(ms), held, &Report::default());
        let (waiter, grant) = served(&mut governor).pop().unwrap();
        if waiter == background {
            return ms;
        }
        held = grant.lease;
        if reconfigured && ms % 1_000 == 0 {
            let config = governor.config().clone();
            governor.reconfigure(at(ms), config).unwrap();
        }
    }
    panic!("never served");
}

#[test]
fn background_work_is_not_overtaken_for_ever() {
    let ms = background_is_served(false);
    assert!(ms > 5_000, "interactive calls come first: {ms}");
    assert_eq!(ms, background_is_served(true), "another configuration makes it begin again");
}

#[test]
fn what_was_passed_for_too_long_goes_before_older_background_work_that_waited_elsewhere() {
    let limit = Limit::new("tokens", Metric::Tokens, 100, 10_000_000);
    let mut governor = governor(2, Config { limits: vec![limit], ..Config::default() });
    let asks = |prompt| Request { tokens: Tokens { prompt, output: 0 }, ..Request::default() };
    let background = |request| Request { priority: Priority::Background, ..request };
    let spends = granted(governor.acquire(at(0), &asks(100)));
    let (older, _) = waits(governor.enqueue(at(1), &background(asks(1)), None));
    let (heavy, _) =
        waits(governor.enqueue(at(2), &Request { weight: 2_000_000, family: 1, ..background(asks(0)) }, None));
    let passes = granted(governor.acquire(at(3), &asks(0)));
    governor.release(at(4), passes.lease, &Report::default());
    // The older one finds its tokens, and a slot that is kept.
    governor.handle_timeout(at(10_001));
    assert_eq!(served(&mut governor), vec![]);
    let (first, lease) = served_by(&mut governor, 10_002, spends.lease);
    assert_eq!(first, [heavy]);
    assert_eq!(served_by(&mut governor, 10_003, lease.unwrap()).0, [older]);
}

#[test]
fn who_comes_to_wait_behind_what_was_passed_for_too_long_stays_behind_it() {
    let mut governor = governor(3, Config { shares: true, ..Config::default() });
    let background = Request { priority: Priority::Background, ..Request::default() };
    let refused = Observation { family: 1, answered: Answered::Transient, ..Observation::default() };
    governor.observe(at(0), &Observation { retry_at: Some(at(60_000)), ..refused });
    // Somebody waits from the beginning, and so will have consumed less than who is served meanwhile.
    let (_, light) = waits(governor.enqueue(at(0), &Request { family: 1, ..background }, None));
    let spends = granted(governor.acquire(at(1), &Request::default()));
    let heavy = Request { actor: spends.actor, weight: 3_000_000, ..background };
    let (heavy, _) = waits(governor.enqueue(at(2), &heavy, None));
    let passes = granted(governor.acquire(at(3), &Request { actor: light, ..Request::default() }));
    governor.release(at(4), passes.lease, &Report::default());
    let (light, _) = waits(governor.enqueue(at(6_000), &Request { actor: light, ..background }, None));
    assert_eq!(governor.check_invariants(), Ok(()));
    let (first, lease) = served_by(&mut governor, 6_001, spends.lease);
    assert_eq!(first, [heavy]);
    assert_eq!(served_by(&mut governor, 6_002, lease.unwrap()).0, [light]);
}

#[test]
fn only_who_needs_what_another_waits_for_stands_behind() {
    let limit = Limit::new("tokens", Metric::Tokens, 100, 60_000_000);
    let mut governor = governor(5, Config { limits: vec![limit], ..Config::default() });
    let asks = |prompt| Request { tokens: Tokens { prompt, output: 0 }, ..Request::default() };
    granted(governor.acquire(at(0), &asks(100)));
    waits(governor.enqueue(at(1), &asks(50), None));
    granted(governor.acquire(at(2), &asks(0)));
    let Decision::Denied(behind) = governor.acquire(at(2), &asks(1)) else { panic!("it passed") };
    assert_eq!((behind.cause, behind.reason), (Cause::QueuedAhead, Reason::Rate));
    assert_eq!((behind.used, behind.binding, behind.retry_at), (1, Some(0), Some(at(60_000))));
}

#[test]
fn a_full_queue_drops_who_has_waited_longest_of_the_lowest_class() {
    let queue = Queue { max: 2, overflow: QueueOverflow::DropOldest, ..Queue::default() };
    let mut governor = governor(1, Config { queue, ..Config::default() });
    granted(governor.acquire(at(0), &Request::default()));
    let background = Request { priority: Priority::Background, ..Request::default() };
    let (first, _) = waits(governor.enqueue(at(1), &Request::default(), None));
    let (low, _) = waits(governor.enqueue(at(2), &background, None));
    let mut dropped = |request: &Request| {
        let answer = governor.enqueue(at(3), request, None);
        match governor.poll_output() {
            Some(Output::Refused(waiter, denial)) => (Some(waiter), denial.cause, answer),
            None => (None, if let Enqueued::Denied(denial) = answer { denial.cause } else { Cause::Slots }, answer),
            other => panic!("{other:?}"),
        }
    };
    let (waiter, cause, second) = dropped(&Request::default());
    assert_eq!((waiter, cause), (Some(low), Cause::QueueFull));
    assert_eq!(dropped(&background).1, Cause::QueueFull, "it is above nobody: refused itself");
    assert_eq!(dropped(&Request::default()).0, Some(first));
    assert_eq!(dropped(&Request::default()).0, Some(waits(second).0));
}

#[test]
fn who_waited_before_consumption_counted_is_charged_to_nobody() {
    let mut governor = governor(1, Config::default());
    let held = granted(governor.acquire(at(0), &Request::default())).lease;
    let (first, _) = waits(governor.enqueue(at(1), &Request::default(), None));
    let config = Config { shares: true, ..governor.config().clone() };
    governor.reconfigure(at(2), config).unwrap();
    let (second, _) = waits(governor.enqueue(at(3), &Request::default(), None));
    governor.release(at(4), held, &Report::default());
    let (waiter, grant) = served(&mut governor).pop().unwrap();
    assert_eq!(waiter, first);
    governor.release(at(5), grant.lease, &Report::default());
    assert_eq!(served(&mut governor).pop().unwrap().0, second);
}

/// What two actors do, in every order, with what is there by then.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enqueue(usize),
    /// With a deadline that comes before the lease expires.
    EnqueueFor(usize),
    Abort(usize),
    Release(usize),
    /// The next instant that the governor asks for.
    Time,
}

const STEPS: [Step; 9] = [
    Step::Enqueue(0),
    Step::Enqueue(1),
    Step::EnqueueFor(0),
    Step::EnqueueFor(1),
    Step::Abort(0),
    Step::Abort(1),
    Step::Release(0),
    Step::Release(1),
    Step::Time,
];

struct Two {
    governor: Governor,
    now_ms: u64,
    handles: [Option<ActorHandle>; 2],
    waiting: [Vec<WaiterId>; 2],
    held: [Vec<LeaseId>; 2],
}

impl Two {
    fn take(&mut self, step: Step) {
        let now = at(self.now_ms);
        match step {
            Step::Enqueue(actor) => self.enqueue(actor, None),
            Step::EnqueueFor(actor) => self.enqueue(actor, Some(at(self.now_ms + 500))),
            Step::Abort(actor) => {
                if let Some(waiter) = self.waiting[actor].pop() {
                    assert!(self.governor.cancel(now, waiter), "it waited");
                    assert!(!self.governor.cancel(now, waiter), "once");
                }
            }
            Step::Release(actor) => {
                if let Some(lease) = self.held[actor].pop() {
                    self.governor.release(now, lease, &Report::default());
                }
            }
            Step::Time => {
                if let Some((next, _)) = self.governor.poll_timeout() {
                    self.now_ms = next.as_millis_ceil();
                    self.governor.handle_timeout(next);
                }
            }
        }
        self.poll();
    }

    fn enqueue(&mut self, actor: usize, deadline: Option<Instant>) {
        let request = Request { actor: self.handles[actor], ..Request::default() };
        match self.governor.enqueue(at(self.now_ms), &request, deadline) {
            Enqueued::Granted(grant) => {
                self.handles[actor] = grant.actor;
                self.held[actor].push(grant.lease);
            }
            Enqueued::Waiting { waiter, actor: handle, .. } => {
                self.handles[actor] = handle;
                self.waiting[actor].push(waiter);
            }
            Enqueued::Denied(denial) => panic!("{denial:?}"),
        }
    }

    fn poll(&mut self) {
        while let Some(output) = self.governor.poll_output() {
            match output {
                Output::Granted(waiter, grant) => {
                    let actor = usize::from(self.waiting[1].contains(&waiter));
                    assert_eq!(self.waiting[actor].first(), Some(&waiter), "in order within an actor");
                    self.waiting[actor].remove(0);
                    self.held[actor].push(grant.lease);
                }
                Output::Refused(waiter, denial) => {
                    assert_eq!(denial.cause, Cause::Deadline);
                    self.waiting.iter_mut().for_each(|own| own.retain(|&other| other != waiter));
                }
                Output::Expired { lease, .. } => {
                    self.held.iter_mut().for_each(|own| own.retain(|&other| other != lease));
                }
                _ => {}
            }
        }
        let count = |all: &[Vec<WaiterId>; 2]| all.iter().map(Vec::len).sum::<usize>();
        let leases: usize = self.held.iter().map(Vec::len).sum();
        assert_eq!(self.governor.waiting() as usize, count(&self.waiting), "waiters lost or leaked");
        assert_eq!(self.governor.leases().count(), leases, "leases lost or leaked");
        assert!(leases == 1 || self.governor.waiting() == 0, "the slot is free and somebody waits");
        self.governor.check_invariants().unwrap();
    }
}

#[test]
fn no_order_of_five_operations_loses_anybody() {
    let mut runs = 0;
    for fairness in [None, Some(Fairness::default())] {
        for number in 0..STEPS.len().pow(5) {
            let config = Config { fairness, lease_ttl_us: 1_000_000, ..Config::default() };
            let (handles, waiting, held) = ([None; 2], [vec![], vec![]], [vec![], vec![]]);
            let mut two = Two { governor: governor(1, config), now_ms: 1_000, handles, waiting, held };
            // The slot is taken, so that the first who comes waits.
            two.take(Step::Enqueue(0));
            let mut rest = number;
            for _ in 0..5 {
                two.take(STEPS[rest % STEPS.len()]);
                rest /= STEPS.len();
            }
            while two.governor.poll_timeout().is_some() {
                two.take(Step::Time);
            }
            assert_eq!((two.governor.waiting(), two.governor.leases().count()), (0, 0), "{number}");
            runs += 1;
        }
    }
    assert_eq!(runs, 2 * 59_049);
}
