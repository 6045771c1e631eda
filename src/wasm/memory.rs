//! Where the core's memory comes from. The standard library's allocator is 6 KB of wasm, a twentieth of the whole; this one
//! does the same with a quarter of it, takes as much memory, and joins what is freed and what grows as that does.

#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
