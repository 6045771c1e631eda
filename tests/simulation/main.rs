//! The seeded simulation: millions of random commands, with late timers, clock faults, abandoned leases, hostile ids and
//! restarts from images, against an oracle that knows nothing of the governor's data structures.
//!
//! `cargo test --release --test simulation -- --nocapture` runs it; the seed is printed first.
//! - `SIMULATION_SEED=n` repeats a run, `SIMULATION_OPS=n` sets its length (10,000,000 by default).
//! - a failure leaves `target/simulation/failure.trace`; `SIMULATION_REPLAY=file` replays it.
//! - `SIMULATION_TRACES=dir` writes traces of the first million commands, for the same replay in wasm.

mod clock;
mod generate;
mod ledger;
mod oracle;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{env, fs};

use generate::Generator;
use oracle::Oracle;
use throttleai::trace::{Input, Recorder, inputs};
use throttleai::{Config, Governor};

const OPS: u64 = 10_000_000;
const OPS_OF_A_RUN: u64 = 20_000;
/// Commands whose traces are written for the replay in wasm.
const TRACED_OPS: u64 = 1_000_000;

fn number(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, got {text:?}")))
}

#[test]
fn the_governor_keeps_its_promises() {
    if let Ok(file) = env::var("SIMULATION_REPLAY") {
        return replay(Path::new(&file));
    }
    let seed = number("SIMULATION_SEED").unwrap_or_else(|| fastrand::u64(..1 << 53));
    let ops = number("SIMULATION_OPS").unwrap_or(OPS);
    println!("simulation: SIMULATION_SEED={seed} SIMULATION_OPS={ops}");
    let runs = ops.div_ceil(OPS_OF_A_RUN);
    let mut totals = oracle::Totals::default();
    for run in 0..runs {
        let mut history = Vec::new();
        let mut generator = Generator::new(seed.wrapping_add(run));
        let config = generator.config();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut oracle = Oracle::new(&config);
            for _ in 0..OPS_OF_A_RUN {
                let input = generator.next(&oracle);
                history.push(input.clone());
                oracle.step(&input);
            }
            oracle.end();
            oracle.totals
        }));
        match result {
            Ok(of_run) => totals.add(&of_run),
            Err(panic) => {
                let file = keep(&config, &history);
                println!(
                    "run {run} failed after {} commands; SIMULATION_REPLAY={} replays it",
                    history.len(),
                    file.display()
                );
                std::panic::resume_unwind(panic);
            }
        }
        if let Ok(folder) = env::var("SIMULATION_TRACES")
            && run < TRACED_OPS / OPS_OF_A_RUN
        {
            fs::create_dir_all(&folder).expect("a folder for traces");
            let trace = record(&config, &history);
            fs::write(Path::new(&folder).join(format!("{run:03}.trace")), trace).expect("a trace file");
        }
    }
    println!("simulation: {} commands, {totals}", runs * OPS_OF_A_RUN);
    totals.check_coverage();
}

fn record(config: &Config, history: &[Input]) -> Vec<u8> {
    let mut recorder = Recorder::new(config.clone()).expect("a valid configuration");
    // What fails in the governor ends the trace; everything before it is kept.
    let _ = catch_unwind(AssertUnwindSafe(|| history.iter().for_each(|input| drop(recorder.apply(input)))));
    recorder.finish()
}

fn keep(config: &Config, history: &[Input]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("simulation");
    fs::create_dir_all(&folder).expect("a folder for the trace");
    let file = folder.join("failure.trace");
    fs::write(&file, record(config, history)).expect("a trace file");
    file
}

fn replay(file: &Path) {
    let bytes = fs::read(file).expect("a trace file");
    let (config, history) = inputs(&bytes).expect("a trace");
    println!("replaying {} commands of {}\n{config:?}", history.len(), file.display());
    let mut oracle = Oracle::new(&config);
    for (at, input) in history.iter().enumerate() {
        if at + 20 >= history.len() {
            println!("{at}: {input:?}");
        }
        oracle.step(input);
    }
    oracle.end();
}

/// The oracle itself must notice what it is there for.
#[test]
#[should_panic(expected = "was never granted")]
fn the_oracle_notices_a_lease_that_nobody_granted() {
    let config = Config::default();
    let mut oracle = Oracle::new(&config);
    oracle.governor = {
        let mut other = Governor::new(config).expect("a valid configuration");
        let now = throttleai::Instant::from_millis(1.0);
        other.acquire(now, &throttleai::Request::default());
        other
    };
    oracle.step(&Input::Timeout { now: throttleai::Instant::from_millis(1e9) });
}
