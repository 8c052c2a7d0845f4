//! Attention of a tile of queries over keys and values that come tile by tile: the softmax is rescaled as it goes
//! (Dao et al., arXiv:2205.14135), and scores never leave the workgroup.

mod span;

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

pub(super) use self::span::{Shape, Span};
use self::span::{end, four, place, start, write};
use super::quants::Four;

/// Query rows of a workgroup.
pub(super) const ROWS: usize = 32;
/// Positions that are looked at together.
const KEYS: usize = 32;
/// Threads that share a row; thread `a` of them has positions `a`, `a + 8`, … of a tile.
const ACROSS: usize = 8;
/// Positions of a thread.
const EACH: usize = KEYS / ACROSS;
/// Fours of a head that are in shared memory together.
const CHUNK: usize = 8;
/// Less than any score.
const LOWEST: f32 = -1e30;

/// How products become scores.
#[derive(CubeType)]
pub(super) struct Scale {
    pub(super) scale: f32,
    pub(super) cap: f32,
}

/// What a workgroup has in shared memory: 13 KiB, or 14 with wide heads.
#[derive(CubeType)]
struct Staged {
    /// A chunk of each row's query: `[32, 8]`.
    queries: Shared<[Four<f32>]>,
    /// A chunk of each position's key or value. Column `c` of position `p` is at `8p + (c xor p mod 8)`, so that threads
    /// that read one column of several positions, or several of one, read from different banks.
    cached: Shared<[Four<f32>]>,
    /// The weights of each row at the positions of each of its threads: `[32, 8]`.
    weights: Shared<[Four<f32>]>,
    /// What a thread tells the others of its rows.
    told: Shared<[Four<f32>]>,
}

/// What a thread keeps from tile to tile.
#[derive(CubeType)]
struct Running {
    /// Of each of its rows, every eighth four elements of the result, times `total`.
    sums: Sequence<RuntimeCell<Four<f32>>>,
    /// The highest score of each row.
    highest: RuntimeCell<Four<f32>>,
    /// The weights of each row at the thread's own positions, added up.
    total: RuntimeCell<Four<f32>>,
}

/// Scores of a thread's rows at its positions, `[rows, 4]`.
type Scores = Sequence<RuntimeCell<f32>>;

/// A workgroup computes rows `span.first ..+ 32` of `out`.
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
    let mut staged = Staged {
        queries: Shared::new_slice(ROWS * CHUNK),
        cached: Shared::new_slice(KEYS * CHUNK),
        weights: Shared::new_slice(ROWS * ACROSS),
        told: Shared::new_slice(comptime!(shape.units())),
    };
    let running = Running {
        sums: zeros(comptime!(shape.each() * shape.chunks())),
        highest: RuntimeCell::new(Four::new(LOWEST.runtime())),
        total: RuntimeCell::new(Four::new(0.0f32)),
    };
    let last = end(span, min(span.first + ROWS, span.rows) - 1, shape);
    let mut position = start(span, end(span, span.first, shape), shape);
    while position < last {
        let scores = multiply(query, key, &mut staged, span, position, last, shape);
        limit(&scores, span, scale, position, shape);
        weigh(&scores, &mut staged, &running, shape);
        add_values(value, &mut staged, &running, span, position, last, shape);
        position += KEYS;
    }
    finish(out, &mut staged, &running, span, shape);
}

/// The number of a thread among those that share its rows, and its first row.
#[cube]
fn unit() -> (usize, usize) {
    (UNIT_POS as usize % ACROSS, UNIT_POS as usize / ACROSS)
}

#[cube]
fn zeros(#[comptime] count: usize) -> Sequence<RuntimeCell<Four<f32>>> {
    let mut cells = Sequence::new();
    #[unroll]
    for _ in 0..count {
        cells.push(RuntimeCell::<Four<f32>>::new(Four::new(0.0f32)));
    }
    cells
}

/// Brings a chunk of keys or values into shared memory. Positions from `last` on are the one before it.
#[cube]
fn stage<N: Size>(
    x: &[Vector<f32, N>],
    cached: &mut Shared<[Four<f32>]>,
    first: usize,
    stride: usize,
    start: usize,
    last: usize,
    #[comptime] chunk: usize,
    #[comptime] shape: Shape,
) {
    let (across, down) = unit();
    #[unroll]
    for i in 0..comptime!(shape.each()) {
        let position = down + i * comptime!(shape.apart());
        let from = first + min(start + position, last - 1) * stride;
        let four = four(x, from, chunk * CHUNK + across, shape);
        cached[position * CHUNK + (across ^ (position % CHUNK))] = four;
    }
}

/// The products of the thread's rows with the keys at its positions.
#[cube]
fn multiply<N: Size>(
    query: &[Vector<f32, N>],
    key: &[Vector<f32, N>],
    staged: &mut Staged,
    span: &Span,
    position: usize,
    last: usize,
    #[comptime] shape: Shape,
) -> Scores {
    let (across, down) = unit();
    let mut scores = Sequence::new();
    #[unroll]
    for _ in 0..comptime!(shape.each() * EACH) {
        scores.push(RuntimeCell::<f32>::new(0.0f32));
    }
    #[unroll]
    for chunk in 0..comptime!(shape.chunks()) {
        sync_cube();
        #[unroll]
        for i in 0..comptime!(shape.each()) {
            let row = down + i * comptime!(shape.apart());
            let from =
                place(span, min(span.first + row, span.rows - 1), span.query, span.query_stride, shape);
            staged.queries[row * CHUNK + across] = four(query, from, chunk * CHUNK + across, shape);
        }
        stage(key, &mut staged.cached, span.key, span.key_stride, position, last, chunk, shape);
        sync_cube();
        add_products(&scores, staged, shape);
    }
    scores
}

/// Adds the products of what is staged. Those of a chunk are added up first: a sum of sums loses less than a long one.
#[cube]
fn add_products(scores: &Scores, staged: &mut Staged, #[comptime] shape: Shape) {
    let (across, down) = unit();
    let mut products = Array::<f32>::new(comptime!(shape.each() * EACH));
    #[unroll]
    for i in 0..comptime!(shape.each() * EACH) {
        products[i] = 0.0f32;
    }
    for column in 0..CHUNK {
        let mut keys = Array::<Four<f32>>::new(EACH);
        #[unroll]
        for j in 0..EACH {
            keys[j] = staged.cached[(across + j * ACROSS) * CHUNK + (column ^ across)];
        }
        #[unroll]
        for i in 0..comptime!(shape.each()) {
            let own = staged.queries[(down + i * comptime!(shape.apart())) * CHUNK + column];
            #[unroll]
            for j in 0..EACH {
                products[i * EACH + j] += own.dot(keys[j]);
            }
        }
    }
    #[unroll]
    for i in 0..comptime!(shape.each() * EACH) {
        scores[i].store(scores[i].read() + products[i]);
    }
}

/// Scales and caps scores; what a row does not see is [`LOWEST`].
#[cube]
fn limit(scores: &Scores, span: &Span, scale: &Scale, position: usize, #[comptime] shape: Shape) {
    let (across, down) = unit();
    #[unroll]
    for i in 0..comptime!(shape.each()) {
        let end = end(span, span.first + down + i * comptime!(shape.apart()), shape);
        let start = start(span, end, shape);
        #[unroll]
        for j in 0..EACH {
            let at = position + across + j * ACROSS;
            let mut score = scores[comptime!(i * EACH + j)].read() * scale.scale;
            if comptime!(shape.capped) {
                score = scale.cap * (max(min(score / scale.cap, 15.0f32), -15.0f32)).tanh();
            }
            if at < start || at >= end {
                score = LOWEST.runtime();
            }
            scores[comptime!(i * EACH + j)].store(score);
        }
    }
}

/// Finds the highest score of each row, rescales what was added up below another one, and leaves the weights in shared
/// memory.
#[cube]
fn weigh(scores: &Scores, staged: &mut Staged, running: &Running, #[comptime] shape: Shape) {
    let (across, down) = unit();
    let before = running.highest.read();
    let mut highest = before;
    #[unroll]
    for i in 0..comptime!(shape.each()) {
        let mut of_row = highest.extract(i);
        #[unroll]
        for j in 0..EACH {
            of_row = max(of_row, scores[comptime!(i * EACH + j)].read());
        }
        highest.insert(i, of_row);
    }
    staged.told[UNIT_POS as usize] = highest;
    sync_cube();
    for other in 0..ACROSS {
        highest = max(highest, staged.told[down * ACROSS + other]);
    }
    running.highest.store(highest);
    let rescale = (before - highest).exp();
    let mut total = running.total.read() * rescale;
    #[unroll]
    for i in 0..comptime!(shape.each()) {
        let mut weights = Four::<f32>::new(0.0f32);
        #[unroll]
        for j in 0..EACH {
            let score = scores[comptime!(i * EACH + j)].read();
            // Where nothing was seen yet, the highest score is no score.
            if score > LOWEST {
                weights.insert(j, (score - highest.extract(i)).exp());
            }
        }
        staged.weights[(down + i * comptime!(shape.apart())) * ACROSS + across] = weights;
        total.insert(i, total.extract(i) + weights.vector_sum());
        #[unroll]
        for chunk in 0..comptime!(shape.chunks()) {
            let sum = &running.sums[comptime!(i * shape.chunks() + chunk)];
            sum.store(sum.read() * Four::<f32>::new(rescale.extract(i)));
        }
    }
    running.total.store(total);
}

/// Adds the values at all positions of the tile, each times its weight.
#[cube]
fn add_values<N: Size>(
    value: &[Vector<f32, N>],
    staged: &mut Staged,
    running: &Running,
    span: &Span,
    position: usize,
    last: usize,
    #[comptime] shape: Shape,
) {
    let (across, down) = unit();
    #[unroll]
    for chunk in 0..comptime!(shape.chunks()) {
        if comptime!(chunk > 0) {
            sync_cube();
        }
        stage(value, &mut staged.cached, span.value, span.key_stride, position, last, chunk, shape);
        sync_cube();
        for other in 0..ACROSS {
            let mut values = Array::<Four<f32>>::new(EACH);
            #[unroll]
            for j in 0..EACH {
                values[j] = staged.cached[(other + j * ACROSS) * CHUNK + (across ^ other)];
            }
            #[unroll]
            for i in 0..comptime!(shape.each()) {
                let weights = staged.weights[(down + i * comptime!(shape.apart())) * ACROSS + other];
                let sum = &running.sums[comptime!(i * shape.chunks() + chunk)];
                let mut added = sum.read();
                #[unroll]
                for j in 0..EACH {
                    added += values[j] * Four::<f32>::new(weights.extract(j));
                }
                sum.store(added);
            }
        }
    }
}

/// Divides by the totals and writes the rows that there are.
#[cube]
fn finish<N: Size>(
    out: &mut [Vector<f32, N>],
    staged: &mut Staged,
    running: &Running,
    span: &Span,
    #[comptime] shape: Shape,
) {
    let (across, down) = unit();
    sync_cube();
    staged.told[UNIT_POS as usize] = running.total.read();
    sync_cube();
    let mut total = Four::<f32>::new(0.0f32);
    for other in 0..ACROSS {
        total += staged.told[down * ACROSS + other];
    }
    #[unroll]
    for i in 0..comptime!(shape.each()) {
        let row = span.first + down + i * comptime!(shape.apart());
        if row < span.rows {
            let to = place(span, row, span.out, span.out_stride, shape);
            let factor = Four::<f32>::new(1.0f32 / total.extract(i));
            #[unroll]
            for chunk in 0..comptime!(shape.chunks()) {
                let sum = running.sums[comptime!(i * shape.chunks() + chunk)].read();
                write(out, to, chunk * CHUNK + across, sum * factor, shape);
            }
        }
    }
}
