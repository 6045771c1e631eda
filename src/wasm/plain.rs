//! Decides how views and errors look in JavaScript: plain objects, made by serde-wasm-bindgen.
//!
//! DEVIATION: nothing derives `Serialize`. For the field names of structs serde-wasm-bindgen keeps a hash map of texts, which
//! with the hashing is 2 % of the wasm; the keys of maps need none.

use serde::{Serialize, Serializer};
use wasm_bindgen::JsValue;

/// What can stand in a view or an error.
pub(super) enum Plain<'a> {
    Null,
    Flag(bool),
    Number(f64),
    Text(&'a str),
    Fields(&'a [(&'static str, Plain<'a>)]),
    List(&'a [Plain<'a>]),
}

impl<'a> Plain<'a> {
    pub(super) fn count(count: u32) -> Self {
        Self::Number(f64::from(count))
    }

    /// The fields, or nothing.
    pub(super) fn fields<const N: usize>(fields: Option<&'a [(&'static str, Self); N]>) -> Self {
        fields.map_or(Self::Null, |fields| Self::Fields(fields))
    }

    /// As an object of its own.
    pub(super) fn to_js(&self) -> Result<JsValue, JsValue> {
        let serializer = serde_wasm_bindgen::Serializer::new();
        let serializer = serializer.serialize_maps_as_objects(true).serialize_missing_as_null(true);
        self.serialize(&serializer).map_err(JsValue::from)
    }
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Flag(flag) => to.serialize_bool(*flag),
            Self::Number(number) => to.serialize_f64(*number),
            Self::Text(text) => to.serialize_str(text),
            Self::List(items) => to.collect_seq(*items),
            Self::Fields(fields) => to.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}
