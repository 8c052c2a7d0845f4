//! CPU kernels on plain slices, written once over four f32 lanes.

pub(crate) mod attention_cached_f32;
pub(crate) mod attention_f32;
pub(crate) mod dot_f32;
mod f32x4;
pub(crate) mod gated_f32;
pub(crate) mod gemm_f32;
mod i16x8;
mod i8x16;
pub(crate) mod layer_norm_f32;
pub(crate) mod linear_dense;
pub(crate) mod linear_i8;
pub(crate) mod linear_q;
pub(crate) mod math_f32;
pub(crate) mod pool;
pub(crate) mod pool_f32;
pub(crate) mod rms_norm_f32;
pub(crate) mod rope_f32;
pub(crate) mod rows;
mod softmax_f32;
pub(crate) mod strip_f32;
