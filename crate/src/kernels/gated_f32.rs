//! Gated activation: `activation(gate) · up` (Shazeer, arXiv:2002.05202).

use burn::{backend::Dispatch, tensor::Tensor};

use super::decoder_ops::DecoderOps;

/// The activation of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Gate {
    /// `x · σ(x)`.
    Silu,
    /// `x · Φ(x)` with `Φ` approximated through the hyperbolic tangent.
    GeluTanh,
}

/// `gate, up: [rows, width]` → the same shape.
pub(crate) fn gated_f32(gate: Tensor<2>, up: Tensor<2>, by: Gate) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::gated_f32(gate.into_dispatch(), up.into_dispatch(), by))
}

/// The same on a GPU where both lie beside each other, `both: [rows, 2 · width]`.
#[cfg(feature = "gpu")]
pub(crate) fn gate_rows(both: Tensor<2>, by: Gate) -> Tensor<2> {
    use super::wgsl::StepOps;

    Tensor::from_dispatch(Dispatch::gate_rows(both.into_dispatch(), by))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(gate: Tensor<2>, up: Tensor<2>, by: Gate) -> Tensor<2> {
    use burn::tensor::activation;

    match by {
        Gate::Silu => activation::silu(gate) * up,
        Gate::GeluTanh => activation::gelu_approximate(gate) * up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    #[test]
    fn gated_f32_matches_its_reference() {
        for (seed, [rows, width]) in (1..).zip([[1, 1], [3, 5], [2, 1536], [4, 33]]) {
            for by in [Gate::Silu, Gate::GeluTanh] {
                let gate = random_tensor::<2>(seed, [rows, width]) * 9.0;
                let up: Tensor<2> = random_tensor(seed + 5, [rows, width]);
                let (before, expected) =
                    (values(gate.clone()), values(reference(gate.clone(), up.clone(), by)));
                for device in devices() {
                    let [gate, up] = [&gate, &up].map(|t| t.clone().to_device(&device));
                    assert_close(&values(gated_f32(gate.clone(), up.clone(), by)), &expected, 3e-6);
                    assert_eq!(values(gate.clone()), before, "a shared input was changed");
                    let both = Tensor::cat(vec![gate, up], 1);
                    let [gate, up] = [0, width].map(|at| both.clone().slice([0..rows, at..at + width]));
                    assert_close(&values(gated_f32(gate, up, by)), &expected, 3e-6);
                }
            }
        }
    }
}
