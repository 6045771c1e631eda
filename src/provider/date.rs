//! Decides which instant a written date is: the two formats that headers use, as microseconds since 1970. The calendar is the
//! Gregorian one; a leap second is the second after it.

use super::number::{scaled, whole};

/// `2026-11-22T14:03:00.5+01:00` (RFC 3339).
pub(super) fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(whole);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (time, offset_s) = offset(time)?;
    let mut parts = time.split(':');
    let (hour, minute, second) = (whole(parts.next()?)?, whole(parts.next()?)?, parts.next()?);
    if parts.next().is_some() || date.split('-').count() != 3 {
        return None;
    }
    let (whole_second, _) = second.split_once('.').unwrap_or((second, ""));
    let start = seconds([year, month, day], [hour, minute, whole(whole_second)?])?;
    let fraction_us = scaled(second, 6)?.ceil().checked_rem(1_000_000)?;
    let at_s = u64::try_from(start.checked_sub(offset_s)?).ok()?;
    at_s.checked_mul(1_000_000)?.checked_add(fraction_us)
}

/// What stands before the offset, and the offset in seconds.
fn offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let (at, sign) = time.char_indices().find(|(_, c)| *c == '+' || *c == '-')?;
    let (hours, minutes) = time.get(at.checked_add(1)?..)?.split_once(':')?;
    let (hours, minutes) = (whole(hours).filter(|it| *it < 24)?, whole(minutes).filter(|it| *it < 60)?);
    let seconds = i64::try_from(hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?).ok()?;
    Some((time.get(..at)?, if sign == '-' { seconds.checked_neg()? } else { seconds }))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date of HTTP (RFC 9110, section 5.6.7), in any of its three forms.
pub(super) fn http(text: &str) -> Option<u64> {
    let mut parts = [""; 8];
    let mut count = 0;
    for part in text.split([' ', ',', '-', ':']).filter(|part| !part.is_empty()) {
        *parts.get_mut(count)? = part;
        count = count.saturating_add(1);
    }
    let [_, second, third, fourth, fifth, sixth, seventh, zone] = parts;
    let (day, month, year, time) = match zone {
        "GMT" | "UTC" => (second, third, fourth, [fifth, sixth, seventh]),
        // As C's asctime prints it.
        "" => (third, second, seventh, [fourth, fifth, sixth]),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?.checked_add(1)?;
    let year = match (whole(year)?, year.len()) {
        (short, 2) => short.checked_add(if short < 70 { 2000 } else { 1900 })?,
        (year, _) => year,
    };
    let [hour, minute, second] = time.map(whole);
    let at_s = seconds([year, u64::try_from(month).ok()?, whole(day)?], [hour?, minute?, second?])?;
    u64::try_from(at_s).ok()?.checked_mul(1_000_000)
}

/// Seconds since 1970 of a date that exists.
fn seconds([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<i64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28u64.saturating_add(leap.into()),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let [year, month, day, hour, minute, second] =
        [year, month, day, hour, minute, second].map(|part| i64::try_from(part).unwrap_or_default());
    let of_day = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    days_since_1970(year, month, day)?.checked_mul(86_400)?.checked_add(of_day)
}

/// Days of the Gregorian calendar, counted from March so that the leap day is the last of its year.
pub(super) fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let from_march = month.checked_add(9)?.checked_rem(12)?;
    let of_year = from_march.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?.checked_sub(1)?;
    let leaps = year.checked_div(4)?.checked_sub(year.checked_div(100)?)?.checked_add(year.checked_div(400)?)?;
    year.checked_mul(365)?.checked_add(leaps)?.checked_add(of_year)?.checked_sub(719_468)
}

/// The year of a day.
fn year_of(days: i64) -> Option<i64> {
    let guess = days.checked_mul(400)?.checked_div(146_097)?.checked_add(1970)?;
    [guess.checked_add(1)?, guess, guess.checked_sub(1)?]
        .into_iter()
        .find(|year| days_since_1970(*year, 1, 1).is_some_and(|first| first <= days))
}

/// Whose midnight it is that a quota of a day returns at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Midnight {
    /// UTC.
    Utc,
    /// Los Angeles, by the rules of the United States since 2007: eight hours behind UTC, seven from the second Sunday of March
    /// to the first of November, at 2 in the morning.
    Pacific,
}

const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

impl Midnight {
    /// The next one after an instant, in microseconds since 1970.
    pub(super) fn after(self, now_us: u64) -> Option<u64> {
        let now = i64::try_from(now_us.checked_div(1_000_000)?).ok()?;
        let behind = self.behind_utc(now)?;
        let start = now.checked_sub(behind)?.div_euclid(DAY_S).checked_add(1)?.checked_mul(DAY_S)?;
        // The clocks may change in between; they never change at midnight.
        let at = start.checked_add(self.behind_utc(start.checked_add(behind)?)?)?;
        u64::try_from(at).ok()?.checked_mul(1_000_000)
    }

    fn behind_utc(self, at_s: i64) -> Option<i64> {
        if self == Self::Utc {
            return Some(0);
        }
        let year = year_of(at_s.div_euclid(DAY_S))?;
        // 2 o'clock is 10 UTC in winter, 9 in summer.
        let spring = sunday_from(year, 3, 8)?.checked_mul(DAY_S)?.checked_add(HOUR_S.checked_mul(10)?)?;
        let autumn = sunday_from(year, 11, 1)?.checked_mul(DAY_S)?.checked_add(HOUR_S.checked_mul(9)?)?;
        HOUR_S.checked_mul(if (spring..autumn).contains(&at_s) { 7 } else { 8 })
    }
}

/// The first Sunday from a day on, in days since 1970, which began on a Thursday.
fn sunday_from(year: i64, month: i64, day: i64) -> Option<i64> {
    let from = days_since_1970(year, month, day)?;
    from.checked_add(3i64.checked_sub(from)?.rem_euclid(7))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn dates_of_rfc_3339() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-22T14:03:00Z", 1_795_356_180 * SECOND),
            ("2026-11-22T15:03:00.5+01:00", 1_795_356_180 * SECOND + 500_000),
            ("2026-11-22t09:03:00.000000001-05:00", 1_795_356_180 * SECOND + 1),
            ("2024-02-29 00:00:00z", 1_709_164_800 * SECOND),
            ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ];
        for (text, us) in cases {
            assert_eq!(rfc3339(text), Some(us), "{text}");
        }
        let wrong = ["", "2026-11-22", "2026-11-22T14:03:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z"];
        for text in
            [&wrong[..], &["2026-11-22T24:00:00Z", "2026-11-22T14:03Z", "1969-12-31T23:59:59Z", "T::Z", "é"]].concat()
        {
            assert_eq!(rfc3339(text), None, "{text:?}");
        }
    }

    #[test]
    fn dates_of_http() {
        let us = 784_111_777 * SECOND;
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(http(text), Some(us), "{text}");
        }
        for text in
            ["", "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 31 Nov 1994 08:49:37 GMT", "06 Nov 1994", "a b c d e f g GMT h"]
        {
            assert_eq!(http(text), None, "{text:?}");
        }
    }

    #[test]
    fn midnights() {
        let at = |text| rfc3339(text).expect("a date");
        let cases = [
            (Midnight::Utc, "2026-11-22T14:03:00Z", "2026-11-23T00:00:00Z"),
            (Midnight::Utc, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
            (Midnight::Pacific, "2026-11-22T14:03:00Z", "2026-11-23T08:00:00Z"),
            (Midnight::Pacific, "2026-11-22T07:59:59Z", "2026-11-22T08:00:00Z"),
            (Midnight::Pacific, "2026-07-01T12:00:00Z", "2026-07-02T07:00:00Z"),
            (Midnight::Pacific, "2026-03-08T09:00:00Z", "2026-03-09T07:00:00Z"),
            (Midnight::Pacific, "2026-11-01T08:00:00Z", "2026-11-02T08:00:00Z"),
            (Midnight::Pacific, "2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"),
        ];
        for (midnight, now, next) in cases {
            assert_eq!(midnight.after(at(now)), Some(at(next)), "{midnight:?} after {now}");
        }
    }

    proptest! {
        #[test]
        fn days_count_on(days in 0i64..2_900_000) {
            let year = year_of(days).expect("a year");
            let first = days_since_1970(year, 1, 1).expect("a day");
            let next = days_since_1970(year + 1, 1, 1).expect("a day");
            prop_assert!((first..next).contains(&days));
        }

        #[test]
        fn every_day_has_its_own_number(year in 1970u64..3000, month in 1u64..=12, day in 1u64..=28, second in 0u64..86_400) {
            let text = format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
            let days = days_since_1970(year.cast_signed(), month.cast_signed(), day.cast_signed()).expect("a day");
            prop_assert_eq!(rfc3339(&text), Some((days.cast_unsigned() * 86_400 + second) * SECOND));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,40}") {
            let _ = (rfc3339(&text), http(&text));
        }

        #[test]
        fn midnight_is_within_25_hours(now in 0u64..4_000_000_000_000_000) {
            for midnight in [Midnight::Utc, Midnight::Pacific] {
                let next = midnight.after(now).expect("there is one");
                prop_assert!(next > now && next - now <= 25 * 3600 * SECOND);
            }
        }
    }
}
