//! Decides which period of a fixed-window limit it is, and how much one key has used of it.
//!
//! A period lasts from one boundary to the next; at a boundary all that was counted is let go of at once. That is how some
//! providers count, and how budgets of a day or a month are meant. Around a boundary up to twice the limit may pass in less
//! than a period: whoever minds takes a sliding window.
//!
//! [`Periods`] are those of a limit, one for all of its keys: windows of one length, aligned to the epoch of core time, or
//! calendar periods, whose ends only the shell can know. Of these it holds the end of the current and of the next one, and
//! [`Periods::asks`] for more as soon as the next one is missing. Without an end the period goes on: what is counted stays
//! counted. [`FixedWindow`] is what one key has used.
//!
//! Invariants: the sum is what was admitted since the period began, as corrected; a correction of an earlier period changes
//! nothing; a period never ends before its boundary. Amounts in whole units, instants in core time; everything is O(1).
//! Called by `meter`. Leaves to others: what is counted, what the limit is, time zones.

#[cfg(test)]
mod tests;

use crate::codec::{Reader, Writer};
use crate::time::CoreTime;

/// From when to when a limit counts together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Period {
    pub(crate) began: CoreTime,
    /// `None`: nobody has said yet.
    pub(crate) ends: Option<CoreTime>,
}

/// The periods of one limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Periods {
    /// Of one length in microseconds, at least 1, that end at multiples of it and `phase_us`: 0 is the epoch.
    Aligned { length_us: u64, phase_us: u64 },
    /// Those of a calendar.
    Calendar(Calendar),
}

/// The current calendar period and what is known of the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calendar {
    began: CoreTime,
    ends: Option<CoreTime>,
    next_ends: Option<CoreTime>,
    /// More has been asked for, and not come yet.
    asked: bool,
    /// When the last answer came: what it left out is not asked for again at that instant.
    told: Option<CoreTime>,
}

impl Periods {
    pub(crate) const fn aligned(length_us: u64) -> Self {
        Self::Aligned { length_us, phase_us: 0 }
    }

    /// A calendar that has no boundary yet: the first period began at the epoch and goes on.
    pub(crate) fn calendar() -> Self {
        Self::Calendar(Calendar::default())
    }

    /// The period of `now`.
    #[inline]
    pub(crate) fn at(&self, now: CoreTime) -> Period {
        match self {
            Self::Aligned { length_us, phase_us } => {
                let us = now.plus(*length_us).since(CoreTime::from_micros(*phase_us));
                let since = us.checked_rem(*length_us).unwrap_or(0);
                Period { began: now.minus(since), ends: Some(now.plus(length_us.saturating_sub(since))) }
            }
            Self::Calendar(calendar) => calendar.at(now),
        }
    }

    /// Lets go of the boundaries that have passed.
    #[inline]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        if let Self::Calendar(calendar) = self {
            calendar.advance(now);
        }
    }

    /// Windows of one length end at `at` from now on.
    pub(crate) fn end_at(&mut self, at: CoreTime) {
        if let Self::Aligned { length_us, phase_us } = self {
            *phase_us = at.as_micros().checked_rem(*length_us).unwrap_or(0);
        }
    }

    /// Whether the shell is to be asked for boundaries: once, as soon as the end of the current period or of the next one is
    /// missing, and again only later than the next [`give`](Self::give).
    pub(crate) fn asks(&mut self, now: CoreTime) -> bool {
        let Self::Calendar(calendar) = self else { return false };
        let asks = calendar.next_ends.is_none() && !calendar.asked && calendar.told.is_none_or(|told| told < now);
        calendar.asked |= asks;
        asks
    }

    /// What has been asked for will not come.
    pub(crate) const fn not_asked(&mut self) {
        if let Self::Calendar(calendar) = self {
            calendar.asked = false;
        }
    }

    /// What was said no longer holds: asks for it again, and goes by it until then.
    pub(crate) fn ask_again(&mut self) {
        if let Self::Calendar(calendar) = self {
            calendar.next_ends = None;
            calendar.asked = false;
            calendar.told = None;
        }
    }

    /// Takes the ends of the period of `now` and of the one after it, in place of those held. An end that is not after `now`
    /// is none, and so is a next one that is not after the first: the period goes on, and more is asked for.
    pub(crate) fn give(&mut self, now: CoreTime, ends: CoreTime, next_ends: CoreTime) {
        if let Self::Calendar(calendar) = self {
            calendar.advance(now);
            calendar.asked = false;
            calendar.told = Some(now);
            calendar.ends = Some(ends).filter(|&ends| ends > now);
            calendar.next_ends = Some(next_ends).filter(|&next| calendar.ends.is_some_and(|ends| next > ends));
        }
    }

    /// What cannot be computed.
    pub(crate) fn write(&self, w: &mut Writer) {
        match self {
            Self::Aligned { phase_us, .. } => w.u64(*phase_us),
            Self::Calendar(calendar) => {
                w.u64(calendar.began.as_micros());
                w.option(calendar.ends.map(CoreTime::as_micros));
                w.option(calendar.next_ends.map(CoreTime::as_micros));
            }
        }
    }

    /// Takes over what `write` wrote of periods of the same kind. What had been asked for is asked for again. Fails on a
    /// beginning later than `now` and on ends out of order.
    #[inline(never)]
    pub(crate) fn restore(&mut self, r: &mut Reader<'_>, now: CoreTime) {
        let calendar = match self {
            Self::Aligned { length_us, phase_us } => {
                *phase_us = r.u64();
                return r.require(*phase_us < *length_us);
            }
            Self::Calendar(calendar) => calendar,
        };
        let began = CoreTime::from_micros(r.u64());
        let ends = r.option().map(CoreTime::from_micros);
        let next_ends = r.option().map(CoreTime::from_micros);
        let ordered = match (ends, next_ends) {
            (None, next) => next.is_none(),
            (Some(ends), None) => began < ends,
            (Some(ends), Some(next)) => began < ends && ends < next,
        };
        r.require(began <= now && ordered);
        *calendar = Calendar { began, ends, next_ends, ..Calendar::default() };
    }
}

impl Calendar {
    fn at(&self, now: CoreTime) -> Period {
        match (self.ends, self.next_ends) {
            (_, Some(next)) if next <= now => Period { began: next, ends: None },
            (Some(ends), next) if ends <= now => Period { began: ends, ends: next },
            (ends, _) => Period { began: self.began, ends },
        }
    }

    fn advance(&mut self, now: CoreTime) {
        let Period { began, ends } = self.at(now);
        if began > self.began {
            *self = Self { began, ends, next_ends: None, asked: self.asked, told: self.told };
        }
    }
}

/// What one key has used of the current period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct FixedWindow {
    began: CoreTime,
    sum: u64,
}

impl FixedWindow {
    /// What is used. Call `advance` first.
    #[inline]
    pub(crate) const fn sum(&self) -> u64 {
        self.sum
    }

    /// What will be used in a later period, without changing it.
    pub(crate) fn sum_at(&self, period: Period) -> u64 {
        if period.began > self.began { 0 } else { self.sum }
    }

    /// Lets go of what was used in an earlier period.
    #[inline]
    pub(crate) fn advance(&mut self, period: Period) {
        self.sum = self.sum_at(period);
        self.began = self.began.max(period.began);
    }

    /// Its period is another one, in which all the same is counted.
    pub(crate) const fn move_to(&mut self, period: Period) {
        self.began = period.began;
    }

    /// Counts `amount`. Call `advance` first.
    #[inline]
    pub(crate) const fn add(&mut self, amount: u64) {
        self.sum = self.sum.saturating_add(amount);
    }

    /// Counts so much less.
    pub(crate) const fn credit(&mut self, amount: u64) {
        self.sum = self.sum.saturating_sub(amount);
    }

    /// Replaces the part `from` of what was counted at `admitted` by `to`. Nothing happens if that was in an earlier period.
    /// Call `advance` first.
    pub(crate) fn settle(&mut self, admitted: CoreTime, from: u64, to: u64) {
        if admitted >= self.began {
            self.sum = self.sum.saturating_add(to).saturating_sub(from);
        }
    }

    /// The first instant at which at most `most` is used, if nothing is added: `now` or the end of the period, of which
    /// nobody may know yet.
    pub(crate) fn free_at(&self, now: CoreTime, period: Period, most: u64) -> Option<CoreTime> {
        if self.sum_at(period) <= most { Some(now) } else { period.ends }
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.began.as_micros());
        w.u64(self.sum);
    }

    /// Fails on a period that began after `now`, and on sums that no calls can have.
    #[inline(never)]
    pub(crate) fn read(r: &mut Reader<'_>, now: CoreTime) -> Self {
        let (began, sum) = (CoreTime::from_micros(r.u64()), r.u64());
        r.require(began <= now && sum <= i64::MAX as u64);
        Self { began, sum }
    }
}
