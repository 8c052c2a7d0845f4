//! Gated activation; see [`crate::kernels::gated_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{dims, dispatch, empty_like, position};
use crate::kernels::gated_f32::Gate;

/// Threads of a workgroup.
const UNITS: usize = 64;
/// `√(2/π)`.
const ROOT: f32 = 0.797_884_6;

/// A thread writes one element.
#[cube(launch_unchecked)]
fn gated_kernel(gate: &[f32], up: &[f32], out: &mut [f32], count: usize, #[comptime] by: Gate) {
    let i = position() * UNITS + UNIT_POS as usize;
    if i < count {
        let x = gate[i];
        // Both activations are x · σ(y). The exponential must not overflow: WGSL leaves open what infinities become.
        let mut y = x;
        if comptime!(by == Gate::GeluTanh) {
            y = 2.0f32 * ROOT * (x + 0.044715f32 * x * x * x);
        }
        out[i] = x / (1.0f32 + (-max(y, -80.0f32)).exp()) * up[i];
    }
}

/// `gate, up: [rows, width]` → the same shape.
pub(super) fn gated(gate: CubeTensor, up: CubeTensor, by: Gate) -> CubeTensor {
    let (gate, up) = (into_contiguous(gate), into_contiguous(up));
    let [rows, width] = dims(&gate);
    let out = empty_like(&gate, [rows, width]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and of one size; threads stay within them.
    unsafe {
        gated_kernel::launch_unchecked(
            &client,
            dispatch((rows * width).div_ceil(UNITS), 1),
            CubeDim::new_1d(UNITS as u32),
            gate.into_buffer_arg(),
            up.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows * width,
            by,
        );
    }
    out
}
