//! Causal attention of one key-value head over its cache, as two matrix products around a softmax.
//!
//! The cache lies in the panels that the matrix product reads, so that nothing is packed: eight positions side by side
//! for keys, eight elements of a head for values. See [`Layout`].

use core::ops::Range;

use super::{
    f32x4::F32x4,
    gemm_f32::{PANEL, Panels, gemm_strided},
    math_f32::{exp, map, tanh},
    rows::{Rows, RowsMut},
};
use crate::kernels::attention_cached_f32::Scores;

/// Queries that are computed together: enough to fill register tiles, few enough to skip most of the future.
const BLOCK: usize = 16;

/// How one head lies in the two caches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Positions there is room for; whole panels.
    pub(crate) capacity: usize,
    /// Elements of a head.
    pub(crate) width: usize,
}

impl Layout {
    /// Elements of one head's keys: `[capacity / 8, width, 8]`.
    pub(crate) fn keys(self) -> usize {
        self.capacity * self.width
    }

    /// Elements of one head's values: `[⌈width / 8⌉, capacity, 8]`.
    pub(crate) fn values(self) -> usize {
        self.width.div_ceil(PANEL) * self.capacity * PANEL
    }

    /// Writes a key into a head's keys at `position`.
    pub(crate) fn write_key(self, keys: &mut [f32], position: usize, key: &[f32]) {
        let panel = &mut keys[position / PANEL * PANEL * self.width..][..PANEL * self.width];
        let lanes = panel.iter_mut().skip(position % PANEL).step_by(PANEL);
        lanes.zip(key).for_each(|(slot, element)| *slot = *element);
    }

    /// Writes a value into a head's values at `position`.
    pub(crate) fn write_value(self, values: &mut [f32], position: usize, value: &[f32]) {
        for (panel, part) in values.chunks_exact_mut(self.capacity * PANEL).zip(value.chunks(PANEL)) {
            panel[position * PANEL..][..part.len()].copy_from_slice(part);
        }
    }
}

/// One key-value head, and the queries that share it.
pub(crate) struct Group<'a> {
    /// `[tokens, heads · width]`, from the group's first head on.
    pub(crate) queries: Rows<'a>,
    /// Query heads of the group.
    pub(crate) heads: usize,
    /// Queries of a head, the first at `position`.
    pub(crate) tokens: usize,
    /// Positions before the first query.
    pub(crate) position: usize,
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
    pub(crate) layout: Layout,
}

/// The score buffer for `tokens` queries of groups of `heads` after `position` others.
pub(crate) fn scratch(heads: usize, tokens: usize, position: usize) -> Vec<f32> {
    let rows = if tokens == 1 { heads } else { BLOCK.min(tokens) };
    vec![0.0; rows * (position + tokens).next_multiple_of(PANEL)]
}

/// Writes `softmax(scores(q · kᵀ)) · v` into `out: [tokens, heads · width]`. `scores` is made by [`scratch`].
pub(crate) fn attend_cached(group: &Group, rules: Scores, scores: &mut [f32], out: &mut RowsMut) {
    let (width, stride) = (group.layout.width, group.queries.stride);
    if group.tokens == 1 {
        // The heads of the group are the rows, so that keys and values are read once for all of them.
        let queries = Rows { data: group.queries.data, stride: width };
        let block = Block { queries, count: group.heads, position: group.position, step: 0 };
        return group.attend(&block, rules, scores, &mut RowsMut::new(out.row(0), width));
    }
    for head in 0..group.heads {
        for first in (0..group.tokens).step_by(BLOCK) {
            let from = first * stride + head * width;
            let queries = Rows { data: &group.queries.data[from..], stride };
            let count = BLOCK.min(group.tokens - first);
            let block = Block { queries, count, position: group.position + first, step: 1 };
            // SAFETY: it is the only part.
            let mut out = unsafe { out.part(first..first + count, head * width..(head + 1) * width) };
            group.attend(&block, rules, scores, &mut out);
        }
    }
}

/// `count` queries that are computed together, the first at `position`, each `step` positions after the one before.
struct Block<'a> {
    queries: Rows<'a>,
    count: usize,
    position: usize,
    step: usize,
}

impl Group<'_> {
    fn attend(&self, block: &Block, rules: Scores, scores: &mut [f32], out: &mut RowsMut) {
        let Layout { capacity, width } = self.layout;
        let seen = |row: usize| rules.seen(block.position + row * block.step);
        // Whole panels of keys; what a query does not see has no weight.
        let first = seen(0).start / PANEL * PANEL;
        let last = seen(block.count - 1).end;
        let columns = (last - first).next_multiple_of(PANEL);
        let scores = &mut scores[..block.count * columns];
        let keys = Panels { data: &self.keys[first * width..], stride: width * PANEL };
        gemm_strided(width, block.queries, keys, None, &mut RowsMut::new(scores, columns));
        for (row, scores) in scores.chunks_exact_mut(columns).enumerate() {
            let seen = seen(row);
            weigh(scores, seen.start - first..seen.end - first, rules);
        }
        let values = Panels { data: &self.values[first * PANEL..], stride: capacity * PANEL };
        let weights = Rows { data: scores, stride: columns };
        gemm_strided(last - first, weights, values, None, out);
    }
}

/// Scores to weights: a softmax over what is `seen`, zero elsewhere.
fn weigh(row: &mut [f32], seen: Range<usize>, rules: Scores) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    let row = &mut row[seen];
    let scale = F32x4::splat(rules.scale);
    match rules.cap {
        None => map(row, |x| x.mul(scale)),
        Some(cap) => {
            let (cap, scale) = (F32x4::splat(cap), F32x4::splat(rules.scale / cap));
            map(row, |x| cap.mul(tanh(x.mul(scale))));
        }
    }
    let shift = F32x4::splat(largest(row));
    map(row, |x| exp(x.sub(shift)));
    let norm = F32x4::splat(1.0 / sum(row));
    map(row, |x| x.mul(norm));
}

fn largest(values: &[f32]) -> f32 {
    let fours = values.as_chunks::<4>();
    let start = fours.1.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut lanes = F32x4::splat(start);
    for four in fours.0 {
        // SAFETY: the chunk holds four elements.
        lanes = lanes.max(unsafe { F32x4::load(four.as_ptr()) });
    }
    lanes.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max)
}

fn sum(values: &[f32]) -> f32 {
    let fours = values.as_chunks::<4>();
    let mut lanes = F32x4::splat(0.0);
    for four in fours.0 {
        // SAFETY: the chunk holds four elements.
        lanes = lanes.add(unsafe { F32x4::load(four.as_ptr()) });
    }
    lanes.sum() + fours.1.iter().sum::<f32>()
}
