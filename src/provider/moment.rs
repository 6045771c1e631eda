//! Decides what instant a text means, by the format that the dialect names: never by what the number looks like, but for
//! [`Format::SECONDS_OR_EPOCH`], whose two meanings cannot meet.
//!
//! Durations are rounded up to the microsecond: waiting is never too short. An instant that is a day past or more than a year
//! ahead is not believed: it is one of another unit.

use super::date;
use super::number::{scaled, whole};
use crate::time::Instant;

/// How an instant or a delay may be written: one way, or several that no text can be both of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format(u16);

impl Format {
    /// No way at all.
    pub(super) const NONE: Self = Self(0);
    /// Seconds from now, with decimals.
    pub const SECONDS: Self = Self(1);
    /// Milliseconds from now.
    pub const MILLIS: Self = Self(1 << 1);
    /// Seconds since 1970.
    pub const EPOCH_SECONDS: Self = Self(1 << 2);
    /// Milliseconds since 1970.
    pub const EPOCH_MILLIS: Self = Self(1 << 3);
    /// For servers of which nothing is known: at most a year in seconds, else an instant in seconds or milliseconds since 1970.
    pub const SECONDS_OR_EPOCH: Self = Self(1 << 4);
    /// As Go and Protocol Buffers print durations: `6m0s`, `2m59.56s`, `12ms`, `45.8s`.
    pub const DURATION: Self = Self(1 << 5);
    /// `2026-11-22T14:03:00Z`, with a fraction or another offset.
    pub const RFC3339: Self = Self(1 << 6);
    /// `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms.
    pub const HTTP_DATE: Self = Self(1 << 7);
    /// `01:12:34`: hours, minutes, seconds from now.
    pub const CLOCK: Self = Self(1 << 8);

    /// All of them, by the names that tables of dialects use.
    pub(super) const NAMES: [(&'static str, Self); 9] = [
        ("seconds", Self::SECONDS),
        ("millis", Self::MILLIS),
        ("epoch-seconds", Self::EPOCH_SECONDS),
        ("epoch-millis", Self::EPOCH_MILLIS),
        ("seconds-or-epoch", Self::SECONDS_OR_EPOCH),
        ("duration", Self::DURATION),
        ("rfc3339", Self::RFC3339),
        ("http-date", Self::HTTP_DATE),
        ("clock", Self::CLOCK),
    ];
    /// The first of them are plain numbers: of these a format has at most one.
    const NUMBERS: u16 = 0b1_1111;

    /// Either way. `None`: a number would be both.
    pub(super) fn or(self, other: Self) -> Option<Self> {
        let both = Self(self.0 | other.0);
        ((both.0 & Self::NUMBERS).count_ones() <= 1).then_some(both)
    }

    /// What `Retry-After` is.
    pub(super) const RETRY_AFTER: Self = Self(Self::SECONDS.0 | Self::HTTP_DATE.0);
    /// A duration with its units, or seconds without.
    pub(super) const DURATION_OR_SECONDS: Self = Self(Self::SECONDS.0 | Self::DURATION.0);
    /// An instant either way.
    pub(super) const EPOCH_OR_RFC3339: Self = Self(Self::EPOCH_SECONDS.0 | Self::RFC3339.0);

    /// For servers of which nothing is known.
    pub(super) const ANY: Self =
        Self(Self::SECONDS_OR_EPOCH.0 | Self::DURATION.0 | Self::RFC3339.0 | Self::HTTP_DATE.0);

    pub(super) const fn has(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }
}

/// What time it is, here and there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) now: Instant,
    /// What the server's `Date` said, in microseconds.
    pub(super) server_us: Option<u64>,
}

/// Up to here the two clocks are the same one: `Date` has whole seconds, and answers take time.
const SAME_US: i64 = 2_000_000;
/// Longest delay that is believed, and how far ahead an instant may be, in microseconds: 366 days.
const AHEAD_US_MAX: u64 = 366 * DAY_US;
/// How long past an instant may be.
const PAST_US_MAX: u64 = DAY_US;
pub(super) const DAY_US: u64 = 86_400 * 1_000_000;

impl Clocks {
    /// By how many microseconds the server's clock is ahead of ours; 0 where they are the same as far as anybody can tell.
    pub(super) fn skew_us(&self) -> i64 {
        let server = self.server_us.unwrap_or(self.now.as_micros());
        let ahead = server.cast_signed().saturating_sub(self.now.as_micros().cast_signed());
        if ahead.saturating_abs() > SAME_US { ahead } else { 0 }
    }

    /// An instant of the server in the caller's time.
    fn of_server(&self, at_us: u64) -> Option<Instant> {
        let ours = |skew: i64| u64::try_from(at_us.cast_signed().saturating_sub(skew)).ok().filter(|at| self.near(*at));
        // A `Date` that is wrong must not make a good instant unbelievable.
        ours(self.skew_us()).or_else(|| ours(0)).map(Instant::from_micros)
    }

    fn near(&self, at_us: u64) -> bool {
        let now = self.now.as_micros();
        at_us >= now.saturating_sub(PAST_US_MAX) && at_us <= now.saturating_add(AHEAD_US_MAX)
    }

    fn after(&self, delay_us: u64) -> Option<Instant> {
        (delay_us <= AHEAD_US_MAX).then(|| Instant::from_micros(self.now.as_micros().saturating_add(delay_us)))
    }
}

/// Why a text is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoMoment {
    /// Not written in the format.
    Unreadable,
    /// Below zero: it stands for "not known".
    Sentinel,
    /// It would be long past, or more than a year ahead.
    Unbelievable,
}

/// The instant, in the caller's time.
pub(super) fn read(text: &str, format: Format, clocks: &Clocks) -> Result<Instant, NoMoment> {
    if text.strip_prefix('-').is_some_and(|rest| scaled(rest, 0).is_some()) {
        return Err(NoMoment::Sentinel);
    }
    if let Some(moment) = number(text, format, clocks) {
        return moment;
    }
    let delay =
        |format_is: Format, parse: fn(&str) -> Option<u64>| format.has(format_is).then(|| parse(text)).flatten();
    if let Some(us) = delay(Format::DURATION, duration).or_else(|| delay(Format::CLOCK, clock)) {
        return clocks.after(us).ok_or(NoMoment::Unbelievable);
    }
    if let Some(us) = delay(Format::RFC3339, date::rfc3339).or_else(|| delay(Format::HTTP_DATE, date::http)) {
        return clocks.of_server(us).ok_or(NoMoment::Unbelievable);
    }
    Err(NoMoment::Unreadable)
}

/// A plain number, if the format has one.
fn number(text: &str, format: Format, clocks: &Clocks) -> Option<Result<Instant, NoMoment>> {
    let micros = |places| scaled(text, places).map(|it| it.ceil());
    let moment = if format.has(Format::SECONDS) {
        clocks.after(micros(6)?)
    } else if format.has(Format::MILLIS) {
        clocks.after(micros(3)?)
    } else if format.has(Format::EPOCH_SECONDS) {
        clocks.of_server(micros(6)?)
    } else if format.has(Format::EPOCH_MILLIS) {
        clocks.of_server(micros(3)?)
    } else if format.has(Format::SECONDS_OR_EPOCH) {
        let (seconds, millis) = (micros(6)?, micros(3)?);
        clocks.after(seconds).or_else(|| clocks.of_server(seconds)).or_else(|| clocks.of_server(millis))
    } else {
        return None;
    };
    Some(moment.ok_or(NoMoment::Unbelievable))
}

/// Microseconds of `6m0s`; units may be left out of a zero only.
fn duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (amount, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?)?;
        let (unit, next) =
            after.split_at_checked(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()))?;
        // Down to the nanosecond, then up to the microsecond.
        let unit_ns: u64 = match unit {
            "d" => 86_400_000_000_000,
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let billionths = u128::from(scaled(amount, 9)?.ceil());
        let us = billionths.saturating_mul(u128::from(unit_ns)).div_ceil(1_000_000_000_000);
        sum = sum.saturating_add(u64::try_from(us).unwrap_or(u64::MAX));
        rest = next;
    }
    (!text.is_empty()).then_some(sum)
}

/// Microseconds of `01:12:34`.
fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(whole);
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let minutes = hours.saturating_mul(60).saturating_add(minutes);
    Some(minutes.saturating_mul(60).saturating_add(seconds).saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    const NOW_US: u64 = 1_790_000_000_000_000;
    const CLOCKS: Clocks = Clocks { now: Instant::from_micros(NOW_US), server_us: None };

    fn delay(text: &str, format: Format) -> Result<i64, NoMoment> {
        read(text, format, &CLOCKS).map(|at| at.as_micros().cast_signed() - NOW_US.cast_signed())
    }

    #[test]
    fn durations() {
        let cases = [
            ("1s", 1_000_000),
            ("6m0s", 360_000_000),
            ("12ms", 12_000),
            ("2m59.56s", 179_560_000),
            ("194ms", 194_000),
            ("1h2m3.5s", 3_723_500_000),
            ("45.837906927s", 45_837_907),
            ("373.801628ms", 373_802),
            ("120.5µs", 121),
            ("7ns", 1),
            ("0", 0),
            ("0s", 0),
            ("1d", 86_400_000_000),
            (".5s", 500_000),
        ];
        for (text, us) in cases {
            assert_eq!(delay(text, Format::DURATION), Ok(us), "{text}");
        }
        for text in ["", "5", "s", "1x", "1 s", "1s ", "m1", "1s2", "1.2.3s", "6m0s,6m0s", "1µ", "1h-2m"] {
            assert_eq!(delay(text, Format::DURATION), Err(NoMoment::Unreadable), "{text:?}");
        }
        assert_eq!(delay("367d", Format::DURATION), Err(NoMoment::Unbelievable));
        assert_eq!(delay("99999999999999999999h", Format::DURATION), Err(NoMoment::Unbelievable));
    }

    #[test]
    fn numbers_have_the_unit_of_their_format() {
        assert_eq!(delay("12", Format::SECONDS), Ok(12_000_000));
        assert_eq!(delay("7.66", Format::SECONDS), Ok(7_660_000));
        assert_eq!(delay("12", Format::MILLIS), Ok(12_000));
        assert_eq!(delay("1790000060", Format::EPOCH_SECONDS), Ok(60_000_000));
        assert_eq!(delay("1790000060500", Format::EPOCH_MILLIS), Ok(60_500_000));
        assert_eq!(delay("1790000060500", Format::EPOCH_SECONDS), Err(NoMoment::Unbelievable));
        assert_eq!(delay("1790000060", Format::EPOCH_MILLIS), Err(NoMoment::Unbelievable));
        assert_eq!(delay("1790000060", Format::SECONDS), Err(NoMoment::Unbelievable));
        assert_eq!(delay("60", Format::EPOCH_SECONDS), Err(NoMoment::Unbelievable));
        assert_eq!(delay("-1", Format::SECONDS), Err(NoMoment::Sentinel));
        assert_eq!(delay("6m0s", Format::SECONDS), Err(NoMoment::Unreadable));
        for (text, us) in [("60", 60_000_000), ("1790000060", 60_000_000), ("1790000060500", 60_500_000)] {
            assert_eq!(delay(text, Format::SECONDS_OR_EPOCH), Ok(us), "{text}");
        }
    }

    #[test]
    fn clocks_and_dates() {
        assert_eq!(delay("01:12:34", Format::CLOCK), Ok(4_354_000_000));
        assert_eq!(delay("01:60:00", Format::CLOCK), Err(NoMoment::Unreadable));
        assert_eq!(delay("2026-09-21T14:14:20Z", Format::RFC3339), Ok(60_000_000));
        assert_eq!(delay("Mon, 21 Sep 2026 14:14:20 GMT", Format::HTTP_DATE), Ok(60_000_000));
        assert_eq!(delay("2020-09-21T14:14:20Z", Format::RFC3339), Err(NoMoment::Unbelievable));
    }

    #[test]
    fn a_clock_that_differs_is_allowed_for() {
        let at = "2026-09-21T15:14:20Z";
        let ahead = |us: i64| Clocks { server_us: Some(NOW_US.saturating_add_signed(us)), ..CLOCKS };
        let hour = 3_600_000_000;
        let read_with = |clocks| read(at, Format::RFC3339, &clocks).map(|at| at.as_micros() - NOW_US);
        assert_eq!(read_with(ahead(hour)), Ok(60_000_000));
        assert_eq!(read_with(ahead(-1_999_999)), Ok(60_000_000 + 3_600_000_000), "that is no skew");
        assert_eq!(
            read_with(ahead(-1_790_000_000_000_000)),
            Ok(60_000_000 + 3_600_000_000),
            "a `Date` of 1970 spoils nothing"
        );
    }

    #[test]
    fn a_format_has_one_number_at_most() {
        assert!(Format::SECONDS.or(Format::MILLIS).is_none());
        assert_eq!(Format::SECONDS.or(Format::HTTP_DATE), Some(Format::RETRY_AFTER));
    }

    proptest! {
        #[test]
        fn delays_are_never_shortened(ms in 1u64..86_400_000) {
            let us = (ms * 1_000).cast_signed();
            prop_assert_eq!(delay(&format!("{ms}"), Format::MILLIS), Ok(us));
            prop_assert_eq!(delay(&format!("{ms}ms"), Format::DURATION), Ok(us));
            prop_assert_eq!(delay(&format!("{}.{:03}", ms / 1000, ms % 1000), Format::SECONDS), Ok(us));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,40}", format in 0usize..9) {
            let _ = read(&text, Format::NAMES[format].1, &CLOCKS);
        }
    }
}
