//! Decides nothing: carries texts between JavaScript and `provider`, in a wasm of its own. The caller asks where it may write
//! (`input`), writes UTF-8 there, calls, and reads the answer where `output` says. Without wasm-bindgen: texts are all that
//! crosses, and the glue would be larger than this.
//!
//! The caller holds no address across a call: memory may grow. No call is entered while another runs.
#![allow(unsafe_code, reason = "names that are kept are declared as unsafe; there is no other unsafe code")]

use alloc::string::String;
use alloc::vec::Vec;
use core::str::from_utf8;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::provider;

#[cfg(all(target_family = "wasm", not(feature = "wasm")))]
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// More than this is given back after a call: memory never shrinks, but the next large answer finds it again.
const KEPT_BYTES: usize = 65_536;

/// What crosses.
#[derive(Debug)]
struct Texts {
    input: Vec<u8>,
    output: String,
}

static TEXTS: Mutex<Texts> = Mutex::new(Texts { input: Vec::new(), output: String::new() });

fn texts() -> MutexGuard<'static, Texts> {
    TEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address of room for so many bytes.
#[unsafe(no_mangle)]
pub extern "C" fn providers_input(bytes: u32) -> usize {
    let mut texts = texts();
    texts.input.clear();
    texts.input.resize(bytes as usize, 0);
    texts.input.as_ptr() as usize
}

/// Does an operation of `provider::call` with what is in the room: the question, and behind its bytes the body if there is one.
/// Returns how long the answer is.
#[unsafe(no_mangle)]
pub extern "C" fn providers_call(operation: u32, about_bytes: u32, has_body: u32) -> usize {
    let mut texts = texts();
    let (about, body) = texts.input.split_at_checked(about_bytes as usize).unwrap_or_default();
    let body = from_utf8(body).ok().filter(|_| has_body != 0);
    let output = provider::call(operation, from_utf8(about).unwrap_or_default(), body);
    texts.output = output;
    if texts.input.capacity() > KEPT_BYTES {
        texts.input = Vec::new();
    }
    texts.output.len()
}

/// The address of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn providers_output() -> usize {
    texts().output.as_ptr() as usize
}
