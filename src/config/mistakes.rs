//! Decides how mistakes in a configuration are found: all of it is looked at in order, and the first mistake counts.
//!
//! No check is a `?`: there are a hundred of them, and each would cost the code that gives back what was made before it.

use alloc::borrow::ToOwned;

use super::WEIGHT_UNIT;
use crate::error::{ConfigError, Mistake};
use crate::text::{digits, joined, number};

/// Checks of one part of a configuration, which name its fields.
pub(super) struct Mistakes<'a> {
    /// Of the part; empty for all of it.
    path: &'a str,
    first: &'a mut Option<ConfigError>,
}

impl<'a> Mistakes<'a> {
    /// Of a whole configuration; the first mistake goes where `first` is.
    pub(super) const fn new(first: &'a mut Option<ConfigError>) -> Self {
        Self { path: "", first }
    }

    /// Of another part.
    pub(super) const fn at<'b>(&'b mut self, path: &'b str) -> Mistakes<'b> {
        Mistakes { path, first: self.first }
    }

    pub(super) const fn any(&self) -> bool {
        self.first.is_some()
    }

    /// Notes a mistake of a field, or of the part itself where that is empty. `None` if it is not the first one.
    #[inline(never)]
    pub(super) fn note(&mut self, field: &str, value: &str, allowed: &str) -> Option<&mut Mistake> {
        if self.any() {
            return None;
        }
        let dot = if self.path.is_empty() || field.is_empty() { "" } else { "." };
        let field = joined(&[self.path, dot, field]);
        let mistake = Mistake { field, value: value.to_owned(), allowed: allowed.to_owned(), message: None };
        Some(self.first.insert(mistake.into()))
    }

    /// A whole number.
    #[inline(never)]
    pub(super) fn count(&mut self, field: &str, value: u64, min: u64, max: u64) {
        if !(min..=max).contains(&value) {
            self.note(field, &digits(value), &joined(&["a number from ", &digits(min), " to ", &digits(max)]));
        }
    }

    /// Microseconds, which users write in milliseconds.
    #[inline(never)]
    pub(super) fn span(&mut self, field: &str, us: u64, min_us: u64, max_us: u64) {
        if !(min_us..=max_us).contains(&us) {
            let [value, min, max] = [us, min_us, max_us].map(|us| number(us as f64 / 1_000.0));
            self.note(field, &value, &joined(&["a number of milliseconds from ", &min, " to ", &max]));
        }
    }

    /// Millionths of a dollar, which users write in dollars.
    #[inline(never)]
    pub(super) fn dollars(&mut self, field: &str, micros: u64, min: u64, max: u64) {
        if !(min..=max).contains(&micros) {
            // To the cent where a millionth would be rounded, perhaps to what is not allowed.
            let dollars =
                |micros: u64| if micros >> 50 == 0 { micros as f64 / 1e6 } else { (micros / 10_000) as f64 / 100.0 };
            let [value, min, max] = [micros, min, max].map(|micros| number(dollars(micros)));
            self.note(field, &value, &joined(&["an amount of dollars from ", &min, " to ", &max]));
        }
    }

    /// Any other number: `fits` says whether it is allowed.
    #[inline(never)]
    pub(super) fn real(&mut self, field: &str, value: f64, fits: bool, allowed: &str) -> Option<&mut Mistake> {
        if fits { None } else { self.note(field, &number(value), allowed) }
    }

    /// Millionths of a slot, which users write in slots.
    pub(super) fn weight(&mut self, field: &str, weight: u64, fits: bool, allowed: &str) -> Option<&mut Mistake> {
        self.real(field, slots(weight), fits, allowed)
    }
}

/// As users write it.
pub(super) const fn slots(weight: u64) -> f64 {
    weight as f64 / WEIGHT_UNIT as f64
}
