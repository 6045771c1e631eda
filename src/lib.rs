//! Skeleton: the core lands here next.
#[cfg(feature = "wasm")]
pub mod wasm;
