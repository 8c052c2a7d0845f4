//! Which rows and positions a workgroup of [`super::attend`] looks at, and where they lie.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::{super::quants::Four, ACROSS, CHUNK, ROWS};

/// What a pipeline is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Shape {
    /// Elements of a head.
    pub(in super::super) width: usize,
    /// Whether a token sees those before it and itself, or its whole sequence.
    pub(in super::super) causal: bool,
    /// Whether scores are capped.
    pub(in super::super) capped: bool,
}

impl Shape {
    /// Elements that are read at once.
    pub(in super::super) fn lanes(self) -> usize {
        if self.width.is_multiple_of(4) { 4 } else { 1 }
    }

    /// Reads of a head.
    pub(in super::super) fn reads(self) -> usize {
        self.width / self.lanes()
    }

    /// Threads of a workgroup.
    pub(in super::super) fn units(self) -> usize {
        self.apart() * ACROSS
    }

    /// Parts of a head that are in shared memory one after the other.
    pub(super) fn chunks(self) -> usize {
        self.width.div_ceil(4 * CHUNK)
    }

    /// Rows of a thread: fewer of wide heads, whose sums would not fit its registers.
    pub(super) fn each(self) -> usize {
        if self.chunks() > 4 { 2 } else { 4 }
    }

    /// Rows from one row of a thread to its next.
    pub(super) fn apart(self) -> usize {
        ROWS / self.each()
    }
}

/// Where the rows of a workgroup lie. A row is a token and one of the `group` query heads that share a key-value head.
/// Places and strides count reads of [`Shape::lanes`] elements.
#[derive(CubeType)]
pub(in super::super) struct Span {
    /// The first row of the workgroup, and how many rows there are in all.
    pub(in super::super) first: usize,
    pub(in super::super) rows: usize,
    pub(in super::super) group: usize,
    /// The query of row 0, and how far it is from one token to the next.
    pub(in super::super) query: usize,
    pub(in super::super) query_stride: usize,
    /// The key and the value at position 0, and how far it is from one position to the next.
    pub(in super::super) key: usize,
    pub(in super::super) value: usize,
    pub(in super::super) key_stride: usize,
    /// As of queries, of the result.
    pub(in super::super) out: usize,
    pub(in super::super) out_stride: usize,
    /// Positions before the first token, or all that there are if attention is not causal.
    pub(in super::super) before: usize,
    /// How many positions a token sees, its own included, if attention is causal.
    pub(in super::super) window: usize,
}

/// The position behind the last that row `row` sees.
#[cube]
pub(super) fn end(span: &Span, row: usize, #[comptime] shape: Shape) -> usize {
    if comptime!(shape.causal) { span.before + row / span.group + 1 } else { span.before }
}

/// The first position that a row sees, whose last is the one before `end`.
#[cube]
pub(super) fn start(span: &Span, end: usize, #[comptime] shape: Shape) -> usize {
    if comptime!(shape.causal) { end - min(end, span.window) } else { 0usize.runtime() }
}

/// Where row `row` begins in a tensor whose row 0 is at `first`.
#[cube]
pub(super) fn place(span: &Span, row: usize, first: usize, stride: usize, #[comptime] shape: Shape) -> usize {
    first + row / span.group * stride + row % span.group * comptime!(shape.reads())
}

/// Elements `4 · column ..+ 4` of a head that begins at `first`; zeros behind its last.
#[cube]
pub(super) fn four<N: Size>(
    x: &[Vector<f32, N>],
    first: usize,
    column: usize,
    #[comptime] shape: Shape,
) -> Four<f32> {
    let mut four = Four::<f32>::new(0.0f32);
    if comptime!(shape.lanes() == 4) {
        if comptime!(shape.reads().is_multiple_of(CHUNK)) || column < comptime!(shape.reads()) {
            four = Four::<f32>::cast_from(x[first + column]);
        }
    } else {
        #[unroll]
        for lane in 0..4usize {
            if 4 * column + lane < comptime!(shape.width) {
                four.insert(lane, x[first + 4 * column + lane].extract(0usize));
            }
        }
    }
    four
}

/// The other way of [`four`].
#[cube]
pub(super) fn write<N: Size>(
    out: &mut [Vector<f32, N>],
    first: usize,
    column: usize,
    values: Four<f32>,
    #[comptime] shape: Shape,
) {
    if comptime!(shape.lanes() == 4) {
        if comptime!(shape.reads().is_multiple_of(CHUNK)) || column < comptime!(shape.reads()) {
            out[first + column] = Vector::<f32, N>::cast_from(values);
        }
    } else {
        #[unroll]
        for lane in 0..4usize {
            if 4 * column + lane < comptime!(shape.width) {
                out[first + 4 * column + lane] = Vector::<f32, N>::new(values.extract(lane));
            }
        }
    }
}
