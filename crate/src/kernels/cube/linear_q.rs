//! `x · Wᵀ` with a packed weight.

use burn::backend::ops::FloatTensorOps;
use burn_cubecl::cubecl;
use burn_cubecl::{CubeBackend, cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    dims, dispatch, empty_like, position,
    product::{After, MANY_ROWS, Weight, product},
    quants::{Four, Place, factor, quants},
    sum::add_up,
};
use crate::kernels::linear_q::layout::{BLOCK, Format, TILE};

/// Threads of a workgroup.
const UNITS: usize = 64;

/// A workgroup computes the four outputs of one tile for `tokens` rows of `x`.
///
/// Its threads stride over quarters of blocks: thread `i` multiplies inputs `4q..4q + 4` and `16 + 4q..16 + 4q + 4`, with
/// `q = i % 4`, of all four rows, so that neighbouring threads read neighbouring words. The sums of the threads are
/// added up in shared memory.
#[cube(launch_unchecked)]
fn linear_q_kernel(
    x: &[Four<f32>],
    planes: &[u32],
    scales: &[u32],
    groups: &[u32],
    out: &mut [f32],
    rows: usize,
    blocks: usize,
    outputs: usize,
    #[comptime] format: Format,
    #[comptime] tokens: usize,
) {
    let unit = UNIT_POS as usize;
    let wanted = position();
    // A workgroup too many repeats the last tile, and writes nothing: every thread has to reach the barriers.
    let tile = min(wanted, (outputs - 1) / TILE);
    let first = CUBE_POS_Z as usize * tokens;

    let mut sums = Array::<f32>::new(comptime!(TILE * tokens));
    #[unroll]
    for i in 0..comptime!(TILE * tokens) {
        sums[i] = 0.0f32;
    }
    let mut item = unit;
    while item < blocks * 4 {
        let (block, quarter) = (item / 4, item % 4);
        let mut low = Array::<Four<f32>>::new(tokens);
        let mut high = Array::<Four<f32>>::new(tokens);
        let mut low_sums = Array::<f32>::new(tokens);
        let mut high_sums = Array::<f32>::new(tokens);
        #[unroll]
        for t in 0..tokens {
            let at = (min(first + t, rows - 1) * blocks + block) * 8 + quarter;
            low[t] = x[at];
            high[t] = x[at + 4];
            if comptime!(format.mins) {
                low_sums[t] = low[t].vector_sum();
                high_sums[t] = high[t].vector_sum();
            }
        }
        #[unroll]
        for row in 0..TILE {
            let place = Place { block: tile * blocks + block, row, quarter };
            let low_quants = quants(planes, &place, 0usize, format);
            let high_quants = quants(planes, &place, 1usize, format);
            let low_scale = factor(scales, groups, &place, 0usize, 0usize, format);
            let mut high_scale = low_scale;
            if comptime!(format.group == 16) {
                high_scale = factor(scales, groups, &place, 1usize, 0usize, format);
            }
            #[unroll]
            for t in 0..tokens {
                sums[t * TILE + row] +=
                    low_scale * low_quants.dot(low[t]) + high_scale * high_quants.dot(high[t]);
            }
            if comptime!(format.mins) {
                let low_min = factor(scales, groups, &place, 0usize, 1usize, format);
                let mut high_min = low_min;
                if comptime!(format.group == 16) {
                    high_min = factor(scales, groups, &place, 1usize, 1usize, format);
                }
                #[unroll]
                for t in 0..tokens {
                    sums[t * TILE + row] += low_min * low_sums[t] + high_min * high_sums[t];
                }
            }
        }
        item += UNITS;
    }
    let sum = add_up(&sums, comptime!(TILE * tokens), UNITS);
    if unit < comptime!(TILE * tokens) {
        let token = first + unit / TILE;
        let row = wanted * TILE + unit % TILE;
        if token < rows && row < outputs {
            out[token * outputs + row] = sum;
        }
    }
}

/// `x: [rows, columns]` → `[rows, outputs]`; see [`crate::kernels::linear_q`].
pub(crate) fn linear_q(
    x: CubeTensor,
    [planes, scales, groups]: [CubeTensor; 3],
    format: Format,
    outputs: usize,
) -> CubeTensor {
    let [rows, columns] = dims(&x);
    if rows >= MANY_ROWS {
        return product(x, Weight::Quants([planes, scales, groups], format), After::NOTHING, outputs);
    }
    let x = into_contiguous(x);
    let tokens = if rows == 1 { 1 } else { 4 };
    let out = empty_like(&x, [rows, outputs]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as `format`, the sizes say; threads stay within them.
    unsafe {
        linear_q_kernel::launch_unchecked(
            &client,
            dispatch(outputs.div_ceil(TILE), rows.div_ceil(tokens)),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            planes.into_buffer_arg(),
            scales.into_buffer_arg(),
            groups.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            columns / BLOCK,
            outputs,
            format,
            tokens,
        );
    }
    out
}

/// The same, added to `residual: [rows, outputs]`.
pub(crate) fn linear_q_add(
    x: CubeTensor,
    weight: [CubeTensor; 3],
    residual: CubeTensor,
    format: Format,
) -> CubeTensor {
    let [rows, outputs] = dims(&residual);
    if rows < MANY_ROWS {
        return CubeBackend::float_add(linear_q(x, weight, format, outputs), residual);
    }
    let after = After { residual: Some(residual), ..After::NOTHING };
    product(x, Weight::Quants(weight, format), after, outputs)
}
