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
    /// Words: of f32 where groups have scales of their own, otherwise of two f16, as the file has them.
    pub(super) scales: Tensor<1, Int>,
    pub(super) groups: Tensor<1, Int>,
    pub(super) format: Format,
    pub(super) rows: usize,
}

impl Quantised {
    pub(super) fn new(parts: Apart, format: Format, rows: usize, device: &Device) -> Self {
        let words = |words: Vec<i32>| {
            let shape = [words.len()];
            Tensor::from_data(TensorData::new(words, shape), (device, DType::I32))
        };
        let scales = words(scale_words(&parts.scales, format));
        Self { planes: words(parts.planes), scales, groups: words(parts.groups), format, rows }
    }

    /// Planes, scales and groups, for a backend.
    pub(super) fn parts(&self) -> [DispatchTensor; 3] {
        let Self { planes, scales, groups, .. } = self.clone();
        [planes.into_dispatch(), scales.into_dispatch(), groups.into_dispatch()]
    }

    /// `x: [rows, in]` → `[rows, out]`.
    pub(super) fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        let [planes, scales, groups] = self.parts();
        let x = x.into_dispatch();
        Tensor::from_dispatch(Dispatch::linear_q(x, planes, scales, groups, self.format, self.rows))
    }

    /// The same, added to `residual: [rows, out]`.
    pub(super) fn linear_add(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        let [planes, scales, groups] = self.parts();
        let (x, residual) = (x.into_dispatch(), residual.into_dispatch());
        Tensor::from_dispatch(Dispatch::linear_q_add(x, planes, scales, groups, residual, self.format))
    }

    /// The rows `ids`, dequantised: `[ids, width]`.
    pub(super) fn rows(&self, ids: Vec<u32>, width: usize) -> Tensor<2> {
        let [planes, scales, groups] = self.parts();
        Tensor::from_dispatch(Dispatch::rows_q(ids, planes, scales, groups, self.format, width))
    }
}

/// The words of `scales`, as [`Quantised`] has them.
pub(super) fn scale_words(scales: &[f32], format: Format) -> Vec<i32> {
    if format.grouped {
        return scales.iter().map(|scale| scale.to_bits().cast_signed()).collect();
    }
    let half = |scale: f32| u32::from(half::f16::from_f32(scale).to_bits());
    let pair = |pair: &[f32; 2]| (half(pair[0]) | half(pair[1]) << 16).cast_signed();
    scales.as_chunks().0.iter().map(pair).collect()
}
