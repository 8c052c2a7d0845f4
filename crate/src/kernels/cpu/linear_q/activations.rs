//! Rows of f32 rounded to eight bits, block by block, in panels of a few rows.
#![allow(clippy::needless_range_loop)] // loops over constants, which unroll

use core::ops::Range;

use crate::kernels::{
    cpu::{f32x4::F32x4, i16x8::I16x8},
    linear_q::layout::BLOCK,
};

/// Rows of a panel; the last panel has what is left.
pub(super) const PANEL: usize = 4;

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

impl Activations {
    /// Rounds the rows of `x`, `[rows, columns]`, whose columns are whole blocks, for weights of which `offset` is
    /// subtracted.
    pub(super) fn new(x: &[f32], columns: usize, form: Form, group: usize, offset: i32) -> Self {
        let rows = x.len() / columns;
        let (blocks, groups) = (rows * columns / BLOCK, rows * columns / group);
        let mut activations = Self {
            rows,
            columns,
            form,
            group,
            offset,
            words: vec![0; blocks * form.words()],
            scales: vec![0.0; blocks],
            starts: vec![0; groups],
            sums: vec![0.0; groups],
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

    /// Rounds the `H` rows `x`, which are numbers `first` and following.
    #[inline(never)]
    fn round_panel<const H: usize>(&mut self, first: usize, x: &[f32]) {
        let (columns, groups, form, offset) = (self.columns, BLOCK / self.group, self.form, self.offset);
        let (blocks, width) = (columns / BLOCK, form.words());
        let words = self.words[first * blocks * width..][..blocks * width * H].as_chunks_mut::<H>().0;
        let scales = self.scales[first * blocks..][..blocks * H].as_chunks_mut::<H>().0;
        let of_groups = first * blocks * groups..(first + H) * blocks * groups;
        let starts = self.starts[of_groups.clone()].as_chunks_mut::<H>().0;
        let sums = self.sums[of_groups].as_chunks_mut::<H>().0;
        for h in 0..H {
            let row = x[h * columns..][..columns].as_chunks::<BLOCK>().0;
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
