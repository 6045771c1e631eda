//! What is left of waiters: an allocator that counts says how much is held after so many have come and gone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use throttleai::{
    ActorHandle, Concurrency, Config, Decision, Enqueued, Fairness, Governor, Instant, Limit, Metric, Queue, Report,
    Request, Tokens, WaiterId,
};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is done by `System`; only sizes are added up beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WAITERS: u64 = 100_000;

/// A governor all of whose slots and tokens are taken.
fn full() -> (Governor, Decision) {
    let concurrency = Some(Concurrency { max_in_flight: 1_000_000, interactive_reserve: 0 });
    let queue = Queue { max: WAITERS as u32, ..Queue::default() };
    let limits = vec![Limit::new("tokens", Metric::Tokens, 100, 3_600_000_000)];
    let fairness = Some(Fairness::default());
    let config = Config { concurrency, queue, limits, fairness, lease_ttl_us: 1 << 40, ..Config::default() };
    let mut governor = Governor::new(config).unwrap();
    let tokens = Tokens { prompt: 100, output: 0 };
    let held = governor.acquire(Instant::from_millis(0.0), &Request { tokens, ..Request::default() });
    (governor, held)
}

/// So many come, of a thousand actors and two kinds; a third is refused at a deadline, the others are cancelled.
fn round(governor: &mut Governor, actors: &mut [Option<ActorHandle>], start_ms: f64) {
    let now = Instant::from_millis(start_ms);
    let later = Instant::from_millis(start_ms + 1_000.0);
    let mut cancelled: Vec<WaiterId> = Vec::new();
    for n in 0..WAITERS {
        let place = n as usize % actors.len();
        let tokens = Tokens { prompt: n % 2, output: 0 };
        let request = Request { actor: actors[place], tokens, ..Request::default() };
        let deadline = (n % 3 == 0).then_some(later);
        let Enqueued::Waiting { waiter, actor, .. } = governor.enqueue(now, &request, deadline) else {
            panic!("not waiting")
        };
        actors[place] = actor;
        if deadline.is_none() {
            cancelled.push(waiter);
        }
    }
    assert_eq!(u64::from(governor.waiting()), WAITERS);
    for (n, &waiter) in cancelled.iter().enumerate() {
        // From both ends, so that heads go and others.
        let waiter = if n % 2 == 0 { waiter } else { cancelled[cancelled.len() - n] };
        governor.cancel(now, waiter);
    }
    for &waiter in &cancelled {
        governor.cancel(now, waiter);
    }
    governor.handle_timeout(later);
    while governor.poll_output().is_some() {}
    assert_eq!(governor.waiting(), 0);
}

#[test]
fn a_hundred_thousand_waiters_leave_no_more_behind_than_those_before_them() {
    let (mut governor, held) = full();
    let mut actors = vec![None; 1_000];
    let mut left = [0; 4];
    for (n, left) in left.iter_mut().enumerate() {
        round(&mut governor, &mut actors, n as f64 * 10_000.0);
        *left = HELD.load(Relaxed);
    }
    let [_, second, rest @ ..] = left;
    assert_eq!(rest, [second; 2]);
    // All of it is the governor's: bounded by the bound of the queue, and gone with it.
    let Decision::Granted(held) = held else { panic!("{held:?}") };
    governor.release(Instant::from_millis(200_000.0), held.lease, &Report::default());
    drop(governor);
    let given_back = second - HELD.load(Relaxed);
    assert!(given_back < 1_000 * WAITERS as usize, "{given_back} bytes for {WAITERS} waiters at once");
}
