//! Rows of f32 rounded to eight bits, block by block, in panels of a few rows.
#![allow(clippy::needless_range_loop)] // loops over constants, which unroll

use core::ops::Range;

use crate::kernels::{
    cpu::{f32x4::F32x4, i16x8::I16x8, rows::split_each},
    linear_q::layout::BLOCK,
};

/// Rows of a panel; the last panel has what is left.
pub(super) const PANEL: usize = 4;

/// Multiply-adds that take as long as the rounding of an element.
const ROUNDING: usize = 30;

/// How the quants of a block are put into words of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Sixteen words of two neighbours as i16, low half first.
    Pairs,
    /// Eight words of four neighbours as i8, in the order of [`crate::kernels::linear_q::layout::Order`].
    Fours,
    /// Eight such words of what negative quants are below zero, then eight of what positive ones are above it: no byte
    /// is negative.
    Halves,
}

impl Form {
    /// Words of a block.
    pub(super) const fn words(self) -> usize {
        match self {
            Self::Fours => 8,
            Self::Pairs | Self::Halves => 16,
        }
    }
}

/// Rows of activations: an element is `scale · quant`, where the largest quant of a block is ±127 and the scale its
/// magnitude divided by 127.
pub(super) struct Activations {
    rows: usize,
    columns: usize,
    form: Form,
    /// Columns whose quants are summed.
    group: usize,
    /// What is subtracted from the quants of the weights.
    offset: i32,
    /// Per panel and word of a row, that of each row.
    words: Vec<i32>,
    /// Per panel and block, for each row its scale.
    scales: Vec<f32>,
    /// Per panel and group, for each row the sum of its quants times the offset of the weights, with the other sign.
    starts: Vec<i32>,
    /// Per panel and group, for each row the sum of its quants times its scale.
    sums: Vec<f32>,
}

/// Consecutive rows in the order in which the kernels read them.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    /// `[columns / 32, words of the form, rows]`.
    pub(super) words: &'a [i32],
    /// `[columns / 32, rows]`.
    pub(super) scales: &'a [f32],
    /// `[columns / group, rows]`.
    pub(super) starts: &'a [i32],
    /// `[columns / group, rows]`.
    pub(super) sums: &'a [f32],
}

/// A panel before it is rounded.
struct Unrounded<'a> {
    /// Its rows, of so many columns each.
    x: &'a [f32],
    columns: usize,
    words: &'a mut [i32],
    scales: &'a mut [f32],
    starts: &'a mut [i32],
    sums: &'a mut [f32],
}

impl Activations {
    /// Rounds the rows of `x`, `[rows, columns]`, whose columns are whole blocks, for weights of which `offset` is
    /// subtracted.
    pub(super) fn new(x: &[f32], columns: usize, form: Form, group: usize, offset: i32) -> Self {
        let (blocks, groups) = (columns / BLOCK, columns / group);
        let rows = x.len() / columns;
        let mut words = vec![0; rows * blocks * form.words()];
        let mut scales = vec![0.0; rows * blocks];
        let mut starts = vec![0; rows * groups];
        let mut sums = vec![0.0; rows * groups];
        let of_blocks =
            words.chunks_mut(PANEL * blocks * form.words()).zip(scales.chunks_mut(PANEL * blocks));
        let of_groups = starts.chunks_mut(PANEL * groups).zip(sums.chunks_mut(PANEL * groups));
        let mut panels: Vec<Unrounded> = (x.chunks(PANEL * columns).zip(of_blocks).zip(of_groups))
            .map(|((x, (words, scales)), (starts, sums))| Unrounded {
                x,
                columns,
                words,
                scales,
                starts,
                sums,
            })
            .collect();
        split_each(&mut panels, x.len() * ROUNDING, |panel| match panel.x.len() / columns {
            1 => panel.round::<1>(form, offset),
            2 => panel.round::<2>(form, offset),
            3 => panel.round::<3>(form, offset),
            _ => panel.round::<PANEL>(form, offset),
        });
        Self { rows, columns, form, group, offset, words, scales, starts, sums }
    }

    /// Whether they were rounded as [`Activations::new`] would with these arguments.
    pub(super) fn are_for(&self, form: Form, group: usize, offset: i32) -> bool {
        (self.form, self.group, self.offset) == (form, group, offset)
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The panels of `rows`, which begin with one, and the number and count of the rows of each.
    pub(super) fn panels(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, usize, Panel<'_>)> {
        (rows.start..rows.end.min(self.rows)).step_by(PANEL).map(|first| {
            let count = PANEL.min(self.rows - first);
            let part = |per_row: usize| first * per_row..(first + count) * per_row;
            let panel = Panel {
                words: &self.words[part(self.columns / BLOCK * self.form.words())],
                scales: &self.scales[part(self.columns / BLOCK)],
                starts: &self.starts[part(self.columns / self.group)],
                sums: &self.sums[part(self.columns / self.group)],
            };
            (first, count, panel)
        })
    }
}

impl Unrounded<'_> {
    /// Rounds its `H` rows.
    #[inline(never)]
    fn round<const H: usize>(&mut self, form: Form, offset: i32) {
        let (blocks, width) = (self.columns / BLOCK, form.words());
        let groups = self.sums.len() / self.scales.len();
        let words = self.words.as_chunks_mut::<H>().0;
        let scales = self.scales.as_chunks_mut::<H>().0;
        let starts = self.starts.as_chunks_mut::<H>().0;
        let sums = self.sums.as_chunks_mut::<H>().0;
        for h in 0..H {
            let row = self.x[h * self.columns..][..self.columns].as_chunks::<BLOCK>().0;
            for b in 0..blocks {
                let (scale, quants) = round_block(&row[b]);
                scales[b][h] = scale;
                put_words(&quants, form, |i, word| words[b * width + i][h] = word);
                let (low, high) = (quants[0].add(quants[1]), quants[2].add(quants[3]));
                let of_halves = if groups == 1 { [low.add(high).sum(), 0] } else { [low.sum(), high.sum()] };
                for g in 0..groups {
                    starts[b * groups + g][h] = -offset * of_halves[g];
                    sums[b * groups + g][h] = scale * of_halves[g] as f32;
                }
            }
        }
    }
}

/// Calls `put` with the index and the value of every word of a block.
#[inline(always)]
fn put_words(quants: &[I16x8; 4], form: Form, mut put: impl FnMut(usize, i32)) {
    let zero = I16x8::splat(0);
    let mut fours = |first: usize, part: &dyn Fn(I16x8) -> I16x8| {
        for q in 0..2 {
            let words = I16x8::to_fours(part(quants[2 * q]), part(quants[2 * q + 1]));
            words.into_iter().enumerate().for_each(|(i, word)| put(first + 4 * q + i, word));
        }
    };
    match form {
        Form::Fours => fours(0, &|q| q),
        Form::Halves => {
            fours(0, &|q| zero.sub(q).max(zero));
            fours(8, &|q| q.max(zero));
        }
        Form::Pairs => {
            for q in 0..4 {
                quants[q].to_pairs().into_iter().enumerate().for_each(|(i, word)| put(4 * q + i, word));
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
