//! What calls took that were let in before more than a few were in flight for the first time: they waited for nobody.
//!
//! The limit starts at its maximum, so that a provider may be overloaded before a first baseline was taken; overload would look
//! like health for ever. These calls tell the two apart. Used by `latency`; latencies as there, as roots.

/// So many calls in flight are few.
const FEW: f64 = 8.0;
/// What so few calls took, times this, is a baseline that is not too low.
const MARGIN: f64 = 1.3;

/// The state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Early {
    /// When more were in flight; 0 before.
    until: f64,
    samples: f64,
    roots: f64,
}

impl Early {
    /// A call is let in; `in_flight` counts it.
    pub(super) fn admitted(&mut self, now: f64, in_flight: f64) {
        if self.until == 0.0 && in_flight > FEW {
            self.until = now;
        }
    }

    pub(super) fn sample(&mut self, admitted: f64, root: f64) {
        if self.until == 0.0 || admitted < self.until {
            self.samples += 1.0;
            self.roots += root;
        }
    }

    /// What was seen was of another kind.
    pub(super) const fn begin_anew(&mut self) {
        (self.samples, self.roots) = (0.0, 0.0);
    }

    /// A baseline instead of that of a first window, if that is clearly slower: it is overload.
    pub(super) fn instead_of(&self, typical: f64) -> Option<f64> {
        let base = MARGIN * self.roots / self.samples;
        (self.until > 0.0 && self.samples >= FEW && typical > base).then_some(base)
    }

    /// How many, and the sum of their roots.
    pub(super) const fn seen(&self) -> (f64, f64) {
        (self.samples, self.roots)
    }

    /// Everything, in the order of an image.
    pub(super) const fn numbers(&mut self) -> [&mut f64; 3] {
        let Self { until, samples, roots } = self;
        [until, samples, roots]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn early(calls: u32, root: f64) -> Early {
        let mut early = Early::default();
        for call in 1..=calls {
            early.admitted(f64::from(call), f64::from(call));
        }
        for call in 1..=calls {
            early.sample(f64::from(call), root * if call > 8 { 10.0 } else { 1.0 });
        }
        early
    }

    #[test]
    fn only_calls_that_waited_for_nobody_count() {
        assert_eq!(early(20, 2.0).seen(), (8.0, 16.0));
        assert_eq!(early(20, 2.0).instead_of(2.5), None);
        assert_eq!(early(20, 2.0).instead_of(2.7), Some(2.6));
    }

    #[test]
    fn calls_of_another_kind_are_forgotten() {
        let mut early = early(20, 2.0);
        early.begin_anew();
        early.sample(1.0, 3.0);
        assert_eq!(early.seen(), (1.0, 3.0));
    }

    #[test]
    fn who_never_has_many_in_flight_needs_no_other_baseline() {
        assert_eq!(early(8, 2.0).instead_of(20.0), None);
    }
}
