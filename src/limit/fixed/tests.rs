use super::*;
use alloc::vec::Vec;
use fastrand::Rng;

fn at(us: u64) -> CoreTime {
    CoreTime::from_micros(us)
}

fn runs() -> core::ops::Range<u64> {
    0..if cfg!(debug_assertions) { 500 } else { 200_000 }
}

const HOUR: u64 = 3_600_000_000;

#[test]
fn everything_leaves_at_the_boundary() {
    let periods = Periods::aligned(1_000);
    let mut window = FixedWindow::default();
    window.advance(periods.at(at(5_900)));
    window.add(7);
    let period = periods.at(at(5_999));
    assert_eq!(period, Period { began: at(5_000), ends: Some(at(6_000)) });
    assert_eq!((window.sum_at(period), window.sum_at(periods.at(at(6_000)))), (7, 0));
    assert_eq!(window.free_at(at(5_999), period, 6), Some(at(6_000)));
    assert_eq!(window.free_at(at(5_999), period, 7), Some(at(5_999)));
}

#[test]
fn only_the_current_period_is_corrected() {
    let periods = Periods::aligned(1_000);
    let mut window = FixedWindow::default();
    window.advance(periods.at(at(900)));
    window.add(100);
    window.settle(at(900), 100, 40);
    assert_eq!(window.sum(), 40);
    window.advance(periods.at(at(1_000)));
    window.add(50);
    window.settle(at(900), 40, 0);
    window.settle(at(999), 0, 500);
    assert_eq!(window.sum(), 50, "what was used before the boundary has left, overuse too");
    window.settle(at(1_000), 50, 60);
    assert_eq!(window.sum(), 60);
}

#[test]
fn a_calendar_asks_in_time_and_goes_on_without_an_answer() {
    let mut periods = Periods::calendar();
    assert!(periods.asks(at(1)) && !periods.asks(at(2)), "once");
    assert_eq!(periods.at(at(HOUR)), Period { began: at(0), ends: None });
    periods.give(at(HOUR), at(24 * HOUR), at(48 * HOUR));
    assert!(!periods.asks(at(HOUR + 1)));
    assert_eq!(periods.at(at(48 * HOUR)), Period { began: at(48 * HOUR), ends: None }, "looking ahead changes nothing");
    periods.advance(at(24 * HOUR));
    assert_eq!(periods.at(at(25 * HOUR)), Period { began: at(24 * HOUR), ends: Some(at(48 * HOUR)) });
    assert!(periods.asks(at(25 * HOUR)) && !periods.asks(at(26 * HOUR)));
    periods.advance(at(90 * HOUR));
    assert_eq!(periods.at(at(90 * HOUR)), Period { began: at(48 * HOUR), ends: None }, "the third day never ends");
    periods.give(at(90 * HOUR), at(96 * HOUR), at(120 * HOUR));
    assert_eq!(periods.at(at(90 * HOUR)), Period { began: at(48 * HOUR), ends: Some(at(96 * HOUR)) });
    assert!(!Periods::aligned(1).asks(at(1)));
}

#[test]
fn ends_that_have_passed_are_none() {
    let mut periods = Periods::calendar();
    periods.give(at(10), at(10), at(20));
    assert_eq!(periods.at(at(30)), Period { began: at(0), ends: None });
    assert!(!periods.asks(at(10)), "an answer that says nothing is not asked for again at once");
    assert!(periods.asks(at(11)));
    periods.give(at(10), at(11), at(11));
    assert_eq!(periods.at(at(11)), Period { began: at(11), ends: None });
    assert!(periods.asks(at(11)), "for the next one");
}

/// Calls in periods of irregular length, and all of them kept.
struct Pair {
    periods: Periods,
    window: FixedWindow,
    boundaries: Vec<u64>,
    log: Vec<(u64, u64)>,
    now: u64,
}

impl Pair {
    fn aligned(rng: &mut Rng) -> Self {
        let length = rng.u64(100..2_000);
        let boundaries = (0..200_000 / length).map(|n| n * length).collect();
        Self::new(Periods::aligned(length), boundaries)
    }

    fn calendar(rng: &mut Rng) -> Self {
        let mut boundary = 0;
        let next = |_| {
            boundary += rng.u64(1..2_000);
            boundary
        };
        Self::new(Periods::calendar(), (0..400).map(next).collect())
    }

    fn new(periods: Periods, boundaries: Vec<u64>) -> Self {
        Self { periods, window: FixedWindow::default(), boundaries, log: Vec::new(), now: 1 }
    }

    /// The first boundaries after now.
    fn next(&self) -> [u64; 2] {
        let next = self.boundaries.partition_point(|&boundary| boundary <= self.now);
        [self.boundaries[next], self.boundaries[next + 1]]
    }

    /// What was admitted since the last boundary before `t`.
    fn sum(&self, t: u64) -> u64 {
        let passed = self.boundaries.partition_point(|&boundary| boundary <= t);
        let began = if passed > 0 { self.boundaries[passed - 1] } else { 0 };
        self.log.iter().filter(|&&(admitted, _)| admitted >= began).map(|(_, amount)| amount).sum()
    }

    fn step(&mut self, rng: &mut Rng, answered: bool) {
        self.now += *rng.choice([0, 1, rng.clone().u64(..300), rng.clone().u64(..3_000)].iter()).unwrap();
        self.periods.advance(at(self.now));
        if self.periods.asks(at(self.now)) && answered {
            let [ends, next_ends] = self.next();
            self.periods.give(at(self.now), at(ends), at(next_ends));
            assert!(!self.periods.asks(at(self.now)));
        }
        self.window.advance(self.periods.at(at(self.now)));
        let settle = rng.bool();
        let open = self.log.len();
        if let Some((admitted, amount)) = self.log.get_mut(rng.usize(..=open)).filter(|_| settle) {
            let to = rng.u64(..60);
            self.window.settle(at(*admitted), *amount, to);
            *amount = to;
        } else {
            let amount = rng.u64(..50);
            self.window.add(amount);
            self.log.push((self.now, amount));
        }
    }

    fn image(&self) -> (Vec<u8>, Periods, FixedWindow) {
        let mut w = Writer::default();
        self.periods.write(&mut w);
        self.window.write(&mut w);
        let bytes = w.into_bytes();
        let mut r = Reader::new(&bytes);
        let mut periods = self.periods.clone();
        if let Periods::Calendar(calendar) = &mut periods {
            *calendar = Calendar::default();
        }
        periods.restore(&mut r, at(self.now));
        let window = FixedWindow::read(&mut r, at(self.now));
        assert_eq!(r.end(), Ok(()));
        (bytes, periods, window)
    }
}

#[test]
fn counts_what_a_log_counts() {
    for seed in runs() {
        let mut rng = Rng::with_seed(seed);
        let mut pair = if rng.bool() { Pair::aligned(&mut rng) } else { Pair::calendar(&mut rng) };
        for _ in 0..40 {
            pair.step(&mut rng, true);
            let period = pair.periods.at(at(pair.now));
            assert_eq!(pair.window.sum(), pair.sum(pair.now), "seed {seed}");
            let most = rng.u64(..100);
            let free = pair.window.free_at(at(pair.now), period, most).unwrap().as_micros();
            assert!(pair.sum(free) <= most, "granted at it, seed {seed}");
            assert!(free == pair.now || pair.sum(free - 1) > most, "denied one tick before, seed {seed}");
            let (_, periods, window) = pair.image();
            assert_eq!((periods.at(at(pair.now)), window), (period, pair.window), "seed {seed}");
        }
    }
}

#[test]
fn without_answers_it_is_never_more_permissive() {
    let mut unknown = 0;
    for seed in runs() {
        let mut rng = Rng::with_seed(seed);
        let mut pair = Pair::calendar(&mut rng);
        for _ in 0..40 {
            let answered = rng.u8(..4) == 0;
            pair.step(&mut rng, answered);
            // An answer that comes late is to a question that is not asked again.
            if let Periods::Calendar(calendar) = &mut pair.periods {
                calendar.asked = false;
            }
            assert!(pair.window.sum() >= pair.sum(pair.now), "seed {seed}");
            let free = pair.window.free_at(at(pair.now), pair.periods.at(at(pair.now)), 0);
            unknown += u64::from(free.is_none());
            let nothing_left = free.is_none_or(|free| pair.sum(free.as_micros()) == 0);
            assert!(nothing_left, "seed {seed}");
        }
    }
    assert!(unknown > 0, "the case is there");
}

#[test]
fn a_damaged_image_is_an_error_or_works() {
    let mut rng = Rng::with_seed(7);
    let mut pair = Pair::calendar(&mut rng);
    (0..20).for_each(|_| pair.step(&mut rng, true));
    let (whole, ..) = pair.image();
    for _ in runs() {
        let mut bytes = whole.clone();
        let place = rng.usize(..bytes.len());
        bytes[place] = rng.u8(..);
        bytes.truncate(rng.usize(1..=bytes.len()));
        let (mut r, now) = (Reader::new(&bytes), at(pair.now));
        let mut periods = Periods::calendar();
        periods.restore(&mut r, now);
        let mut window = FixedWindow::read(&mut r, now);
        let Ok(()) = r.ok() else { continue };
        periods.advance(at(pair.now + 10_000));
        let period = periods.at(at(pair.now + 10_000));
        assert!(period.began <= at(pair.now + 10_000) && period.ends.is_none_or(|ends| ends > period.began));
        window.advance(period);
        window.add(u64::MAX);
        window.settle(now, u64::MAX, 1);
    }
}
