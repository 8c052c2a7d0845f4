//! Rows of a packed weight, as an embedding needs them.

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    dispatch, empty_like, position,
    quants::{Four, Place, weights},
};
use crate::kernels::linear_q::layout::{BLOCK, Format};

/// Threads of a workgroup.
const UNITS: usize = 64;

/// A thread writes four elements of the first half of a block, and the four 16 behind them.
#[cube(launch_unchecked)]
fn rows_q_kernel(
    ids: &[u32],
    planes: &[u32],
    scales: &[u32],
    out: &mut [Four<f32>],
    blocks: usize,
    count: usize,
    #[comptime] format: Format,
) {
    let i = position() * UNITS + UNIT_POS as usize;
    if i < count {
        let (block, quarter) = (i / 4 % blocks, i % 4);
        let token = i / 4 / blocks;
        let row = ids[token] as usize;
        let place = Place { block: row / 4 * blocks + block, row: row % 4, quarter };
        let at = (token * blocks + block) * 8 + quarter;
        out[at] = weights(planes, scales, &place, 0usize, format);
        out[at + 4] = weights(planes, scales, &place, 1usize, format);
    }
}

/// Rows `ids: [rows]` → `[rows, columns]`; see [`crate::kernels::rows_q`].
pub(crate) fn rows_q(
    ids: CubeTensor,
    [planes, scales]: [CubeTensor; 2],
    format: Format,
    columns: usize,
) -> CubeTensor {
    let ids = into_contiguous(ids);
    let rows = ids.meta.shape()[0];
    let out = empty_like(&ids, [rows, columns]);
    let client = out.client.clone();
    let count = rows * columns / 8;
    // SAFETY: every id is a row of the weight, the tensors are as long as `format` and the sizes say, and threads stay
    // within `out`.
    unsafe {
        rows_q_kernel::launch_unchecked(
            &client,
            dispatch(count.div_ceil(UNITS), 1),
            CubeDim::new_1d(UNITS as u32),
            ids.into_buffer_arg(),
            planes.into_buffer_arg(),
            scales.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            columns / BLOCK,
            count,
            format,
        );
    }
    out
}
