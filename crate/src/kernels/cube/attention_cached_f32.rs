//! Attention over cached keys and values; see [`crate::kernels::attention_cached_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{attention_prompt_f32, dims, dispatch, empty_like, position};
use crate::kernels::attention_cached_f32::Scores;

/// Threads of a workgroup, and positions that it looks at together.
const UNITS: usize = 64;
/// Tokens that are worth tiles of queries.
const MANY: usize = 8;
/// Less than any score.
const LOWEST: f32 = -1e30;

/// A thread writes one element of `x: [tokens, heads · width]` to `cache: [heads, capacity, width]`.
#[cube(launch_unchecked)]
fn append_kernel(
    x: &[f32],
    cache: &mut [f32],
    count: usize,
    all: usize,
    width: usize,
    capacity: usize,
    first: usize,
) {
    let i = position() * UNITS + UNIT_POS as usize;
    if i < count {
        let (token, head) = (i / all, i % all / width);
        cache[(head * capacity + first + token) * width + i % width] = x[i];
    }
}

/// Writes `x: [tokens, heads · width]` behind the `first` positions of `cache: [heads, capacity, width]`, in place
/// unless a clone of it is alive.
pub(super) fn append(cache: CubeTensor, x: CubeTensor, first: usize) -> CubeTensor {
    let cache = if cache.can_mut() { cache } else { cache.copy() };
    let x = into_contiguous(x);
    let ([tokens, all], [_, capacity]) = (dims(&x), dims(&cache));
    let width = cache.meta.shape()[2];
    let client = cache.client.clone();
    // SAFETY: the tensors are contiguous, the cache has room for the tokens, and nobody else reads it.
    unsafe {
        append_kernel::launch_unchecked(
            &client,
            dispatch((tokens * all).div_ceil(UNITS), 1),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            cache.clone().into_buffer_arg(),
            tokens * all,
            all,
            width,
            capacity,
            first,
        );
    }
    cache
}

/// A workgroup computes one query head of one token: a softmax over positions `[first, last]` that is rescaled as it
/// goes (Dao et al., arXiv:2205.14135), 64 positions at a time. A thread scores one of them, and then adds up its own
/// elements of the values.
#[cube(launch_unchecked)]
fn attention_kernel(
    query: &[f32],
    key: &[f32],
    value: &[f32],
    out: &mut [f32],
    tokens: usize,
    query_heads: usize,
    group: usize,
    capacity: usize,
    before: usize,
    window: usize,
    scale: f32,
    cap: f32,
    #[comptime] width: usize,
    #[comptime] capped: bool,
) {
    let unit = UNIT_POS as usize;
    let wanted = position();
    // A workgroup too many repeats the last one, and writes nothing: every thread has to reach the barriers.
    let place = min(wanted, tokens * query_heads - 1);
    let (token, head) = (place / query_heads, place % query_heads);
    let end = before + token + 1;
    let mut start = end - min(end, window);
    let cached = head / group * capacity;

    let mut own_query = Shared::<[f32]>::new_slice(width);
    let mut scores = Shared::<[f32]>::new_slice(UNITS);
    let mut weights = Shared::<[f32]>::new_slice(UNITS);
    let mut i = unit;
    while i < width {
        own_query[i] = query[place * width + i];
        i += UNITS;
    }
    sync_cube();

    // The elements `unit`, `unit + 64`, … of the output, times `total`.
    let parts = comptime!(width.div_ceil(UNITS));
    let mut sums = Array::<f32>::new(parts);
    #[unroll]
    for part in 0..parts {
        sums[part] = 0.0f32;
    }
    let mut highest = LOWEST.runtime();
    let mut total = 0.0f32;
    while start < end {
        let count = min(end - start, UNITS);
        let mut score = LOWEST.runtime();
        if unit < count {
            let from = (cached + start + unit) * width;
            score = 0.0f32;
            for i in 0..width {
                score += own_query[i] * key[from + i];
            }
            score *= scale;
            if capped {
                score = cap * (max(min(score / cap, 15.0f32), -15.0f32)).tanh();
            }
        }
        scores[unit] = score;
        sync_cube();
        let before = highest;
        for i in 0..count {
            highest = max(highest, scores[i]);
        }
        let mut weight = 0.0f32;
        if unit < count {
            weight = (score - highest).exp();
        }
        weights[unit] = weight;
        sync_cube();
        let rescale = (before - highest).exp();
        total *= rescale;
        #[unroll]
        for part in 0..parts {
            sums[part] *= rescale;
        }
        for i in 0..count {
            let weight = weights[i];
            total += weight;
            let from = (cached + start + i) * width + unit;
            #[unroll]
            for part in 0..parts {
                if comptime!((part + 1) * UNITS <= width) || unit + part * UNITS < width {
                    sums[part] += weight * value[from + part * UNITS];
                }
            }
        }
        start += count;
    }
    if wanted < tokens * query_heads {
        #[unroll]
        for part in 0..parts {
            let element = unit + part * UNITS;
            if element < width {
                out[place * width + element] = sums[part] / total;
            }
        }
    }
}

/// `query: [tokens, query heads · width]`, `key, value: [heads, capacity, width]` → the shape of `query`; the first
/// token is at `before`.
pub(super) fn attention(
    query: CubeTensor,
    key: CubeTensor,
    value: CubeTensor,
    [heads, width]: [usize; 2],
    before: usize,
    rules: Scores,
) -> CubeTensor {
    let query = into_contiguous(query);
    let ([tokens, all], [_, capacity]) = (dims(&query), dims(&key));
    let query_heads = all / width;
    if tokens >= MANY {
        return attention_prompt_f32::attention(query, [key, value], [heads, width], before, rules);
    }
    let out = empty_like(&query, [tokens, all]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say, and the cache holds the tokens' own positions;
    // threads stay within them.
    unsafe {
        attention_kernel::launch_unchecked(
            &client,
            dispatch(tokens * query_heads, 1),
            CubeDim::new_1d(UNITS as u32),
            query.into_buffer_arg(),
            key.into_buffer_arg(),
            value.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            tokens,
            query_heads,
            query_heads / heads,
            capacity,
            before,
            rules.window.unwrap_or(usize::MAX).min(u32::MAX as usize),
            rules.scale,
            rules.cap.unwrap_or(1.0),
            width,
            rules.cap.is_some(),
        );
    }
    out
}
