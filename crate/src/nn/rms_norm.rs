//! Root-mean-square normalisation.

use burn::tensor::{Device, Tensor, TensorData};

use super::Weights;
use crate::{Result, kernels::rms_norm_f32::rms_norm_f32};

/// `y = x / √(mean(x²) + epsilon) · weight` over the last dimension (Zhang and Sennrich, arXiv:1910.07467).
#[derive(Clone, Debug)]
pub(crate) struct RmsNorm {
    weight: Tensor<1>,
    epsilon: f64,
}

impl RmsNorm {
    /// Reads `{name}.weight: [width]`.
    pub(crate) fn load(
        weights: &impl Weights,
        name: &str,
        width: usize,
        epsilon: f64,
        device: &Device,
    ) -> Result<Self> {
        let values = weights.read(&format!("{name}.weight"), &[width])?;
        Ok(Self { weight: Tensor::from_data(TensorData::new(values, [width]), device), epsilon })
    }

    /// The weight, `[width]`, and epsilon.
    #[cfg(feature = "gpu")]
    pub(super) fn parts(&self) -> (&Tensor<1>, f32) {
        (&self.weight, self.epsilon as f32)
    }

    /// `[rows, width]` → the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        rms_norm_f32(x, self.weight.clone(), self.epsilon)
    }

    /// Normalises every head of `[tokens, heads · width]` on its own.
    pub(crate) fn forward_heads(&self, x: Tensor<2>) -> Tensor<2> {
        let ([tokens, all], [width]) = (x.dims(), self.weight.dims());
        self.forward(x.reshape([tokens * all / width, width])).reshape([tokens, all])
    }
}
