//! Rows of f32 rounded to eight bits, block by block, in panels of a few rows.

use crate::kernels::{
    cpu::{f32x4::F32x4, i16x8::I16x8},
    linear_q::layout::BLOCK,
};

/// Rows of a panel; the last panel has what is left.
pub(super) const PANEL: usize = 4;

/// Rows of activations: an element is `scale · quant`, where the largest quant of a block is ±127 and the scale its
/// magnitude divided by 127.
pub(super) struct Activations {
    rows: usize,
    columns: usize,
    /// Columns whose quants are summed.
    group: usize,
    /// Per panel and pair of columns, for each row the two quants as i16, low half first.
    pairs: Vec<i32>,
    /// Per panel and block, for each row its scale.
    scales: Vec<f32>,
    /// Per panel and group, for each row the sum of its quants.
    sums: Vec<f32>,
}

/// Consecutive rows in the order in which the kernels read them.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    /// `[columns / 2, rows]`.
    pub(super) pairs: &'a [i32],
    /// `[columns / 32, rows]`.
    pub(super) scales: &'a [f32],
    /// `[columns / group, rows]`.
    pub(super) sums: &'a [f32],
}

impl Activations {
    /// Rounds the rows of `x`, `[rows, columns]`, whose columns are whole blocks.
    pub(super) fn new(x: &[f32], columns: usize, group: usize) -> Self {
        let rows = x.len() / columns;
        let mut activations = Self {
            rows,
            columns,
            group,
            pairs: vec![0; rows * columns / 2],
            scales: vec![0.0; rows * columns / BLOCK],
            sums: vec![0.0; rows * columns / group],
        };
        for (row, values) in x.chunks_exact(columns).enumerate() {
            activations.round_row(row, values);
        }
        activations
    }

    /// The panels, and the number of the first row of each.
    pub(super) fn panels(&self) -> impl Iterator<Item = (usize, usize, Panel<'_>)> {
        (0..self.rows).step_by(PANEL).map(|first| {
            let count = PANEL.min(self.rows - first);
            let part = |per_row: usize| first * per_row..(first + count) * per_row;
            let panel = Panel {
                pairs: &self.pairs[part(self.columns / 2)],
                scales: &self.scales[part(self.columns / BLOCK)],
                sums: &self.sums[part(self.columns / self.group)],
            };
            (first, count, panel)
        })
    }

    fn round_row(&mut self, row: usize, values: &[f32]) {
        let Self { columns, group, .. } = *self;
        let first = row / PANEL * PANEL;
        let (height, lane) = (PANEL.min(self.rows - first), row - first);
        let at = |per_row: usize, i: usize| first * per_row + i * height + lane;
        for (b, block) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
            let (scale, quants) = round_block(block);
            self.scales[at(columns / BLOCK, b)] = scale;
            for (p, pair) in quants.as_chunks::<2>().0.iter().enumerate() {
                let word = i32::from(pair[0]) & 0xffff | i32::from(pair[1]) << 16;
                self.pairs[at(columns / 2, b * BLOCK / 2 + p)] = word;
            }
            for (g, quants) in quants.chunks_exact(group).enumerate() {
                let sum: i32 = quants.iter().map(|q| i32::from(*q)).sum();
                self.sums[at(columns / group, b * (BLOCK / group) + g)] = sum as f32;
            }
        }
    }
}

/// The scale of a block, and its quants.
#[inline]
fn round_block(block: &[f32; BLOCK]) -> (f32, [i16; BLOCK]) {
    // SAFETY: the block holds eight times four elements.
    let fours: [F32x4; 8] = core::array::from_fn(|i| unsafe { F32x4::load(block.as_ptr().add(4 * i)) });
    let largest = fours.iter().fold(F32x4::splat(0.0), |most, four| most.max(four.abs())).to_array();
    let scale = largest.into_iter().fold(0.0, f32::max) / 127.0;
    // Below this the inverse would not be finite; such a block counts as zeros.
    let inverse = F32x4::splat(if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 });
    let mut quants = [0; BLOCK];
    for (two, quants) in fours.as_chunks::<2>().0.iter().zip(quants.as_chunks_mut::<8>().0) {
        let [low, high] = two.map(|four| four.mul(inverse).round());
        // SAFETY: there is room for eight.
        unsafe { I16x8::truncate(low, high).store(quants.as_mut_ptr()) }
    }
    (scale, quants)
}
