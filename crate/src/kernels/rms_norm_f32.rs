//! Root-mean-square normalisation (Zhang and Sennrich, arXiv:1910.07467).

use burn::{backend::Dispatch, tensor::Tensor};

use super::decoder_ops::DecoderOps;

/// `x / √(mean(x²) + epsilon) · gamma` over the last dimension. `x: [rows, width]`, `gamma: [width]` → `[rows, width]`.
pub(crate) fn rms_norm_f32(x: Tensor<2>, gamma: Tensor<1>, epsilon: f64) -> Tensor<2> {
    let (x, gamma) = (x.into_dispatch(), gamma.into_dispatch());
    Tensor::from_dispatch(Dispatch::rms_norm_f32(x, gamma, epsilon as f32))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(x: Tensor<2>, gamma: Tensor<1>, epsilon: f64) -> Tensor<2> {
    let mean = (x.clone() * x.clone()).mean_dim(1);
    x / (mean + epsilon).sqrt() * gamma.unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    #[test]
    fn rms_norm_f32_matches_its_reference() {
        for (seed, [rows, width]) in (1..).zip([[1, 4], [3, 5], [17, 576], [2, 33], [9, 1]]) {
            let (x, gamma) = (random_tensor(seed, [rows, width]), random_tensor(seed + 18, [width]));
            let expected = values(reference(x.clone(), gamma.clone(), 1e-5));
            for device in devices() {
                let (x, gamma) = (x.clone().to_device(&device), gamma.clone().to_device(&device));
                assert_close(&values(rms_norm_f32(x.clone(), gamma.clone(), 1e-5)), &expected, 1e-5);
                // A view whose rows lie apart and do not begin the buffer.
                let wide: Tensor<2> = Tensor::cat(vec![x.clone(), x], 1).slice([0..rows, width..2 * width]);
                assert_close(&values(rms_norm_f32(wide, gamma, 1e-5)), &expected, 1e-5);
            }
        }
    }
}
