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
        let Self { columns, group, .. } = *self;
        let groups = BLOCK / group;
        let pairs = self.pairs[first * columns / 2..].as_chunks_mut::<H>().0;
        let pairs = pairs.as_chunks_mut::<{ BLOCK / 2 }>().0;
        let scales = self.scales[first * columns / BLOCK..].as_chunks_mut::<H>().0;
        let sums = self.sums[first * columns / group..].as_chunks_mut::<H>().0.chunks_exact_mut(groups);
        for (b, ((pairs, scales), sums)) in pairs.iter_mut().zip(scales).zip(sums).enumerate() {
            if b == columns / BLOCK {
                break;
            }
            for h in 0..H {
                let block = &x[h * columns + b * BLOCK..][..BLOCK];
                let Rounded { scale, quants } = round_block(block.try_into().unwrap_or(&[0.0; BLOCK]));
                scales[h] = scale;
                for (pairs, quants) in pairs.as_chunks_mut::<4>().0.iter_mut().zip(quants) {
                    for (pair, word) in pairs.iter_mut().zip(quants.to_pairs()) {
                        pair[h] = word;
                    }
                }
                let halves = [quants[0].add(quants[1]), quants[2].add(quants[3])];
                match sums {
                    [whole] => whole[h] = halves[0].add(halves[1]).sum() as f32,
                    _ => sums.iter_mut().zip(halves).for_each(|(sum, half)| sum[h] = half.sum() as f32),
                }
            }
        }
    }
}

/// A block of activations.
struct Rounded {
    scale: f32,
    /// The 32 quants in their order.
    quants: [I16x8; 4],
}

#[inline(always)]
fn round_block(block: &[f32; BLOCK]) -> Rounded {
    // SAFETY: the block holds eight times four elements.
    let fours: [F32x4; 8] = core::array::from_fn(|i| unsafe { F32x4::load(block.as_ptr().add(4 * i)) });
    let largest = fours.iter().fold(F32x4::splat(0.0), |most, four| most.larger(four.abs())).to_array();
    // By their bits, in whose order NaN comes last: a block that has one gives NaN.
    let scale = f32::from_bits(largest.map(f32::to_bits).into_iter().max().unwrap_or(0)) / 127.0;
    // Below this the inverse would not be finite; such a block counts as zeros.
    let inverse = F32x4::splat(if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 });
    let rounded = |four: F32x4| four.mul(inverse).round();
    let quants = core::array::from_fn(|i| I16x8::truncate(rounded(fours[2 * i]), rounded(fours[2 * i + 1])));
    Rounded { scale, quants }
}
