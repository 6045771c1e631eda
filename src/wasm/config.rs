//! Carries written configuration in and errors out, as plain data. What it means, `config` decides.
//!
//! DEVIATION: configuration is walked with js-sys, not read through serde-wasm-bindgen: a deserializer brings the standard
//! library's formatting of floats along, 24 KB of wasm that nothing else needs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use js_sys::{Array, Object};
use wasm_bindgen::{JsCast, JsValue};

use super::plain::Plain;
use crate::config::Value;
use crate::error::ConfigError;
use crate::governor::RestoreError;

/// What the user wrote. The shell passes plain data without cycles.
pub(super) fn value(written: &JsValue) -> Value {
    if written.is_null_or_undefined() {
        return Value::Absent;
    }
    if let Some(number) = written.as_f64() {
        return Value::Number(number);
    }
    if let Some(flag) = written.as_bool() {
        return Value::Bool(flag);
    }
    if let Some(text) = written.as_string() {
        return Value::Text(text);
    }
    if Array::is_array(written) {
        return Value::List(Array::from(written).iter().map(|item| value(&item)).collect());
    }
    Value::Fields(
        Object::entries(written.unchecked_ref()).iter().map(|entry| field(&Array::from(&entry))).collect::<Vec<_>>(),
    )
}

fn field(entry: &Array) -> (String, Value) {
    (entry.get(0).as_string().unwrap_or_default(), value(&entry.get(1)))
}

/// A configuration error as plain data.
#[inline(never)]
pub(super) fn describe(error: &ConfigError) -> JsValue {
    throwable("config", [&error.field, &error.value, &error.allowed, &error.told()])
}

pub(super) fn describe_restore(error: &RestoreError) -> JsValue {
    match error {
        RestoreError::Config(error) => describe(error),
        RestoreError::Image(error) => {
            throwable("image", ["restore", "bytes", "what save() returned", &error.to_string()])
        }
    }
}

#[inline(never)]
fn throwable(code: &str, [field, value, allowed, message]: [&str; 4]) -> JsValue {
    let fields = [("code", code), ("field", field), ("value", value), ("allowed", allowed), ("message", message)];
    Plain::Fields(&fields.map(|(name, text)| (name, Plain::Text(text)))).to_js().unwrap_or(JsValue::NULL)
}
