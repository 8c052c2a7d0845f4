//! Quantised weights times activations of eight bits.
//!
//! A decode step has one row of activations and is bound by unpacking and by memory, a prefill has many and is bound by
//! multiplying; each has a kernel of its own, and they give the same bits.

mod activations;
mod dots;
mod kind;
mod tile;
mod unpack;
mod unpack_bytes;

use core::ops::Range;

use self::{
    activations::{Activations, Form, PANEL},
    dots::{Bytes, Dots, Words},
    kind::{Kind, Quants},
    tile::{Sums, Unpacked, multiply_panel, multiply_row},
};
use super::{pool::split, rows::RowsMut};
use crate::kernels::linear_q::layout::{Format, PAIR, TILE};

/// The most activations that are multiplied with all of the weight at a time, so that they stay in the second-level
/// cache: 384 KiB of quants.
const CACHED: usize = 192 << 10;

/// Whether bytes are multiplied in one instruction.
pub(crate) const BYTES: bool = cfg!(target_feature = "relaxed-simd");

/// Rows that lie together in a record.
const ROWS: usize = PAIR * TILE;

/// A weight in the records of [`crate::kernels::linear_q::layout`].
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    pub(crate) records: &'a [u8],
    pub(crate) format: Format,
    /// Output and input features.
    pub(crate) shape: [usize; 2],
}

/// Evaluates an expression with the kind of a format as the type of the given name.
macro_rules! with_kind {
    ($format:expr, $kind:ident => $result:expr) => {
        match ($format.bits, $format.mins, $format.grouped) {
            (2, _, _) => {
                type $kind = Quants<2, 16, 0, true, true>;
                $result
            }
            (3, _, _) => {
                type $kind = Quants<3, 16, 4, false, true>;
                $result
            }
            (4, false, _) => {
                type $kind = Quants<4, 32, 8, false, false>;
                $result
            }
            (4, true, false) => {
                type $kind = Quants<4, 32, 0, true, false>;
                $result
            }
            (4, true, true) => {
                type $kind = Quants<4, 32, 0, true, true>;
                $result
            }
            (5, false, _) => {
                type $kind = Quants<5, 32, 16, false, false>;
                $result
            }
            (5, true, false) => {
                type $kind = Quants<5, 32, 0, true, false>;
                $result
            }
            (5, true, true) => {
                type $kind = Quants<5, 32, 0, true, true>;
                $result
            }
            (6, _, _) => {
                type $kind = Quants<6, 16, 32, false, true>;
                $result
            }
            _ => {
                type $kind = Quants<8, 32, 0, false, false>;
                $result
            }
        }
    };
}

/// Rows that weights are multiplied with. They are rounded to eight bits once for all weights of a kind.
pub(crate) struct Input<'a> {
    x: &'a [f32],
    columns: usize,
    /// One for each way of rounding that was needed so far.
    rounded: Vec<Activations>,
}

impl<'a> Input<'a> {
    /// `x: [rows, columns]`
    pub(crate) fn new(x: &'a [f32], columns: usize) -> Self {
        Self { x, columns, rounded: Vec::new() }
    }

    /// `into[rows, out] = x · Wᵀ`.
    pub(crate) fn multiply(&mut self, weight: &Weight, into: &mut RowsMut) {
        if BYTES {
            self.multiply_by::<Bytes>(weight, into);
        } else {
            self.multiply_by::<Words>(weight, into);
        }
    }

    fn multiply_by<S: Dots>(&mut self, weight: &Weight, into: &mut RowsMut) {
        with_kind!(weight.format, K => {
            let activations = self.rounded(S::form(K::SIGNED), K::GROUP, K::OFFSET);
            multiply_kind::<S, K>(activations, weight, into);
        });
    }

    fn rounded(&mut self, form: Form, group: usize, offset: i32) -> &Activations {
        let place = self.rounded.iter().position(|activations| activations.are_for(form, group, offset));
        let place = place.unwrap_or_else(|| {
            self.rounded.push(Activations::new(self.x, self.columns, form, group, offset));
            self.rounded.len() - 1
        });
        &self.rounded[place]
    }
}

/// `x · Wᵀ` in words and in bytes, whichever of the two [`Input::multiply`] takes.
pub(crate) fn multiply_both_ways(x: &[f32], weight: &Weight, rows: usize) -> [Vec<f32>; 2] {
    let [out, columns] = weight.shape;
    let mut ys = [vec![0.0; rows * out], vec![0.0; rows * out]];
    let mut input = Input::new(x, columns);
    input.multiply_by::<Words>(weight, &mut RowsMut::new(&mut ys[0], out));
    input.multiply_by::<Bytes>(weight, &mut RowsMut::new(&mut ys[1], out));
    ys
}

fn multiply_kind<S: Dots, K: Kind>(activations: &Activations, weight: &Weight, into: &mut RowsMut) {
    let ([out, columns], all) = (weight.shape, activations.rows());
    let cached = if all == 1 { 1 } else { (CACHED / columns).max(1).next_multiple_of(PANEL) };
    for first in (0..all).step_by(cached) {
        let rows = first..all.min(first + cached);
        split(out.div_ceil(ROWS), rows.len() * columns * out, |pairs| {
            let records = weight.pairs(pairs.clone());
            // SAFETY: every pair has columns of its own.
            let mut into = unsafe { into.part(rows.clone(), pairs.start * ROWS..out.min(pairs.end * ROWS)) };
            if all == 1 {
                multiply_single::<S, K>(activations, records, into.row(0));
            } else {
                let tiles = Unpacked::new::<S, K>(columns);
                multiply_panels::<S, K>(activations, rows.clone(), tiles, records, &mut into);
            }
        });
    }
}

fn multiply_single<'a, S: Dots, K: Kind>(
    activations: &Activations,
    records: impl Iterator<Item = &'a [u8]>,
    y: &mut [f32],
) {
    if let Some((_, _, row)) = activations.panels(0..1).next() {
        for (records, y) in records.zip(y.chunks_mut(ROWS)) {
            write(multiply_row::<S, K>(records, row), y);
        }
    }
}

fn multiply_panels<'a, S: Dots, K: Kind>(
    activations: &Activations,
    rows: Range<usize>,
    mut tiles: Unpacked,
    records: impl Iterator<Item = &'a [u8]>,
    into: &mut RowsMut,
) {
    let [height, out] = into.shape();
    for (records, first) in records.zip((0..out).step_by(ROWS)) {
        tiles.fill::<S, K>(records);
        // SAFETY: it is the only part.
        let mut into = unsafe { into.part(0..height, first..out.min(first + ROWS)) };
        match (K::MINS, K::SIGNED) {
            (true, _) => multiply_tiles::<S, true, false>(activations, rows.clone(), &tiles, &mut into),
            (false, false) => multiply_tiles::<S, false, false>(activations, rows.clone(), &tiles, &mut into),
            (false, true) => multiply_tiles::<S, false, true>(activations, rows.clone(), &tiles, &mut into),
        }
    }
}

fn multiply_tiles<S: Dots, const MINS: bool, const SIGNED: bool>(
    activations: &Activations,
    rows: Range<usize>,
    tiles: &Unpacked,
    into: &mut RowsMut,
) {
    let start = rows.start;
    for (row, count, panel) in activations.panels(rows) {
        match count {
            1 => store(multiply_panel::<S, MINS, SIGNED, 1>(tiles, panel), row - start, into),
            2 => store(multiply_panel::<S, MINS, SIGNED, 2>(tiles, panel), row - start, into),
            3 => store(multiply_panel::<S, MINS, SIGNED, 3>(tiles, panel), row - start, into),
            _ => store(multiply_panel::<S, MINS, SIGNED, PANEL>(tiles, panel), row - start, into),
        }
    }
}

/// Writes the sums of consecutive rows, from `first` on.
#[inline(always)]
fn store<const T: usize>(sums: [Sums; T], first: usize, into: &mut RowsMut) {
    for (row, sums) in (first..).zip(sums) {
        write(sums, into.row(row));
    }
}

/// Writes as many of the eight sums as there is room for. A copy of any length is a call, so all four are no such copy.
#[inline(always)]
fn write(sums: Sums, y: &mut [f32]) {
    for (sums, y) in sums.into_iter().zip(y.chunks_mut(TILE)) {
        if let Some(y) = y.first_chunk_mut::<TILE>() {
            *y = sums.to_array();
        } else {
            y.iter_mut().zip(sums.to_array()).for_each(|(y, sum)| *y = sum);
        }
    }
}

impl<'a> Weight<'a> {
    /// The records of some pairs of tiles.
    fn pairs(&self, pairs: Range<usize>) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.format.pair_bytes(self.shape[1]);
        self.records.chunks_exact(bytes).skip(pairs.start).take(pairs.len())
    }

    /// Writes the values of `row` into `values`, which has room for all columns; nothing if there is no such row.
    pub(crate) fn dequantise(&self, row: usize, values: &mut [f32]) {
        if let Some(records) = self.pairs(row / ROWS..row / ROWS + 1).next() {
            with_kind!(self.format, K => dequantise_kind::<K>(records, row % ROWS, values));
        }
    }
}

fn dequantise_kind<K: Kind>(records: &[u8], row: usize, values: &mut [f32]) {
    let (tile, row) = (row / TILE, row % TILE);
    let mut tiles = Unpacked::new::<Words, K>(values.len());
    tiles.fill::<Words, K>(records);
    for (c, value) in values.iter_mut().enumerate() {
        let [scale, min] = tiles.scales_of(c / K::GROUP, tile, K::SCALES);
        *value = scale.to_array()[row] * (tiles.quant(c, tile, row) - K::OFFSET) as f32;
        if K::MINS {
            *value += min.to_array()[row];
        }
    }
}
