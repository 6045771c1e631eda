//! Remembers why the last trap happened, if it was a panic: then only that governor is lost, not the instance.

use alloc::string::{String, ToString};
use std::sync::{Mutex, PoisonError};

use wasm_bindgen::prelude::*;

static MESSAGE: Mutex<Option<String>> = Mutex::new(None);

fn message() -> std::sync::MutexGuard<'static, Option<String>> {
    MESSAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs once, when the instance is made.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(std::boxed::Box::new(|info| *message() = Some(info.to_string())));
}

/// The message of the panic behind the last trap; clears it.
#[wasm_bindgen]
pub fn take_panic() -> Option<String> {
    message().take()
}
