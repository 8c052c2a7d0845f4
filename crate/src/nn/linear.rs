//! Affine map.

mod stacked;

use burn::tensor::{Device, Tensor, TensorData};

use super::{Activation, Gate, RmsNorm, StoredEmbedding, Weights, gated, load_packed};
#[cfg(feature = "gpu")]
use crate::kernels::linear_q::step::{Around, Ending, linear_step, linear_steps};
use crate::{
    Result,
    kernels::{
        biased_f32::biased_f32,
        linear_f32::{Weight, linear_f32},
        linear_i8::{self, BLOCK, linear_i8},
        linear_q::{PackedWeight, gated_linear_q, linear_q, linear_q_each},
        on_cpu,
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
    /// Rounded to eight bits.
    EightBits { weight: linear_i8::Weight, bias: Tensor<1>, then: Activation },
    /// In the type that the weight is stored in.
    Stored { weight: PackedWeight, bias: Option<Tensor<1>> },
}

/// What the linear layers of a model compute in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// In f32, whatever type the weights are stored in.
    F32,
    /// In eight bits on the CPU, in blocks of 128 numbers that share a scale, of the weights and of the activations. A
    /// matrix whose columns are no multiple of 128 stays f32, and so do all of them on a GPU.
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
        let weight = weights.read(&format!("{name}.weight"), &[out, inp])?;
        let bias = weights.read(&format!("{name}.bias"), &[out])?;
        Self::new(weight, bias, [out, inp], then, (precision, device))
    }

    /// From a row-major `weight: [out, in]`.
    fn new(
        weight: Vec<f32>,
        bias: Vec<f32>,
        shape @ [out, inp]: [usize; 2],
        then: Activation,
        (precision, device): (Precision, &Device),
    ) -> Result<Self> {
        let bias = Tensor::from_data(TensorData::new(bias, [out]), device);
        let eight_bits = precision == Precision::Q8 && on_cpu(device) && inp.is_multiple_of(BLOCK);
        let map = if eight_bits {
            Map::EightBits { weight: linear_i8::Weight::new(&weight, shape)?, bias, then }
        } else {
            Map::Exact { weight: Weight::new(weight, shape, device)?, bias, then }
        };
        Ok(Self { map })
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
        let read = || weights.read(&format!("{name}.bias"), &[out]);
        let bias = (bias == Bias::Required).then(read).transpose()?;
        let bias = bias.map(|bias| Tensor::from_data(TensorData::new(bias, [out]), device));
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
            Map::EightBits { weight, bias, then } => linear_i8(x, weight, bias.clone(), *then),
            Map::Stored { weight, bias } => biased(linear_q(x, weight), bias.as_ref()),
        }
    }

    /// The layer after `norm`: `[rows, in]` → `[rows, out]`.
    pub(crate) fn forward_normed(&self, norm: &RmsNorm, x: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let (Some(weight), Map::Stored { bias: None, .. }) = (self.step_weight(&x), &self.map) {
            let (gamma, epsilon) = norm.parts();
            let around = Around { norm: Some(epsilon), bias: false, constants: gamma };
            return linear_steps(x, core::iter::once(weight), around);
        }
        self.forward(norm.forward(x))
    }

    /// `residual + y`: `[rows, in]` and `[rows, out]` → `[rows, out]`.
    pub(crate) fn forward_add(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let (Some(weight), Map::Stored { bias, .. }) = (self.step_weight(&x), &self.map) {
            let nothing = residual.clone().flatten(0, 1);
            let constants = bias.as_ref().unwrap_or(&nothing);
            let around = Around { norm: None, bias: bias.is_some(), constants };
            if let Some(sum) = linear_step(x.clone(), weight, around, Ending::Add(residual.clone())) {
                return sum;
            }
        }
        #[cfg(feature = "gpu")]
        if let Map::Stored { weight, bias: None } = &self.map
            && let Some(sum) = weight.linear_add(x.clone(), residual.clone())
        {
            return sum;
        }
        residual + self.forward(x)
    }

    /// The weight, where it is multiplied with the only row of `x` by a kernel for one row.
    #[cfg(feature = "gpu")]
    fn step_weight(&self, x: &Tensor<2>) -> Option<&PackedWeight> {
        let (weight, _) = self.stored()?;
        (x.dims()[0] == 1 && weight.has_step()).then_some(weight)
    }

    /// The weight, and the bias if there is one, where it is quantised and on a GPU.
    #[cfg(feature = "gpu")]
    pub(super) fn packed(&self) -> Option<(&PackedWeight, Option<&Tensor<1>>)> {
        self.stored().filter(|(weight, _)| weight.has_step())
    }

    /// What each of the layers makes of the same `x: [rows, in]`: `[rows, out]`.
    pub(crate) fn forward_each(layers: [&Self; 3], x: Tensor<2>) -> [Tensor<2>; 3] {
        let [Some(a), Some(b), Some(c)] = layers.map(Self::stored) else {
            return layers.map(|layer| layer.forward(x.clone()));
        };
        let ([ya, yb, yc], [a, b, c]) = (linear_q_each(x, [a.0, b.0, c.0]), [a.1, b.1, c.1]);
        [biased(ya, a), biased(yb, b), biased(yc, c)]
    }

    /// `activation(gate(x)) · up(x)`, element by element: `x: [rows, in]` → `[rows, out]`.
    pub(crate) fn forward_gated([gate, up]: [&Self; 2], x: Tensor<2>, by: Gate) -> Tensor<2> {
        match [gate.stored(), up.stored()] {
            [Some((gate, None)), Some((up, None))] => gated_linear_q(x, gate, up, by),
            _ => gated(gate.forward(x.clone()), up.forward(x), by),
        }
    }

    /// The weight in the type that it is stored in, and the bias if there is one.
    fn stored(&self) -> Option<(&PackedWeight, Option<&Tensor<1>>)> {
        match &self.map {
            Map::Exact { .. } | Map::EightBits { .. } => None,
            Map::Stored { weight, bias } => Some((weight, bias.as_ref())),
        }
    }
}

fn biased(y: Tensor<2>, bias: Option<&Tensor<1>>) -> Tensor<2> {
    match bias {
        None => y,
        Some(bias) => biased_f32(y, bias.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
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
            let bytes = match self.0 {
                // Blocks of 32 with a scale.
                Dtype::Q8_0 => values
                    .chunks(32)
                    .flat_map(|block| {
                        let quants = block.iter().map(|x| (x * 127.0) as i8 as u8);
                        half::f16::from_f32(1.0 / 127.0).to_le_bytes().into_iter().chain(quants)
                    })
                    .collect(),
                Dtype::F16 => values.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            };
            TensorRows::of_bytes(self.0, shape, bytes)
        }

        fn contains(&self, _: &str) -> bool {
            true
        }
    }

    fn outputs(precision: Precision, shape: [usize; 2], then: Activation) -> Result<Vec<f32>> {
        let linear = Linear::load(&Random(Dtype::F32), "dense", shape, then, (precision, &Device::flex()))?;
        Ok(values(linear.forward(random_tensor(9, [5, shape[1]]))))
    }

    #[test]
    fn eight_bits_are_close_to_f32() {
        for then in [Activation::Identity, Activation::Gelu] {
            let [exact, found] =
                [Precision::F32, Precision::Q8].map(|precision| outputs(precision, [13, 128], then).unwrap());
            assert_close(&found, &exact, 0.2);
            assert_ne!(found, exact, "nothing was rounded");
        }
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
            .map(|precision| outputs(precision, [13, 96], Activation::Relu).unwrap());
        assert_eq!(exact, eight);
    }
}
