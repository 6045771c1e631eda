//! What only tests need, in a build of its own that is never published: traces, replay, and faults on demand.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wasm_bindgen::prelude::*;

use super::Core;

/// Replays a trace; what came of it as text, such as `20000 inputs, digest 0123456789abcdef`.
#[wasm_bindgen]
pub fn replay(trace: &[u8]) -> Result<String, JsValue> {
    let replayed = crate::trace::replay(trace).map_err(|error| JsValue::from(error.to_string()))?;
    Ok(format!("{} inputs, digest {:016x}", replayed.inputs, replayed.digest))
}

#[wasm_bindgen]
impl Core {
    /// What has been commanded and answered so far, as a trace; empty where the governor was restored.
    pub fn trace(&self) -> Vec<u8> {
        self.governor.trace()
    }

    /// Panics while the governor is borrowed, as a bug would.
    #[expect(clippy::panic, reason = "this is the panic that tests ask for")]
    pub fn provoke_panic(&mut self) {
        panic!("provoked")
    }

    /// Overflows the stack: a trap that is not a panic.
    pub fn provoke_overflow(&mut self, depth: u32) -> u32 {
        let mut frame = [depth; 64];
        if depth > 0 {
            // Without it the compiler makes a loop of the recursion.
            core::hint::black_box(&mut frame);
            let below = self.provoke_overflow(depth.saturating_sub(1));
            return frame.iter().fold(below, |sum, n| sum.wrapping_add(*n));
        }
        0
    }
}
