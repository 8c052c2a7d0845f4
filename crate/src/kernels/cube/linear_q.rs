//! `x · Wᵀ` with a packed weight.

use burn::backend::ops::FloatTensorOps;
use burn_cubecl::cubecl;
use burn_cubecl::{CubeBackend, cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    dims, dispatch, empty_like, position,
    product::{After, Weight, product},
    quants::{Four, Place, factor, quants},
    sum::add_up,
};
use crate::kernels::{
    linear_q::layout::{BLOCK, Format, TILE},
    wgsl::{
        linear_rows_q::{Rows, linear_rows_q},
        packed_dots,
    },
};

/// Threads of a workgroup.
const UNITS: usize = 64;

/// A workgroup computes four outputs for one row of `x`.
///
/// Its threads stride over quarters of blocks: thread `i` multiplies inputs `4q..4q + 4` and `16 + 4q..16 + 4q + 4`, with
/// `q = i % 4`, of all four rows of the weight, so that neighbouring threads read neighbouring words. The sums of the
/// threads are added up in shared memory.
#[cube(launch_unchecked)]
fn linear_q_kernel(
    x: &[Four<f32>],
    planes: &[u32],
    scales: &[u32],
    out: &mut [f32],
    blocks: usize,
    outputs: usize,
    #[comptime] format: Format,
) {
    let unit = UNIT_POS as usize;
    let wanted = position();
    // A workgroup too many repeats the last tile, and writes nothing: every thread has to reach the barriers.
    let tile = min(wanted, (outputs - 1) / TILE);

    let mut sums = Array::<f32>::new(TILE);
    #[unroll]
    for i in 0..TILE {
        sums[i] = 0.0f32;
    }
    let mut item = unit;
    while item < blocks * 4 {
        let (block, quarter) = (item / 4, item % 4);
        let at = block * 8 + quarter;
        let (low, high) = (x[at], x[at + 4]);
        #[unroll]
        for row in 0..TILE {
            let place = Place { block: tile * blocks + block, row, quarter };
            let low_quants = quants(planes, &place, 0usize, format);
            let high_quants = quants(planes, &place, 1usize, format);
            let low_scale = factor(scales, &place, 0usize, 0usize, format);
            let mut high_scale = low_scale;
            if comptime!(format.group == 16) {
                high_scale = factor(scales, &place, 1usize, 0usize, format);
            }
            sums[row] += low_scale * low_quants.dot(low) + high_scale * high_quants.dot(high);
            if comptime!(format.mins) {
                let low_min = factor(scales, &place, 0usize, 1usize, format);
                let mut high_min = low_min;
                if comptime!(format.group == 16) {
                    high_min = factor(scales, &place, 1usize, 1usize, format);
                }
                sums[row] += low_min * low.vector_sum() + high_min * high.vector_sum();
            }
        }
        item += UNITS;
    }
    let sum = add_up(&sums, TILE, UNITS);
    let row = wanted * TILE + unit;
    if unit < TILE && row < outputs {
        out[row] = sum;
    }
}

/// `x: [rows, columns]` → `[rows, outputs]`; see [`crate::kernels::linear_q`].
pub(crate) fn linear_q(
    x: CubeTensor,
    [planes, scales]: [CubeTensor; 2],
    format: Format,
    outputs: usize,
) -> CubeTensor {
    let [rows, columns] = dims(&x);
    if rows > 1 && packed_dots() {
        return linear_rows_q(Rows::These(x), [planes, scales], None, format, outputs);
    }
    if rows > 1 {
        return product(x, Weight::Quants([planes, scales], format), After::NOTHING, outputs);
    }
    let x = into_contiguous(x);
    let out = empty_like(&x, [rows, outputs]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as `format`, the sizes say; threads stay within them.
    unsafe {
        linear_q_kernel::launch_unchecked(
            &client,
            dispatch(outputs.div_ceil(TILE), 1),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            planes.into_buffer_arg(),
            scales.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            columns / BLOCK,
            outputs,
            format,
        );
    }
    out
}

/// The same, added to `residual: [rows, outputs]`.
pub(crate) fn linear_q_add(
    x: CubeTensor,
    weight: [CubeTensor; 2],
    residual: CubeTensor,
    format: Format,
) -> CubeTensor {
    let [rows, outputs] = dims(&residual);
    if rows == 1 {
        return CubeBackend::float_add(linear_q(x, weight, format, outputs), residual);
    }
    if packed_dots() {
        return linear_rows_q(Rows::These(x), weight, Some(residual), format, outputs);
    }
    let after = After { residual: Some(residual), ..After::NOTHING };
    product(x, Weight::Quants(weight, format), after, outputs)
}
