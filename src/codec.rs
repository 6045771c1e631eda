//! Decides how numbers are written to images and traces: little-endian base-128 varints, so that small numbers stay small.
//!
//! Reading never panics and never allocates more than the input could describe; whether it met anything malformed is asked
//! once, at the end.
//! Nothing here is inlined: images are made of hundreds of numbers, and a copy of the loop for each would be a seventh of the
//! whole wasm.
//! The formats themselves (versions, order of fields) belong to whoever writes: `governor/image.rs`, `trace/`.

use alloc::vec::Vec;

/// The bytes are not what a [`Writer`] of this version has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends numbers to a byte buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[inline(never)]
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    #[inline(never)]
    pub(crate) fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    #[inline(never)]
    pub(crate) fn u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8((value as u8) | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    #[inline(never)]
    pub(crate) fn u32(&mut self, value: u32) {
        self.u64(u64::from(value));
    }

    /// Lengths and indices.
    #[inline(never)]
    pub(crate) fn len(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// Zigzag, so that small negative numbers stay small.
    pub(crate) fn i64(&mut self, value: i64) {
        self.u64(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.len(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    #[inline(never)]
    pub(crate) fn option(&mut self, value: Option<u64>) {
        self.bool(value.is_some());
        if let Some(value) = value {
            self.u64(value);
        }
    }
}

/// Takes numbers off a byte slice.
///
/// A reader that has met something malformed has nothing left and gives only zeros from then on, so that those who read
/// hundreds of numbers ask once, at the end ([`Reader::end`]), or where they could not go on with nonsense ([`Reader::ok`]).
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    failed: bool,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, failed: false }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Fails if anything so far was malformed.
    pub(crate) const fn ok(&self) -> Result<(), Malformed> {
        if self.failed { Err(Malformed) } else { Ok(()) }
    }

    /// Fails if anything was malformed, or if something is left.
    pub(crate) const fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() { self.ok() } else { Err(Malformed) }
    }

    /// Notes that what was read cannot have been written.
    #[inline(never)]
    pub(crate) const fn fail(&mut self) {
        self.failed = true;
        self.bytes = &[];
    }

    /// Fails unless what was read can have been written.
    pub(crate) const fn require(&mut self, sane: bool) {
        if !sane {
            self.fail();
        }
    }

    /// The next `len` bytes.
    #[inline(never)]
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let Some((head, rest)) = self.bytes.split_at_checked(len) else {
            self.fail();
            return &[];
        };
        self.bytes = rest;
        head
    }

    #[inline(never)]
    pub(crate) fn u8(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else {
            self.fail();
            return 0;
        };
        self.bytes = rest;
        first
    }

    #[inline(never)]
    pub(crate) fn bool(&mut self) -> bool {
        let byte = self.u8();
        self.require(byte <= 1);
        byte == 1
    }

    #[inline(never)]
    pub(crate) fn u64(&mut self) -> u64 {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8();
            let part = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return value;
            }
        }
        self.fail();
        0
    }

    #[inline(never)]
    pub(crate) fn u32(&mut self) -> u32 {
        let value = self.u64();
        u32::try_from(value).unwrap_or_else(|_| {
            self.fail();
            0
        })
    }

    /// A count of things of which each takes at least one of the bytes that are left: a bound for allocations.
    #[inline(never)]
    pub(crate) fn len(&mut self) -> usize {
        let len = usize::try_from(self.u64()).unwrap_or(usize::MAX);
        self.require(len <= self.bytes.len());
        len.min(self.bytes.len())
    }

    /// Reads a count of things, then each of them; stops at the first that is malformed.
    #[inline]
    pub(crate) fn each(&mut self, mut read: impl FnMut(&mut Self)) {
        self.repeat(usize::MAX, &mut read);
    }

    /// [`each`](Self::each) of at most `max`: more cannot have been written.
    #[inline]
    pub(crate) fn each_up_to(&mut self, max: usize, mut read: impl FnMut(&mut Self)) {
        self.repeat(max, &mut read);
    }

    #[inline(never)]
    fn repeat(&mut self, max: usize, read: &mut dyn FnMut(&mut Self)) {
        let len = self.len();
        self.require(len <= max);
        for _ in 0..len {
            if self.failed {
                return;
            }
            read(self);
        }
    }

    pub(crate) fn i64(&mut self) -> i64 {
        let zigzag = self.u64();
        ((zigzag >> 1) as i64) ^ (zigzag & 1).wrapping_neg() as i64
    }

    #[inline(never)]
    pub(crate) fn f64(&mut self) -> f64 {
        let Some((head, rest)) = self.bytes.split_first_chunk::<8>() else {
            self.fail();
            return 0.0;
        };
        self.bytes = rest;
        f64::from_le_bytes(*head)
    }

    #[inline(never)]
    pub(crate) fn text(&mut self) -> &'a str {
        let len = self.len();
        core::str::from_utf8(self.take(len)).unwrap_or_else(|_| {
            self.fail();
            ""
        })
    }

    #[inline(never)]
    pub(crate) fn option(&mut self) -> Option<u64> {
        if self.bool() { Some(self.u64()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut w = Writer::default();
        let unsigned = [0, 1, 127, 128, 300, 1 << 53, u64::MAX];
        let signed = [0, -1, 1, i64::MIN, i64::MAX];
        unsigned.iter().for_each(|&n| w.u64(n));
        signed.iter().for_each(|&n| w.i64(n));
        w.f64(0.1);
        w.option(None);
        w.option(Some(9));
        let bytes = w.into_bytes();
        let mut r = Reader::new(&bytes);
        unsigned.iter().for_each(|&n| assert_eq!(r.u64(), n));
        signed.iter().for_each(|&n| assert_eq!(r.i64(), n));
        assert_eq!(r.f64(), 0.1);
        assert_eq!(r.end(), Err(Malformed), "something is left");
        assert_eq!((r.option(), r.option()), (None, Some(9)));
        assert_eq!(r.end(), Ok(()));
        assert_eq!((r.u8(), r.end()), (0, Err(Malformed)));
    }

    #[test]
    fn what_is_malformed_is_told_at_the_end() {
        type Read = fn(&mut Reader<'_>);
        let cases: [(&[u8], Read, &str); 8] = [
            (&[0xff; 10], |r| _ = r.u64(), "a number that does not end"),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], |r| _ = r.u64(), "above 64 bits"),
            (&[0x80, 0x80, 0x80, 0x80, 0x10], |r| _ = r.u32(), "above 32 bits"),
            (&[5, 0], |r| _ = r.len(), "five things cannot stand in one byte"),
            (&[2], |r| _ = r.bool(), "neither true nor false"),
            (&[0; 7], |r| _ = r.f64(), "half a number"),
            (&[1, 0xff], |r| _ = r.text(), "no text"),
            (&[2, 0, 0], |r| r.each_up_to(1, |_| unreachable!()), "more than there can be"),
        ];
        for (bytes, read, why) in cases {
            let mut r = Reader::new(bytes);
            read(&mut r);
            assert_eq!((r.ok(), r.is_empty()), (Err(Malformed), true), "{why}");
            assert_eq!((r.u64(), r.len(), r.text(), r.take(1), r.option()), (0, 0, "", &[][..], None), "{why}");
        }
    }

    #[test]
    fn nothing_is_read_after_what_is_malformed() {
        let mut read = 0;
        Reader::new(&[4, 1, 0, 2, 0]).each(|r| {
            r.bool();
            read += 1;
        });
        assert_eq!(read, 3);
    }
}
