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
}

impl Value {
    /// The value of a field; [`Value::Absent`] where there is none. The last one wins, as in an object literal.
    #[must_use]
    pub fn field(&self, name: &str) -> &Self {
        const ABSENT: Value = Value::Absent;
        let Self::Fields(fields) = self else { return &ABSENT };
        fields.iter().rev().find(|(key, _)| key == name).map_or(&ABSENT, |(_, value)| value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) if value.is_nan() => f.write_str("NaN"),
            Self::Number(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Fields(_) => f.write_str("an object"),
        }
    }
}
