//! Examples, and properties against naive models: `model` replays everything from the start, `floats` computes as a script
//! without integers would, `loss` measures what the bound of segments costs.

mod floats;
mod loss;
mod model;

use super::*;
use crate::codec::Malformed;
use alloc::vec::Vec;
use fastrand::Rng;

fn at(us: u64) -> CoreTime {
    CoreTime::from_micros(us)
}

/// Random runs: enough to find what is rare where code is optimised, some where it is not.
fn runs() -> core::ops::Range<u64> {
    0..if cfg!(debug_assertions) { 500 } else { 200_000 }
}

const MINUTE: u64 = 60_000_000;

fn bucket(limit: u64, window_us: u64, burst: u64) -> TokenBucket {
    TokenBucket::new(Rate { limit, window_us, burst, max_debt: limit }).unwrap()
}

#[test]
fn gains_evenly_up_to_what_it_holds() {
    let mut bucket = bucket(60, MINUTE, 10);
    bucket.add(at(0), 10);
    assert_eq!(bucket.free_at(at(0), 9), at(1_000_000), "a unit a second");
    bucket.advance(at(999_999));
    assert_eq!(bucket.sum(), 10, "what is not whole does not count");
    bucket.advance(at(1_000_000));
    assert_eq!((bucket.sum(), bucket.sum_at(at(4_000_000))), (9, 6));
    bucket.advance(at(3_600_000_000));
    bucket.add(at(3_600_000_000), 10);
    assert_eq!(bucket.sum(), 10, "an hour gains no more than it holds");
}

#[test]
fn a_late_refund_brings_back_only_what_was_not_gained_since() {
    let mut bucket = bucket(100, MINUTE, 100);
    bucket.add(at(0), 100);
    bucket.advance(at(MINUTE));
    bucket.add(at(MINUTE), 100);
    bucket.settle(at(0), 100, 10);
    assert_eq!(bucket.sum(), 100, "the first 100 had come back by themselves");
    bucket.settle(at(MINUTE), 100, 10);
    assert_eq!(bucket.sum(), 10);
}

#[test]
fn a_refund_before_the_bucket_is_full_counts_from_the_start() {
    let mut bucket = bucket(60, MINUTE, 60);
    bucket.add(at(0), 40);
    bucket.advance(at(10_000_000));
    bucket.add(at(10_000_000), 20);
    bucket.settle(at(0), 40, 25);
    assert_eq!(bucket.sum(), 35, "25 - 10 + 20");
    bucket.settle(at(10_000_000), 20, 0);
    assert_eq!(bucket.sum(), 15);
}

#[test]
fn overuse_is_debited_up_to_the_bound_of_the_debt() {
    let rate = Rate { limit: 60, window_us: MINUTE, burst: 60, max_debt: 30 };
    let mut bucket = TokenBucket::new(rate).unwrap();
    bucket.add(at(0), 10);
    bucket.add(at(0), 10);
    bucket.settle(at(0), 10, 60);
    assert_eq!((bucket.sum(), bucket.free_at(at(0), 59)), (70, at(11_000_000)));
    bucket.settle(at(0), 10, 50_000);
    assert_eq!(bucket.sum(), 90, "50 units are owed for, 30 of them can be");
    bucket.add(at(0), 0);
    bucket.settle(at(0), 10, 0);
    assert_eq!(bucket.sum(), 90, "what was forgiven does not come back on top");
}

#[test]
fn a_changed_limit_keeps_what_is_used() {
    let mut bucket = bucket(60, MINUTE, 60);
    bucket.add(at(0), 50);
    let lower = Rate { limit: 6, window_us: MINUTE, burst: 20, max_debt: 0 };
    bucket.change(at(10_000_000), lower).unwrap();
    assert_eq!(bucket.sum(), 40, "ten seconds at a unit a second");
    assert_eq!(bucket.free_at(at(10_000_000), 20), at(210_000_000), "then one in ten seconds");
    assert_eq!(bucket.change(at(10_000_000), Rate { window_us: 1_000, ..lower }), Err(Unfit::Window));
    let other_quantum = Rate { limit: AMOUNT_MAX / 2, burst: AMOUNT_MAX / 2, ..lower };
    bucket.change(at(10_000_000), other_quantum).unwrap();
    assert_eq!((bucket.sum(), bucket.rate()), (40, &other_quantum));
}

#[test]
fn expired_calls_are_worth_remembering_until_an_empty_bucket_is_full() {
    assert_eq!(bucket(60, MINUTE, 300).settles_until(at(7)), at(5 * MINUTE + 7));
    assert_eq!(bucket(60, MINUTE, 1).settles_until(at(7)), at(MINUTE + 7));
}

#[test]
fn quanta_divide_the_window() {
    // window, limit -> quantum
    let day = 86_400_000_000;
    let cases = [
        (MINUTE, 100_000_000, 1),
        (MINUTE, 150_119_987, 1),
        (MINUTE, 150_119_988, 2),
        (MINUTE, 1_000_000_000, 8),
        (day, 1_000_000, 10),
        (day, AMOUNT_MAX, 86_400_000),
        (7_919_000, AMOUNT_MAX, 7_919),
        (7_919_000, 3_000_000_000, 4),
        (1_000, AMOUNT_MAX, 1),
    ];
    for (window_us, limit, quantum_us) in cases {
        let bucket = TokenBucket::new(Rate { limit, window_us, burst: limit, max_debt: 0 }).unwrap();
        assert_eq!(bucket.grid.quantum_us.get(), quantum_us, "{limit} in {window_us}");
    }
    for n in 1..200 {
        for least in 1..=n {
            assert_eq!(divisor_from(n, least), (least..=n).find(|d| n % d == 0).unwrap(), "{n} {least}");
        }
    }
}

#[test]
fn rates_out_of_range_are_refused() {
    let rate = Rate { limit: 1, window_us: 1_000, burst: 1, max_debt: 0 };
    assert_eq!(rate.check(), Ok(()));
    let cases = [
        (Rate { window_us: 0, ..rate }, Unfit::Window),
        (Rate { window_us: 1_500, ..rate }, Unfit::Window),
        (Rate { window_us: SPAN_MAX_US + 1_000, ..rate }, Unfit::Window),
        (Rate { limit: 0, ..rate }, Unfit::Limit),
        (Rate { limit: AMOUNT_MAX + 1, ..rate }, Unfit::Limit),
        (Rate { burst: 0, ..rate }, Unfit::Burst),
        (Rate { burst: AMOUNT_MAX, max_debt: 1, ..rate }, Unfit::Burst),
        (Rate { burst: 1, max_debt: u64::MAX, ..rate }, Unfit::Burst),
    ];
    for (rate, unfit) in cases {
        assert_eq!(TokenBucket::new(rate), Err(unfit), "{rate:?}");
    }
}

#[test]
fn segments_are_bounded() {
    let mut bucket = bucket(1_000, MINUTE, 1_000);
    for i in 0..500 {
        let now = at(i * 50_000);
        bucket.advance(now);
        bucket.add(now, 2);
        assert!(bucket.segments.len() <= SEGMENTS_MAX);
    }
    assert_eq!(bucket.segments.len(), SEGMENTS_MAX, "they are used");
}

fn image(bucket: &TokenBucket) -> Vec<u8> {
    let mut w = Writer::default();
    bucket.write(&mut w);
    w.into_bytes()
}

fn restored(window_us: u64, bytes: &[u8], now: CoreTime) -> Result<TokenBucket, Malformed> {
    let mut r = Reader::new(bytes);
    let mut read = bucket(1, window_us, 1);
    read.restore(&mut r, now);
    r.ok().map(|()| read)
}

#[test]
fn a_damaged_image_is_an_error_or_a_bucket_that_works() {
    let mut rng = Rng::with_seed(5);
    let mut bucket = bucket(1_000, MINUTE, 1_000);
    for i in 0..40 {
        bucket.advance(at(i * 10_000));
        bucket.add(at(i * 10_000), 10);
    }
    let (whole, now) = (image(&bucket), at(400_000));
    for _ in runs() {
        let mut bytes = whole.clone();
        for _ in 0..rng.usize(1..4) {
            let place = rng.usize(..bytes.len());
            bytes[place] = if rng.bool() { rng.u8(..) } else { bytes[place] ^ 1 << rng.u8(..8) };
        }
        bytes.truncate(rng.usize(bytes.len() / 2..=bytes.len() + 1));
        let Ok(mut read) = restored(MINUTE, &bytes, now) else { continue };
        assert_eq!(restored(MINUTE, &image(&read), now).as_ref(), Ok(&read));
        let most = read.rate.most();
        for i in 0..20 {
            let now = at(400_000 + i * rng.u64(..1_000_000));
            read.advance(now);
            read.add(now, rng.u64(..1 << 62));
            read.settle(at(i * 20_000), rng.u64(..1 << 62), rng.u64(..1 << 62));
            assert!(read.free_at(now, most) >= now && read.segments.len() <= SEGMENTS_MAX);
        }
    }
}
