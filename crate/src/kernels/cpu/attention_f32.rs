//! Bidirectional attention of one sequence and one head, as two matrix products around a softmax.

use super::{
    f32x4::F32x4,
    gemm_f32::{gemm, pack, panels_len},
    math_f32::{exp, map},
    rows::{Rows, RowsMut},
};

/// Room for one head's intermediate results, reused from head to head.
pub(crate) struct Scratch {
    scores: Vec<f32>,
    sums: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Scratch {
    /// Room for sequences of up to `length` tokens and heads of `width` elements.
    pub(crate) fn new(length: usize, width: usize) -> Self {
        Self {
            scores: vec![0.0; length * length],
            sums: vec![0.0; length],
            keys: vec![0.0; panels_len(width, length)],
            values: vec![0.0; panels_len(length, width)],
        }
    }
}

/// One head's queries, keys and values: `[length, width]` each, rows `stride` apart.
pub(crate) struct Head<'a> {
    pub(crate) query: &'a [f32],
    pub(crate) key: &'a [f32],
    pub(crate) value: &'a [f32],
    pub(crate) stride: usize,
}

/// `out[length, width] = softmax(q · kᵀ / √width) · v`.
pub(crate) fn attend(head: &Head, scratch: &mut Scratch, out: &mut RowsMut) {
    let [length, width] = out.shape();
    if length == 0 {
        return;
    }
    let stride = head.stride;
    let Scratch { scores, sums, keys, values } = scratch;
    let scores = &mut scores[..length * length];
    pack(width, length, |d, token| head.key[token * stride + d], keys);
    pack(length, width, |token, d| head.value[token * stride + d], values);
    let query = Rows { data: head.query, stride };
    gemm(width, query, keys, None, &mut RowsMut::new(scores, length));
    let scale = 1.0 / (width as f32).sqrt();
    let sums = &mut sums[..length];
    for (row, sum) in scores.chunks_exact_mut(length).zip(sums.iter_mut()) {
        *sum = exponentials(row, scale);
    }
    let weights = Rows { data: scores, stride: length };
    gemm(length, weights, values, None, out);
    for (row, sum) in sums.iter().enumerate() {
        let norm = F32x4::splat(1.0 / *sum);
        map(out.row(row), |x| x.mul(norm));
    }
}

/// `row = exp((row − max) · scale)`; returns the sum, by which the softmax has yet to be divided.
fn exponentials(row: &mut [f32], scale: f32) -> f32 {
    let largest =
        F32x4::splat(fold(row, f32::NEG_INFINITY, F32x4::max).into_iter().fold(f32::NEG_INFINITY, f32::max));
    let scale = F32x4::splat(scale);
    map(row, |x| exp(x.sub(largest).mul(scale)));
    fold(row, 0.0, F32x4::add).into_iter().sum()
}

/// Four partial results of `f` over the elements, whose neutral element is `none`.
#[inline(always)]
fn fold(row: &[f32], none: f32, f: impl Fn(F32x4, F32x4) -> F32x4) -> [f32; 4] {
    let (fours, rest) = row.as_chunks::<4>();
    let mut last = [none; 4];
    last[..rest.len()].copy_from_slice(rest);
    // SAFETY: every chunk holds four elements.
    let load = |four: &[f32; 4]| unsafe { F32x4::load(four.as_ptr()) };
    fours.iter().map(load).fold(load(&last), f).to_array()
}
