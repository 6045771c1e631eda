//! Bytes as recorded commands and as traces: what decodes keeps its meaning, and can be obeyed in any order, whatever
//! leases, waiters and actors it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throttleai::Governor;
use throttleai::trace::{Input, replay};
use throttleai_fuzz::Setup;

fuzz_target!(|input: (Setup, Vec<Vec<u8>>, Vec<u8>)| {
    let (setup, commands, trace) = input;
    let mut governor = Governor::new(setup.config()).expect("the configuration is valid");
    for input in commands.iter().filter_map(|bytes| Input::decode(bytes)) {
        // (Compared as bytes: a configuration may hold numbers that are not even equal to themselves.)
        let bytes = input.encode();
        let again = Input::decode(&bytes).map(|input| input.encode());
        assert_eq!(again, Some(bytes), "an input changed on its way");
        governor.apply(&input);
        governor.check_invariants().unwrap_or_else(|broken| panic!("after {input:?}: {broken}"));
    }
    let _ = replay(&trace);
});
