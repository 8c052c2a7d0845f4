//! Attention over a padded batch; see [`crate::kernels::attention_f32`].

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    dims, dispatch, empty_like,
    flash_f32::{ROWS, Scale, Shape, Span, attend},
    position,
};

/// A workgroup computes one head of 32 tokens of one sequence. Queries, keys and values come as one tensor: a dispatch
/// cannot bind one thrice.
#[cube(launch_unchecked)]
fn attention_kernel<N: Size>(
    packed: &[Vector<f32, N>],
    lengths: &[u32],
    out: &mut [Vector<f32, N>],
    sequences: usize,
    tokens: usize,
    heads: usize,
    scale: f32,
    #[comptime] shape: Shape,
) {
    let tiles = tokens.div_ceil(ROWS);
    // A workgroup too many repeats the last one: every thread has to reach the barriers.
    let place = min(position(), sequences * heads * tiles - 1);
    let (tile, head, sequence) = (place % tiles, place / tiles % heads, place / tiles / heads);
    let reads = comptime!(shape.reads());
    let hidden = heads * reads;
    let length = min(lengths[sequence] as usize, tokens);
    let mut before = length;
    if tile * ROWS >= length {
        // Of padding nothing is computed.
        before = 0usize;
    }
    let first = sequence * tokens * 3 * hidden + head * reads;
    let span = Span {
        first: tile * ROWS,
        rows: max(length, 1usize),
        group: 1usize.runtime(),
        query: first,
        query_stride: 3 * hidden,
        key: first + hidden,
        value: first + 2 * hidden,
        key_stride: 3 * hidden,
        out: sequence * tokens * hidden + head * reads,
        out_stride: hidden,
        before,
        window: 0usize.runtime(),
    };
    attend(packed, packed, packed, out, &span, &Scale { scale, cap: 1.0f32.runtime() }, shape);
}

/// `packed: [batch · tokens, 3 · heads · width]`, `lengths: [batch]` → `[batch · tokens, heads · width]`.
pub(super) fn attention(packed: CubeTensor, lengths: CubeTensor, heads: usize) -> CubeTensor {
    let (packed, lengths) = (into_contiguous(packed), into_contiguous(lengths));
    let ([rows, all], sequences) = (dims(&packed), lengths.meta.num_elements());
    let (hidden, tokens) = (all / 3, rows / sequences);
    let shape = Shape { width: hidden / heads, causal: false, capped: false };
    let out = empty_like(&packed, [rows, hidden]);
    let client = out.client.clone();
    // SAFETY: the tensors are contiguous and as long as the sizes say; threads stay within them.
    unsafe {
        attention_kernel::launch_unchecked(
            &client,
            dispatch(tokens.div_ceil(ROWS) * heads * sequences, 1),
            CubeDim::new_1d(shape.units() as u32),
            shape.lanes(),
            packed.into_buffer_arg(),
            lengths.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            sequences,
            tokens,
            heads,
            1.0 / (shape.width as f32).sqrt(),
            shape,
        );
    }
    out
}
