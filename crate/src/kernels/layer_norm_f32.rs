//! Residual sum and layer normalisation in one pass: `norm(x + residual) · gamma + beta`.

use burn::{backend::Dispatch, tensor::Tensor};

use super::encoder_ops::EncoderOps;

/// `x, residual: [rows, width]`, `gamma, beta: [width]` → `[rows, width]`; `epsilon` is added to the variance.
pub(crate) fn add_layer_norm_f32(
    x: Tensor<2>,
    residual: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::add_layer_norm_f32(
        x.into_dispatch(),
        residual.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon as f32,
    ))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(
    x: Tensor<2>,
    residual: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<2> {
    use burn::tensor::module::layer_norm;

    layer_norm(x + residual, gamma, Some(beta), epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    #[test]
    fn add_layer_norm_f32_matches_its_reference() {
        let shapes = [[1, 1], [1, 4], [3, 5], [17, 384], [2, 33], [5, 128], [4, 1027], [1, 5000]];
        for (seed, [rows, width]) in (1..).zip(shapes) {
            let (x, residual) = (random_tensor(seed, [rows, width]), random_tensor(seed + 9, [rows, width]));
            let (gamma, beta) = (random_tensor(seed + 18, [width]), random_tensor(seed + 27, [width]));
            let expected = reference(x.clone(), residual.clone(), gamma.clone(), beta.clone(), 1e-12);
            let expected = values(expected);
            for device in devices() {
                let [x, residual] = [&x, &residual].map(|x: &Tensor<2>| x.clone().to_device(&device));
                let [gamma, beta] = [&gamma, &beta].map(|x: &Tensor<1>| x.clone().to_device(&device));
                let found = add_layer_norm_f32(x, residual, gamma, beta, 1e-12);
                assert_close(&values(found), &expected, 2e-5);
            }
        }
    }

    /// A variance that is far smaller than the squares is not lost in them.
    #[test]
    fn add_layer_norm_f32_is_exact_beside_a_large_mean() {
        let x = random_tensor::<2>(1, [2, 96]) * 0.01 + 100.0;
        let [gamma, beta] = [2, 3].map(|seed| random_tensor::<1>(seed, [96]));
        let residual = Tensor::zeros([2, 96], &x.device());
        let expected = values(reference(x.clone(), residual.clone(), gamma.clone(), beta.clone(), 1e-12));
        for device in devices() {
            let [x, residual] = [&x, &residual].map(|x: &Tensor<2>| x.clone().to_device(&device));
            let [gamma, beta] = [&gamma, &beta].map(|x: &Tensor<1>| x.clone().to_device(&device));
            assert_close(&values(add_layer_norm_f32(x, residual, gamma, beta, 1e-12)), &expected, 5e-3);
        }
    }

    #[test]
    fn add_layer_norm_f32_leaves_shared_inputs_alone() {
        for device in devices() {
            let x = random_tensor::<2>(1, [2, 8]).to_device(&device);
            let before = values(x.clone());
            let [gamma, beta] = [2, 3].map(|seed| random_tensor::<1>(seed, [8]).to_device(&device));
            let _ = add_layer_norm_f32(x.clone(), x.clone(), gamma, beta, 1e-5);
            assert_eq!(values(x), before);
        }
    }
}
