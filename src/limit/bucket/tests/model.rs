//! A bucket that keeps everything that ever happened and replays it from the start to say what is used. It knows windows,
//! quanta and rates, but neither segments nor credits: a settled call simply costs what it used.

use super::*;

/// What happens to a bucket, in the order of time.
#[derive(Clone, Debug)]
enum Event {
    Debit {
        estimate: u64,
        usage: u64,
    },
    /// Overuse becomes known.
    Report {
        more: u64,
    },
    Change {
        rate: Rate,
        quantum_us: u64,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Overuse {
    /// Charged when it is reported.
    WhenReported,
    /// Charged at admission, as if it had been known.
    FromTheStart,
}

struct Model {
    events: Vec<(u64, Event)>,
    window_us: u64,
}

impl Model {
    /// Parts used at `now`: one part is a unit divided by the microseconds of the window, whatever the quantum.
    fn used(&self, now: u64, overuse: Overuse) -> u128 {
        let (mut rate, mut quantum_us, mut counted_us, mut used) = (None::<Rate>, 1, 0, 0u128);
        for (at, event) in self.events.iter().map(|(at, event)| (*at, Some(event))).chain([(now, None)]) {
            if let Some(rate) = rate.filter(|_| at / quantum_us * quantum_us > counted_us) {
                let until = at / quantum_us * quantum_us;
                used = used.saturating_sub(u128::from(until - counted_us) * u128::from(rate.limit));
                counted_us = until;
            }
            let more = match event {
                Some(&Event::Debit { estimate, usage }) if overuse == Overuse::WhenReported => usage.min(estimate),
                Some(&Event::Debit { usage, .. }) => usage,
                Some(&Event::Report { more }) if overuse == Overuse::WhenReported => more,
                Some(Event::Change { rate: next, quantum_us: cut_us }) => {
                    counted_us = counted_us.min(at).next_multiple_of(*cut_us);
                    (rate, quantum_us) = (Some(*next), *cut_us);
                    0
                }
                _ => 0,
            };
            // What is owed above the bound is forgiven; where the bound is lowered, at once.
            let most = rate.map_or(0, |rate| rate.most());
            used = (used + u128::from(more) * u128::from(self.window_us))
                .min(u128::from(most) * u128::from(self.window_us));
        }
        used
    }
}

/// What a run may do, and how large its numbers are.
struct Dice {
    rng: Rng,
    scale: u64,
    step_us: u64,
    segments_max: usize,
    overuse: bool,
    changes: bool,
    /// Debits more than fits, as calls made elsewhere may.
    beyond: bool,
    max_debt: u64,
}

impl Dice {
    fn new(seed: u64, segments_max: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        // Large amounts have long quanta.
        let scale = *rng.choice([1, 1, 1_000, 50_000_000_000].iter()).unwrap();
        let step_us = *rng.choice([3, 300, 3_000, 30_000].iter()).unwrap();
        let max_debt = *rng.choice([0, 5, 60].iter()).unwrap();
        Self { rng, scale, step_us, segments_max, overuse: false, changes: false, beyond: false, max_debt }
    }

    fn rate(&mut self, window_us: u64) -> Rate {
        let (limit, burst) = (self.rng.u64(1..60) * self.scale, self.rng.u64(1..60) * self.scale);
        Rate { limit, window_us, burst, max_debt: self.max_debt * self.scale }
    }
}

struct Call {
    admitted: u64,
    estimate: u64,
    event: usize,
}

/// A bucket and the model, told the same.
struct Pair {
    bucket: TokenBucket,
    model: Model,
    now: u64,
    open: Vec<Call>,
}

impl Pair {
    fn new(dice: &mut Dice) -> Self {
        let window_us = dice.rng.u64(1..20) * 1_000;
        let rate = dice.rate(window_us);
        let bucket = TokenBucket::new(rate).unwrap();
        let now = dice.rng.u64(..1_000_000);
        let change = Event::Change { rate, quantum_us: bucket.grid.quantum_us.get() };
        Self { bucket, model: Model { events: [(0, change)].into(), window_us }, now, open: Vec::new() }
    }

    fn step(&mut self, dice: &mut Dice) {
        if dice.rng.u8(..3) > 0 {
            self.now += dice.rng.u64(..dice.step_us);
            // A long sleep, or a clock that was set.
            self.now += if dice.rng.u8(..50) == 0 { dice.rng.u64(..10_000_000_000) } else { 0 };
        }
        self.bucket.advance(at(self.now));
        match dice.rng.u8(..20) {
            0..10 => self.debit(dice),
            10..19 => self.settle(dice),
            _ if dice.changes => self.change(dice),
            _ => {}
        }
    }

    fn debit(&mut self, dice: &mut Dice) {
        let estimate = dice.rng.u64(..30) * dice.scale;
        let fits = self.bucket.sum() + estimate <= self.bucket.rate.burst;
        if fits || dice.beyond && dice.rng.u8(..5) == 0 {
            self.open.push(Call { admitted: self.now, estimate, event: self.model.events.len() });
            self.model.events.push((self.now, Event::Debit { estimate, usage: estimate }));
            self.bucket.debit(at(self.now), estimate, dice.segments_max);
        }
    }

    fn settle(&mut self, dice: &mut Dice) {
        if self.open.is_empty() {
            return;
        }
        let call = self.open.swap_remove(dice.rng.usize(..self.open.len()));
        let more = if dice.overuse && dice.rng.u8(..4) == 0 { dice.rng.u64(..40) * dice.scale } else { 0 };
        let usage = if more > 0 { call.estimate + more } else { dice.rng.u64(..=call.estimate) };
        self.bucket.settle(at(call.admitted), call.estimate, usage);
        self.model.events[call.event].1 = Event::Debit { estimate: call.estimate, usage };
        if more > 0 {
            self.model.events.push((self.now, Event::Report { more }));
        }
    }

    fn change(&mut self, dice: &mut Dice) {
        let rate = dice.rate(self.model.window_us);
        self.bucket.change(at(self.now), rate).unwrap();
        let quantum_us = self.bucket.grid.quantum_us.get();
        self.model.events.push((self.now, Event::Change { rate, quantum_us }));
    }

    fn used(&self) -> u128 {
        u128::from(self.bucket.used) * u128::from(self.bucket.grid.quantum_us.get())
    }

    fn expect_sound(&self, dice: &mut Dice, seed: u64) {
        let most = dice.rng.u64(..=self.bucket.rate.burst);
        let free = self.bucket.free_at(at(self.now), most);
        assert!(self.bucket.sum_at(free) <= most, "granted at it, seed {seed}");
        let before = free.minus(1);
        assert!(free == at(self.now) || self.bucket.sum_at(before) > most, "denied one tick before, seed {seed}");
        let mut later = self.bucket.clone();
        later.advance(free);
        assert_eq!(later.sum(), self.bucket.sum_at(free), "seed {seed}");
        assert!(
            self.bucket.used <= EXACT_MAX
                && self.bucket.grid.quantum_us.get() * self.bucket.grid.quanta.get() == self.model.window_us
        );
    }

    fn expect_restored(&self, seed: u64) {
        let bytes = image(&self.bucket);
        let read = restored(self.model.window_us, &bytes, at(self.now));
        assert_eq!(read.as_ref(), Ok(&self.bucket), "seed {seed}");
    }
}

/// Without overruns of the debt's bound, changed quanta and merged segments, a bucket is at every instant what it would be had
/// each call been charged its usage from the start, and overuse when it was reported.
#[test]
fn equals_a_bucket_that_charged_usage_from_the_start() {
    for seed in runs() {
        let mut dice = Dice::new(seed, usize::MAX);
        (dice.overuse, dice.max_debt) = (dice.rng.bool(), 5_000);
        // Where amounts are small every quantum is a microsecond, so changes need no rounding.
        dice.scale = dice.scale.min(1_000_000);
        dice.changes = dice.rng.bool();
        let mut pair = Pair::new(&mut dice);
        for _ in 0..60 {
            pair.step(&mut dice);
            assert_eq!(pair.used(), pair.model.used(pair.now, Overuse::WhenReported), "seed {seed}");
            pair.expect_sound(&mut dice, seed);
        }
    }
}

/// With long quanta too, if they stay.
#[test]
fn equals_it_at_any_scale() {
    for seed in runs() {
        let mut dice = Dice::new(seed, usize::MAX);
        (dice.overuse, dice.max_debt) = (dice.rng.bool(), 60);
        let mut pair = Pair::new(&mut dice);
        for _ in 0..40 {
            pair.step(&mut dice);
            let clamped = pair.bucket.used == pair.bucket.rate.most() * pair.bucket.grid.quanta.get();
            if clamped {
                break;
            }
            assert_eq!(pair.used(), pair.model.used(pair.now, Overuse::WhenReported), "seed {seed}");
        }
    }
}

/// Whatever happens, it is never below: overuse, forgiven debts, changes of everything, few segments.
#[test]
fn never_below_a_bucket_that_charged_usage_from_the_start() {
    for seed in runs() {
        let segments_max = [1, 2, 4, SEGMENTS_MAX][seed as usize % 4];
        let mut dice = Dice::new(seed, segments_max);
        (dice.overuse, dice.changes, dice.beyond) = (dice.rng.bool(), dice.rng.bool(), dice.rng.bool());
        let mut pair = Pair::new(&mut dice);
        for _ in 0..60 {
            pair.step(&mut dice);
            for overuse in [Overuse::FromTheStart, Overuse::WhenReported] {
                let (ours, theirs) = (pair.used(), pair.model.used(pair.now, overuse));
                assert!(
                    ours >= theirs,
                    "seed {seed}: {ours} {theirs} from the start {}",
                    overuse == Overuse::FromTheStart
                );
            }
            assert!(pair.bucket.segments.len() <= segments_max, "seed {seed}");
            pair.expect_sound(&mut dice, seed);
            pair.expect_restored(seed);
        }
    }
}
