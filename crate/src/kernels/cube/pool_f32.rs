//! One vector for each sequence; see [`crate::kernels::pool_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{dims, dispatch, empty_like, position, sum::add_up};

/// Threads of a workgroup.
const UNITS: usize = 256;
/// Tokens whose states are read together.
const TOGETHER: usize = 4;

/// Elements of a thread, of a vector of `width`: `unit`, `unit + 256`, ….
fn parts(width: usize) -> usize {
    width.div_ceil(UNITS)
}

/// A workgroup computes the mean of the first `most` tokens of one sequence.
#[cube(launch_unchecked)]
fn pool_kernel(
    states: &[f32],
    lengths: &[u32],
    out: &mut [f32],
    sequences: usize,
    tokens: usize,
    most: usize,
    #[comptime] normalise: bool,
    #[comptime] width: usize,
) {
    let unit = UNIT_POS as usize;
    let wanted = position();
    // A workgroup too many repeats the last one, and writes nothing: every thread has to reach the barriers.
    let sequence = min(wanted, sequences - 1);
    let count = min(min(lengths[sequence] as usize, tokens), most);
    let mut means = Array::<f32>::new(comptime!(parts(width)));
    let mut squares = Array::<f32>::new(1usize);
    squares[0] = 0.0f32;
    #[unroll]
    for part in 0..comptime!(parts(width)) {
        let i = unit + part * UNITS;
        means[part] = 0.0f32;
        if comptime!((part + 1) * UNITS <= width) || i < width {
            let mean = total(states, sequence * tokens * width + i, count, width) / f32::cast_from(count);
            means[part] = mean;
            squares[0] += mean * mean;
        }
    }
    let mut length = 1.0f32.runtime();
    if comptime!(normalise) {
        length = max(add_up(&squares, 1usize, UNITS).sqrt(), 1e-12f32);
    }
    if wanted < sequences {
        #[unroll]
        for part in 0..comptime!(parts(width)) {
            let i = unit + part * UNITS;
            if comptime!((part + 1) * UNITS <= width) || i < width {
                out[sequence * width + i] = means[part] / length;
            }
        }
    }
}

/// The sum of `count` elements of `x`, `stride` apart, from `first` on.
#[cube]
fn total(x: &[f32], first: usize, count: usize, #[comptime] stride: usize) -> f32 {
    let mut sums = Array::<f32>::new(TOGETHER);
    #[unroll]
    for i in 0..TOGETHER {
        sums[i] = 0.0f32;
    }
    let mut token = 0usize.runtime();
    while token + TOGETHER <= count {
        #[unroll]
        for i in 0..TOGETHER {
            sums[i] += x[first + (token + i) * stride];
        }
        token += TOGETHER;
    }
    while token < count {
        sums[0] += x[first + token * stride];
        token += 1;
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// `states: [batch · tokens, width]`, `lengths: [batch]` → `[batch, width]`.
pub(super) fn pool(states: CubeTensor, lengths: CubeTensor, most: usize, normalise: bool) -> CubeTensor {
    let (states, lengths) = (into_contiguous(states), into_contiguous(lengths));
    let ([rows, width], sequences) = (dims(&states), lengths.meta.num_elements());
    let out = empty_like(&states, [sequences, width]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        pool_kernel::launch_unchecked(
            &client,
            dispatch(sequences, 1),
            CubeDim::new_1d(UNITS as u32),
            states.into_buffer_arg(),
            lengths.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            sequences,
            rows / sequences,
            most,
            normalise,
            width,
        );
    }
    out
}
