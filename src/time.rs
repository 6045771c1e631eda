//! Decides what time it is. Instants of the caller go in, core time comes out.
//!
//! The core has no clock: `now` is an argument of every command. Callers' clocks are set by hand, stepped by NTP and read
//! as 0 before the first request of some edge runtimes, so the core keeps a time line of its own that never goes back:
//!
//! - a step back of at most one second is clamped: time stands still until the caller's clock has caught up;
//! - a larger one is a clock change: an offset is added to every later `now`, and taken off every instant handed out;
//! - a reading of 0 followed by a date is a clock that had not started, which is a clock change as well;
//! - a step forward of more than 367 days is one of 367 days: by then everything has expired, and core time never runs out.
//!
//! Invariants: core time never decreases; every guarantee of this crate is in core time. Unit: integer microseconds, of
//! which 63 bits are 292,000 years; as `f64` milliseconds, JavaScript counts them exactly until the year 2255.
//!
//! Called by the `governor` only; all other modules see core time and nothing else.

use crate::codec::{Reader, Writer};

/// A reading of the caller's clock, in microseconds since an epoch of the caller's choice.
///
/// ```
/// use throttleai::Instant;
/// let now = Instant::from_millis(1_500.25);
/// assert_eq!(now.as_micros(), 1_500_250);
/// assert_eq!(now.as_millis_ceil(), 1_501);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// An instant from whole microseconds.
    #[must_use]
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// An instant from milliseconds, rounded down to the microsecond. NaN and negative numbers give 0, what lies beyond
    /// the range its end.
    #[must_use]
    pub fn from_millis(ms: f64) -> Self {
        Self(whole(ms * 1000.0))
    }

    /// Whole microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds, rounded up: waiting until then is never too short.
    #[must_use]
    pub const fn as_millis_ceil(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// The same as a float. Exact until the year 2255; a division of floats is several times as fast as one of 64-bit
    /// integers in wasm.
    #[must_use]
    #[inline]
    pub fn as_millis_ceil_f64(self) -> f64 {
        let quotient = self.0 as i64 as f64 / 1000.0;
        let whole = quotient as i64 as f64;
        if whole < quotient { whole + 1.0 } else { whole }
    }
}

/// The whole part of a number: 0 for what is negative or no number, 2^63 - 1 for what is beyond it. By way of the signed
/// conversion, which is one instruction where the unsigned one is ten.
#[inline]
pub(crate) const fn whole(number: f64) -> u64 {
    let signed = number as i64;
    if signed < 0 { 0 } else { signed.unsigned_abs() }
}

/// An instant on the core's own time line, in microseconds. Never decreases from one command to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CoreTime(u64);

impl CoreTime {
    /// Later than any instant that is reached.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    pub(crate) const fn as_micros(self) -> u64 {
        self.0
    }

    pub(crate) const fn plus(self, us: u64) -> Self {
        Self(self.0.saturating_add(us))
    }

    pub(crate) const fn minus(self, us: u64) -> Self {
        Self(self.0.saturating_sub(us))
    }

    /// Microseconds from `earlier` to `self`; 0 if it is not earlier.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Longest step back that is clamped, in microseconds. Longer ones would freeze every window for as long.
const CLAMP_US: u64 = 1_000_000;

/// A first reading after 0 that is at least this (March 1973, in Unix microseconds) means that 0 was "no clock yet".
const EPOCH_US: i64 = 100_000_000_000_000;

/// Longest step forward, in microseconds: a day more than the longest window and the longest lease.
const FORWARD_MAX_US: i64 = 367 * 86_400 * 1_000_000;

/// The end of time, in microseconds: room for offsets and windows on both sides.
const MAX_US: u64 = 1 << 61;

/// The core's time line: maps the caller's instants to core time and back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TimeLine {
    /// At most [`MAX_US`].
    last: CoreTime,
    /// Core time minus the caller's time, in microseconds: at most [`MAX_US`] either way.
    offset: i64,
    /// A reading has been taken.
    read: bool,
    clamped: u64,
    changes: u64,
}

impl TimeLine {
    /// Takes a reading and returns the core time of this command.
    #[inline]
    pub(crate) fn observe(&mut self, now: Instant) -> CoreTime {
        let at = to_signed(now.0).wrapping_add(self.offset);
        let ahead = at.wrapping_sub(to_signed(self.last.0));
        if (0..=FORWARD_MAX_US).contains(&ahead) && at <= to_signed(MAX_US) {
            self.last = CoreTime(at.unsigned_abs());
            self.read = true;
        } else {
            self.observe_jump(now, ahead);
        }
        self.last
    }

    #[cold]
    fn observe_jump(&mut self, now: Instant, ahead: i64) {
        if !self.read {
            self.read = true;
            // Never back, whatever an image says.
            self.last = self.last.max(CoreTime(to_signed(now.0).unsigned_abs()));
        } else if ahead < 0 && ahead.unsigned_abs() <= CLAMP_US {
            self.clamped = self.clamped.saturating_add(1);
        } else {
            let from_nothing = self.last.0 == 0 && ahead >= EPOCH_US;
            let elapsed = if ahead < 0 || from_nothing { 0 } else { ahead.min(FORWARD_MAX_US).unsigned_abs() };
            self.last = self.last.plus(elapsed).min(CoreTime(MAX_US));
            self.offset = to_signed(self.last.0).wrapping_sub(to_signed(now.0));
            self.changes = self.changes.saturating_add(1);
        }
    }

    /// Ends the instant of the last command: what happens now is later than what has happened, by a microsecond.
    pub(crate) fn tick(&mut self) {
        let next = self.last.plus(1).min(CoreTime(MAX_US));
        self.offset = self.offset.wrapping_add(to_signed(next.since(self.last)));
        self.last = next;
    }

    /// The core time of the last command.
    pub(crate) const fn last(&self) -> CoreTime {
        self.last
    }

    /// The core time of a reading, without taking it: for getters. Never before the last command.
    pub(crate) fn peek(&self, now: Instant) -> CoreTime {
        self.last.plus(from_signed(self.ahead(now)))
    }

    /// How far a reading lies ahead of the last core time; negative if behind.
    const fn ahead(&self, now: Instant) -> i64 {
        to_signed(now.0).wrapping_add(self.offset).wrapping_sub(to_signed(self.last.0))
    }

    /// A core instant in the caller's time.
    pub(crate) fn to_caller(&self, at: CoreTime) -> Instant {
        Instant(from_signed(to_signed(at.0).wrapping_sub(self.offset)))
    }

    /// An instant of the caller in core time, for deadlines. It is converted once, when it comes in: a later clock change
    /// does not move it.
    pub(crate) fn to_core(&self, at: Instant) -> CoreTime {
        CoreTime(from_signed(to_signed(at.0).wrapping_add(self.offset)))
    }

    /// What makes an instant of the caller of one of core time: changes with the caller's clock alone.
    #[cfg(feature = "wasm")]
    pub(crate) const fn offset(&self) -> i64 {
        self.offset
    }

    /// Steps back that were clamped, and clock changes, so far.
    pub(crate) const fn faults(&self) -> (u64, u64) {
        (self.clamped, self.changes)
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.last.0);
        w.i64(self.offset);
        w.bool(self.read);
        w.u64(self.clamped);
        w.u64(self.changes);
    }

    /// Fails on what no clock leads to.
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let line =
            Self { last: CoreTime(r.u64()), offset: r.i64(), read: r.bool(), clamped: r.u64(), changes: r.u64() };
        r.require(line.last.0 <= MAX_US && line.offset.unsigned_abs() <= MAX_US);
        line
    }
}

/// At most the end of time. Sums and differences of three such numbers stay within 64 bits: saturating ones take twice as
/// many instructions in wasm.
const fn to_signed(us: u64) -> i64 {
    if us > MAX_US { MAX_US as i64 } else { us as i64 }
}

/// 0 for what is negative.
const fn from_signed(us: i64) -> u64 {
    if us < 0 { 0 } else { us.unsigned_abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: f64 = 86_400_000.0;
    const NOW_MS: f64 = 1_790_000_000_000.0;

    fn at(line: &mut TimeLine, ms: f64) -> u64 {
        line.observe(Instant::from_millis(ms)).as_micros()
    }

    #[test]
    fn goes_on_with_the_clock() {
        let mut line = TimeLine::default();
        assert_eq!(at(&mut line, NOW_MS), 1_790_000_000_000_000);
        assert_eq!(at(&mut line, NOW_MS + 0.5), 1_790_000_000_000_500);
        assert_eq!(at(&mut line, NOW_MS + 366.0 * DAY_MS), 1_821_622_400_000_000, "a long sleep is real time");
        assert_eq!(line.faults(), (0, 0));
        assert_eq!(at(&mut line, NOW_MS + 36_600.0 * DAY_MS), 1_853_331_200_000_000, "a century ends what a year ends");
        assert_eq!(line.to_caller(line.last), Instant::from_millis(NOW_MS + 36_600.0 * DAY_MS));
    }

    #[test]
    fn an_image_of_a_line_that_was_never_read_cannot_turn_it_back() {
        let mut line = TimeLine { last: CoreTime(5_000_000), ..TimeLine::default() };
        assert_eq!(at(&mut line, 1_000.0), 5_000_000);
        assert_eq!(at(&mut line, 1_001.0), 5_000_000, "the clock was set, to the core");
        assert_eq!(at(&mut line, 1_002.0), 5_001_000);
    }

    #[test]
    fn clamps_a_small_step_back() {
        let mut line = TimeLine::default();
        let start = at(&mut line, NOW_MS);
        assert_eq!(at(&mut line, NOW_MS - 1000.0), start);
        assert_eq!(at(&mut line, NOW_MS - 1.0), start);
        assert_eq!(at(&mut line, NOW_MS + 1.0), start + 1000);
        assert_eq!(line.faults(), (2, 0));
    }

    #[test]
    fn follows_a_large_step_back_with_an_offset() {
        let mut line = TimeLine::default();
        let start = at(&mut line, NOW_MS);
        assert_eq!(at(&mut line, NOW_MS - DAY_MS), start);
        assert_eq!(at(&mut line, NOW_MS - DAY_MS + 1.0), start + 1000);
        assert_eq!(line.faults(), (0, 1));
        let instant = line.to_caller(CoreTime(start + 5_000));
        assert_eq!(instant, Instant::from_millis(NOW_MS - DAY_MS + 5.0), "instants go out in the caller's time");
    }

    #[test]
    fn many_small_steps_back_are_not_clamped_for_ever() {
        let mut line = TimeLine::default();
        let start = at(&mut line, NOW_MS);
        for step in 1..=10 {
            at(&mut line, NOW_MS - 900.0 * f64::from(step));
        }
        assert_eq!(at(&mut line, NOW_MS - 9000.0 + 1.0), start + 1000);
    }

    #[test]
    fn zero_is_a_clock_that_has_not_started() {
        let mut line = TimeLine::default();
        assert_eq!(at(&mut line, 0.0), 0);
        assert_eq!(at(&mut line, NOW_MS), 0, "module scope of a Worker, then the first request");
        assert_eq!(at(&mut line, NOW_MS + 1.0), 1000);
        assert_eq!(line.to_caller(CoreTime(1000)), Instant::from_millis(NOW_MS + 1.0));
        assert_eq!(at(&mut line, NOW_MS - 200.0), 1000, "and a step back before its start is clamped");
    }

    #[test]
    fn a_test_clock_may_start_at_zero() {
        let mut line = TimeLine::default();
        assert_eq!(at(&mut line, 0.0), 0);
        assert_eq!(at(&mut line, 60_000.0), 60_000_000);
    }

    #[test]
    fn absurd_readings_do_no_harm() {
        let mut line = TimeLine::default();
        at(&mut line, NOW_MS);
        for ms in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300, NOW_MS] {
            let before = line.last;
            assert!(line.observe(Instant::from_millis(ms)) >= before);
        }
    }
}
