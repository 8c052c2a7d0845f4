//! Rows of a quantised weight on their device.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::{flex::PackedOps, layout::Format};

/// Consecutive rows of a quantised weight, laid out as [`super::layout`] says.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    /// The planes, or the records on a CPU.
    pub(super) planes: Tensor<1, Int>,
    /// One zero on a CPU.
    scales: Tensor<1>,
    /// One zero on a CPU, and where the format has no groups.
    groups: Tensor<1, Int>,
    format: Format,
    rows: usize,
}

impl Quantised {
    pub(super) fn new(
        planes: Vec<i32>,
        scales: Vec<f32>,
        groups: Vec<i32>,
        format: Format,
        rows: usize,
        device: &Device,
    ) -> Self {
        let words = |words: Vec<i32>| {
            let shape = [words.len()];
            Tensor::from_data(TensorData::new(words, shape), (device, DType::I32))
        };
        let shape = [scales.len()];
        let scales = Tensor::from_data(TensorData::new(scales, shape), device);
        Self { planes: words(planes), scales, groups: words(groups), format, rows }
    }

    /// `x: [rows, in]` → `[rows, out]`.
    pub(super) fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        let Self { planes, scales, groups, format, rows } = self.clone();
        Tensor::from_dispatch(Dispatch::linear_q(
            x.into_dispatch(),
            planes.into_dispatch(),
            scales.into_dispatch(),
            groups.into_dispatch(),
            format,
            rows,
        ))
    }

    /// The rows `ids`, dequantised: `[ids, width]`.
    pub(super) fn rows(&self, ids: Vec<u32>, width: usize) -> Tensor<2> {
        let Self { planes, scales, groups, format, .. } = self.clone();
        Tensor::from_dispatch(Dispatch::rows_q(
            ids,
            planes.into_dispatch(),
            scales.into_dispatch(),
            groups.into_dispatch(),
            format,
            width,
        ))
    }
}
