//! Decides nothing: what a user of another language wrote, before it is checked. Anything is representable, so that
//! nonsense gets an error that names it and not one of the transport.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::text::{number, quoted};

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

    /// As messages show it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Absent => "nothing".to_owned(),
            Self::Bool(value) => if *value { "true" } else { "false" }.to_owned(),
            Self::Number(value) => number(*value),
            Self::Text(text) => quoted(text),
            Self::Fields(_) => "an object".to_owned(),
            Self::List(_) => "an array".to_owned(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}
