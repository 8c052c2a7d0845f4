//! Layer normalisation of what is added up on the way; see [`crate::kernels::layer_norm_f32`] and
//! [`crate::kernels::embed_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{dims, dispatch, empty_like, position, sum::add_up};

/// Threads of a workgroup.
const UNITS: usize = 128;

/// Elements of a thread, of a row of `width`: `unit`, `unit + 128`, ….
fn parts(width: usize) -> usize {
    width.div_ceil(UNITS)
}

/// The sum of `a[a_row + i]` and `b[b_row + i]`, for each element `i` of the thread; zeros behind the row.
#[cube]
fn sums(a: &[f32], a_row: usize, b: &[f32], b_row: usize, #[comptime] width: usize) -> Array<f32> {
    let unit = UNIT_POS as usize;
    let mut own = Array::<f32>::new(comptime!(parts(width)));
    #[unroll]
    for part in 0..comptime!(parts(width)) {
        let i = unit + part * UNITS;
        own[part] = 0.0f32;
        if comptime!((part + 1) * UNITS <= width) || i < width {
            own[part] = a[a_row + i] + b[b_row + i];
        }
    }
    own
}

/// Writes the normalised row whose elements the threads own to `out[row..]`, if it is `wanted`.
#[cube]
fn normalise(
    own: &Array<f32>,
    gamma: &[f32],
    beta: &[f32],
    out: &mut [f32],
    row: usize,
    wanted: bool,
    epsilon: f32,
    #[comptime] width: usize,
) {
    let unit = UNIT_POS as usize;
    let mut sum = Array::<f32>::new(1usize);
    sum[0] = 0.0f32;
    #[unroll]
    for part in 0..comptime!(parts(width)) {
        sum[0] += own[part];
    }
    let mean = add_up(&sum, 1usize, UNITS) / comptime!(width as f32);
    let mut squares = Array::<f32>::new(1usize);
    squares[0] = 0.0f32;
    #[unroll]
    for part in 0..comptime!(parts(width)) {
        if comptime!((part + 1) * UNITS <= width) || unit + part * UNITS < width {
            let centred = own[part] - mean;
            squares[0] += centred * centred;
        }
    }
    let variance = add_up(&squares, 1usize, UNITS) / comptime!(width as f32);
    let factor = 1.0f32 / (variance + epsilon).sqrt();
    if wanted {
        #[unroll]
        for part in 0..comptime!(parts(width)) {
            let i = unit + part * UNITS;
            if comptime!((part + 1) * UNITS <= width) || i < width {
                out[row + i] = (own[part] - mean) * factor * gamma[i] + beta[i];
            }
        }
    }
}

/// A workgroup normalises one row.
#[cube(launch_unchecked)]
fn add_layer_norm_kernel(
    x: &[f32],
    residual: &[f32],
    gamma: &[f32],
    beta: &[f32],
    out: &mut [f32],
    rows: usize,
    epsilon: f32,
    #[comptime] width: usize,
) {
    let wanted = position();
    // A workgroup too many repeats the last row, and writes nothing: every thread has to reach the barriers.
    let row = min(wanted, rows - 1) * width;
    let own = sums(x, row, residual, row, width);
    normalise(&own, gamma, beta, out, row, wanted < rows, epsilon, width);
}

/// `x, residual: [rows, width]`, `gamma, beta: [width]` → `[rows, width]`.
pub(super) fn add_layer_norm(
    [x, residual]: [CubeTensor; 2],
    [gamma, beta]: [CubeTensor; 2],
    epsilon: f32,
) -> CubeTensor {
    let [x, residual, gamma, beta] = [x, residual, gamma, beta].map(into_contiguous);
    let [rows, width] = dims(&x);
    let out = empty_like(&x, [rows, width]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        add_layer_norm_kernel::launch_unchecked(
            &client,
            dispatch(rows, 1),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            residual.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            epsilon,
            width,
        );
    }
    out
}

/// A workgroup writes the row of one token.
#[cube(launch_unchecked)]
fn embed_kernel(
    ids: &[u32],
    words: &[f32],
    places: &[f32],
    gamma: &[f32],
    beta: &[f32],
    out: &mut [f32],
    rows: usize,
    tokens: usize,
    epsilon: f32,
    #[comptime] width: usize,
) {
    let wanted = position();
    // As above.
    let row = min(wanted, rows - 1);
    let own = sums(words, ids[row] as usize * width, places, row % tokens * width, width);
    normalise(&own, gamma, beta, out, row * width, wanted < rows, epsilon, width);
}

/// `ids: [batch · tokens]`, rows of `words: [vocabulary, width]`; `places: [≥ tokens, width]`, `gamma, beta: [width]`
/// → `[batch · tokens, width]`.
pub(super) fn embed(
    ids: CubeTensor,
    tokens: usize,
    [words, places]: [CubeTensor; 2],
    [gamma, beta]: [CubeTensor; 2],
    epsilon: f32,
) -> CubeTensor {
    let [ids, words, places, gamma, beta] = [ids, words, places, gamma, beta].map(into_contiguous);
    let (rows, [_, width]) = (ids.meta.num_elements(), dims(&words));
    let out = empty_like(&words, [rows, width]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say, ids are rows of `words`, and there is a place for
    // every token; threads stay within them.
    unsafe {
        embed_kernel::launch_unchecked(
            &client,
            dispatch(rows, 1),
            CubeDim::new_1d(UNITS as u32),
            ids.into_buffer_arg(),
            words.into_buffer_arg(),
            places.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            tokens,
            epsilon,
            width,
        );
    }
    out
}
