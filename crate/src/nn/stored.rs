//! Weights in the type they are stored in.

use burn::tensor::Device;

use super::Weights;
use crate::{Error, Result, kernels::linear_q::PackedWeight};

/// Reads and packs `name: [out, in]`; an error names it.
pub(super) fn load_packed(
    weights: &impl Weights,
    name: &str,
    shape: [usize; 2],
    device: &Device,
) -> Result<PackedWeight> {
    PackedWeight::pack(weights.rows(name, shape)?, device).map_err(|error| {
        let message = format!("Tensor {name} cannot be used. {}", error.message);
        Error::new(error.code, message).about(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorCode,
        formats::{Dtype, TensorRows},
    };

    /// Every tensor is two rows of 32 elements.
    struct Same(Dtype, usize);

    impl Weights for Same {
        fn read(&self, _: &str, _: &[usize]) -> Result<Vec<f32>> {
            Ok(vec![0.0; 64])
        }

        fn rows(&self, _: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
            TensorRows::of_bytes(self.0, shape, vec![0; self.1])
        }

        fn contains(&self, _: &str) -> bool {
            true
        }
    }

    #[test]
    fn a_type_that_cannot_be_used_is_named_with_its_tensor() {
        let load = |weights| load_packed(&weights, "head.weight", [2, 32], &Device::flex());
        assert!(load(Same(Dtype::Q4_0, 36)).is_ok());
        let error = load(Same(Dtype::IQ4_NL, 36)).unwrap_err();
        assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::UnsupportedDtype, Some("head.weight")));
        assert!(error.message.contains("head.weight") && error.message.contains("IQ4_NL"));
    }
}
