//! Rows of f32 rotated and rounded to seven bits, block by block, in panels of a few rows.

use core::{array::from_fn, ops::Range};

use super::{BLOCK, FOURS, products::Products, rotation::rotate};
use crate::kernels::cpu::{f32x4::F32x4, i16x8::I16x8, rows::split_each};

/// Rows of a panel; the last panel has what is left.
pub(super) const PANEL: usize = 4;

/// Multiply-adds that take as long as the rotation and the rounding of an element.
const ROUNDING: usize = 40;

/// Rotated rows: an element is `least + scale · quant`, where the quants of a block are from 0 to 127.
pub(super) struct Activations {
    rows: usize,
    blocks: usize,
    /// Words of a block.
    width: usize,
    /// `[panels, blocks, words of a block, rows of the panel]`
    words: Vec<i32>,
    /// `[panels, blocks, rows of the panel]`
    scales: Vec<f32>,
    /// `[panels, blocks, rows of the panel]`
    least: Vec<f32>,
}

/// Consecutive rows in the order in which the kernels read them.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) words: &'a [i32],
    pub(super) scales: &'a [f32],
    pub(super) least: &'a [f32],
}

impl Activations {
    /// Rounds the rows of `x`, `[rows, columns]`, whose columns are whole blocks.
    pub(super) fn new<S: Products>(x: &[f32], columns: usize) -> Self {
        let (rows, blocks, width) = (x.len() / columns, columns / BLOCK, FOURS * S::WORDS);
        let mut words = vec![0; rows * blocks * width];
        let mut scales = vec![0.0; rows * blocks];
        let mut least = vec![0.0; rows * blocks];
        let parts = scales.chunks_mut(PANEL * blocks).zip(least.chunks_mut(PANEL * blocks));
        let parts = words.chunks_mut(PANEL * blocks * width).zip(parts);
        let mut panels: Vec<_> = x.chunks(PANEL * columns).zip(parts).collect();
        split_each(&mut panels, x.len() * ROUNDING, |(x, (words, (scales, least)))| {
            match x.len() / columns {
                1 => round::<S, 1>(x, words, scales, least),
                2 => round::<S, 2>(x, words, scales, least),
                3 => round::<S, 3>(x, words, scales, least),
                _ => round::<S, PANEL>(x, words, scales, least),
            }
        });
        Self { rows, blocks, width, words, scales, least }
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
                words: &self.words[part(self.blocks * self.width)],
                scales: &self.scales[part(self.blocks)],
                least: &self.least[part(self.blocks)],
            };
            (first, count, panel)
        })
    }
}

/// Rounds the `H` rows of a panel.
#[inline(never)]
fn round<S: Products, const H: usize>(x: &[f32], words: &mut [i32], scales: &mut [f32], least: &mut [f32]) {
    let words = words.as_chunks_mut::<H>().0.chunks_exact_mut(FOURS * S::WORDS);
    let places = words.zip(scales.as_chunks_mut::<H>().0).zip(least.as_chunks_mut::<H>().0);
    let columns = x.len() / H;
    for (b, ((words, scales), least)) in places.enumerate() {
        for h in 0..H {
            let Some(block) = x[h * columns + b * BLOCK..].first_chunk() else { continue };
            let rounded = Rounded::new(block);
            (scales[h], least[h]) = (rounded.scale, rounded.least);
            rounded.put::<S, H>(h, words);
        }
    }
}

/// A block, rotated and rounded.
struct Rounded {
    scale: f32,
    least: f32,
    /// Whole numbers from 0 to 127 beside [`F32x4::LARGE`].
    quants: [F32x4; FOURS],
}

impl Rounded {
    #[inline(always)]
    fn new(block: &[f32; BLOCK]) -> Self {
        // SAFETY: the block holds so many fours.
        let mut fours: [F32x4; FOURS] = from_fn(|i| unsafe { F32x4::load(block.as_ptr().add(4 * i)) });
        rotate(&mut fours);
        let (mut low, mut high) = (fours[0], fours[0]);
        for four in &fours[1..] {
            (low, high) = (low.min(*four), high.max(*four));
        }
        let lesser = |a: f32, b: f32| if b < a { b } else { a };
        let greater = |a: f32, b: f32| if b > a { b } else { a };
        let ([a, b, c, d], [e, f, g, h]) = (low.to_array(), high.to_array());
        let (least, most) = (lesser(lesser(a, b), lesser(c, d)), greater(greater(e, f), greater(g, h)));
        // The first four has all others in it: where one is infinite or no number this is NaN, and else zero.
        let fault = fours[0].sub(fours[0]).sum();
        let scale = (most - least) / 127.0 + fault;
        // Below this the inverse would not be finite; such a block counts as equal numbers.
        let inverse = F32x4::splat(if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 });
        let (least_of_all, large) = (F32x4::splat(least), F32x4::splat(F32x4::LARGE));
        let quants = fours.map(|four| four.sub(least_of_all).mul(inverse).add(large));
        Self { scale, least, quants }
    }

    /// Writes the words of row `h` of a panel.
    #[inline(always)]
    fn put<S: Products, const H: usize>(&self, h: usize, into: &mut [[i32; H]]) {
        let sixteens = self.quants.as_chunks::<4>().0.iter().zip(into.chunks_exact_mut(4 * S::WORDS));
        for ([a, b, c, d], into) in sixteens {
            S::words(I16x8::bytes_beside(*a, *b), I16x8::bytes_beside(*c, *d), |i, word| into[i][h] = word);
        }
    }
}
