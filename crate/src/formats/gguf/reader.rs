//! A position in bytes that cannot pass their end.

use std::borrow::Cow;

use super::super::{Segments, malformed};
use crate::error::{Error, Result};
use crate::memory::try_capacity;

/// Reads little-endian values one after another. Every read fails where the bytes end.
pub(super) struct Reader<'a> {
    bytes: &'a Segments,
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a Segments) -> Self {
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

    fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    pub(super) fn take(&mut self, length: usize) -> Result<Cow<'a, [u8]>> {
        let end = self.position.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.truncated())?;
        let taken = self.bytes.slice(self.position..end)?;
        self.position += length;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        taken.first_chunk().copied().ok_or_else(|| self.truncated())
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
        let room = self.left() / least;
        match usize::try_from(count) {
            Ok(count) if count <= room => Ok(count),
            _ => Err(malformed(format!(
                "The GGUF file announces {count} items at byte {}, but at most {room} can follow.",
                self.position
            ))),
        }
    }

    /// A length and as many bytes of UTF-8.
    pub(super) fn text(&mut self) -> Result<String> {
        let start = self.position;
        let length = self.count(1)?;
        String::from_utf8(try_owned(self.take(length)?)?)
            .map_err(|_| malformed(format!("The text at byte {start} of the GGUF file is not UTF-8.")))
    }

    fn truncated(&self) -> Error {
        malformed(format!("The GGUF file ends too early, after {} bytes.", self.bytes.len()))
    }
}

/// Bytes that are kept, or `out-of-memory`.
pub(super) fn try_owned(bytes: Cow<'_, [u8]>) -> Result<Vec<u8>> {
    match bytes {
        Cow::Owned(bytes) => Ok(bytes),
        Cow::Borrowed(bytes) => {
            let mut owned = try_capacity(bytes.len())?;
            owned.extend_from_slice(bytes);
            Ok(owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes in pieces of three, so that most values lie across two.
    fn file(bytes: &[u8]) -> Segments {
        let mut file = Segments::in_pieces_of(3);
        file.push(bytes).unwrap();
        file
    }

    #[test]
    fn reads_in_order_and_stops_at_the_end() {
        let file = file(&[1, 0, 0, 0, 7, 8]);
        let mut reader = Reader::new(&file);
        assert_eq!(reader.u32().unwrap(), 1);
        assert!(reader.u32().is_err());
        assert_eq!(*reader.take(2).unwrap(), [7, 8]);
        assert_eq!((reader.position(), reader.len()), (6, 6));
        assert!(reader.take(1).is_err());
        assert!(reader.take(usize::MAX).is_err());
    }

    #[test]
    fn counts_are_bounded_by_the_bytes_left() {
        let file = |count: u64| file(&[&count.to_le_bytes()[..], &[0; 16]].concat());
        assert_eq!(Reader::new(&file(2)).count(8).unwrap(), 2);
        for count in [3, 1 << 40, u64::MAX] {
            assert!(Reader::new(&file(count)).count(8).is_err());
        }
    }

    #[test]
    fn text_is_utf8() {
        let file = |text: &[u8]| file(&[&(text.len() as u64).to_le_bytes()[..], text].concat());
        assert_eq!(Reader::new(&file("é".as_bytes())).text().unwrap(), "é");
        assert!(Reader::new(&file(&[0xff])).text().is_err());
    }
}
