//! `throttleai-glue INPUT.wasm OUT_DIR`: writes `throttleai_bg.wasm` and `throttleai_bg.js` (and entry files nobody
//! uses). The target is `bundler` because its `_bg.js` names no environment: no fetch, no Node module, no top-level
//! instantiation.

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, out_dir] = args.as_slice() else {
        eprintln!("usage: throttleai-glue INPUT.wasm OUT_DIR");
        return ExitCode::from(2);
    };
    match generate(input, out_dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("throttleai-glue: {message}");
            ExitCode::FAILURE
        }
    }
}

fn generate(input: &str, out_dir: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen
        .bundler(true)
        .map_err(|e| format!("{e:#}"))?
        .input_path(input)
        .out_name("throttleai")
        .typescript(false)
        // The types of the boundary are written by hand in js/core/binding.ts, and no debug names are shipped.
        .keep_debug(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(out_dir)
        .map_err(|e| format!("{input}: {e:#}"))
}
