//! Images that nobody wrote, and real ones that were damaged: an error, or a governor whose invariants hold and that can
//! be used.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use throttleai_fuzz::{Operation, Run, Setup};

#[derive(Arbitrary, Debug)]
enum Image {
    Bytes(Vec<u8>),
    /// What the operations leave, with bytes overwritten and the end cut off or repeated.
    Damaged {
        made_by: Vec<Operation>,
        overwrite: Vec<(u16, u8)>,
        len: Option<u16>,
    },
}

fuzz_target!(|input: (Setup, Setup, Image, Vec<Operation>)| {
    let (saved_under, restored_under, image, after) = input;
    let bytes = match image {
        Image::Bytes(bytes) => bytes,
        Image::Damaged { made_by, overwrite, len } => damage(&saved_under, made_by, &overwrite, len),
    };
    if let Some(mut run) = Run::restored(&restored_under, &bytes) {
        after.into_iter().for_each(|operation| run.step(operation));
    }
});

fn damage(setup: &Setup, made_by: Vec<Operation>, overwrite: &[(u16, u8)], len: Option<u16>) -> Vec<u8> {
    let mut run = Run::new(setup);
    made_by.into_iter().for_each(|operation| run.step(operation));
    let mut bytes = run.governor.save();
    for &(at, byte) in overwrite {
        if let Some(place) = bytes.get_mut(usize::from(at)) {
            *place = byte;
        }
    }
    if let Some(len) = len {
        bytes.resize(usize::from(len), 0);
    }
    bytes
}
