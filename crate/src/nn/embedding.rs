//! Table look-up.

use burn::tensor::{Device, Tensor, TensorData};

use super::{LayerNorm, Weights, load_packed};
use crate::{
    Result,
    kernels::{
        embed_f32::{Tables, embed_f32},
        linear_q::{PackedWeight, rows_q},
    },
};

/// One row per id, to which its place in the text adds another, normalised.
#[derive(Clone, Debug)]
pub(crate) struct PlacedEmbedding {
    tables: Tables,
}

impl PlacedEmbedding {
    /// Of tables `words: [vocabulary, width]` and `places: [places, width]`.
    pub(crate) fn new(
        words: Vec<f32>,
        places: Vec<f32>,
        width: usize,
        norm: LayerNorm,
        device: &Device,
    ) -> Self {
        let table = |values: Vec<f32>| {
            let shape = [values.len() / width, width];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self { tables: norm.into_tables(table(words), table(places)) }
    }

    /// Sequences of `tokens` ids each, `[batch · tokens]` → `[batch · tokens, width]`. Every id is in the vocabulary, and
    /// there is a place for every token.
    pub(crate) fn forward(&self, ids: &[u32], tokens: usize) -> Tensor<2> {
        embed_f32(ids, tokens, &self.tables)
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
