//! Rows of a quantised weight on a device that is no CPU.

use burn::{
    backend::{Dispatch, DispatchTensor},
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::{flex::PackedOps, layout::Format, pack::Apart};

/// Consecutive rows of a quantised weight, laid out as [`super::layout`] says.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    pub(super) planes: Tensor<1, Int>,
    /// With the bytes of groups.
    pub(super) scales: Tensor<1, Int>,
    pub(super) format: Format,
    pub(super) rows: usize,
}

impl Quantised {
    pub(super) fn new(parts: Apart, format: Format, rows: usize, device: &Device) -> Self {
        let words = |words: Vec<i32>| {
            let shape = [words.len()];
            Tensor::from_data(TensorData::new(words, shape), (device, DType::I32))
        };
        Self { planes: words(parts.planes), scales: words(parts.scales), format, rows }
    }

    /// Planes and scales, for a backend.
    pub(super) fn parts(&self) -> [DispatchTensor; 2] {
        let Self { planes, scales, .. } = self.clone();
        [planes.into_dispatch(), scales.into_dispatch()]
    }

    /// `x: [rows, in]` → `[rows, out]`.
    pub(super) fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        let [planes, scales] = self.parts();
        let x = x.into_dispatch();
        Tensor::from_dispatch(Dispatch::linear_q(x, planes, scales, self.format, self.rows))
    }

    /// The same, added to `residual: [rows, out]`.
    pub(super) fn linear_add(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        let [planes, scales] = self.parts();
        let (x, residual) = (x.into_dispatch(), residual.into_dispatch());
        Tensor::from_dispatch(Dispatch::linear_q_add(x, planes, scales, residual, self.format))
    }

    /// The rows `ids`, dequantised: `[ids, width]`.
    pub(super) fn rows(&self, ids: Vec<u32>, width: usize) -> Tensor<2> {
        let [planes, scales] = self.parts();
        Tensor::from_dispatch(Dispatch::rows_q(ids, planes, scales, self.format, width))
    }
}
