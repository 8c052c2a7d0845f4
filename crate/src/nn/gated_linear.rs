//! Two linear layers of one input, of which the first gates the second.

use burn::tensor::Tensor;

use super::{Gate, Linear, RmsNorm};
#[cfg(feature = "gpu")]
use crate::kernels::{
    gated_f32::gate_rows,
    linear_q::{
        PackedWeight, linear_q,
        step::{Around, Ending, linear_step, linear_steps},
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
    /// On a GPU, the rows of both in one weight, where they are of one kind.
    #[cfg(feature = "gpu")]
    Stacked(PackedWeight),
}

impl GatedLinear {
    /// Joins two layers.
    pub(crate) fn new(gate: Linear, up: Linear, by: Gate) -> Self {
        #[cfg(feature = "gpu")]
        if let (Some((a, None)), Some((b, None))) = (gate.packed(), up.packed())
            && let Ok([stacked]) = <[_; 1]>::try_from(PackedWeight::stack(&[a, b]))
        {
            return Self { map: Map::Stacked(stacked), by };
        }
        Self { map: Map::Apart([gate, up]), by }
    }

    /// `x + down(y)` with what the layers make of `norm(x)` as `y`: `[rows, in]` → the same.
    pub(crate) fn forward_down_add(&self, norm: &RmsNorm, x: Tensor<2>, down: &Linear) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let (Map::Stacked(weight), Some((last, None))) = (&self.map, down.packed())
            && let (gamma, epsilon) = norm.parts()
            && let Some(both) = weight.normed_rows(&x, gamma, epsilon)
        {
            return match last.gated_rows_add(&both, self.by, &x) {
                Some(sum) => sum,
                None => down.forward_add(gate_rows(both, self.by), x),
            };
        }
        down.forward_add(self.forward(norm, x.clone()), x)
    }

    /// What the layers make of `norm(x)`, `x: [rows, in]`: `[rows, out]`.
    pub(crate) fn forward(&self, norm: &RmsNorm, x: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let Some(y) = self.step(norm, &x) {
            return y;
        }
        match &self.map {
            Map::Apart([gate, up]) => Linear::forward_gated([gate, up], norm.forward(x), self.by),
            #[cfg(feature = "gpu")]
            Map::Stacked(weight) => gate_rows(linear_q(norm.forward(x), weight), self.by),
        }
    }

    /// The same for one row, where kernels of a step can compute it.
    #[cfg(feature = "gpu")]
    fn step(&self, norm: &RmsNorm, x: &Tensor<2>) -> Option<Tensor<2>> {
        if x.dims()[0] != 1 {
            return None;
        }
        let (gamma, epsilon) = norm.parts();
        let around = Around { norm: Some(epsilon), bias: false, constants: gamma };
        match &self.map {
            Map::Apart([gate, up]) => {
                let ((gate, None), (up, None)) = (gate.packed()?, up.packed()?) else { return None };
                Some(gate_rows(linear_steps(x.clone(), [gate, up].into_iter(), around), self.by))
            }
            Map::Stacked(weight) => linear_step(x.clone(), weight, around, Ending::Gate(self.by)),
        }
    }
}
