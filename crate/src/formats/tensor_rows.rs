//! A matrix as it is stored, a few rows at a time.

use core::marker::PhantomData;

use super::{Dtype, tensor_file::TensorBytes};
use crate::error::{Error, ErrorCode, Result};

/// The rows of a matrix, first to last, in the type they are stored in.
pub struct TensorRows<'a> {
    dtype: Dtype,
    shape: [usize; 2],
    source: Source<'a>,
}

enum Source<'a> {
    File(TensorBytes<'a>),
    /// The bytes, and how many were given out.
    Memory(Vec<u8>, usize, PhantomData<&'a ()>),
}

impl<'a> TensorRows<'a> {
    pub(super) fn of_file(dtype: Dtype, shape: [usize; 2], bytes: TensorBytes<'a>) -> Self {
        Self { dtype, shape, source: Source::File(bytes) }
    }

    /// The rows of a matrix `[out, in]` in memory.
    ///
    /// # Errors
    /// `tensor-shape` where there are more or fewer bytes than the shape takes, or its rows are no whole blocks.
    pub fn of_bytes(dtype: Dtype, shape: [usize; 2], bytes: Vec<u8>) -> Result<Self> {
        if dtype.bytes_for(&shape) != Some(bytes.len()) {
            let message = format!("{} bytes are not {shape:?} elements of {dtype}.", bytes.len());
            return Err(Error::new(ErrorCode::TensorShape, message));
        }
        Ok(Self { dtype, shape, source: Source::Memory(bytes, 0, PhantomData) })
    }

    /// The rows of a matrix `[out, in]` of f32 in memory.
    ///
    /// # Errors
    /// As [`TensorRows::of_bytes`].
    pub fn of_f32(shape: [usize; 2], values: &[f32]) -> Result<Self> {
        Self::of_bytes(Dtype::F32, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// `[out, in]`: rows, and elements of a row.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Appends the bytes of the next `rows` whole rows, fewer at the end.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub fn next(&mut self, rows: usize, into: &mut Vec<u8>) -> Result<()> {
        let row = self.dtype.bytes_for(&self.shape[1..]).unwrap_or(0);
        let count = rows.saturating_mul(row);
        match &mut self.source {
            Source::File(bytes) => bytes.next(count, into),
            Source::Memory(bytes, given, _) => {
                let rest = &bytes[*given..];
                let now = &rest[..count.min(rest.len())];
                into.extend_from_slice(now);
                *given += now.len();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_memory_come_in_order() {
        let mut rows = TensorRows::of_f32([3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let mut bytes = Vec::new();
        rows.next(2, &mut bytes).unwrap();
        assert_eq!((rows.dtype(), rows.shape(), bytes.len()), (Dtype::F32, [3, 2], 16));
        rows.next(2, &mut bytes).unwrap();
        assert_eq!(bytes[16..20], 5.0f32.to_le_bytes());
        assert_eq!(bytes.len(), 24);
    }

    #[test]
    fn sizes_must_fit() {
        for (shape, bytes) in [([1, 32], 33), ([1, 16], 17), ([usize::MAX, 32], 34)] {
            let rows = TensorRows::of_bytes(Dtype::Q8_0, shape, vec![0; bytes]);
            assert_eq!(rows.err().unwrap().code, ErrorCode::TensorShape);
        }
    }
}
