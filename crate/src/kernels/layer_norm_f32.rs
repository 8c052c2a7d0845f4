//! Residual sum and layer normalisation in one pass: `norm(x + residual) · gamma + beta`.

use burn::{
    backend::Dispatch,
    tensor::{Tensor, module::layer_norm},
};

use super::{flex::Ops, on_cpu};

/// `x, residual: [rows, width]`, `gamma, beta: [width]` → `[rows, width]`; `epsilon` is added to the variance.
pub(crate) fn add_layer_norm_f32(
    x: Tensor<2>,
    residual: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<2> {
    if !on_cpu(&x.device()) {
        return reference(x, residual, gamma, beta, epsilon);
    }
    Tensor::from_dispatch(Dispatch::add_layer_norm_f32(
        x.into_dispatch(),
        residual.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon as f32,
    ))
}

/// The same in Burn's operations.
fn reference(
    x: Tensor<2>,
    residual: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<2> {
    layer_norm(x + residual, gamma, Some(beta), epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random_tensor, values};

    #[test]
    fn add_layer_norm_f32_matches_its_reference() {
        for (seed, [rows, width]) in (1..).zip([[1, 4], [3, 5], [17, 384], [2, 33]]) {
            let (x, residual) = (random_tensor(seed, [rows, width]), random_tensor(seed + 9, [rows, width]));
            let (gamma, beta) = (random_tensor(seed + 18, [width]), random_tensor(seed + 27, [width]));
            let expected = reference(x.clone(), residual.clone(), gamma.clone(), beta.clone(), 1e-12);
            let found = add_layer_norm_f32(x.clone(), residual.clone(), gamma, beta, 1e-12);
            assert_close(&values(found), &values(expected), 2e-5);
        }
    }

    #[test]
    fn add_layer_norm_f32_leaves_shared_inputs_alone() {
        let x: Tensor<2> = random_tensor(1, [2, 8]);
        let before = values(x.clone());
        let (gamma, beta) = (random_tensor(2, [8]), random_tensor(3, [8]));
        let _ = add_layer_norm_f32(x.clone(), x.clone(), gamma, beta, 1e-5);
        assert_eq!(values(x), before);
    }
}
