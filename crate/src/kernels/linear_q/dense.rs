//! Rows of a weight that is not quantised.
//!
//! They keep the width they are stored in: as many 32-bit words as the panels of [`crate::kernels::cpu::gemm_f32`] take,
//! of f32 or of two 16-bit numbers each.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::flex::DenseOps;
use crate::{
    Result,
    formats::{Dtype, TensorRows},
    kernels::cpu::gemm_f32::{PANEL, panels_len},
    memory::try_zeros,
};

/// How an element is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Width {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of binary32.
    BF16,
}

impl Width {
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::F32),
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::BF16),
            _ => None,
        }
    }

    /// Bytes of an element.
    pub(crate) fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

/// Consecutive rows of a weight, in panels of their width.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// Words of `[⌈rows / 8⌉, in, 8]` elements.
    words: Tensor<1, Int>,
    width: Width,
    rows: usize,
}

impl Dense {
    /// `x: [rows, in]` → `[rows, out]`.
    pub(super) fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        let words = self.words.clone().into_dispatch();
        Tensor::from_dispatch(Dispatch::linear_dense(x.into_dispatch(), words, self.width, self.rows))
    }

    /// The rows `ids`: `[ids, columns]`.
    pub(super) fn rows(&self, ids: Vec<u32>, columns: usize) -> Tensor<2> {
        let words = self.words.clone().into_dispatch();
        Tensor::from_dispatch(Dispatch::rows_dense(ids, words, self.width, columns))
    }
}

/// Packs rows of a matrix in their order.
pub(super) struct DensePacker {
    width: Width,
    columns: usize,
}

impl DensePacker {
    pub(super) fn new(width: Width, columns: usize) -> Self {
        Self { width, columns }
    }

    /// Bytes and rows of a panel.
    pub(super) fn panel(&self) -> (usize, usize) {
        (PANEL * self.columns * self.width.bytes(), PANEL)
    }

    /// Packs the next `count` rows.
    ///
    /// # Errors
    /// `out-of-memory`, or what reading the rows gives.
    pub(super) fn pack(&self, rows: &mut TensorRows<'_>, count: usize, device: &Device) -> Result<Dense> {
        let bytes = self.width.bytes();
        let mut words: Vec<i32> = try_zeros(panels_len(self.columns, count) * bytes / 4)?;
        let panels: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        let mut stored = Vec::new();
        for (p, panel) in panels.chunks_exact_mut(self.panel().0).enumerate() {
            stored.clear();
            rows.next(PANEL.min(count - p * PANEL), &mut stored)?;
            for (lane, row) in stored.chunks_exact(self.columns * bytes).enumerate() {
                let slots = panel.chunks_exact_mut(PANEL * bytes);
                for (slot, element) in slots.zip(row.chunks_exact(bytes)) {
                    slot[lane * bytes..][..bytes].copy_from_slice(element);
                }
            }
        }
        let shape = [words.len()];
        let words = Tensor::from_data(TensorData::new(words, shape), (device, DType::I32));
        Ok(Dense { words, width: self.width, rows: count })
    }
}
