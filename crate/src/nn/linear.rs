//! Affine map.

mod stacked;

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    Activation, Gate, RmsNorm, StoredEmbedding, Weights, gated, load_packed, stored::load_eight_bits,
};
#[cfg(feature = "gpu")]
use crate::kernels::linear_q::step::{Around, Ending, linear_step, linear_steps};
use crate::{
    Result,
    kernels::{
        biased_f32::biased_f32,
        linear_f32::{Weight, linear_f32},
        linear_q::{PackedWeight, gated_linear_q, layout::BLOCK, linear_q, linear_q_each},
    },
};

pub(crate) use self::stacked::Stacked;

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
    Stored { weight: PackedWeight, after: Option<(Tensor<1>, Activation)> },
}

/// What the linear layers of a model compute in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// In f32, whatever type the weights are stored in.
    F32,
    /// In eight bits: blocks of 32 numbers that share a scale, of the weights and, on the CPU, of the activations too.
    /// Weights that are stored in blocks stay as they are. A matrix whose columns are no multiple of 32 stays f32.
    Q8,
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
    /// Reads `{name}.weight: [out, in]` and `{name}.bias: [out]`, to compute in `precision`.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, `unsupported-dtype` or `out-of-memory`; the detail names the tensor.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        [out, inp]: [usize; 2],
        then: Activation,
        (precision, device): (Precision, &Device),
    ) -> Result<Self> {
        let (matrix, shape) = (format!("{name}.weight"), [out, inp]);
        let bias = read_bias(weights, name, out, device)?;
        if precision == Precision::Q8 && inp.is_multiple_of(BLOCK) {
            let weight = load_eight_bits(weights, &matrix, shape, device)?;
            return Ok(Self { map: Map::Stored { weight, after: Some((bias, then)) } });
        }
        let weight = Weight::new(weights.read(&matrix, &shape)?, shape, device)?;
        Ok(Self { map: Map::Exact { weight, bias, then } })
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
        Ok(Self { map: Map::Stored { weight, after: bias.map(|bias| (bias, Activation::Identity)) } })
    }

    /// The map from the width of `embedding` to a number for each of its rows, by the same weight and without bias.
    pub(crate) fn tied(embedding: &StoredEmbedding) -> Self {
        Self { map: Map::Stored { weight: embedding.weight().clone(), after: None } }
    }

    /// `x: [rows, in]` → `[rows, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.map {
            Map::Exact { weight, bias, then } => linear_f32(x, weight, bias.clone(), *then),
            Map::Stored { weight, after } => finish(linear_q(x, weight), after.as_ref()),
        }
    }

    /// The layer after `norm`: `[rows, in]` → `[rows, out]`.
    pub(crate) fn forward_normed(&self, norm: &RmsNorm, x: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let (Some(weight), Map::Stored { after: None, .. }) = (self.step_weight(&x), &self.map) {
            let (gamma, epsilon) = norm.parts();
            let around = Around { norm: Some(epsilon), bias: false, constants: gamma };
            return linear_steps(x, core::iter::once(weight), around);
        }
        self.forward(norm.forward(x))
    }

    /// `residual + y`: `[rows, in]` and `[rows, out]` → `[rows, out]`.
    pub(crate) fn forward_add(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let (Some(weight), Map::Stored { after, .. }) = (self.step_weight(&x), &self.map) {
            let nothing = residual.clone().flatten(0, 1);
            let constants = after.as_ref().map_or(&nothing, |(bias, _)| bias);
            let around = Around { norm: None, bias: after.is_some(), constants };
            if let Some(sum) = linear_step(x.clone(), weight, around, Ending::Add(residual.clone())) {
                return sum;
            }
        }
        #[cfg(feature = "gpu")]
        if let Map::Stored { weight, after: None } = &self.map
            && let Some(sum) = weight.linear_add(x.clone(), residual.clone())
        {
            return sum;
        }
        residual + self.forward(x)
    }

    /// The weight, where it is multiplied with the only row of `x` by a kernel for one row.
    #[cfg(feature = "gpu")]
    fn step_weight(&self, x: &Tensor<2>) -> Option<&PackedWeight> {
        let (weight, after) = self.stored()?;
        let plain = after.is_none_or(|(_, then)| *then == Activation::Identity);
        (x.dims()[0] == 1 && weight.has_step() && plain).then_some(weight)
    }

    /// The weight, and the bias if there is one, where it is quantised and on a GPU.
    #[cfg(feature = "gpu")]
    pub(super) fn packed(&self) -> Option<(&PackedWeight, Option<&Tensor<1>>)> {
        let (weight, after) = self.stored()?;
        weight.has_step().then_some((weight, after.map(|(bias, _)| bias)))
    }

    /// What each of the layers makes of the same `x: [rows, in]`: `[rows, out]`.
    pub(crate) fn forward_each(layers: [&Self; 3], x: Tensor<2>) -> [Tensor<2>; 3] {
        let [Some(a), Some(b), Some(c)] = layers.map(Self::stored) else {
            return layers.map(|layer| layer.forward(x.clone()));
        };
        let ([ya, yb, yc], [a, b, c]) = (linear_q_each(x, [a.0, b.0, c.0]), [a.1, b.1, c.1]);
        [finish(ya, a), finish(yb, b), finish(yc, c)]
    }

    /// `activation(gate(x)) · up(x)`, element by element: `x: [rows, in]` → `[rows, out]`.
    pub(crate) fn forward_gated([gate, up]: [&Self; 2], x: Tensor<2>, by: Gate) -> Tensor<2> {
        match [gate.stored(), up.stored()] {
            [Some((gate, None)), Some((up, None))] => gated_linear_q(x, gate, up, by),
            _ => gated(gate.forward(x.clone()), up.forward(x), by),
        }
    }

    /// The weight in the type that it is stored in, and what follows the product.
    fn stored(&self) -> Option<(&PackedWeight, Option<&(Tensor<1>, Activation)>)> {
        match &self.map {
            Map::Exact { .. } => None,
            Map::Stored { weight, after } => Some((weight, after.as_ref())),
        }
    }
}

/// Bias and activation, if there are any.
fn finish(y: Tensor<2>, after: Option<&(Tensor<1>, Activation)>) -> Tensor<2> {
    match after {
        None => y,
        Some((bias, then)) => biased_f32(y, bias.clone(), *then),
    }
}

fn read_bias(weights: &impl Weights, name: &str, out: usize, device: &Device) -> Result<Tensor<1>> {
    let bias = weights.read(&format!("{name}.bias"), &[out])?;
    Ok(Tensor::from_data(TensorData::new(bias, [out]), device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorCode,
        formats::{Dtype, TensorRows},
        kernels::testing::{assert_close, random, random_tensor, values},
    };

    /// Every tensor is random; matrices are of a type.
    pub(super) struct Random(pub(super) Dtype);

    impl Weights for Random {
        fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
            Ok(random(name.len() as u64, shape.iter().product()))
        }

        fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
            let values = self.read(name, &shape)?;
            let bytes: Vec<u8> = values.iter().flat_map(|&x| self.bytes(x)).collect();
            match self.0 {
                Dtype::Q8_0 => Ok(TensorRows::of_f32(shape, &values)?.into_q8_0()),
                Dtype::IQ4_NL => TensorRows::of_bytes(self.0, shape, vec![0; shape[0] * shape[1] / 32 * 18]),
                dtype => TensorRows::of_bytes(dtype, shape, bytes),
            }
        }

        fn contains(&self, _: &str) -> bool {
            true
        }
    }

    impl Random {
        fn bytes(&self, x: f32) -> Vec<u8> {
            match self.0 {
                Dtype::F16 => half::f16::from_f32(x).to_le_bytes().to_vec(),
                Dtype::BF16 => half::bf16::from_f32(x).to_le_bytes().to_vec(),
                _ => x.to_le_bytes().to_vec(),
            }
        }
    }

    fn outputs(dtype: Dtype, precision: Precision, shape: [usize; 2], then: Activation) -> Result<Vec<f32>> {
        let linear = Linear::load(&Random(dtype), "dense", shape, then, (precision, &Device::flex()))?;
        Ok(values(linear.forward(random_tensor(9, [5, shape[1]]))))
    }

    #[test]
    fn eight_bits_are_close_to_f32_whatever_the_file_has() {
        for then in [Activation::Identity, Activation::Gelu] {
            let exact = outputs(Dtype::F32, Precision::F32, [13, 96], then).unwrap();
            for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::Q8_0] {
                let found = outputs(dtype, Precision::Q8, [13, 96], then).unwrap();
                assert_close(&found, &exact, 0.1);
                assert_ne!(found, exact, "{dtype} was not rounded");
            }
        }
    }

    #[test]
    fn a_file_of_f32_is_quantised_to_what_a_file_of_q8_0_has() {
        let [quantised, stored] = [Dtype::F32, Dtype::Q8_0]
            .map(|dtype| outputs(dtype, Precision::Q8, [13, 96], Activation::Gelu).unwrap());
        assert_eq!(quantised, stored);
    }

    #[test]
    fn layers_together_give_what_each_gives() {
        let device = Device::flex();
        let stored = |name: &str, out, dtype, bias| {
            Linear::load_stored(&Random(dtype), name, [out, 64], bias, &device).unwrap()
        };
        let exact = Linear::load(
            &Random(Dtype::F32),
            "exact",
            [7, 64],
            Activation::Identity,
            (Precision::F32, &device),
        );
        let (a, b) =
            (stored("a", 9, Dtype::Q8_0, Bias::Required), stored("bb", 9, Dtype::Q8_0, Bias::Absent));
        let (c, d) = (stored("ccc", 5, Dtype::F16, Bias::Absent), exact.unwrap());
        let x: Tensor<2> = random_tensor(4, [3, 64]);
        for layers in [[&a, &b, &b], [&b, &a, &c], [&d, &a, &b]] {
            let together = Linear::forward_each(layers, x.clone());
            for (layer, found) in layers.into_iter().zip(together) {
                assert_eq!(values(found), values(layer.forward(x.clone())));
            }
        }
        for (gate, up) in [(&b, &b), (&a, &b), (&c, &c), (&d, &d)] {
            let found = Linear::forward_gated([gate, up], x.clone(), Gate::Silu);
            let expected = gated(gate.forward(x.clone()), up.forward(x.clone()), Gate::Silu);
            assert_eq!(values(found), values(expected));
        }
    }

    #[test]
    fn columns_that_are_no_whole_blocks_stay_f32() {
        let [exact, eight] = [Precision::F32, Precision::Q8]
            .map(|precision| outputs(Dtype::F32, precision, [13, 48], Activation::Relu).unwrap());
        assert_eq!(exact, eight);
    }

    #[test]
    fn a_type_that_cannot_be_used_is_named() {
        let error = outputs(Dtype::IQ4_NL, Precision::Q8, [2, 32], Activation::Identity).unwrap_err();
        assert_eq!(
            (error.code, error.detail.as_deref()),
            (ErrorCode::UnsupportedDtype, Some("dense.weight"))
        );
    }
}
