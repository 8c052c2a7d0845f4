//! Rows of a weight that is not quantised.
//!
//! On the CPU they keep the width they are stored in: as many 32-bit words as the panels of
//! [`crate::kernels::cpu::gemm_f32`] take, of f32 or of two 16-bit numbers each. Elsewhere they are f32.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::flex::DenseOps;
use crate::{
    Result,
    formats::{Dtype, TensorRows, dequantise::Decoder},
    kernels::{
        cpu::gemm_f32::{PANEL, panels_len},
        on_cpu,
    },
    memory::try_zeros,
};

/// How an element is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

#[derive(Clone, Debug)]
pub(super) enum Dense {
    /// Words of `[⌈rows / 8⌉, in, 8]` elements.
    Panels { words: Tensor<1, Int>, width: Width, rows: usize },
    /// `[rows, in]`.
    Rows(Tensor<2>),
}

impl Dense {
    /// `x: [rows, in]` → `[rows, out]`.
    pub(super) fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        match self.clone() {
            Self::Rows(weight) => x.matmul(weight.transpose()),
            Self::Panels { words, width, rows } => Tensor::from_dispatch(Dispatch::linear_dense(
                x.into_dispatch(),
                words.into_dispatch(),
                width,
                rows,
            )),
        }
    }

    /// The rows `ids`: `[ids, columns]`.
    pub(super) fn rows(&self, ids: Vec<u32>, columns: usize) -> Tensor<2> {
        match self.clone() {
            Self::Rows(weight) => {
                let shape = [ids.len()];
                let ids = ids.into_iter().map(u32::cast_signed).collect();
                let ids =
                    Tensor::<1, Int>::from_data(TensorData::new::<i32, _>(ids, shape), &weight.device());
                weight.select(0, ids)
            }
            Self::Panels { words, width, .. } => {
                Tensor::from_dispatch(Dispatch::rows_dense(ids, words.into_dispatch(), width, columns))
            }
        }
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
        if on_cpu(device) { self.pack_panels(rows, count, device) } else { self.upload(rows, count, device) }
    }

    fn pack_panels(&self, rows: &mut TensorRows<'_>, count: usize, device: &Device) -> Result<Dense> {
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
        Ok(Dense::Panels { words, width: self.width, rows: count })
    }

    fn upload(&self, rows: &mut TensorRows<'_>, count: usize, device: &Device) -> Result<Dense> {
        let (mut stored, mut values) = (Vec::new(), Vec::new());
        rows.next(count, &mut stored)?;
        if let Some(decoder) = Decoder::of(rows.dtype()) {
            decoder.decode(&stored, &mut values);
        }
        Ok(Dense::Rows(Tensor::from_data(TensorData::new(values, [count, self.columns]), device)))
    }
}
