//! Decides whether there is room for a weight in what may be in flight together.
//!
//! Background work leaves the interactive reserve free. An idle pool admits any weight up to the maximum (background work
//! up to the maximum less the reserve), however low the effective maximum has been set: nothing is locked out for good.
//!
//! Invariants: `active` is the sum of the weights taken and not given back; an admission never takes it above the maximum.
//! Weights in millionths. Called by `governor`. Leaves to others: the effective maximum (`adaptive`), leases.

use crate::config::{Concurrency, WEIGHT_UNIT};
use crate::decision::{Cause, Priority};

/// The weight in flight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    max: u64,
    reserve: u64,
    active: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Full {
    pub(crate) cause: Cause,
    /// How much of what is in flight has to end before there is room; `None` if that would not help.
    pub(crate) must_end: Option<u64>,
    /// The largest weight that could ever be admitted at this priority.
    pub(crate) ceiling: u64,
}

impl Pool {
    pub(crate) const fn new(config: Concurrency) -> Self {
        Self { max: config.max_in_flight, reserve: config.interactive_reserve, active: 0 }
    }

    #[inline]
    pub(crate) const fn active(&self) -> u64 {
        self.active
    }

    pub(crate) const fn max(&self) -> u64 {
        self.max
    }

    /// `None` if there is room under the effective maximum `m`.
    #[inline]
    pub(crate) fn check(&self, weight: u64, priority: Priority, m: u64) -> Option<Full> {
        let background = priority == Priority::Background;
        let ceiling = self.max.saturating_sub(if background { self.reserve } else { 0 });
        if weight > ceiling {
            return Some(Full { cause: Cause::TooLarge, must_end: None, ceiling });
        }
        let then = self.active.saturating_add(weight);
        let reserve = if background { self.reserve.min(m.saturating_sub(WEIGHT_UNIT)) } else { 0 };
        let over = then.saturating_add(reserve).saturating_sub(m);
        if over == 0 || self.active == 0 {
            return None;
        }
        let cause = if then > m { Cause::Slots } else { Cause::Reserve };
        Some(Full { cause, must_end: Some(over.min(self.active)), ceiling })
    }

    #[inline]
    pub(crate) const fn take(&mut self, weight: u64) {
        self.active = self.active.saturating_add(weight);
    }

    #[inline]
    pub(crate) const fn give_back(&mut self, weight: u64) {
        self.active = self.active.saturating_sub(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Background, Interactive};

    const U: u64 = WEIGHT_UNIT;

    fn pool(max: u64, reserve: u64, active: u64) -> Pool {
        Pool { max: max * U, reserve: reserve * U, active: active * U }
    }

    #[test]
    fn room_by_priority() {
        // max, reserve, active, weight, m, priority -> cause
        let cases = [
            (5, 2, 4, 1, 5, Interactive, None),
            (5, 2, 5, 1, 5, Interactive, Some(Cause::Slots)),
            (5, 2, 2, 1, 5, Background, None),
            (5, 2, 3, 1, 5, Background, Some(Cause::Reserve)),
            (5, 2, 5, 1, 5, Background, Some(Cause::Slots)),
            (5, 2, 0, 3, 5, Background, None),
            (5, 2, 0, 4, 5, Background, Some(Cause::TooLarge)),
            (5, 2, 0, 5, 1, Interactive, None),
            (5, 2, 0, 3, 1, Background, None),
            (5, 2, 1, 1, 1, Background, Some(Cause::Slots)),
            (5, 2, 0, 6, 5, Interactive, Some(Cause::TooLarge)),
            (5, 0, 1, 0, 1, Interactive, None),
        ];
        for (max, reserve, active, weight, m, priority, cause) in cases {
            let full = pool(max, reserve, active).check(weight * U, priority, m * U);
            assert_eq!(full.map(|full| full.cause), cause, "{max} {reserve} {active} {weight} {m} {priority:?}");
        }
    }

    #[test]
    fn says_how_much_must_end() {
        assert_eq!(pool(10, 0, 9).check(3 * U, Interactive, 10 * U).unwrap().must_end, Some(2 * U));
        assert_eq!(pool(10, 0, 9).check(5 * U, Interactive, 4 * U).unwrap().must_end, Some(9 * U), "only when idle");
        assert_eq!(pool(10, 4, 6).check(U, Background, 10 * U).unwrap().must_end, Some(U));
    }
}
