//! Decides what a written number is. Providers write amounts, seconds and dollars as decimals; here they become integers of a
//! chosen number of decimal places, because floats would make `0.1` of a second something else, and because the standard
//! library's reader of floats is 10 KB of wasm.
//!
//! Invariants: digits beyond the places are never lost silently (`Scaled::more`); what is too large saturates; nothing is read
//! from a text that has anything but a number in it.

/// A number times a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scaled {
    /// Rounded down.
    pub(super) floor: u64,
    /// The number is larger than `floor`.
    pub(super) more: bool,
}

impl Scaled {
    /// Rounded up.
    pub(super) const fn ceil(self) -> u64 {
        self.floor.saturating_add(self.more as u64)
    }
}

/// Reads `12`, `12.5`, `.5` or `1.2e-5` times 10^`places`. `None`: it is something else, a sign included.
pub(super) fn scaled(text: &str, places: u32) -> Option<Scaled> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, signed(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let count = whole.len().saturating_add(fraction.len());
    let digits = || whole.bytes().chain(fraction.bytes());
    if count == 0 || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // How many of the digits stand before the point once the number is scaled.
    let kept = i64::try_from(whole.len()).ok()?.saturating_add(exponent).saturating_add(i64::from(places));
    let mut number = Scaled { floor: 0, more: false };
    for (index, digit) in digits().enumerate() {
        let digit = u64::from(digit.wrapping_sub(b'0'));
        if i64::try_from(index).ok()? < kept {
            number.floor = number.floor.saturating_mul(10).saturating_add(digit);
        } else {
            number.more |= digit != 0;
        }
    }
    let zeros = kept.saturating_sub(i64::try_from(count).ok()?);
    // A factor of 10^20 takes any number but 0 beyond the range.
    for _ in 0..zeros.clamp(0, 20) {
        number.floor = number.floor.saturating_mul(10);
    }
    Some(number)
}

/// An exponent: at most four digits with a sign.
fn signed(text: &str) -> Option<i64> {
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (text.strip_prefix('+').unwrap_or(text), 1),
    };
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(|exponent: i64| exponent.saturating_mul(sign))
}

/// A whole number without sign or fraction, for parts of dates.
pub(super) fn whole(text: &str) -> Option<u64> {
    scaled(text, 0).filter(|_| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())).map(|it| it.floor)
}

/// Decimal places of an [`Amount`].
const PLACES: u32 = 6;
/// Parts of an [`Amount`] that make one.
pub(super) const ONE: u64 = 1_000_000;
/// Amounts from here on mean "no limit": no provider counts a million million of anything in one window.
const HUGE: u64 = 1_000_000 * 1_000_000;
/// The ends of 32-bit numbers mean it too.
const NO_LIMIT: [u64; 2] = [i32::MAX as u64, u32::MAX as u64];

/// A number of requests, tokens or dollars, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub(super) u64);

impl Amount {
    /// In millionths.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads an amount; what is smaller than a millionth is dropped.
    pub(super) fn read(text: &str) -> Result<Self, NoAmount> {
        if text.strip_prefix('-').is_some_and(|rest| scaled(rest, 0).is_some()) {
            return Err(NoAmount::Sentinel);
        }
        let units = scaled(text, 0).ok_or(NoAmount::NotANumber)?;
        if units.floor >= HUGE || NO_LIMIT.contains(&units.floor) {
            return Err(NoAmount::Sentinel);
        }
        scaled(text, PLACES).map(|micros| Self(micros.floor)).ok_or(NoAmount::NotANumber)
    }
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAmount {
    NotANumber,
    /// A number that stands for "not known" or "no limit": negative, or huge.
    Sentinel,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn of(text: &str, places: u32) -> Option<(u64, bool)> {
        scaled(text, places).map(|it| (it.floor, it.more))
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(of("7.66", 6), Some((7_660_000, false)));
        assert_eq!(of("45.837906927", 6), Some((45_837_906, true)));
        assert_eq!(of("0.0000001", 6), Some((0, true)));
        assert_eq!(of(".5", 3), Some((500, false)));
        assert_eq!(of("5.", 0), Some((5, false)));
        assert_eq!(of("1.4e-5", 6), Some((14, false)));
        assert_eq!(of("12E2", 0), Some((1_200, false)));
        assert_eq!(of("9e999", 0), Some((u64::MAX, false)));
        assert_eq!(of("0e9999", 0), Some((0, false)));
        assert_eq!(of("1e-9999", 6), Some((0, true)));
        assert_eq!(of("99999999999999999999999", 0), Some((u64::MAX, false)));
    }

    #[test]
    fn nothing_else_is_a_number() {
        for text in
            ["", ".", "-1", "+1", " 1", "1 ", "1,000", "1_000", "0x10", "NaN", "Infinity", "1e", "1e5.5", "e5", "١"]
        {
            assert_eq!(of(text, 6), None, "{text:?}");
        }
    }

    #[test]
    fn sentinels_are_known() {
        for text in ["-1", "-1.5", "9223372036854775807", "18446744073709551615", "2147483647", "4294967295", "1e12"] {
            assert_eq!(Amount::read(text), Err(NoAmount::Sentinel), "{text}");
        }
        assert_eq!(Amount::read("0"), Ok(Amount(0)));
        assert_eq!(Amount::read("999999999999"), Ok(Amount(999_999_999_999_000_000)));
        assert_eq!(Amount::read("-"), Err(NoAmount::NotANumber));
    }

    proptest! {
        #[test]
        fn whole_numbers_are_themselves(number: u64) {
            prop_assert_eq!(of(&number.to_string(), 0), Some((number, false)));
            prop_assert_eq!(whole(&number.to_string()), Some(number));
        }

        #[test]
        fn any_text_is_survived(text in "[-+0-9.eE]{0,40}", places in 0u32..=9) {
            let _ = (scaled(&text, places), Amount::read(&text));
        }
    }
}
