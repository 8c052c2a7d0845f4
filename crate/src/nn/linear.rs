//! Affine map.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Activation, Weights};
use crate::{
    Result,
    kernels::linear_f32::{Weight, linear_f32},
};

/// `y = activation(x · weightᵀ + bias)`.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    weight: Weight,
    bias: Tensor<1>,
    then: Activation,
}

impl Linear {
    /// Reads `{name}.weight: [out, in]` and `{name}.bias: [out]`.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        [out, inp]: [usize; 2],
        then: Activation,
        device: &Device,
    ) -> Result<Self> {
        let weight = weights.read(&format!("{name}.weight"), &[out, inp])?;
        let bias = weights.read(&format!("{name}.bias"), &[out])?;
        Ok(Self {
            weight: Weight::new(&weight, [out, inp], device)?,
            bias: Tensor::from_data(TensorData::new(bias, [out]), device),
            then,
        })
    }

    /// `x: [rows, in]` → `[rows, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        linear_f32(x, &self.weight, self.bias.clone(), self.then)
    }
}
