//! Activation functions; see [`crate::kernels::activation`].

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use crate::kernels::activation::Activation;

/// `√(2/π)`.
const ROOT: f32 = 0.797_884_6;

/// `then` of `x`.
#[cube]
pub(super) fn activate(x: f32, #[comptime] then: Activation) -> f32 {
    match comptime!(then) {
        Activation::Identity => x,
        Activation::Gelu => 0.5f32 * x * (1.0f32 + erf(x * comptime!(core::f32::consts::FRAC_1_SQRT_2))),
        Activation::GeluTanh => {
            let y = comptime!(2.0 * ROOT) * (x + 0.044715f32 * x * x * x);
            // The exponential must not overflow: WGSL leaves open what infinities become.
            x / (1.0f32 + (-max(y, -80.0f32)).exp())
        }
        Activation::Relu => max(x, 0.0f32),
    }
}

/// The error function, within 2e-7 (Abramowitz and Stegun, 7.1.26): WGSL has none.
#[cube]
fn erf(x: f32) -> f32 {
    let a = min(x.abs(), 9.0f32);
    let t = 1.0f32 / (1.0f32 + 0.327_591_1f32 * a);
    let p = 0.254_829_6f32
        + t * (-0.284_496_74f32 + t * (1.421_413_7f32 + t * (-1.453_152f32 + t * 1.061_405_4f32)));
    let tail = p * t * (-a * a).exp();
    if x < 0.0f32 { tail - 1.0f32 } else { 1.0f32 - tail }
}
