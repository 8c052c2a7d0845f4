//! Named tensors in the pieces of a file, each read once.

use core::cell::RefCell;
use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use super::{Dtype, Segments, TensorInfo, TensorRows, dequantise::Decoder};
use crate::error::{Error, ErrorCode, Result};

/// Bytes that are decoded at a time, so that the file can shrink while the values grow.
const STEP: usize = 1 << 16;

/// A file of named tensors, whole and checked. Elements are decoded when they are asked for.
///
/// A tensor is read once: a piece of the file is freed as soon as every tensor in it was read.
#[derive(Debug)]
pub struct TensorFile {
    tensors: BTreeMap<String, TensorInfo>,
    unread: RefCell<Unread>,
}

/// What was not read yet.
#[derive(Debug)]
struct Unread {
    segments: Segments,
    /// How many tensors still need each piece.
    needed: Vec<usize>,
    read: BTreeSet<String>,
}

impl TensorFile {
    /// The tensors, whose ranges must lie inside the file. What belongs to no tensor is freed.
    pub(super) fn new(mut segments: Segments, tensors: BTreeMap<String, TensorInfo>) -> Self {
        let mut needed = vec![0; segments.count()];
        for info in tensors.values() {
            segments.pieces(&info.range).for_each(|piece| needed[piece] += 1);
        }
        let free = needed.iter().enumerate().filter(|(_, needed)| **needed == 0);
        free.for_each(|(piece, _)| segments.release(piece));
        Self { tensors, unread: RefCell::new(Unread { segments, needed, read: BTreeSet::new() }) }
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// What the file says about a tensor, or `None` if it holds no such tensor.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// The type that most numbers of the file are stored in; `None` where there are none.
    pub fn main_dtype(&self) -> Option<Dtype> {
        let mut counts: Vec<(Dtype, usize)> = Vec::new();
        for TensorInfo { dtype, shape, .. } in self.tensors.values() {
            let numbers = shape.iter().product::<usize>();
            match counts.iter_mut().find(|(known, _)| known == dtype) {
                Some((_, count)) => *count += numbers,
                None if numbers > 0 => counts.push((*dtype, numbers)),
                None => {}
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(dtype, _)| dtype)
    }

    /// The names of the tensors that were not read yet, sorted.
    pub fn unread(&self) -> Vec<String> {
        let unread = self.unread.borrow();
        self.names().filter(|name| !unread.read.contains(*name)).map(str::to_owned).collect()
    }

    /// Bytes of the file that are still in memory.
    pub fn held(&self) -> usize {
        self.unread.borrow().segments.held()
    }

    /// A tensor's elements as f32, and its shape. Quantised types are dequantised.
    ///
    /// # Errors
    /// `missing-tensor`, `unsupported-dtype`, `out-of-memory`, and `internal` for the second time; the detail
    /// names the tensor.
    pub fn read_f32(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
        let info = self.required(name)?;
        let decoder =
            Decoder::of(info.dtype).ok_or_else(|| unsupported_dtype(name, info.dtype).about(name))?;
        let mut values = Vec::new();
        values.try_reserve_exact(info.shape.iter().product()).map_err(|_| out_of_memory(name).about(name))?;
        let mut bytes = self.open(name)?;
        let (_, block) = info.dtype.block();
        let mut step = Vec::new();
        while bytes.left() > 0 {
            step.clear();
            bytes.next(STEP / block * block, &mut step)?;
            decoder.decode(&step, &mut values);
        }
        Ok((values, info.shape.clone()))
    }

    /// The rows of a matrix as they are stored.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape` for anything but two dimensions, and `internal` for the second time; the
    /// detail names the tensor.
    pub fn rows(&self, name: &str) -> Result<TensorRows<'_>> {
        let info = self.required(name)?;
        let [out, inp] = info.shape[..] else {
            let message = format!("Tensor {name} has {} dimensions, not two.", info.shape.len());
            return Err(Error::new(ErrorCode::TensorShape, message).about(name));
        };
        Ok(TensorRows::of_file(info.dtype, [out, inp], self.open(name)?))
    }

    fn required(&self, name: &str) -> Result<&TensorInfo> {
        self.info(name).ok_or_else(|| {
            let message = format!("The file holds no tensor named {name}.");
            Error::new(ErrorCode::MissingTensor, message).about(name)
        })
    }

    fn open(&self, name: &str) -> Result<TensorBytes<'_>> {
        let range = self.required(name)?.range.clone();
        if !self.unread.borrow_mut().read.insert(name.to_owned()) {
            let message = format!("Tensor {name} was read already.");
            return Err(Error::new(ErrorCode::Internal, message).about(name));
        }
        Ok(TensorBytes { unread: &self.unread, range })
    }
}

/// The bytes of one tensor, from first to last.
pub(super) struct TensorBytes<'a> {
    unread: &'a RefCell<Unread>,
    range: Range<usize>,
}

impl TensorBytes<'_> {
    /// Bytes to come.
    pub(super) fn left(&self) -> usize {
        self.range.len()
    }

    /// Appends the next `count` bytes, fewer at the end, and frees what no tensor needs any more.
    pub(super) fn next(&mut self, count: usize, into: &mut Vec<u8>) -> Result<()> {
        let end = self.range.start + count.min(self.range.len());
        let mut unread = self.unread.borrow_mut();
        unread.segments.copy(self.range.start..end, into)?;
        self.range.start = unread.pass(&self.range, end);
        Ok(())
    }
}

impl Drop for TensorBytes<'_> {
    fn drop(&mut self) {
        self.unread.borrow_mut().pass(&self.range, self.range.end);
    }
}

impl Unread {
    /// Gives up the pieces of a tensor's `rest` that lie before the byte `to`; returns `to`.
    fn pass(&mut self, rest: &Range<usize>, to: usize) -> usize {
        let touched = self.segments.pieces(rest);
        let kept = if to < rest.end { self.segments.piece_at(to) } else { touched.end };
        for piece in touched.start..kept {
            self.needed[piece] -= 1;
            if self.needed[piece] == 0 {
                self.segments.release(piece);
            }
        }
        to
    }
}

fn unsupported_dtype(name: &str, dtype: Dtype) -> Error {
    let message = format!("Tensor {name} is of type {dtype}, which cannot be read.");
    Error::new(ErrorCode::UnsupportedDtype, message)
}

fn out_of_memory(name: &str) -> Error {
    let message = format!("There is not enough memory for tensor {name}.");
    Error::new(ErrorCode::OutOfMemory, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::gguf::fixture::{Gguf, Tensor};
    use crate::formats::{GgufFile, open_gguf};

    /// Tensors of 3 × 4, 5 × 2 and 0 bytes in pieces of 16; each begins a piece of its own.
    fn file() -> GgufFile {
        let bytes = Gguf::default()
            .tensor(Tensor::new("a", &[4, 3], 24, (0..12).collect()))
            .tensor(Tensor::new("b", &[2, 5], 24, (0..10).collect()))
            .tensor(Tensor::new("none", &[0], 24, vec![]))
            .bytes();
        let mut segments = Segments::in_pieces_of(16);
        segments.push(&bytes).unwrap();
        open_gguf(segments).unwrap()
    }

    #[test]
    fn rows_come_in_order_and_the_file_shrinks() {
        let file = file().tensors;
        let before = file.held();
        assert_eq!(before, 32, "more was kept than a piece for each tensor");
        let mut rows = file.rows("b").unwrap();
        assert_eq!((rows.shape(), rows.dtype()), ([5, 2], Dtype::I8));
        let mut bytes = vec![99];
        rows.next(2, &mut bytes).unwrap();
        assert_eq!(bytes, [99, 0, 1, 2, 3]);
        rows.next(100, &mut bytes).unwrap();
        assert_eq!(bytes[5..], [4, 5, 6, 7, 8, 9]);
        assert_eq!(file.held(), before - 16);
        rows.next(1, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 11);
        drop(rows);
        assert_eq!(file.held(), before - 16);
    }

    #[test]
    fn the_main_dtype_is_that_of_most_numbers_and_not_of_most_tensors() {
        assert_eq!(file().tensors.main_dtype(), Some(Dtype::I8));
        let few = |name| Tensor::new(name, &[1], 0, vec![0; 4]);
        let many = Tensor::new("many", &[32], 8, vec![0; 34]);
        let bytes = Gguf::default().tensor(few("a")).tensor(many).tensor(few("z")).bytes();
        assert_eq!(open_gguf(bytes).unwrap().tensors.main_dtype(), Some(Dtype::Q8_0));
        assert_eq!(open_gguf(Gguf::default().bytes()).unwrap().tensors.main_dtype(), None);
    }

    #[test]
    fn a_tensor_given_up_is_a_tensor_read() {
        let file = file().tensors;
        assert_eq!(file.unread(), ["a", "b", "none"]);
        drop(file.rows("a").unwrap());
        drop(file.rows("b").unwrap());
        assert_eq!(file.unread(), ["none"]);
        assert_eq!(file.held(), 0);
        let error = file.rows("a").err().unwrap();
        assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::Internal, Some("a")));
        assert_eq!(file.read_f32("b").unwrap_err().code, ErrorCode::UnsupportedDtype);
        assert_eq!(file.rows("c").err().unwrap().code, ErrorCode::MissingTensor);
        assert_eq!(file.rows("none").err().unwrap().code, ErrorCode::TensorShape);
    }

    #[test]
    fn tensors_that_share_a_piece_do_not_free_it_for_each_other() {
        let values: Vec<f32> = (0..40).map(|i| i as f32).collect();
        let part =
            |range: Range<usize>| values[range].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let bytes = Gguf::default()
            .tensor(Tensor::new("a", &[8], 0, part(0..8)))
            .tensor(Tensor::new("b", &[16, 2], 0, part(8..40)))
            .bytes();
        for piece in [1, 7, 24, 100, 1 << 20] {
            let mut segments = Segments::in_pieces_of(piece);
            segments.push(&bytes).unwrap();
            let file = open_gguf(segments).unwrap().tensors;
            let mut rows = file.rows("b").unwrap();
            let mut row = Vec::new();
            rows.next(1, &mut row).unwrap();
            assert_eq!(file.read_f32("a").unwrap().0, values[..8]);
            rows.next(1, &mut row).unwrap();
            assert_eq!(row, part(8..40));
            assert_eq!(file.held(), 0, "pieces of {piece}");
        }
    }
}
