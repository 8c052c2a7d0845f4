//! The bytes of a file in pieces, so that what has been read can be freed while the rest is still needed.

use core::ops::Range;
use std::borrow::Cow;

use crate::error::{Error, ErrorCode, Result};

/// Bytes of a piece: small against any model, large against the cost of an allocation.
const PIECE: usize = 1 << 20;

/// The bytes of a file in pieces of one size. Only the last piece is shorter.
pub struct Segments {
    pieces: Vec<Vec<u8>>,
    piece: usize,
    len: usize,
}

impl Default for Segments {
    fn default() -> Self {
        Self::in_pieces_of(PIECE)
    }
}

impl Segments {
    /// No bytes yet; pieces will have `piece` bytes, at least one. [`Segments::default`] has a sensible number.
    pub fn in_pieces_of(piece: usize) -> Self {
        Self { pieces: Vec::new(), piece: piece.max(1), len: 0 }
    }

    /// How many bytes there are, released ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes room for a file of `len` bytes in all.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub fn reserve(&mut self, len: usize) -> Result<()> {
        let missing = len.div_ceil(self.piece).saturating_sub(self.pieces.len());
        self.pieces.try_reserve(missing).map_err(|_| out_of_memory(len))?;
        while self.pieces.len() * self.piece < len {
            let room = self.piece.min(len - self.pieces.len() * self.piece);
            let mut piece = Vec::new();
            piece.try_reserve_exact(room).map_err(|_| out_of_memory(len))?;
            self.pieces.push(piece);
        }
        Ok(())
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `out-of-memory`; the bytes that had room were appended.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let at = self.len / self.piece;
            if at == self.pieces.len() {
                self.reserve((at + 1).saturating_mul(self.piece))?;
            }
            let piece = &mut self.pieces[at];
            let (now, later) = bytes.split_at(bytes.len().min(self.piece - piece.len()));
            piece.try_reserve(now.len()).map_err(|_| out_of_memory(now.len()))?;
            piece.extend_from_slice(now);
            self.len += now.len();
            bytes = later;
        }
        Ok(())
    }

    /// All bytes in one vector, for small files.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub fn to_vec(&self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        self.copy(0..self.len, &mut all)?;
        Ok(all)
    }

    /// Appends a range of the bytes to `into`.
    ///
    /// # Errors
    /// `out-of-memory`; `internal` where the range passes the end or reaches what was released.
    pub fn copy(&self, range: Range<usize>, into: &mut Vec<u8>) -> Result<()> {
        into.try_reserve(range.len()).map_err(|_| out_of_memory(range.len()))?;
        let mut at = range.start;
        while at < range.end {
            let part = self.part(at..range.end).ok_or_else(|| released(&range))?;
            into.extend_from_slice(part);
            at += part.len();
        }
        Ok(())
    }

    /// A range of the bytes, copied only where it crosses pieces.
    ///
    /// # Errors
    /// Those of [`Segments::copy`].
    pub(super) fn slice(&self, range: Range<usize>) -> Result<Cow<'_, [u8]>> {
        if range.is_empty() {
            return Ok(Cow::Borrowed(&[]));
        }
        match self.part(range.clone()) {
            Some(part) if part.len() == range.len() => Ok(Cow::Borrowed(part)),
            _ => {
                let mut whole = Vec::new();
                self.copy(range, &mut whole)?;
                Ok(Cow::Owned(whole))
            }
        }
    }

    /// The start of a range that is not empty, up to the end of its piece.
    fn part(&self, range: Range<usize>) -> Option<&[u8]> {
        let first = range.start / self.piece * self.piece;
        let end = range.end.min(first + self.piece);
        self.pieces.get(range.start / self.piece)?.get(range.start - first..end - first)
    }

    /// The numbers of the pieces that a range touches.
    pub(super) fn pieces(&self, range: &Range<usize>) -> Range<usize> {
        if range.is_empty() { 0..0 } else { range.start / self.piece..(range.end - 1) / self.piece + 1 }
    }

    /// How many pieces there are.
    pub(super) fn count(&self) -> usize {
        self.pieces.len()
    }

    /// The number of the piece that holds a byte.
    pub(super) fn piece_at(&self, byte: usize) -> usize {
        byte / self.piece
    }

    /// Frees a piece. Its bytes cannot be copied any more.
    pub(super) fn release(&mut self, piece: usize) {
        if let Some(piece) = self.pieces.get_mut(piece) {
            *piece = Vec::new();
        }
    }

    /// Bytes of memory that are still held.
    pub fn held(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }
}

impl From<Vec<u8>> for Segments {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        let pieces =
            if len <= PIECE { vec![bytes] } else { bytes.chunks(PIECE).map(<[u8]>::to_vec).collect() };
        Self { pieces, piece: PIECE, len }
    }
}

impl core::fmt::Debug for Segments {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Segments({} bytes)", self.len)
    }
}

fn out_of_memory(bytes: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("There is not enough memory for {bytes} bytes of a file."))
}

fn released(range: &Range<usize>) -> Error {
    Error::new(ErrorCode::Internal, format!("The bytes {range:?} of a file are not there."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(piece: usize, len: usize, step: usize) -> (Segments, Vec<u8>) {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
        let mut segments = Segments::in_pieces_of(piece);
        bytes.chunks(step).for_each(|chunk| segments.push(chunk).unwrap());
        (segments, bytes)
    }

    #[test]
    fn any_range_of_any_pieces_is_what_was_pushed() {
        for (piece, step) in [(1, 3), (4, 1), (5, 16), (64, 7)] {
            let (segments, bytes) = filled(piece, 33, step);
            assert_eq!(segments.to_vec().unwrap(), bytes);
            for start in 0..=33 {
                for end in start..=33 {
                    assert_eq!(*segments.slice(start..end).unwrap(), bytes[start..end]);
                }
            }
            assert_eq!(segments.slice(30..34).unwrap_err().code, ErrorCode::Internal);
            assert_eq!(segments.copy(30..34, &mut Vec::new()).unwrap_err().code, ErrorCode::Internal);
        }
    }

    #[test]
    fn released_pieces_give_their_memory_back() {
        let (mut segments, _) = filled(8, 20, 5);
        assert_eq!((segments.held(), segments.pieces(&(7..9)), segments.pieces(&(8..8))), (24, 0..2, 0..0));
        segments.release(1);
        assert_eq!((segments.held(), segments.len()), (16, 20));
        assert!(
            segments.copy(0..8, &mut Vec::new()).is_ok() && segments.copy(7..9, &mut Vec::new()).is_err()
        );
    }

    #[test]
    fn room_for_more_than_there_is_cannot_be_had() {
        assert_eq!(Segments::default().reserve(usize::MAX).unwrap_err().code, ErrorCode::OutOfMemory);
        let mut segments = Segments::in_pieces_of(8);
        segments.reserve(20).unwrap();
        assert_eq!((segments.held(), segments.len(), segments.count()), (20, 0, 3));
        segments.push(&[1; 21]).unwrap();
        assert_eq!(segments.to_vec().unwrap(), [1; 21]);
    }

    #[test]
    fn a_vector_becomes_pieces() {
        let bytes: Vec<u8> = (0..PIECE + 10).map(|i| i as u8).collect();
        let segments = Segments::from(bytes.clone());
        assert_eq!((segments.count(), segments.to_vec().unwrap()), (2, bytes));
    }
}
