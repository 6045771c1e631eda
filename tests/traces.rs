//! Traces that were recorded elsewhere, such as in wasm by the simulator: answered here as they were answered there.
//! `TRACES=folder cargo test --release --test traces -- --nocapture` replays every `*.trace` in it, and says what came of each.

use std::{env, fs, path::PathBuf};

use throttleai::trace::replay;

fn traces() -> Vec<PathBuf> {
    let folder = env::var("TRACES").expect("TRACES must name a folder with traces");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no traces");
    files
}

#[test]
fn traces_are_answered_as_they_were_recorded() {
    for file in traces() {
        let trace = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let replayed = replay(&trace).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(replayed.inputs > 0, "{} has no commands", file.display());
        println!("{}: {} commands, digest {:016x}", file.display(), replayed.inputs, replayed.digest);
    }
}
