//! Decides how values read in messages. Texts are put together and not formatted, which packs a quarter of a KB
//! smaller; numbers by the standard library's formatting would be 18 KB of wasm.

use alloc::string::String;
use alloc::vec::Vec;

/// One after another.
#[inline(never)]
pub(crate) fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// A text, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    joined(&["\"", text, "\""])
}

/// An item of a list, such as `limits[0]`.
pub(crate) fn item(list: &str, index: usize) -> String {
    joined(&[list, "[", &digits(index as u64), "]"])
}

/// A whole number.
#[inline(never)]
pub(crate) fn digits(mut number: u64) -> String {
    let mut text = Vec::new();
    loop {
        text.push(b'0' | (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.into_iter().rev().map(char::from).collect()
}

/// A number with at most six decimals; what is beyond 2^64 or less than half a millionth only by its size.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let millionths = ((size - (size as u64) as f64) * 1e6 + 0.5) as u64;
    let whole = (size as u64).saturating_add(millionths / 1_000_000);
    let decimals = millionths % 1_000_000;
    let minus = if value < 0.0 { "-" } else { "" };
    if value.is_nan() {
        joined(&["NaN"])
    } else if size.is_infinite() {
        joined(&[minus, "Infinity"])
    } else if whole == u64::MAX {
        joined(&["beyond ", minus, "2^64"])
    } else if size > 0.0 && whole == 0 && decimals == 0 {
        joined(&["nearly 0"])
    } else {
        let decimals = digits(decimals.saturating_add(1_000_000));
        let decimals = decimals.get(1..).unwrap_or_default().trim_end_matches('0');
        joined(&[minus, &digits(whole), if decimals.is_empty() { "" } else { "." }, decimals])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_they_were_written() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (5.0, "5"),
            (-2.5, "-2.5"),
            (0.05, "0.05"),
            (0.1 + 0.2, "0.3"),
            (3.115, "3.115"),
            (1.000_001, "1.000001"),
            (0.999_999_9, "1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e300, "beyond 2^64"),
            (-1e300, "beyond -2^64"),
            (2f64.powi(63), "9223372036854775808"),
            (4e-7, "nearly 0"),
            (5e-7, "0.000001"),
            (-1e-9, "nearly 0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
