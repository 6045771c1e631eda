//! Decides nothing: what a user of another language wrote, before it is checked. Anything is representable, so that
//! nonsense gets an error that names it and not one of the transport.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Configuration as written: numbers, texts and named fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Not given, `null` or `undefined`.
    #[default]
    Absent,
    /// A switch.
    Bool(bool),
    /// Any number, NaN and infinities included.
    Number(f64),
    /// A text, or the textual form of something that cannot be configuration.
    Text(String),
    /// Named fields.
    Fields(Vec<(String, Value)>),
    /// A list.
    List(Vec<Value>),
}

impl Value {
    /// The value of a field; [`Value::Absent`] where there is none. The last one wins, as in an object literal.
    #[must_use]
    pub fn field(&self, name: &str) -> &Self {
        const ABSENT: Value = Value::Absent;
        let Self::Fields(fields) = self else { return &ABSENT };
        fields.iter().rev().find(|(key, _)| key == name).map_or(&ABSENT, |(_, value)| value)
    }

    /// An item of a list, counted from 0; [`Value::Absent`] where there is none.
    #[must_use]
    pub fn item(&self, index: usize) -> &Self {
        const ABSENT: Value = Value::Absent;
        let Self::List(items) = self else { return &ABSENT };
        items.get(index).unwrap_or(&ABSENT)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Bool(value) => f.write_str(if *value { "true" } else { "false" }),
            Self::Number(value) => number(*value, f),
            Self::Text(text) => ["\"", text, "\""].into_iter().try_for_each(|part| f.write_str(part)),
            Self::Fields(_) => f.write_str("an object"),
            Self::List(_) => f.write_str("an array"),
        }
    }
}

/// A number with at most six decimals; what is larger than 2^63 or smaller than half a millionth only by its size. The
/// standard library's formatting is exact, and 18 KB of wasm, for the sake of error messages.
fn number(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = value.abs();
    if value.is_nan() {
        return f.write_str("NaN");
    }
    if value < 0.0 {
        f.write_str("-")?;
    }
    if size.is_infinite() {
        return f.write_str("Infinity");
    }
    let millionths = ((size - (size as u64) as f64) * 1e6 + 0.5) as u64;
    let whole = (size as u64).saturating_add(millionths / 1_000_000);
    let mut decimals = millionths % 1_000_000;
    if whole == u64::MAX {
        return f.write_str("a number above 2^63");
    }
    if size > 0.0 && whole == 0 && decimals == 0 {
        return f.write_str("0.0000001 or less");
    }
    fmt::Display::fmt(&whole, f)?;
    if decimals == 0 {
        return Ok(());
    }
    f.write_str(".")?;
    while decimals > 0 {
        decimals = decimals.saturating_mul(10);
        fmt::Display::fmt(&(decimals / 1_000_000), f)?;
        decimals %= 1_000_000;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn numbers_read_as_they_were_written() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (5.0, "5"),
            (-2.5, "-2.5"),
            (0.05, "0.05"),
            (0.1 + 0.2, "0.3"),
            (1.000_001, "1.000001"),
            (0.999_999_9, "1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e300, "a number above 2^63"),
            (-1e-9, "-0.0000001 or less"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(Value::Number(value).to_string(), text);
        }
    }
}
