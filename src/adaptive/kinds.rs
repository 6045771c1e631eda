//! Signals of different kinds in one unit.
//!
//! A stream tells of load by the time to its first token, any other call by its latency, divided by its output tokens where they are
//! known. Each kind has a scale: times it, a root stands beside those of the first kind as one of them.
//!
//! A kind that is new says nothing until its scale is known: the one by which it is as slow as the others are at the time, or
//! were last. From then on a scale follows only while nobody waits for slots: under load some kinds slow down more than others, which is
//! what is to be seen. So a shift from one kind to another looks neither like load nor like relief. Used by `latency`.

use super::See;

/// Samples that correct a scale.
pub(super) const BATCH: f64 = 16.0;
/// So many batches are averaged. The one before them is left out: what ends first is short.
const AVERAGED: f64 = 4.0;

/// What tells of load.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signal {
    Latency,
    PerToken,
    FirstToken,
    /// Of a time-out nobody knows what it would have been: it counts as one of the first kind.
    TimedOut,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kinds {
    /// The kind whose unit is that of all, counted from 1; 0: none yet.
    first: f64,
    /// The typical root when it was last known.
    typical: f64,
    kinds: [Kind; 3],
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Kind {
    /// 0: not known yet.
    scale: f64,
    batches: f64,
    /// Of the present batch.
    samples: f64,
    roots: f64,
}

impl Kinds {
    /// A root in the unit of all, if the scale of its kind is known.
    pub(super) fn scaled(&mut self, signal: Signal, root: f64) -> Option<f64> {
        if matches!(signal, Signal::TimedOut) {
            return Some(root);
        }
        if self.first == 0.0 {
            self.begin_with(signal as usize);
        }
        let scale = self.kinds.get(signal as usize)?.scale;
        (scale > 0.0).then_some(scale * root)
    }

    /// Notes a root for the scale of its kind.
    pub(super) fn note(&mut self, signal: Signal, root: f64) {
        if let Some(kind) = self.kinds.get_mut(signal as usize) {
            kind.samples += 1.0;
            kind.roots += root;
        }
    }

    /// Whether enough is known to make a kind less new.
    pub(super) fn has_news(&self) -> bool {
        self.kinds.iter().any(|kind| kind.scale == 0.0 && kind.samples >= BATCH)
    }

    /// The kind that was seen most is the first.
    pub(super) fn begin_anew(&mut self) {
        let seen = |kind: usize| self.kinds.get(kind).map_or(0.0, |kind| kind.samples);
        let most = (1..self.kinds.len()).fold(0, |most, kind| if seen(kind) > seen(most) { kind } else { most });
        self.begin_with(most);
    }

    fn begin_with(&mut self, first: usize) {
        *self = Self { first: first as f64 + 1.0, ..Self::default() };
        if let Some(kind) = self.kinds.get_mut(first) {
            kind.scale = 1.0;
        }
    }

    /// A window is over: corrects the scales by its typical root in the unit of all, if it has one; those that are known, by this part.
    pub(super) fn correct(&mut self, typical: Option<f64>, follow: f64) {
        self.typical = typical.unwrap_or(self.typical);
        for (kind, at) in self.kinds.iter_mut().zip([1.0, 2.0, 3.0]) {
            if follow == 0.0 && kind.batches > AVERAGED {
                // Under load it says nothing of the scale, nor is a batch to reach over such a window.
                (kind.samples, kind.roots) = (0.0, 0.0);
            }
            if kind.samples < BATCH {
                continue;
            }
            let found = self.typical * kind.samples / kind.roots;
            let weight = if kind.batches <= AVERAGED { 1.0 / kind.batches.max(1.0) } else { follow };
            // An image may say anything.
            if at != self.first && kind.batches > 0.0 && found.is_finite() {
                kind.scale += weight * (found - kind.scale);
            }
            *kind = Kind { scale: kind.scale, batches: kind.batches + 1.0, ..Kind::default() };
        }
    }

    /// Everything, in the order of an image.
    pub(super) fn each_number(&mut self, see: &mut See<'_>) {
        let Self { first, typical, kinds } = self;
        [first, typical].into_iter().for_each(&mut *see);
        for Kind { scale, batches, samples, roots } in kinds {
            [scale, batches, samples, roots].into_iter().for_each(&mut *see);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Signal::{FirstToken, Latency, TimedOut};

    /// A window of so many calls, whose typical root in the unit of all is known, or of the new kind alone.
    fn window(kinds: &mut Kinds, (signal, root): (Signal, f64), typical: Option<f64>, follow: f64) {
        for _ in 0..16 {
            kinds.scaled(signal, root);
            kinds.note(signal, root);
        }
        kinds.correct(typical, follow);
    }

    #[test]
    fn a_kind_that_is_new_is_as_slow_as_the_others_are() {
        let mut kinds = Kinds::default();
        window(&mut kinds, (Latency, 10.0), Some(10.0), 0.0);
        window(&mut kinds, (FirstToken, 1.0), Some(12.0), 0.0);
        assert_eq!(kinds.scaled(FirstToken, 2.0), None, "what ends first is short");
        window(&mut kinds, (FirstToken, 2.0), Some(12.0), 0.0);
        assert_eq!(kinds.scaled(FirstToken, 2.0), Some(12.0));
        window(&mut kinds, (FirstToken, 3.0), None, 0.0);
        assert_eq!(kinds.scaled(FirstToken, 2.0), Some(10.0), "the mean of both, as slow as others were last");
    }

    #[test]
    fn a_kind_that_is_known_follows_only_as_far_as_it_may() {
        let mut kinds = Kinds::default();
        for _ in 0..6 {
            window(&mut kinds, (Latency, 10.0), Some(10.0), 0.0);
            window(&mut kinds, (FirstToken, 2.0), Some(10.0), 0.0);
        }
        window(&mut kinds, (FirstToken, 4.0), Some(10.0), 0.0);
        assert_eq!(kinds.scaled(FirstToken, 2.0), Some(10.0));
        window(&mut kinds, (FirstToken, 4.0), Some(10.0), 0.5);
        assert_eq!(kinds.scaled(FirstToken, 2.0), Some(7.5));
        assert_eq!((kinds.scaled(Latency, 3.0), kinds.scaled(TimedOut, 3.0)), (Some(3.0), Some(3.0)));
    }

    #[test]
    fn what_a_rare_kind_was_like_under_load_is_forgotten() {
        let mut kinds = Kinds::default();
        for _ in 0..=6 {
            window(&mut kinds, (Latency, 10.0), Some(10.0), 0.0);
            window(&mut kinds, (FirstToken, 2.0), Some(10.0), 0.0);
        }
        for (root, follow) in [(8.0, 0.0), (2.0, 0.5)] {
            (0..10).for_each(|_| kinds.note(FirstToken, root));
            kinds.correct(Some(10.0), follow);
        }
        assert_eq!(kinds.scaled(FirstToken, 2.0), Some(10.0));
    }

    #[test]
    fn the_kind_that_came_first_gives_way_to_one_that_comes_alone() {
        let mut kinds = Kinds::default();
        assert_eq!(kinds.scaled(Latency, 3.0), Some(3.0));
        (0..16).for_each(|_| kinds.note(FirstToken, 2.0));
        assert!(kinds.has_news());
        kinds.begin_anew();
        assert_eq!((kinds.scaled(FirstToken, 2.0), kinds.scaled(Latency, 3.0)), (Some(2.0), None));
    }
}
