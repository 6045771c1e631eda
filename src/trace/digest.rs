//! Decides how answers are compared in short: FNV-1a over 64 bits (Fowler, Noll, Vo), the same on every machine. `Hasher`'s
//! own integers are written in the byte order and width of the machine; here all are widened to little-endian 64 bits.

use core::hash::{Hash, Hasher};

#[derive(Clone, Copy, Debug)]
pub(super) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(super) fn add(&mut self, answer: &impl Hash) {
        answer.hash(self);
    }

    pub(super) const fn value(self) -> u64 {
        self.0
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.write(&n.to_le_bytes());
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_i32(&mut self, n: i32) {
        self.write_u64(n as u64);
    }

    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{KeyHandle, Keys, LeaseId, Output};
    use crate::trace::Answer;
    use alloc::vec;

    /// Takes numbers; bytes would be in the order of the machine.
    #[derive(Default)]
    struct NumbersOnly(Digest);

    impl Hasher for NumbersOnly {
        fn finish(&self) -> u64 {
            self.0.finish()
        }

        fn write(&mut self, bytes: &[u8]) {
            panic!("{bytes:?} were handed over as they stand in memory");
        }

        fn write_u8(&mut self, n: u8) {
            self.0.write_u8(n);
        }

        fn write_u16(&mut self, n: u16) {
            self.0.write_u16(n);
        }

        fn write_u32(&mut self, n: u32) {
            self.0.write_u32(n);
        }

        fn write_u64(&mut self, n: u64) {
            self.0.write_u64(n);
        }

        fn write_usize(&mut self, n: usize) {
            self.0.write_usize(n);
        }

        fn write_isize(&mut self, n: isize) {
            self.0.write_isize(n);
        }
    }

    #[test]
    fn answers_are_handed_over_as_numbers() {
        let mut keys = Keys::default();
        assert!(keys.push(3, Some(KeyHandle(7))) && keys.push(1, None));
        let outputs = vec![
            Output::Expired { lease: LeaseId { slot: 1, generation: 2 }, weight: 3 },
            Output::KeyFreed(KeyHandle(4)),
            Output::NeedBoundaries(5),
        ];
        let answers = [Answer::Recorded(keys), Answer::Cancelled(true), Answer::Renewed(None), Answer::Done];
        for answer in answers.map(|answer| (answer, outputs.clone())) {
            let (mut strict, mut digest) = (NumbersOnly::default(), Digest::default());
            answer.hash(&mut strict);
            digest.add(&answer);
            assert_eq!(strict.finish(), digest.value());
        }
    }
}
