//! Decides how much of a token bucket is used now, and when it will be less.
//!
//! A bucket holds `burst` units and gains `limit` of them in every `window`, never more than it holds. It is kept upside
//! down, as a meter (headroom of the bucket is `burst - used`): a debit raises `used`, time lowers it to 0 at the lowest.
//! So it answers the same questions as a window, with `burst` as the maximum of what may be used. Overuse that is reported
//! late may take `used` above `burst`: the debt, at most `max_debt`; what is above that is forgiven.
//!
//! Time runs in quanta that divide the window and are aligned to the epoch: a whole number of microseconds each, and as
//! many in a window as fit, at most 2^53 divided by the largest amount. Amounts are counted in parts, `quanta` of them a
//! unit, so that each quantum gains exactly `limit` parts: no rounding, ever. Up to 150 million units a minute a quantum is
//! a microsecond. Every intermediate stays below 2^53: a script that has nothing but floats computes the same.
//!
//! Invariants: a refund never takes `used` below what it would be had the call been charged its usage from the start, and
//! exactly to that while no call exceeds its estimate, the quantum stays and segments are not merged (`segments`);
//! `used` parts are at most 2^53; the debt is at most `max_debt` unless the limit was lowered. Instants are core time.
//!
//! Called by `meter`. Sources: RFC 2697, section 3, for a bucket with whole increments; J. S. Turner, "New directions
//! in communications", 1986, for the meter. Leaves to others: what is counted, whether the call may go.

mod segments;
#[cfg(test)]
mod tests;

use core::num::NonZeroU64;

use crate::codec::{Reader, Writer};
use crate::config::{BUCKET_MAX as AMOUNT_MAX, SPAN_MAX_US};
use crate::time::CoreTime;
use segments::Segments;

/// Segments of one bucket: bounds memory to 256 bytes, and what late refunds lose. 16 lose less than 0.2 % of them.
const SEGMENTS_MAX: usize = 16;
/// The largest integer up to which a double counts: bounds every intermediate.
const EXACT_MAX: u64 = 1 << 53;

/// What a bucket is configured to be. Amounts in whole units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Gained in every window, 1 to [`AMOUNT_MAX`].
    pub(crate) limit: u64,
    /// Whole milliseconds, in microseconds.
    pub(crate) window_us: u64,
    /// What a full bucket holds, at least 1.
    pub(crate) burst: u64,
    /// How far overuse may take it below empty.
    pub(crate) max_debt: u64,
}

/// Why a rate cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The window is 0, longer than 366 days, or has a fraction of a millisecond.
    Window,
    /// `limit` is not 1 to [`AMOUNT_MAX`].
    Limit,
    /// `burst` is not 1 to [`AMOUNT_MAX`] less `max_debt`.
    Burst,
}

impl Rate {
    pub(crate) const fn check(&self) -> Result<(), Unfit> {
        if self.window_us == 0 || self.window_us > SPAN_MAX_US || !self.window_us.is_multiple_of(1000) {
            return Err(Unfit::Window);
        }
        if self.limit == 0 || self.limit > AMOUNT_MAX {
            return Err(Unfit::Limit);
        }
        if self.burst == 0 || self.most() > AMOUNT_MAX { Err(Unfit::Burst) } else { Ok(()) }
    }

    /// The most that overuse can take `used` to.
    const fn most(&self) -> u64 {
        self.burst.saturating_add(self.max_debt)
    }

    /// The largest amount that is ever counted in parts.
    fn largest(&self) -> u64 {
        self.most().max(self.limit)
    }

    /// The shortest quantum with which `held` units can be counted too.
    #[inline(never)]
    fn grid(&self, held: u64) -> Grid {
        let quanta = EXACT_MAX.checked_div(self.largest().max(held)).unwrap_or(1).min(self.window_us);
        Grid::new(self.window_us, divisor_from(self.window_us, self.window_us.div_ceil(quanta)))
    }
}

/// The smallest divisor of `n` that is at least `least`, which is 1 to `n`. Divisors come in pairs around the root, so this
/// takes at most twice the root of `n` steps, and hardly any for windows that people choose.
fn divisor_from(n: u64, least: u64) -> u64 {
    let root = n.isqrt();
    let divides = |small: &u64| n.is_multiple_of(*small);
    let partner = |small: u64| n.checked_div(small);
    let below = (least..=root).find(divides);
    let above = || (1..=root.min(partner(least)?)).rev().find(divides).and_then(partner);
    below.or_else(above).unwrap_or(n)
}

/// How a window is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    /// In microseconds.
    quantum_us: NonZeroU64,
    /// Quanta in a window, and parts in a unit.
    quanta: NonZeroU64,
}

impl Grid {
    /// `quantum_us` divides `window_us`, and neither is 0.
    #[inline(never)]
    fn new(window_us: u64, quantum_us: u64) -> Self {
        let quantum_us = NonZeroU64::new(quantum_us).unwrap_or(NonZeroU64::MIN);
        Self { quantum_us, quanta: NonZeroU64::new(window_us / quantum_us).unwrap_or(NonZeroU64::MIN) }
    }

    fn tick(&self, at: CoreTime) -> u64 {
        at.as_micros() / self.quantum_us
    }

    /// When a quantum starts, in microseconds.
    const fn start_us(&self, tick: u64) -> u64 {
        tick.saturating_mul(self.quantum_us.get())
    }

    const fn parts(&self, units: u64) -> u64 {
        units.saturating_mul(self.quanta.get())
    }

    /// Whole units, rounded up.
    const fn units(&self, parts: u64) -> u64 {
        parts.div_ceil(self.quanta.get())
    }

    /// Parts of this grid in those of another of the same window, and what is left over of them, of `other.quantum_us`.
    /// Every intermediate is less than the parts or the window.
    fn convert(&self, parts: u64, other: &Self) -> (u64, u64) {
        let whole = other.parts(parts / self.quanta);
        let rest = (parts % self.quanta).saturating_mul(self.quantum_us.get());
        (whole.saturating_add(rest / other.quantum_us), rest % other.quantum_us)
    }
}

/// One token bucket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenBucket {
    rate: Rate,
    grid: Grid,
    /// In parts.
    used: u64,
    /// The quantum up to which time has lowered `used`, counted from the epoch.
    tick: u64,
    segments: Segments,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(rate: Rate) -> Result<Self, Unfit> {
        rate.check()?;
        Ok(Self { rate, grid: rate.grid(0), used: 0, tick: 0, segments: Segments::default() })
    }

    pub(crate) const fn rate(&self) -> &Rate {
        &self.rate
    }

    /// What is used, in whole units, rounded up: an amount fits if both together are at most `burst`. Call `advance` first.
    #[inline]
    pub(crate) const fn sum(&self) -> u64 {
        self.grid.units(self.used)
    }

    /// What will be used at `now`, without changing it.
    #[inline(never)]
    pub(crate) fn sum_at(&self, now: CoreTime) -> u64 {
        self.grid.units(self.used_at(self.grid.tick(now)))
    }

    /// Gains what time has brought by `now`.
    #[inline(never)]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        let tick = self.grid.tick(now);
        if tick <= self.tick {
            return;
        }
        if self.used > 0 {
            self.used = self.used_at(tick);
            self.segments.lowered(self.used);
        }
        self.tick = tick;
    }

    /// Divides before it multiplies, so that the product stays below `used`.
    const fn used_at(&self, tick: u64) -> u64 {
        let elapsed = tick.saturating_sub(self.tick);
        if elapsed >= self.used.div_ceil(self.rate.limit) {
            return 0;
        }
        self.used.saturating_sub(elapsed.saturating_mul(self.rate.limit))
    }

    /// Debits `amount` at `now`, whether it fits or not. Call `advance` first; `now` never decreases.
    #[inline]
    pub(crate) fn add(&mut self, now: CoreTime, amount: u64) {
        self.debit(now, amount, SEGMENTS_MAX);
    }

    #[inline(never)]
    fn debit(&mut self, now: CoreTime, amount: u64, segments_max: usize) {
        if self.charge(amount) {
            // Nothing drains within a quantum, so its debits are as good as one.
            let together_since_us = self.grid.start_us(self.tick).min(now.as_micros());
            self.segments.open(now.as_micros(), together_since_us, self.used, segments_max);
        }
    }

    /// Corrects a debit of `from` made at `admitted` to `to`, once. Call `advance` first. More is debited in full now, up to
    /// the bound of the debt; of less, what the bucket had not gained back since anyhow is credited.
    #[inline(never)]
    pub(crate) fn settle(&mut self, admitted: CoreTime, from: u64, to: u64) {
        if to > from {
            self.charge(to.saturating_sub(from));
            return;
        }
        // More than is used cannot come back, and this keeps the product exact.
        let refund = self.grid.parts(from.saturating_sub(to).min(self.sum()));
        let credit = self.segments.refund(admitted.as_micros(), refund);
        self.used = self.used.saturating_sub(credit);
    }

    /// Counts so much less, whatever it was for.
    pub(crate) fn credit(&mut self, amount: u64) {
        self.used = self.used.saturating_sub(self.grid.parts(amount.min(self.sum())));
        self.segments.lowered(self.used);
    }

    /// Raises `used`; false if the bound of the debt cut something off. Then `used` is the most that it can be whatever
    /// went before, so refunds of what went before would come on top of what was forgiven: they are worth nothing.
    #[inline(never)]
    fn charge(&mut self, amount: u64) -> bool {
        let most = self.grid.parts(self.rate.most());
        if amount > most.saturating_sub(self.used) / self.grid.quanta {
            self.used = self.used.max(most);
            self.segments.restart(self.grid.start_us(self.tick.saturating_add(1)), self.used);
            return false;
        }
        self.used = self.used.saturating_add(self.grid.parts(amount));
        true
    }

    /// The first instant at which at most `most` is used, if nothing is debited. `now` if it is so already. It is the start
    /// of a quantum: one microsecond earlier more is used.
    #[inline(never)]
    pub(crate) fn free_at(&self, now: CoreTime, most: u64) -> CoreTime {
        let excess = self.used.saturating_sub(self.grid.parts(most));
        if excess == 0 {
            return now;
        }
        let tick = self.tick.saturating_add(excess.div_ceil(self.rate.limit));
        CoreTime::from_micros(self.grid.start_us(tick)).max(now)
    }

    /// How long a debit made at `admitted` is worth remembering if its lease expires: until an empty bucket is full again, a
    /// window at least. In a bucket that never gets full a refund would be worth something even later; then it is lost.
    #[inline(never)]
    pub(crate) fn settles_until(&self, admitted: CoreTime) -> CoreTime {
        let ticks = self.grid.parts(self.rate.burst).div_ceil(self.rate.limit);
        admitted.plus(self.grid.start_us(ticks).max(self.rate.window_us))
    }

    /// Changes limit, burst and bound of debt from `now` on. What is used stays used, also where it is above the new burst:
    /// then nothing fits until it has drained. Another window is another bucket: [`Unfit::Window`].
    #[inline(never)]
    pub(crate) fn change(&mut self, now: CoreTime, rate: Rate) -> Result<(), Unfit> {
        rate.check()?;
        if rate.window_us != self.rate.window_us {
            return Err(Unfit::Window);
        }
        if rate == self.rate {
            return Ok(());
        }
        self.advance(now);
        self.rate = rate;
        self.recut(now, rate.grid(self.sum()));
        Ok(())
    }

    /// Counts in parts of another grid. Everything is rounded to the strict side, by less than one new part or quantum.
    fn recut(&mut self, now: CoreTime, grid: Grid) {
        let from = self.grid;
        if grid == from {
            return;
        }
        let (used, rest) = from.convert(self.used, &grid);
        self.used = used.saturating_add(u64::from(rest > 0));
        self.segments.rescale(|least| from.convert(least, &grid).0);
        // Time that has been counted is not counted again: the quantum in which it ends is left out.
        let counted_us = from.start_us(self.tick).min(now.as_micros());
        self.tick = counted_us.div_ceil(grid.quantum_us.get());
        self.grid = grid;
    }

    /// Everything but the window, which is the caller's key to the bucket.
    #[inline(never)]
    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.rate.limit);
        w.u64(self.rate.burst);
        w.u64(self.rate.max_debt);
        w.u64(self.grid.quantum_us.get());
        w.u64(self.tick);
        w.u64(self.used);
        self.segments.write(w);
    }

    /// Becomes the bucket of the same window that was saved, with the rate it had then; `change` takes it to another. Fails
    /// on what cannot have been written: a rate that is unfit, a quantum that does not divide the window, time later than
    /// `now`, parts above 2^53. Then the bucket stays as it is.
    #[inline(never)]
    pub(crate) fn restore(&mut self, r: &mut Reader<'_>, now: CoreTime) {
        let window_us = self.rate.window_us;
        let rate = Rate { limit: r.u64(), window_us, burst: r.u64(), max_debt: r.u64() };
        let (quantum_us, tick, used) = (r.u64(), r.u64(), r.u64());
        r.require(rate.check().is_ok() && quantum_us > 0 && window_us.is_multiple_of(quantum_us));
        let grid = Grid::new(window_us, quantum_us);
        let counted_us = tick.saturating_mul(quantum_us);
        // `recut` may leave the start of the next quantum.
        r.require(counted_us < now.as_micros().saturating_add(quantum_us));
        r.require(grid.parts(rate.largest()).max(used) <= EXACT_MAX);
        // `charge` may leave a segment that starts after the quantum, and `recut` a shorter quantum.
        let segments = Segments::read(r, SEGMENTS_MAX, counted_us.saturating_add(window_us), used);
        if r.ok().is_ok() {
            *self = Self { rate, grid, used, tick, segments };
        }
    }
}
