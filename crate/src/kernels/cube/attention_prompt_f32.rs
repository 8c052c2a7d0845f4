//! Attention of many tokens over cached keys and values; see [`crate::kernels::attention_cached_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, tensor::CubeTensor};

use super::{
    dims, dispatch, empty_like,
    flash_f32::{ROWS, Scale, Shape, Span, attend},
    position,
};
use crate::kernels::attention_cached_f32::Scores;

/// A workgroup computes the query heads of one key-value head, of as many tokens as make 32 rows.
#[cube(launch_unchecked)]
fn prompt_kernel<N: Size>(
    query: &[Vector<f32, N>],
    key: &[Vector<f32, N>],
    value: &[Vector<f32, N>],
    out: &mut [Vector<f32, N>],
    tokens: usize,
    heads: usize,
    group: usize,
    capacity: usize,
    before: usize,
    window: usize,
    scale: f32,
    cap: f32,
    #[comptime] shape: Shape,
) {
    let rows = tokens * group;
    let tiles = rows.div_ceil(ROWS);
    // A workgroup too many repeats the last one: every thread has to reach the barriers.
    let place = min(position(), tiles * heads - 1);
    // What sees most comes first.
    let (tile, head) = (tiles - 1 - place / heads, place % heads);
    let reads = comptime!(shape.reads());
    let (first, stride) = (head * group * reads, heads * group * reads);
    let span = Span {
        first: tile * ROWS,
        rows,
        group,
        query: first,
        query_stride: stride,
        key: head * capacity * reads,
        value: head * capacity * reads,
        key_stride: reads.runtime(),
        out: first,
        out_stride: stride,
        before,
        window,
    };
    attend(query, key, value, out, &span, &Scale { scale, cap }, shape);
}

/// `query: [tokens, query heads · width]`, `key, value: [heads, capacity, width]`, all contiguous → the shape of `query`;
/// the first token is at `before`.
pub(super) fn attention(
    query: CubeTensor,
    [key, value]: [CubeTensor; 2],
    [heads, width]: [usize; 2],
    before: usize,
    rules: Scores,
) -> CubeTensor {
    let ([tokens, all], [_, capacity]) = (dims(&query), dims(&key));
    let group = all / width / heads;
    let shape = Shape { width, causal: true, capped: rules.cap.is_some() };
    let out = empty_like(&query, [tokens, all]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say, and the cache holds the tokens' own positions;
    // threads stay within them.
    unsafe {
        prompt_kernel::launch_unchecked(
            &client,
            dispatch((tokens * group).div_ceil(ROWS) * heads, 1),
            CubeDim::new_1d(shape.units() as u32),
            shape.lanes(),
            query.into_buffer_arg(),
            key.into_buffer_arg(),
            value.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            tokens,
            heads,
            group,
            capacity,
            before,
            rules.window.unwrap_or(usize::MAX).min(u32::MAX as usize),
            rules.scale,
            rules.cap.unwrap_or(1.0),
            shape,
        );
    }
    out
}
