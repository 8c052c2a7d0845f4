//! Table look-up.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::Weights;
use crate::Result;

/// One row per id.
#[derive(Clone, Debug)]
pub(crate) struct Embedding {
    weight: Tensor<2>,
}

impl Embedding {
    /// Reads `{name}.weight: [rows, width]`.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        [rows, width]: [usize; 2],
        device: &Device,
    ) -> Result<Self> {
        let values = weights.read(&format!("{name}.weight"), &[rows, width])?;
        Ok(Self { weight: Tensor::from_data(TensorData::new(values, [rows, width]), device) })
    }

    /// `ids: [count]` → `[count, width]`.
    pub(crate) fn forward(&self, ids: Tensor<1, Int>) -> Tensor<2> {
        self.weight.clone().select(0, ids)
    }

    /// The first `count` rows: `[count, width]`.
    pub(crate) fn first(&self, count: usize) -> Tensor<2> {
        self.weight.clone().narrow(0, 0, count)
    }
}
