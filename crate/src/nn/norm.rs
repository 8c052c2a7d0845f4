//! Layer normalisation.

use burn::tensor::{Device, Tensor, TensorData};

use super::Weights;
use crate::{
    Result,
    kernels::{embed_f32::Tables, layer_norm_f32::add_layer_norm_f32},
};

/// `y = (x − mean) / √(variance + epsilon) · weight + bias`, over the last dimension (Ba et al., 2016).
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    /// Reads `{name}.weight` and `{name}.bias`, both `[width]`.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        width: usize,
        epsilon: f64,
        device: &Device,
    ) -> Result<Self> {
        let read = |part| {
            let values = weights.read(&format!("{name}.{part}"), &[width])?;
            Ok(Tensor::from_data(TensorData::new(values, [width]), device))
        };
        Ok(Self { weight: read("weight")?, bias: read("bias")?, epsilon })
    }

    /// Normalises `x + residual`; both `[rows, width]` → `[rows, width]`.
    pub(crate) fn forward(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        add_layer_norm_f32(x, residual, self.weight.clone(), self.bias.clone(), self.epsilon)
    }

    /// What normalises the sums of rows of `words: [vocabulary, width]` and `places: [places, width]`.
    pub(super) fn into_tables(self, words: Tensor<2>, places: Tensor<2>) -> Tables {
        Tables { words, places, gamma: self.weight, beta: self.bias, epsilon: self.epsilon }
    }
}
