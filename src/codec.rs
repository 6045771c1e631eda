//! Decides how numbers are written to images and traces: little-endian base-128 varints, so that small numbers stay small.
//!
//! Reading never panics and never allocates more than the input could describe; a malformed byte gives [`Malformed`].
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
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `len` bytes.
    #[inline(never)]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.bytes.split_at_checked(len).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(head)
    }

    #[inline(never)]
    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.bytes.split_first().ok_or(Malformed)?;
        self.bytes = rest;
        Ok(first)
    }

    #[inline(never)]
    pub(crate) fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    #[inline(never)]
    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Malformed);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    #[inline(never)]
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.u64()?).map_err(|_| Malformed)
    }

    /// A count of things of which each takes at least one of the bytes that are left: a bound for allocations.
    #[inline(never)]
    pub(crate) fn len(&mut self) -> Result<usize, Malformed> {
        let len = usize::try_from(self.u64()?).map_err(|_| Malformed)?;
        if len > self.bytes.len() { Err(Malformed) } else { Ok(len) }
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        let zigzag = self.u64()?;
        Ok(((zigzag >> 1) as i64) ^ (zigzag & 1).wrapping_neg() as i64)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Malformed> {
        let (head, rest) = self.bytes.split_first_chunk::<8>().ok_or(Malformed)?;
        self.bytes = rest;
        Ok(f64::from_le_bytes(*head))
    }

    #[inline(never)]
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.len()?;
        core::str::from_utf8(self.take(len)?).map_err(|_| Malformed)
    }

    #[inline(never)]
    pub(crate) fn option(&mut self) -> Result<Option<u64>, Malformed> {
        if self.bool()? { self.u64().map(Some) } else { Ok(None) }
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
        unsigned.iter().for_each(|&n| assert_eq!(r.u64(), Ok(n)));
        signed.iter().for_each(|&n| assert_eq!(r.i64(), Ok(n)));
        assert_eq!(r.f64(), Ok(0.1));
        assert_eq!((r.option(), r.option()), (Ok(None), Ok(Some(9))));
        assert!(r.is_empty());
        assert_eq!(r.u8(), Err(Malformed));
    }

    #[test]
    fn overlong_numbers_are_malformed() {
        assert_eq!(Reader::new(&[0xff; 10]).u64(), Err(Malformed));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).u64(), Err(Malformed));
        assert_eq!(Reader::new(&[5, 0]).len(), Err(Malformed), "five things cannot stand in one byte");
    }
}
