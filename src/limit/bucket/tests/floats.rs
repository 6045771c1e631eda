//! The same bucket in doubles, as a script of a store computes it: every value stays a whole number below 2^53, and every
//! answer is the same.

use super::*;

/// A value of the script: whole, not negative, exact.
fn exact(value: f64) -> f64 {
    assert!((0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0, "{value}");
    value
}

fn ceil_div(a: f64, b: f64) -> f64 {
    exact((a / b).ceil())
}

struct Script {
    limit: f64,
    most: f64,
    quantum_us: f64,
    quanta: f64,
    used: f64,
    tick: f64,
    /// Start and least.
    segments: Vec<(f64, f64)>,
}

impl Script {
    fn of(bucket: &TokenBucket) -> Self {
        Self {
            limit: bucket.rate.limit as f64,
            most: bucket.rate.most() as f64,
            quantum_us: bucket.grid.quantum_us.get() as f64,
            quanta: bucket.grid.quanta.get() as f64,
            used: 0.0,
            tick: 0.0,
            segments: Vec::new(),
        }
    }

    fn advance(&mut self, now: f64) {
        let tick = (now / self.quantum_us).floor();
        let elapsed = exact(tick - self.tick);
        let gone = elapsed >= ceil_div(self.used, self.limit);
        self.used = if gone { 0.0 } else { exact(self.used - exact(elapsed * self.limit)) };
        self.tick = tick;
        let used = self.used;
        self.segments.iter_mut().for_each(|segment| segment.1 = segment.1.min(used));
        self.tidy();
    }

    /// One segment for each value, none for 0.
    fn tidy(&mut self) {
        self.segments.retain(|segment| segment.1 > 0.0);
        self.segments.dedup_by(|later, earlier| later.1 <= earlier.1);
    }

    fn add(&mut self, now: f64, amount: f64) {
        if !self.charge(amount) {
            return;
        }
        let start = exact(self.tick * self.quantum_us);
        match self.segments.last_mut() {
            Some(last) if last.0 >= start => last.1 = self.used,
            _ => self.segments.push((now, self.used)),
        }
        self.tidy();
        if self.segments.len() > SEGMENTS_MAX {
            let gap = |i: &usize| self.segments[*i].1 - self.segments[*i - 1].1;
            let closest = (1..self.segments.len()).min_by(|a, b| gap(a).total_cmp(&gap(b))).unwrap();
            self.segments.remove(closest);
        }
    }

    fn charge(&mut self, amount: f64) -> bool {
        let most = exact(self.most * self.quanta);
        if amount > (exact(most - self.used) / self.quanta).floor() {
            self.used = most;
            self.segments = [(exact(exact(self.tick + 1.0) * self.quantum_us), most)].into();
            return false;
        }
        self.used = exact(self.used + exact(amount * self.quanta));
        true
    }

    fn settle(&mut self, admitted: f64, from: f64, to: f64) {
        if to > from {
            self.charge(exact(to - from));
            return;
        }
        let refund = exact(exact(from - to).min(ceil_div(self.used, self.quanta)) * self.quanta);
        let Some(own) = self.segments.iter().rposition(|segment| segment.0 <= admitted) else { return };
        let credit = refund.min(self.segments[own].1);
        self.segments.iter_mut().skip(own).for_each(|segment| segment.1 = exact(segment.1 - credit));
        let least = self.segments[own].1;
        self.segments.iter_mut().take(own).for_each(|segment| segment.1 = segment.1.min(least));
        self.tidy();
        self.used = exact(self.used - credit);
    }

    fn free_at(&self, most: f64) -> f64 {
        let excess = (self.used - exact(most * self.quanta)).max(0.0);
        exact(exact(self.tick + ceil_div(excess, self.limit)) * self.quantum_us)
    }
}

#[test]
fn floats_compute_the_same() {
    for seed in runs() {
        let mut rng = Rng::with_seed(seed);
        let largest = *rng.choice([100, 1_000_000, 3_000_000_000, AMOUNT_MAX / 2].iter()).unwrap();
        let window_us = *rng.choice([1_000, 10_000, MINUTE, 86_400_000_000].iter()).unwrap();
        let mut amount = |most: u64| if rng.u8(..4) == 0 { most } else { rng.u64(1..=most) };
        let rate = Rate { limit: amount(largest), window_us, burst: amount(largest), max_debt: amount(largest) };
        let mut bucket = TokenBucket::new(rate).unwrap();
        let mut script = Script::of(&bucket);
        // November 2026 in microseconds.
        let mut now = 1_795_000_000_000_000;
        let mut calls = Vec::new();
        for _ in 0..50 {
            now += if rng.bool() { rng.u64(..window_us / 4) } else { rng.u64(..3) };
            bucket.advance(at(now));
            script.advance(now as f64);
            if rng.bool() || calls.is_empty() {
                let estimate = rng.u64(..=rate.burst / 3 + 1);
                calls.push((now, estimate));
                bucket.add(at(now), estimate);
                script.add(now as f64, estimate as f64);
            } else {
                let (admitted, estimate) = calls.swap_remove(rng.usize(..calls.len()));
                let usage = rng.u64(..=estimate + estimate / 4);
                bucket.settle(at(admitted), estimate, usage);
                script.settle(admitted as f64, estimate as f64, usage as f64);
            }
            let most = rng.u64(..=rate.burst);
            let free = (script.free_at(most as f64) as u64).max(now);
            assert_eq!((bucket.used, bucket.free_at(at(now), most)), (script.used as u64, at(free)), "seed {seed}");
        }
    }
}
