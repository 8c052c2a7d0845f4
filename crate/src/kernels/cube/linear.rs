//! The operations of linear layers in f32 on the GPU.

use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{
    biased_f32,
    product::{After, Weight, product},
};
use crate::kernels::{activation::Activation, linear_ops::LinearOps};

impl LinearOps for CubeBackend {
    fn linear_f32(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        out: usize,
        then: Activation,
    ) -> CubeTensor {
        product(x, Weight::Rows(weight), After { bias: Some(bias), then, residual: None }, out)
    }

    fn biased_f32(y: CubeTensor, bias: CubeTensor) -> CubeTensor {
        biased_f32::biased(y, bias)
    }
}
