//! Affine map.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Activation, StoredEmbedding, Weights, load_packed};
use crate::{
    Result,
    kernels::{
        linear_f32::{Weight, linear_f32},
        linear_q::{PackedWeight, linear_q},
    },
};

/// `y = activation(x · weightᵀ + bias)`.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    map: Map,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a model has few layers, all of one variant
enum Map {
    /// In f32, exact up to rounding.
    Exact { weight: Weight, bias: Tensor<1>, then: Activation },
    /// In the type that the weight is stored in.
    Stored { weight: PackedWeight, bias: Option<Tensor<1>> },
}

/// Whether a layer has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bias {
    /// It has none.
    Absent,
    /// It must have one.
    Required,
}

impl Linear {
    /// Reads `{name}.weight: [out, in]` and `{name}.bias: [out]`, to compute in f32.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        [out, inp]: [usize; 2],
        then: Activation,
        device: &Device,
    ) -> Result<Self> {
        let weight = weights.read(&format!("{name}.weight"), &[out, inp])?;
        let bias = read_bias(weights, name, out, device)?;
        Ok(Self { map: Map::Exact { weight: Weight::new(&weight, [out, inp], device)?, bias, then } })
    }

    /// Reads `{name}.weight: [out, in]`, and `{name}.bias: [out]` where it is required, to compute in the type that
    /// the weight is stored in.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, `unsupported-dtype` or `out-of-memory`; the detail names the tensor.
    pub(crate) fn load_stored(
        weights: &impl Weights,
        name: &str,
        [out, inp]: [usize; 2],
        bias: Bias,
        device: &Device,
    ) -> Result<Self> {
        let weight = load_packed(weights, &format!("{name}.weight"), [out, inp], device)?;
        let bias = (bias == Bias::Required).then(|| read_bias(weights, name, out, device)).transpose()?;
        Ok(Self { map: Map::Stored { weight, bias } })
    }

    /// The map from the width of `embedding` to a number for each of its rows, by the same weight and without bias.
    pub(crate) fn tied(embedding: &StoredEmbedding) -> Self {
        Self { map: Map::Stored { weight: embedding.weight().clone(), bias: None } }
    }

    /// `x: [rows, in]` → `[rows, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.map {
            Map::Exact { weight, bias, then } => linear_f32(x, weight, bias.clone(), *then),
            Map::Stored { weight, bias: None } => linear_q(x, weight),
            Map::Stored { weight, bias: Some(bias) } => linear_q(x, weight) + bias.clone().unsqueeze(),
        }
    }
}

fn read_bias(weights: &impl Weights, name: &str, out: usize, device: &Device) -> Result<Tensor<1>> {
    let bias = weights.read(&format!("{name}.bias"), &[out])?;
    Ok(Tensor::from_data(TensorData::new(bias, [out]), device))
}
