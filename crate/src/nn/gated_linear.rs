//! Two linear layers of one input, of which the first gates the second.

use burn::tensor::Tensor;

use super::{Gate, Linear, RmsNorm};
#[cfg(feature = "gpu")]
use crate::kernels::{
    gated_f32::gate_rows,
    linear_q::{
        PackedWeight, linear_q,
        step::{Around, Ending, linear_step},
    },
};

/// `activation(gate(x)) · up(x)`, element by element.
#[derive(Clone, Debug)]
pub(crate) struct GatedLinear {
    map: Map,
    by: Gate,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a model has few, all of one variant
enum Map {
    Apart([Linear; 2]),
    /// On a GPU, the rows of both in one weight.
    #[cfg(feature = "gpu")]
    Stacked(PackedWeight),
}

impl GatedLinear {
    /// Joins two layers.
    pub(crate) fn new(gate: Linear, up: Linear, by: Gate) -> Self {
        #[cfg(feature = "gpu")]
        if let (Some((a, None)), Some((b, None))) = (gate.packed(), up.packed())
            && let Some(stacked) = PackedWeight::stack(&[a, b])
        {
            return Self { map: Map::Stacked(stacked), by };
        }
        Self { map: Map::Apart([gate, up]), by }
    }

    /// What the layers make of `norm(x)`, `x: [rows, in]`: `[rows, out]`.
    pub(crate) fn forward(&self, norm: &RmsNorm, x: Tensor<2>) -> Tensor<2> {
        match &self.map {
            Map::Apart([gate, up]) => Linear::forward_gated([gate, up], norm.forward(x), self.by),
            #[cfg(feature = "gpu")]
            Map::Stacked(weight) if x.dims()[0] == 1 => {
                let (gamma, epsilon) = norm.parts();
                let around = Around { norm: Some(epsilon), bias: false, constants: gamma };
                linear_step(x, weight, around, Ending::Gate(self.by))
            }
            #[cfg(feature = "gpu")]
            Map::Stacked(weight) => gate_rows(linear_q(norm.forward(x), weight), self.by),
        }
    }
}
