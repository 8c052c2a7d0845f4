//! Root-mean-square normalisation; see [`crate::kernels::rms_norm_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{dims, dispatch, empty_like, position, sum::add_up};

/// Threads of a workgroup.
const UNITS: usize = 64;

/// A workgroup normalises one row.
#[cube(launch_unchecked)]
fn rms_norm_kernel(x: &[f32], gamma: &[f32], out: &mut [f32], rows: usize, width: usize, epsilon: f32) {
    let unit = UNIT_POS as usize;
    let wanted = position();
    // A workgroup too many repeats the last row, and writes nothing: every thread has to reach the barriers.
    let row = min(wanted, rows - 1) * width;
    let mut sums = Array::<f32>::new(1usize);
    sums[0] = 0.0f32;
    let mut i = unit;
    while i < width {
        let value = x[row + i];
        sums[0] += value * value;
        i += UNITS;
    }
    let mean = add_up(&sums, 1usize, UNITS) / f32::cast_from(width);
    let factor = 1.0f32 / (mean + epsilon).sqrt();
    if wanted < rows {
        let mut i = unit;
        while i < width {
            out[row + i] = x[row + i] * factor * gamma[i];
            i += UNITS;
        }
    }
}

/// `x: [rows, width]`, `gamma: [width]` → `[rows, width]`.
pub(super) fn rms_norm(x: CubeTensor, gamma: CubeTensor, epsilon: f32) -> CubeTensor {
    let (x, gamma) = (into_contiguous(x), into_contiguous(gamma));
    let [rows, width] = dims(&x);
    let out = empty_like(&x, [rows, width]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        rms_norm_kernel::launch_unchecked(
            &client,
            dispatch(rows, 1),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            width,
            epsilon,
        );
    }
    out
}
