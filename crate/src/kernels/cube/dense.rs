//! `x · Wᵀ` and rows of `W`, for weights that are kept as floats in panels of eight rows.

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    dims, dispatch, empty_like, position,
    product::{After, Weight, product},
    sum::add_up,
};
use crate::kernels::{cpu::gemm_f32::PANEL, linear_q::DenseWidth as Width};

/// Threads of a workgroup.
const UNITS: usize = 64;

/// Words of a panel for one input: the weights of eight outputs.
pub(super) fn panel_words(width: Width) -> usize {
    PANEL * width.bytes() / 4
}

/// An f16 as f32. Infinities and NaN, which no weight is, become large numbers.
#[cube]
pub(super) fn half(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu32;
    let mut value = f32::cast_from(magnitude) * comptime!(1.0 / (1u32 << 24) as f32);
    if magnitude >= 0x400u32 {
        value = f32::reinterpret((magnitude << 13u32) + comptime!(112u32 << 23));
    }
    if bits >= 0x8000u32 { -value } else { value }
}

/// Element `column` of the eight whose words begin at `at`.
#[cube]
pub(super) fn element(panels: &[u32], at: usize, column: usize, #[comptime] width: Width) -> f32 {
    if comptime!(width == Width::F32) {
        f32::reinterpret(panels[at + column])
    } else {
        let pair = panels[at + column / 2] >> (16 * (column % 2) as u32);
        if comptime!(width == Width::F16) { half(pair & 0xffffu32) } else { f32::reinterpret(pair << 16u32) }
    }
}

/// A workgroup computes the eight outputs of one panel for one row `x`; its threads stride over the columns.
#[cube(launch_unchecked)]
fn linear_kernel(
    x: &[f32],
    panels: &[u32],
    out: &mut [f32],
    columns: usize,
    outputs: usize,
    #[comptime] width: Width,
) {
    let unit = UNIT_POS as usize;
    let wanted = position();
    // A workgroup too many repeats the last panel, and writes nothing: every thread has to reach the barriers.
    let panel = min(wanted, (outputs - 1) / PANEL);

    let mut sums = Array::<f32>::new(PANEL);
    #[unroll]
    for i in 0..PANEL {
        sums[i] = 0.0f32;
    }
    let mut input = unit;
    while input < columns {
        let at = (panel * columns + input) * comptime!(panel_words(width));
        let value = x[input];
        #[unroll]
        for column in 0..PANEL {
            sums[column] += element(panels, at, column, width) * value;
        }
        input += UNITS;
    }
    let sum = add_up(&sums, PANEL, UNITS);
    let row = wanted * PANEL + unit;
    if unit < PANEL && row < outputs {
        out[row] = sum;
    }
}

/// `x: [rows, columns]` → `[rows, outputs]`.
pub(crate) fn linear(x: CubeTensor, panels: CubeTensor, width: Width, outputs: usize) -> CubeTensor {
    let [rows, columns] = dims(&x);
    if rows > 1 {
        return product(x, Weight::Panels(panels, width), After::NOTHING, outputs);
    }
    let x = into_contiguous(x);
    let out = empty_like(&x, [rows, outputs]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        linear_kernel::launch_unchecked(
            &client,
            dispatch(outputs.div_ceil(PANEL), 1),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            panels.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            columns,
            outputs,
            width,
        );
    }
    out
}

/// A thread writes one element of the result.
#[cube(launch_unchecked)]
fn rows_kernel(
    ids: &[u32],
    panels: &[u32],
    out: &mut [f32],
    columns: usize,
    count: usize,
    #[comptime] width: Width,
) {
    let i = position() * UNITS + UNIT_POS as usize;
    if i < count {
        let row = ids[i / columns] as usize;
        let at = (row / PANEL * columns + i % columns) * comptime!(panel_words(width));
        out[i] = element(panels, at, row % PANEL, width);
    }
}

/// Rows `ids: [rows]` of `W` → `[rows, columns]`.
pub(crate) fn rows(ids: CubeTensor, panels: CubeTensor, width: Width, columns: usize) -> CubeTensor {
    let ids = into_contiguous(ids);
    let rows = ids.meta.shape()[0];
    let out = empty_like(&ids, [rows, columns]);
    let client = out.client.clone();
    // SAFETY: every id is a row of `W`, `panels` is as long as the sizes say, and threads stay within `out`.
    unsafe {
        rows_kernel::launch_unchecked(
            &client,
            dispatch((rows * columns).div_ceil(UNITS), 1),
            CubeDim::new_1d(UNITS as u32),
            ids.into_buffer_arg(),
            panels.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            columns,
            rows * columns,
            width,
        );
    }
    out
}
