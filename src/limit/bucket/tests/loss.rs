//! What the bound of segments costs: calls of a language model through a bucket with 16 segments, and their refunds through
//! one with any number of them.

use super::*;
use alloc::collections::BTreeMap;

/// Calls that come at random, reserve their largest answer, take their time and use a part of it.
struct Load {
    about: &'static str,
    /// Mean pause between two calls.
    pause_us: u64,
    /// Calls at once, each time.
    together: u64,
    /// Longest time that a call takes.
    takes_us: u64,
    estimates: core::ops::Range<u64>,
}

const LOADS: [Load; 6] = [
    Load { about: "chat", pause_us: 400_000, together: 1, takes_us: 30_000_000, estimates: 500..4_500 },
    Load { about: "busy", pause_us: 40_000, together: 1, takes_us: 30_000_000, estimates: 500..4_500 },
    Load { about: "many small", pause_us: 30_000, together: 1, takes_us: 5_000_000, estimates: 20..500 },
    Load { about: "agents", pause_us: 3_000_000, together: 8, takes_us: 120_000_000, estimates: 1_000..16_000 },
    Load { about: "bursts", pause_us: 20_000_000, together: 60, takes_us: 40_000_000, estimates: 100..4_000 },
    Load { about: "hours", pause_us: 5_000_000, together: 1, takes_us: 600_000_000, estimates: 1_000..20_000 },
];

/// What came back of the refunds with `segments_max`, in parts; admissions as with [`SEGMENTS_MAX`].
#[derive(Default)]
struct Credits {
    bounded: u128,
    unbounded: u128,
}

/// How many runs of each load, and for how long: less where code is not optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 1 } else { 10 };
const SPAN_US: u64 = if cfg!(debug_assertions) { 900_000_000 } else { 3_600_000_000 };

fn run(load: &Load, seed: u64, segments_max: usize) -> Credits {
    let mut rng = Rng::with_seed(seed);
    let mut bounded = bucket(100_000, MINUTE, 100_000);
    let mut unbounded = bounded.clone();
    let mut credits = Credits::default();
    // By end and number: admission, estimate, usage.
    let mut open = BTreeMap::<(u64, u64), (u64, u64, u64)>::new();
    let (mut now, mut call) = (0, 0u64);
    while now < SPAN_US {
        now += rng.u64(..2 * load.pause_us);
        while let Some(entry) = open.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((ended, _), (admitted, estimate, usage)) = entry.remove_entry();
            credits.bounded += u128::from(refund(&mut bounded, ended, admitted, estimate, usage));
            credits.unbounded += u128::from(refund(&mut unbounded, ended, admitted, estimate, usage));
        }
        for _ in 0..load.together {
            let estimate = rng.u64(load.estimates.clone());
            bounded.advance(at(now));
            unbounded.advance(at(now));
            if bounded.sum() + estimate <= 100_000 {
                let usage = estimate * rng.u64(2..=100) / 100;
                open.insert((now + rng.u64(100_000..load.takes_us), call), (now, estimate, usage));
                bounded.debit(at(now), estimate, segments_max);
                unbounded.debit(at(now), estimate, usize::MAX);
            }
            call += 1;
        }
    }
    credits
}

fn refund(bucket: &mut TokenBucket, now: u64, admitted: u64, from: u64, to: u64) -> u64 {
    bucket.advance(at(now));
    let before = bucket.used;
    bucket.settle(at(admitted), from, to);
    before - bucket.used
}

fn loss(load: &Load, segments_max: usize) -> f64 {
    let all = (0..SEEDS)
        .map(|seed| run(load, seed, segments_max))
        .reduce(|sum, more| Credits { bounded: sum.bounded + more.bounded, unbounded: sum.unbounded + more.unbounded });
    let Credits { bounded, unbounded } = all.unwrap();
    assert!(unbounded > 0, "{}: nothing was refunded", load.about);
    1.0 - bounded as f64 / unbounded as f64
}

#[test]
fn sixteen_segments_lose_at_most_two_refunds_in_a_thousand() {
    let mut report = std::string::String::from("refunds lost, in percent, with 2, 4, 8, 16, 32 segments:\n");
    for load in &LOADS {
        let losses = [2, 4, 8, SEGMENTS_MAX, 32].map(|max| loss(load, max) * 100.0);
        report += &std::format!("{:>12}: {losses:8.4?}\n", load.about);
        assert!(losses[3] <= 0.2, "{report}");
    }
    std::println!("{report}");
}
