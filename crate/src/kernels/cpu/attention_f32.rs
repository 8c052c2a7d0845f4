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
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Scratch {
    /// Room for sequences of up to `length` tokens and heads of `width` elements.
    pub(crate) fn new(length: usize, width: usize) -> Self {
        Self {
            scores: vec![0.0; length * length],
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
    let Scratch { scores, keys, values } = scratch;
    let scores = &mut scores[..length * length];
    pack(width, length, |d, token| head.key[token * stride + d], keys);
    pack(length, width, |token, d| head.value[token * stride + d], values);
    let query = Rows { data: head.query, stride };
    gemm(width, query, keys, None, &mut RowsMut::new(scores, length));
    let scale = 1.0 / (width as f32).sqrt();
    scores.chunks_exact_mut(length).for_each(|row| softmax(row, scale));
    let weights = Rows { data: scores, stride: length };
    gemm(length, weights, values, None, out);
}

/// `row = softmax(row · scale)`, shifted by the largest element.
fn softmax(row: &mut [f32], scale: f32) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (shift, scale) = (F32x4::splat(largest * scale), F32x4::splat(scale));
    map(row, |x| exp(x.mul(scale).sub(shift)));
    let norm = F32x4::splat(1.0 / row.iter().sum::<f32>());
    map(row, |x| x.mul(norm));
}
