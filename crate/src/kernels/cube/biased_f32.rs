//! What follows a product; see [`crate::kernels::biased_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{dims, dispatch, empty_like, position};

/// Threads of a workgroup.
const UNITS: usize = 64;

/// A thread writes one element.
#[cube(launch_unchecked)]
fn biased_kernel(y: &[f32], bias: &[f32], out: &mut [f32], count: usize, width: usize) {
    let i = position() * UNITS + UNIT_POS as usize;
    if i < count {
        out[i] = y[i] + bias[i % width];
    }
}

/// `y: [rows, width]`, `bias: [width]` → `[rows, width]`.
pub(super) fn biased(y: CubeTensor, bias: CubeTensor) -> CubeTensor {
    let (y, bias) = (into_contiguous(y), into_contiguous(bias));
    let [rows, width] = dims(&y);
    let out = empty_like(&y, [rows, width]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        biased_kernel::launch_unchecked(
            &client,
            dispatch((rows * width).div_ceil(UNITS), 1),
            CubeDim::new_1d(UNITS as u32),
            y.into_buffer_arg(),
            bias.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows * width,
            width,
        );
    }
    out
}
