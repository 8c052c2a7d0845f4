//! What follows a product: `y + bias`.

use burn::{backend::Dispatch, tensor::Tensor};

use super::linear_ops::LinearOps;

/// `y: [rows, width]`, `bias: [width]` → `[rows, width]`. On the CPU in place, where `y` has no other owner.
pub(crate) fn biased_f32(y: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::biased_f32(y.into_dispatch(), bias.into_dispatch()))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(y: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    y + bias.unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{devices, random_tensor, values};

    #[test]
    fn biased_f32_matches_its_reference() {
        for device in devices() {
            for (seed, [rows, width]) in (1..).zip([[1, 1], [3, 5], [7, 384], [2, 1537]]) {
                let y = random_tensor::<2>(seed, [rows, width]) * 4.0;
                let bias: Tensor<1> = random_tensor(seed + 10, [width]);
                let (there, bias_there) = (y.clone().to_device(&device), bias.clone().to_device(&device));
                let expected = values(reference(y.clone(), bias.clone()));
                let found = biased_f32(there.clone(), bias_there);
                assert_eq!(found.dims(), [rows, width]);
                assert_eq!(values(found), expected);
                assert_eq!(values(there), values(y), "a shared input was changed");
            }
        }
    }

    #[test]
    fn biased_f32_reads_views_of_larger_buffers() {
        let (y, bias): (Tensor<2>, Tensor<1>) = (random_tensor(1, [9, 12]), random_tensor(3, [12]));
        let views: [fn(Tensor<2>) -> Tensor<2>; 2] = [
            |y| y.slice([2..7, 4..11]),
            |y| y.slice([2..7, 0..12]).transpose().slice([1..8, 0..5]).transpose(),
        ];
        let end = |bias: Tensor<1>| bias.narrow(0, 5, 7);
        for (device, view) in
            devices().into_iter().flat_map(|device| views.map(|view| (device.clone(), view)))
        {
            let expected = values(reference(view(y.clone()), end(bias.clone())));
            let (y, bias) = (view(y.clone().to_device(&device)), end(bias.clone().to_device(&device)));
            assert_eq!(values(biased_f32(y, bias)), expected);
        }
    }
}
