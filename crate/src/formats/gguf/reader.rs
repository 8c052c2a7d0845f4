//! A position in bytes that cannot pass their end.

use super::super::malformed;
use crate::error::{Error, Result};

/// Reads little-endian values one after another. Every read fails where the bytes end.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// All bytes, read or not.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.rest().get(..length).ok_or_else(|| self.truncated())?;
        self.position += length;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.rest().first_chunk().ok_or_else(|| self.truncated())?;
        self.position += N;
        Ok(*taken)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things to come, of at least `least` bytes each: never more than the bytes that are left hold.
    pub(super) fn count(&mut self, least: usize) -> Result<usize> {
        let count = self.u64()?;
        let room = self.rest().len() / least;
        match usize::try_from(count) {
            Ok(count) if count <= room => Ok(count),
            _ => Err(malformed(format!(
                "The GGUF file announces {count} items at byte {}, but at most {room} can follow.",
                self.position
            ))),
        }
    }

    /// A length and as many bytes of UTF-8.
    pub(super) fn text(&mut self) -> Result<&'a str> {
        let start = self.position;
        let length = self.count(1)?;
        str::from_utf8(self.take(length)?)
            .map_err(|_| malformed(format!("The text at byte {start} of the GGUF file is not UTF-8.")))
    }

    fn truncated(&self) -> Error {
        malformed(format!("The GGUF file ends too early, after {} bytes.", self.bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn reads_in_order_and_stops_at_the_end() {
        let mut reader = Reader::new(&[1, 0, 0, 0, 7, 8]);
        assert_eq!(reader.u32().unwrap(), 1);
        assert!(reader.u32().is_err());
        assert_eq!(reader.take(2).unwrap(), [7, 8]);
        assert_eq!((reader.position(), reader.len()), (6, 6));
        assert!(reader.take(1).is_err());
        assert!(reader.take(usize::MAX).is_err());
    }

    #[test]
    fn counts_are_bounded_by_the_bytes_left() {
        let bytes = |count: u64| [&count.to_le_bytes()[..], &[0; 16]].concat();
        assert_eq!(Reader::new(&bytes(2)).count(8).unwrap(), 2);
        for count in [3, 1 << 40, u64::MAX] {
            assert!(Reader::new(&bytes(count)).count(8).is_err());
        }
    }

    #[test]
    fn text_is_utf8() {
        let bytes = |text: &[u8]| [&(text.len() as u64).to_le_bytes()[..], text].concat();
        assert_eq!(Reader::new(&bytes("é".as_bytes())).text().unwrap(), "é");
        assert!(Reader::new(&bytes(&[0xff])).text().is_err());
    }
}
