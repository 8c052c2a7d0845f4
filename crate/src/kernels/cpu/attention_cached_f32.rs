//! Causal attention of one key-value head over its cache, as two matrix products around a softmax.
//!
//! The cache lies in the strips that the products read, so that nothing is packed: eight positions side by side for
//! keys, eight elements of a head for values. Both are read from their beginning to their end, since a decode step is
//! bound by memory. See [`Layout`].

use core::ops::Range;

use super::{
    f32x4::F32x4,
    math_f32::{map, tanh},
    rows::{Rows, RowsMut},
    softmax_f32::exponentials,
    strip_f32::{STRIP, Strips, add_strips},
};
use crate::kernels::attention_cached_f32::Scores;

/// Positions whose values lie together; a cache has room for a multiple of it. With more of them the strips are further
/// apart, and with fewer of them sums are written too often.
pub(crate) const SPAN: usize = 32;

/// Queries that are computed together: enough to fill register tiles, few enough to skip most of the future.
const BLOCK: usize = 16;

/// How one head lies in the two caches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Positions there is room for; whole spans.
    pub(crate) capacity: usize,
    /// Elements of a head.
    pub(crate) width: usize,
}

impl Layout {
    /// Elements of one head's keys: `[capacity / 8, width, 8]`.
    pub(crate) fn keys(self) -> usize {
        self.capacity * self.width
    }

    /// Elements of one head's values: `[capacity / 32, ⌈width / 8⌉, 32, 8]`.
    pub(crate) fn values(self) -> usize {
        self.capacity * self.width.next_multiple_of(STRIP)
    }

    /// Where the values of `position` begin that are in strip `i` of the head.
    fn value(self, position: usize, i: usize) -> usize {
        let span = position / SPAN * SPAN * self.width.next_multiple_of(STRIP);
        span + (i * SPAN + position % SPAN) * STRIP
    }

    /// Writes a key into a head's keys at `position`.
    pub(crate) fn write_key(self, keys: &mut [f32], position: usize, key: &[f32]) {
        let strip = &mut keys[position / STRIP * STRIP * self.width..][..STRIP * self.width];
        let lanes = strip.iter_mut().skip(position % STRIP).step_by(STRIP);
        lanes.zip(key).for_each(|(slot, element)| *slot = *element);
    }

    /// Writes a value into a head's values at `position`.
    pub(crate) fn write_value(self, values: &mut [f32], position: usize, value: &[f32]) {
        for (i, part) in value.chunks(STRIP).enumerate() {
            values[self.value(position, i)..][..part.len()].copy_from_slice(part);
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
    vec![0.0; rows * (position + tokens).next_multiple_of(STRIP)]
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
        let seen = |row: usize| rules.seen(block.position + row * block.step);
        // Whole strips of keys; what a query does not see has no weight.
        let first = seen(0).start / STRIP * STRIP;
        let last = seen(block.count - 1).end;
        let columns = (last - first).next_multiple_of(STRIP);
        let scores = &mut scores[..block.count * columns];
        scores.fill(0.0);
        self.score(block, first, &mut RowsMut::new(scores, columns));
        for (row, scores) in scores.chunks_exact_mut(columns).enumerate() {
            let seen = seen(row);
            weigh(scores, seen.start - first..seen.end - first, rules);
        }
        self.mix(Rows { data: scores, stride: columns }, first..last, out);
    }

    /// Adds the products of the queries with the keys from position `first` on.
    fn score(&self, block: &Block, first: usize, scores: &mut RowsMut) {
        let (width, [count, columns]) = (self.layout.width, scores.shape());
        for column in (0..columns).step_by(SPAN) {
            let keys = &self.keys[(first + column) * width..];
            let strips = Strips { data: keys, depth: width, stride: width * STRIP };
            // SAFETY: it is the only part.
            let mut into = unsafe { scores.part(0..count, column..columns.min(column + SPAN)) };
            add_strips(block.queries, strips, &mut into);
        }
    }

    /// The sums of the values at `positions`, by rows of weights.
    fn mix(&self, weights: Rows, positions: Range<usize>, out: &mut RowsMut) {
        (0..out.shape()[0]).for_each(|row| out.row(row).fill(0.0));
        let mut from = positions.start;
        while from < positions.end {
            let to = positions.end.min((from / SPAN + 1) * SPAN);
            let weights = Rows { data: &weights.data[from - positions.start..], stride: weights.stride };
            let values = &self.values[self.layout.value(from, 0)..];
            let strips = Strips { data: values, depth: to - from, stride: SPAN * STRIP };
            add_strips(weights, strips, out);
            from = to;
        }
    }
}

/// Scores to weights: a softmax over what is `seen`, zero elsewhere.
fn weigh(row: &mut [f32], seen: Range<usize>, rules: Scores) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    let row = &mut row[seen];
    let scale = F32x4::splat(rules.scale / rules.cap.unwrap_or(1.0));
    let sum = match rules.cap.map(F32x4::splat) {
        None => exponentials(row, |x| x.mul(scale)),
        Some(cap) => exponentials(row, |x| cap.mul(tanh(x.mul(scale)))),
    };
    let norm = F32x4::splat(1.0 / sum);
    map(row, |x| x.mul(norm));
}
