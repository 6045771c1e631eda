//! Any sequence of commands: nothing panics, invariants hold after each, admissions stay within limits, and a governor
//! restored from its image goes on as the saved one would have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throttleai_fuzz::{Operation, Run, Setup};

fuzz_target!(|input: (Setup, Vec<Operation>)| {
    let (setup, operations) = input;
    let mut run = Run::new(&setup);
    operations.into_iter().for_each(|operation| run.step(operation));
});
