//! Attention of a tile of queries over keys and values that come tile by tile: the softmax is rescaled as it goes
//! (Dao et al., arXiv:2205.14135), and scores never leave the workgroup.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::{position, quants::Four};

/// Query rows of a workgroup.
pub(super) const ROWS: usize = 32;
/// Positions that are looked at together.
const KEYS: usize = 32;
/// Threads that share a row; thread `a` of them has positions `a`, `a + 8`, `a + 16` and `a + 24` of a tile.
const ACROSS: usize = 8;
/// Fours of a head that are in shared memory together.
const CHUNK: usize = 8;
/// Less than any score.
const LOWEST: f32 = -1e30;

/// What a pipeline is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// Elements of a head.
    pub(super) width: usize,
    /// Whether a token sees those before it and itself, or its whole sequence.
    pub(super) causal: bool,
    /// Whether scores are capped.
    pub(super) capped: bool,
}

impl Shape {
    /// Elements that are read at once.
    pub(super) fn lanes(self) -> usize {
        if self.width.is_multiple_of(4) { 4 } else { 1 }
    }

    /// Reads of a head.
    pub(super) fn reads(self) -> usize {
        self.width / self.lanes()
    }

    fn chunks(self) -> usize {
        self.width.div_ceil(4 * CHUNK)
    }

    /// Rows of a thread: fewer of wide heads, whose sums would not fit its registers.
    fn rows(self) -> usize {
        if self.chunks() > 4 { 2 } else { 4 }
    }

    /// Rows from one row of a thread to its next.
    fn apart(self) -> usize {
        ROWS / self.rows()
    }

    /// Threads of a workgroup.
    pub(super) fn units(self) -> usize {
        self.apart() * ACROSS
    }
}

/// Where the rows of a workgroup lie. A row is a token and one of the `group` query heads that share a key-value head; offsets and
/// strides count reads of [`Shape::lanes`] elements.
#[derive(CubeType)]
pub(super) struct Span {
    /// The first row of the workgroup, and how many rows there are in all.
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) group: usize,
    /// The first row's query if `first` were 0, and from one token to the next.
    pub(super) query: usize,
    pub(super) query_stride: usize,
    /// The key and the value at position 0, and from one position to the next.
    pub(super) key: usize,
    pub(super) value: usize,
    pub(super) key_stride: usize,
    /// As `query`, of the result.
    pub(super) out: usize,
    pub(super) out_stride: usize,
    /// Positions before the first token, or all that there are if attention is not causal.
    pub(super) before: usize,
    /// How many positions a token sees, its own included, if attention is causal.
    pub(super) window: usize,
}

/// How products become scores.
#[derive(CubeType)]
pub(super) struct Scale {
    pub(super) scale: f32,
    pub(super) cap: f32,
}

/// The position behind the last that row `row` sees.
#[cube]
fn end(span: &Span, row: usize, #[comptime] shape: Shape) -> usize {
    if comptime!(shape.causal) { span.before + row / span.group + 1 } else { span.before }
}

/// The first position that a row sees, whose last is before `end`.
#[cube]
fn start(span: &Span, end: usize, #[comptime] shape: Shape) -> usize {
    if comptime!(shape.causal) { end - min(end, span.window) } else { 0usize.runtime() }
}

/// Elements `4 · column ..+ 4` of a head that begins at `first`; zeros behind its last.
#[cube]
fn four<N: Size>(x: &[Vector<f32, N>], first: usize, column: usize, #[comptime] shape: Shape) -> Four<f32> {
    let mut four = Four::<f32>::new(0.0f32);
    if comptime!(shape.lanes() == 4) {
        if comptime!(shape.reads() % CHUNK == 0) || column < comptime!(shape.reads()) {
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

/// Brings chunk `chunk` of the heads at positions `start..start + 32` into shared memory. Column `c` of position `p` is
/// at `8p + (c xor p mod 8)`, so that threads that read one column of several positions, or one position's columns,
/// read from different banks. Positions from `end` on are the last before it.
#[cube]
fn load<N: Size>(
    x: &[Vector<f32, N>],
    into: &mut Shared<[Four<f32>]>,
    first: usize,
    stride: usize,
    start: usize,
    end: usize,
    chunk: usize,
    #[comptime] shape: Shape,
) {
    let (across, down) = (UNIT_POS as usize % ACROSS, UNIT_POS as usize / ACROSS);
    #[unroll]
    for i in 0..comptime!(shape.rows()) {
        let position = down + i * comptime!(shape.apart());
        let from = first + min(start + position, end - 1) * stride;
        into[position * CHUNK + (across ^ (position % CHUNK))] = four(x, from, chunk * CHUNK + across, shape);
    }
}

/// A workgroup computes rows `span.first ..+ 32` of `out`. A thread has the scores of two or four rows at four
/// positions, and then of the same rows every eighth four elements of the result.
#[cube]
pub(super) fn attend<N: Size>(
    query: &[Vector<f32, N>],
    key: &[Vector<f32, N>],
    value: &[Vector<f32, N>],
    out: &mut [Vector<f32, N>],
    span: &Span,
    scale: &Scale,
    #[comptime] shape: Shape,
) {
    let (per, apart, chunks) = comptime!((shape.rows(), shape.apart(), shape.chunks()));
    let (across, down) = (UNIT_POS as usize % ACROSS, UNIT_POS as usize / ACROSS);
    let mut queries = Shared::<[Four<f32>]>::new_slice(ROWS * CHUNK);
    let mut cached = Shared::<[Four<f32>]>::new_slice(KEYS * CHUNK);
    let mut weights = Shared::<[Four<f32>]>::new_slice(ROWS * ACROSS);
    let mut said = Shared::<[Four<f32>]>::new_slice(comptime!(shape.units()));

    let mut sums = Array::<Four<f32>>::new(comptime!(per * chunks));
    #[unroll]
    for i in 0..comptime!(per * chunks) {
        sums[i] = Four::<f32>::new(0.0f32);
    }
    // Of each of the thread's rows; the totals are of its own positions.
    let mut highest = Four::<f32>::new(LOWEST.runtime());
    let mut total = Four::<f32>::new(0.0f32);

    let last = end(span, min(span.first + ROWS, span.rows) - 1, shape);
    let mut position = start(span, end(span, span.first, shape), shape);
    while position < last {
        let mut scores = Array::<f32>::new(comptime!(per * 4));
        #[unroll]
        for i in 0..comptime!(per * 4) {
            scores[i] = 0.0f32;
        }
        #[unroll]
        for chunk in 0..chunks {
            sync_cube();
            #[unroll]
            for i in 0..per {
                let row = down + i * apart;
                let at = min(span.first + row, span.rows - 1);
                let from = span.query
                    + at / span.group * span.query_stride
                    + at % span.group * comptime!(shape.reads());
                queries[row * CHUNK + across] = four(query, from, chunk * CHUNK + across, shape);
            }
            load(key, &mut cached, span.key, span.key_stride, position, last, chunk, shape);
            sync_cube();
            // A sum of sums loses less than one long sum.
            let mut products = Array::<f32>::new(comptime!(per * 4));
            #[unroll]
            for i in 0..comptime!(per * 4) {
                products[i] = 0.0f32;
            }
            for column in 0..CHUNK {
                let mut keys = Array::<Four<f32>>::new(4usize);
                #[unroll]
                for j in 0..4usize {
                    keys[j] = cached[(across + j * ACROSS) * CHUNK + (column ^ across)];
                }
                #[unroll]
                for i in 0..per {
                    let own = queries[(down + i * apart) * CHUNK + column];
                    #[unroll]
                    for j in 0..4usize {
                        products[i * 4 + j] += own.dot(keys[j]);
                    }
                }
            }
            #[unroll]
            for i in 0..comptime!(per * 4) {
                scores[i] += products[i];
            }
        }

        let mut own_highest = highest;
        #[unroll]
        for i in 0..per {
            let end = end(span, span.first + down + i * apart, shape);
            let start = start(span, end, shape);
            let mut row_highest = highest.extract(i);
            #[unroll]
            for j in 0..4usize {
                let at = position + across + j * ACROSS;
                let mut score = scores[i * 4 + j] * scale.scale;
                if comptime!(shape.capped) {
                    score = scale.cap * (max(min(score / scale.cap, 15.0f32), -15.0f32)).tanh();
                }
                if at < start || at >= end {
                    score = LOWEST;
                }
                scores[i * 4 + j] = score;
                row_highest = max(row_highest, score);
            }
            own_highest.insert(i, row_highest);
        }
        said[UNIT_POS as usize] = own_highest;
        sync_cube();
        let before = highest;
        for other in 0..ACROSS {
            highest = max(highest, said[down * ACROSS + other]);
        }
        let rescale = (before - highest).exp();
        total *= rescale;
        #[unroll]
        for i in 0..per {
            let mut row_weights = Four::<f32>::new(0.0f32);
            #[unroll]
            for j in 0..4usize {
                let score = scores[i * 4 + j];
                let mut weight = (score - highest.extract(i)).exp();
                // Nothing may have been seen yet.
                if score <= LOWEST {
                    weight = 0.0f32;
                }
                row_weights.insert(j, weight);
            }
            weights[(down + i * apart) * ACROSS + across] = row_weights;
            let mut row_total = total.extract(i);
            row_total += row_weights.vector_sum();
            total.insert(i, row_total);
            #[unroll]
            for chunk in 0..chunks {
                sums[i * chunks + chunk] *= Four::<f32>::new(rescale.extract(i));
            }
        }
        #[unroll]
        for chunk in 0..chunks {
            if comptime!(chunk > 0) {
                sync_cube();
            }
            load(value, &mut cached, span.value, span.key_stride, position, last, chunk, shape);
            sync_cube();
            for other in 0..ACROSS {
                let mut values = Array::<Four<f32>>::new(4usize);
                #[unroll]
                for j in 0..4usize {
                    values[j] = cached[(other + j * ACROSS) * CHUNK + (across ^ other)];
                }
                #[unroll]
                for i in 0..per {
                    let row_weights = weights[(down + i * apart) * ACROSS + other];
                    #[unroll]
                    for j in 0..4usize {
                        sums[i * chunks + chunk] += values[j] * Four::<f32>::new(row_weights.extract(j));
                    }
                }
            }
        }
        position += KEYS;
    }

    sync_cube();
    said[UNIT_POS as usize] = total;
    sync_cube();
    total = Four::<f32>::new(0.0f32);
    for other in 0..ACROSS {
        total += said[down * ACROSS + other];
    }
    #[unroll]
    for i in 0..per {
        let at = span.first + down + i * apart;
        if at < span.rows {
            let to =
                span.out + at / span.group * span.out_stride + at % span.group * comptime!(shape.reads());
            let factor = Four::<f32>::new(1.0f32 / total.extract(i));
            #[unroll]
            for chunk in 0..chunks {
                write(out, to, chunk * CHUNK + across, sums[i * chunks + chunk] * factor, shape);
            }
        }
    }
}

/// The other way of [`four`].
#[cube]
fn write<N: Size>(
    out: &mut [Vector<f32, N>],
    first: usize,
    column: usize,
    values: Four<f32>,
    #[comptime] shape: Shape,
) {
    if comptime!(shape.lanes() == 4) {
        if comptime!(shape.reads() % CHUNK == 0) || column < comptime!(shape.reads()) {
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

/// A workgroup computes the query heads of one key-value head, of as many tokens as make 32 rows.
#[cube(launch_unchecked)]
pub(super) fn cached_kernel<N: Size>(
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
    let wanted = position();
    // A workgroup too many repeats the last one: every thread has to reach the barriers.
    let place = min(wanted, tiles * heads - 1);
    // What sees most comes first.
    let (tile, head) = (tiles - 1 - place / heads, place % heads);
    let reads = comptime!(shape.reads()).runtime();
    let stride = heads * group * reads;
    let span = Span {
        first: tile * ROWS,
        rows,
        group,
        query: head * group * reads,
        query_stride: stride,
        key: head * capacity * reads,
        value: head * capacity * reads,
        key_stride: reads,
        out: head * group * reads,
        out_stride: stride,
        before,
        window,
    };
    attend(query, key, value, out, &span, &Scale { scale, cap }, shape);
}
