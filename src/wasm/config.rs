//! Carries written configuration in and errors out, as plain data. What it means, `config` decides.
//!
//! DEVIATION: configuration is walked with js-sys, not read through serde-wasm-bindgen: a deserializer brings the standard
//! library's formatting of floats along, 24 KB of wasm that nothing else needs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use js_sys::{Array, Object};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

use crate::config::Value;
use crate::error::{ConfigError, Mistake};
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
#[derive(Serialize)]
struct Described<'a> {
    code: &'static str,
    field: &'a str,
    value: &'a str,
    allowed: &'a str,
    message: String,
}

pub(super) fn describe(error: &ConfigError) -> JsValue {
    let Mistake { field, value, allowed, .. } = &**error;
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
