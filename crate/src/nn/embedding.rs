//! Table look-up.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{Weights, load_packed};
use crate::{
    Result,
    kernels::linear_q::{PackedWeight, rows_q},
};

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

/// One row per id, in the type that the table is stored in.
#[derive(Clone, Debug)]
pub(crate) struct StoredEmbedding {
    weight: PackedWeight,
}

impl StoredEmbedding {
    /// Reads `{name}.weight: [rows, width]`.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, `unsupported-dtype` or `out-of-memory`; the detail names the tensor.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        [rows, width]: [usize; 2],
        device: &Device,
    ) -> Result<Self> {
        Ok(Self { weight: load_packed(weights, &format!("{name}.weight"), [rows, width], device)? })
    }

    /// The rows `ids`: `[ids, width]`. There is at least one id, and each is less than `rows`.
    pub(crate) fn forward(&self, ids: &[u32]) -> Tensor<2> {
        rows_q(ids, &self.weight)
    }

    /// Whether a kernel of a step can look up a token.
    #[cfg(feature = "gpu")]
    pub(crate) fn has_step(&self) -> bool {
        self.weight.has_step()
    }

    pub(crate) fn weight(&self) -> &PackedWeight {
        &self.weight
    }
}
