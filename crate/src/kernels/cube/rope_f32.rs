//! Rotary position embedding; see [`crate::kernels::rope_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{dims, dispatch, empty_like, position};
use crate::kernels::rope_f32::Pairs;

/// Threads of a workgroup.
const UNITS: usize = 64;

/// A thread writes one element of a head of `width`, of which the first `2 · half` turn.
#[cube(launch_unchecked)]
fn rope_kernel(
    x: &[f32],
    cos: &[f32],
    sin: &[f32],
    out: &mut [f32],
    count: usize,
    all: usize,
    width: usize,
    half: usize,
    #[comptime] pairs: Pairs,
) {
    let i = position() * UNITS + UNIT_POS as usize;
    if i < count {
        let element = i % width;
        let mut value = x[i];
        if element < 2 * half {
            let mut pair = element / 2;
            let mut second = element % 2 == 1;
            let mut apart = 1usize.runtime();
            if comptime!(pairs == Pairs::Halves) {
                pair = element % half;
                second = element >= half;
                apart = half;
            }
            let angle = i / all * half + pair;
            if second {
                value = value * cos[angle] + x[i - apart] * sin[angle];
            } else {
                value = value * cos[angle] - x[i + apart] * sin[angle];
            }
        }
        out[i] = value;
    }
}

/// `x: [tokens, heads · width]`, `cos, sin: [tokens, n / 2]` → the shape of `x`.
pub(super) fn rope(
    x: CubeTensor,
    cos: CubeTensor,
    sin: CubeTensor,
    heads: usize,
    pairs: Pairs,
) -> CubeTensor {
    let (x, cos, sin) = (into_contiguous(x), into_contiguous(cos), into_contiguous(sin));
    let ([tokens, all], [_, half]) = (dims(&x), dims(&cos));
    let out = empty_like(&x, [tokens, all]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        rope_kernel::launch_unchecked(
            &client,
            dispatch((tokens * all).div_ceil(UNITS), 1),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            cos.into_buffer_arg(),
            sin.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            tokens * all,
            all,
            all / heads,
            half,
            pairs,
        );
    }
    out
}
