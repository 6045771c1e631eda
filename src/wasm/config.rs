//! Carries written configuration in and errors out, as plain data. What it means, `config` decides.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use wasm_bindgen::JsValue;

use crate::config::Value;
use crate::error::ConfigError;
use crate::governor::RestoreError;

/// What the user wrote. Fails only for what the shell does not pass on, such as functions.
pub(super) fn value(written: JsValue) -> Result<Value, JsValue> {
    serde_wasm_bindgen::from_value(written).map_err(JsValue::from)
}

/// A configuration error as plain data.
#[derive(Serialize)]
struct Described<'a> {
    code: &'static str,
    field: &'a str,
    value: &'a str,
    allowed: &'a str,
    message: String,
}

pub(super) fn describe(error: &ConfigError) -> JsValue {
    let ConfigError { field, value, allowed, .. } = error;
    throwable(&Described { code: "config", field, value, allowed, message: error.to_string() })
}

pub(super) fn describe_restore(error: &RestoreError) -> JsValue {
    match error {
        RestoreError::Config(error) => describe(error),
        RestoreError::Image(_) => {
            let allowed = "what save() returned";
            throwable(&Described {
                code: "image",
                field: "restore",
                value: "bytes",
                allowed,
                message: error.to_string(),
            })
        }
    }
}

fn throwable(error: &Described<'_>) -> JsValue {
    serde_wasm_bindgen::to_value(error).unwrap_or(JsValue::NULL)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Absent)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<Value>()?.is_some() {}
        Ok(Value::Text("an array".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry::<String, Value>()? {
            fields.push(field);
        }
        Ok(Value::Fields(fields))
    }
}
