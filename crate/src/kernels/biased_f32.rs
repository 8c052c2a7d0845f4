//! What follows a product: `activation(y + bias)`, in one pass.

use burn::{backend::Dispatch, tensor::Tensor};

use super::{
    activation::{Activation, activate},
    flex::Ops,
    on_cpu,
};

/// `y: [rows, width]`, `bias: [width]` → `[rows, width]`. On the CPU in place, where `y` has no other owner.
pub(crate) fn biased_f32(y: Tensor<2>, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    if !on_cpu(&y.device()) {
        return reference(y, bias, then);
    }
    Tensor::from_dispatch(Dispatch::biased_f32(y.into_dispatch(), bias.into_dispatch(), then))
}

/// The same in Burn's operations.
fn reference(y: Tensor<2>, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    activate(y + bias.unsqueeze(), then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random_tensor, values};

    const ALL: [Activation; 4] =
        [Activation::Identity, Activation::Gelu, Activation::GeluTanh, Activation::Relu];

    #[test]
    fn biased_f32_matches_its_reference() {
        for (seed, [rows, width]) in (1..).zip([[1, 1], [3, 5], [7, 384], [2, 1537]]) {
            let y = random_tensor::<2>(seed, [rows, width]) * 4.0;
            let bias: Tensor<1> = random_tensor(seed + 10, [width]);
            let before = values(y.clone());
            for then in ALL {
                let expected = values(reference(y.clone(), bias.clone(), then));
                let found = biased_f32(y.clone(), bias.clone(), then);
                assert_eq!(found.dims(), [rows, width]);
                assert_close(&values(found), &expected, 5e-6);
                assert_eq!(values(y.clone()), before, "a shared input was changed");
            }
        }
    }

    #[test]
    fn biased_f32_reads_views_of_larger_buffers() {
        let y: Tensor<2> = random_tensor(1, [9, 12]);
        let bias: Tensor<1> = random_tensor::<1>(3, [12]).narrow(0, 5, 7);
        for view in [
            y.clone().slice([2..7, 4..11]),
            y.slice([2..7, 0..12]).transpose().slice([1..8, 0..5]).transpose(),
        ] {
            let expected = values(reference(view.clone(), bias.clone(), Activation::Gelu));
            assert_close(&values(biased_f32(view, bias.clone(), Activation::Gelu)), &expected, 5e-6);
        }
    }
}
