//! Rows of f32 rounded to eight bits, block by block, in panels of a few rows.
#![allow(clippy::needless_range_loop)] // loops over constants, which unroll

use crate::kernels::{
    cpu::{f32x4::F32x4, i16x8::I16x8},
    linear_q::layout::BLOCK,
};

/// Pairs of columns of a block.
const PAIRS: usize = BLOCK / 2;
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
        for (first, x) in (0..rows).step_by(PANEL).zip(x.chunks(PANEL * columns)) {
            match rows - first {
                1 => activations.round_panel::<1>(first, x),
                2 => activations.round_panel::<2>(first, x),
                3 => activations.round_panel::<3>(first, x),
                _ => activations.round_panel::<PANEL>(first, x),
            }
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

    /// Rounds the `H` rows `x`, which are numbers `first` and following.
    #[inline(never)]
    fn round_panel<const H: usize>(&mut self, first: usize, x: &[f32]) {
        let (columns, groups) = (self.columns, BLOCK / self.group);
        let blocks = columns / BLOCK;
        let pairs = self.pairs[first * columns / 2..][..blocks * PAIRS * H].as_chunks_mut::<H>().0;
        let scales = self.scales[first * blocks..][..blocks * H].as_chunks_mut::<H>().0;
        let sums = self.sums[first * blocks * groups..][..blocks * groups * H].as_chunks_mut::<H>().0;
        for h in 0..H {
            let row = x[h * columns..][..columns].as_chunks::<BLOCK>().0;
            for b in 0..blocks {
                let (scale, quants) = round_block(&row[b]);
                scales[b][h] = scale;
                let pairs = &mut pairs[b * PAIRS..][..PAIRS];
                for q in 0..4 {
                    let words = quants[q].to_pairs();
                    for i in 0..4 {
                        pairs[4 * q + i][h] = words[i];
                    }
                }
                let (low, high) = (quants[0].add(quants[1]), quants[2].add(quants[3]));
                if groups == 1 {
                    sums[b][h] = low.add(high).sum() as f32;
                } else {
                    sums[2 * b][h] = low.sum() as f32;
                    sums[2 * b + 1][h] = high.sum() as f32;
                }
            }
        }
    }
}

/// The scale of a block, and its quants in their order.
#[inline(always)]
fn round_block(block: &[f32; BLOCK]) -> (f32, [I16x8; 4]) {
    let mut fours = [F32x4::splat(0.0); 8];
    let mut largest = F32x4::splat(0.0);
    for i in 0..8 {
        // SAFETY: the block holds eight times four elements.
        fours[i] = unsafe { F32x4::load(block.as_ptr().add(4 * i)) };
        largest = largest.larger(fours[i].abs());
    }
    // By their bits, in whose order NaN comes last: a block that has one gives NaN.
    let [a, b, c, d] = largest.to_array();
    let bits = a.to_bits().max(b.to_bits()).max(c.to_bits().max(d.to_bits()));
    let scale = f32::from_bits(bits) / 127.0;
    // Below this the inverse would not be finite; such a block counts as zeros.
    let inverse = F32x4::splat(if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 });
    let mut quants = [I16x8::splat(0); 4];
    for q in 0..4 {
        let [low, high] = [fours[2 * q], fours[2 * q + 1]];
        quants[q] = I16x8::truncate(low.mul(inverse).round(), high.mul(inverse).round());
    }
    (scale, quants)
}
