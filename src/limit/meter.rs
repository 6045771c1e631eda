//! Decides nothing itself: one set of questions for all algorithms, each of which answers them in its own file. The rolling window,
//! which nearly all limits are, is asked first where every call asks: one comparison in place of a table of jumps.

use super::bucket::{self, TokenBucket};
use super::fixed::{FixedWindow, Periods};
use super::hidden::Hidden;
use super::window::SlidingWindow;
use crate::codec::{Reader, Writer};
use crate::config::{self, Algorithm, Window};
use crate::time::CoreTime;
use alloc::boxed::Box;

/// What one limit has counted, by the rules of its algorithm.
#[derive(Debug, PartialEq)]
pub(super) enum Meter {
    Sliding(SlidingWindow),
    Bucket(TokenBucket),
    Fixed(FixedWindow),
    Hidden(Box<Hidden>),
}

/// The periods of a limit; only fixed windows look at them.
pub(super) fn periods(limit: &config::Limit) -> Periods {
    match limit.window {
        Window::Micros(us) => Periods::aligned(us),
        Window::Calendar => Periods::calendar(),
    }
}

fn bucket_rate(limit: &config::Limit, window_us: u64) -> bucket::Rate {
    bucket::Rate { limit: limit.limit, window_us, burst: limit.capacity(), max_debt: limit.bucket_debt() }
}

impl Meter {
    /// A meter that has counted nothing, of a limit that has been checked.
    #[inline(never)]
    pub(super) fn new(limit: &config::Limit) -> Self {
        match (limit.algorithm, limit.window) {
            (Algorithm::SlidingWindow, Window::Micros(us)) => Self::Sliding(SlidingWindow::new(us)),
            (Algorithm::TokenBucket { .. }, Window::Micros(us)) => {
                // What does not fit has been refused with the configuration.
                let bucket = TokenBucket::new(bucket_rate(limit, us));
                bucket.map_or(Self::Fixed(FixedWindow::default()), Self::Bucket)
            }
            (Algorithm::Hidden, Window::Micros(us)) => Self::Hidden(Hidden::new(us, limit.limit).into()),
            (Algorithm::FixedWindow, _) | (_, Window::Calendar) => Self::Fixed(FixedWindow::default()),
        }
    }

    /// Another one that counts the same, in little memory: at least as strict.
    #[inline(never)]
    pub(super) fn copy(&self) -> Self {
        match self {
            Self::Sliding(window) => Self::Sliding(window.copy()),
            Self::Bucket(bucket) => Self::Bucket(bucket.clone()),
            Self::Fixed(window) => Self::Fixed(*window),
            Self::Hidden(hidden) => Self::Hidden(hidden.copy().into()),
        }
    }

    /// Moves it to `now`.
    #[inline(always)]
    pub(super) fn advance(&mut self, now: CoreTime, periods: &mut Periods) {
        match self {
            Self::Sliding(window) => window.advance(now),
            _ => self.advance_any(now, periods),
        }
    }

    #[inline(never)]
    fn advance_any(&mut self, now: CoreTime, periods: &mut Periods) {
        match self {
            Self::Sliding(window) => window.advance(now),
            Self::Hidden(hidden) => hidden.advance(now),
            Self::Bucket(bucket) => bucket.advance(now),
            Self::Fixed(window) => {
                periods.advance(now);
                window.advance(periods.at(now));
            }
        }
    }

    /// Whether so much more is at most `max`, which a hidden limit knows itself. Call `advance` first.
    #[inline(always)]
    pub(super) fn fits(&self, amount: u64, max: u64) -> bool {
        match self {
            // Neither sum can overflow: what is counted stays below 2^63.
            Self::Sliding(window) => window.sum().wrapping_add(amount) <= max,
            _ => self.fits_any(amount, max),
        }
    }

    #[inline(never)]
    fn fits_any(&self, amount: u64, max: u64) -> bool {
        match self {
            Self::Hidden(hidden) => hidden.fits(amount),
            _ => self.used().saturating_add(amount) <= max,
        }
    }

    /// What is counted. Call `advance` first.
    #[inline]
    pub(super) const fn used(&self) -> u64 {
        match self {
            Self::Sliding(window) => window.sum(),
            _ => self.used_any(),
        }
    }

    #[inline(never)]
    const fn used_any(&self) -> u64 {
        match self {
            Self::Sliding(window) => window.sum(),
            Self::Bucket(bucket) => bucket.sum(),
            Self::Fixed(window) => window.sum(),
            Self::Hidden(hidden) => hidden.window().sum(),
        }
    }

    /// What will be counted at `now`, without changing it.
    pub(super) fn used_at(&self, now: CoreTime, periods: &Periods) -> u64 {
        match self {
            Self::Sliding(window) => window.sum_at(now),
            Self::Bucket(bucket) => bucket.sum_at(now),
            Self::Fixed(window) => window.sum_at(periods.at(now)),
            Self::Hidden(hidden) => hidden.window().sum_at(now),
        }
    }

    /// Counts `amount`. Call `advance` first.
    #[inline(always)]
    pub(super) fn add(&mut self, now: CoreTime, amount: u64) {
        match self {
            Self::Sliding(window) => window.add(now, amount),
            _ => self.add_any(now, amount),
        }
    }

    #[inline(never)]
    fn add_any(&mut self, now: CoreTime, amount: u64) {
        match self {
            Self::Sliding(window) => window.add(now, amount),
            Self::Bucket(bucket) => bucket.add(now, amount),
            Self::Fixed(window) => window.add(amount),
            Self::Hidden(hidden) => hidden.add(now, amount),
        }
    }

    /// Corrects what was counted at `admitted` from `from` to `to`; more than `most` altogether is forgiven. Call `advance`
    /// first.
    #[inline]
    pub(super) fn settle(&mut self, (now, admitted): (CoreTime, CoreTime), from: u64, to: u64, most: u64) {
        // A bucket knows its own bound.
        let bounded =
            if to <= from { to } else { to.min(most.saturating_sub(self.used().saturating_sub(from)).max(from)) };
        if let Self::Sliding(window) = self {
            window.settle(now, admitted, from, bounded);
        } else {
            self.settle_any((now, admitted), from, [to, bounded]);
        }
    }

    #[inline(never)]
    fn settle_any(&mut self, (now, admitted): (CoreTime, CoreTime), from: u64, [to, bounded]: [u64; 2]) {
        match self {
            Self::Sliding(window) => window.settle(now, admitted, from, bounded),
            Self::Bucket(bucket) => bucket.settle(admitted, from, to),
            Self::Fixed(window) => window.settle(admitted, from, bounded),
            Self::Hidden(hidden) => hidden.settle(now, admitted, from, to),
        }
    }

    /// What it has learnt, of a hidden limit.
    pub(super) const fn learnt(&self) -> Option<&Hidden> {
        if let Self::Hidden(hidden) = self { Some(hidden) } else { None }
    }

    /// Counts so much less, whatever it was for. A sliding window cannot: it has let go of it when the window has passed.
    pub(super) fn credit(&mut self, amount: u64) {
        match self {
            Self::Sliding(_) | Self::Hidden(_) => {}
            Self::Bucket(bucket) => bucket.credit(amount),
            Self::Fixed(window) => window.credit(amount),
        }
    }

    /// The period of a fixed window ends at another instant; what is counted stays counted.
    pub(super) fn end_at(&mut self, now: CoreTime, periods: &mut Periods, at: CoreTime) {
        if let Self::Fixed(window) = self {
            periods.end_at(at);
            window.move_to(periods.at(now));
        }
    }

    /// The first instant at which at most `most` is counted, if nothing is added; `None` if nobody knows yet.
    #[inline(never)]
    pub(super) fn free_at(&self, now: CoreTime, periods: &Periods, most: u64) -> Option<CoreTime> {
        match self {
            Self::Sliding(window) => Some(window.free_at(now, most)),
            Self::Bucket(bucket) => Some(bucket.free_at(now, most)),
            Self::Fixed(window) => window.free_at(now, periods.at(now), most),
            Self::Hidden(hidden) => Some(hidden.free_at(now, most)),
        }
    }

    /// Until when what was counted at `admitted` can still be corrected.
    #[inline(never)]
    pub(super) fn settles_until(&self, admitted: CoreTime, periods: &Periods) -> CoreTime {
        match self {
            Self::Sliding(window) => admitted.plus(window.window_us()),
            Self::Bucket(bucket) => bucket.settles_until(admitted),
            Self::Hidden(hidden) => admitted.plus(hidden.window().window_us()),
            Self::Fixed(_) => {
                let period = periods.at(admitted);
                // Otherwise its own period is over.
                if period.began > admitted { admitted } else { period.ends.unwrap_or(CoreTime::NEVER) }
            }
        }
    }

    /// Goes by other amounts from `now` on; what is counted stays counted.
    pub(super) fn change(&mut self, now: CoreTime, limit: &config::Limit) {
        if let Self::Hidden(hidden) = self {
            hidden.bound(limit.limit);
        }
        if let Self::Bucket(bucket) = self {
            let rate = bucket_rate(limit, bucket.rate().window_us);
            if rate != *bucket.rate() {
                bucket.advance(now);
                // What does not fit has been refused with the configuration.
                let _ = bucket.change(now, rate);
            }
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        match self {
            Self::Sliding(window) => window.write(w),
            Self::Bucket(bucket) => bucket.write(w),
            Self::Fixed(window) => window.write(w),
            Self::Hidden(hidden) => hidden.write(w),
        }
    }

    /// The meter of a limit as it was saved, at the amounts of then.
    #[inline(never)]
    pub(super) fn read(r: &mut Reader<'_>, limit: &config::Limit, now: CoreTime) -> Self {
        let mut meter = Self::new(limit);
        match &mut meter {
            Self::Sliding(window) => *window = SlidingWindow::read(r, window.window_us(), now),
            Self::Fixed(window) => *window = FixedWindow::read(r, now),
            Self::Bucket(bucket) => bucket.restore(r, now),
            Self::Hidden(hidden) => hidden.restore(r, now),
        }
        meter
    }
}
