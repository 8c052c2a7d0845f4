//! Bidirectional attention of one sequence and one head, as two matrix products around a softmax.

use super::{
    f32x4::F32x4,
    gemm_f32::{gemm, pack, panels_len},
    math_f32::map,
    rows::{Rows, RowsMut},
    softmax_f32::exponentials,
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
    let scale = F32x4::splat(1.0 / (width as f32).sqrt());
    let sums = &mut sums[..length];
    for (row, sum) in scores.chunks_exact_mut(length).zip(sums.iter_mut()) {
        *sum = exponentials(row, |x| x.mul(scale));
    }
    let weights = Rows { data: scores, stride: length };
    gemm(length, weights, values, None, out);
    for (row, sum) in sums.iter().enumerate() {
        let norm = F32x4::splat(1.0 / *sum);
        map(out.row(row), |x| x.mul(norm));
    }
}
