//! Reading quantised weights, in the layout of [`crate::kernels::linear_q::layout`] and the order of rows.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::dense::half as from_half;
use crate::kernels::linear_q::layout::Format;

/// Four values of one row.
pub(super) type Four<T> = Vector<T, Const<4>>;

/// The four fields of `1 << bits` values each whose lowest bit lies `shift` bits above the bytes of `word`.
#[cube]
fn fields(word: u32, shift: u32, #[comptime] bits: usize) -> Four<u32> {
    let mut shifts = Four::<u32>::new(shift);
    shifts.insert(1usize, shift + 8);
    shifts.insert(2usize, shift + 16);
    shifts.insert(3usize, shift + 24);
    (Four::<u32>::new(word) >> shifts) & Four::<u32>::new(comptime!((1u32 << bits) - 1))
}

/// The four signed bytes of `word`.
#[cube]
fn signed_bytes(word: u32) -> Four<f32> {
    let mut shifts = Four::<i32>::new(24i32);
    shifts.insert(1usize, 16i32);
    shifts.insert(2usize, 8i32);
    shifts.insert(3usize, 0i32);
    let high = Four::<i32>::new(i32::reinterpret(word)) << shifts;
    Four::<f32>::cast_from(high >> Four::<i32>::new(24i32))
}

/// The signed byte of `word` that belongs to `row`.
#[cube]
fn signed_byte(word: u32, row: usize) -> f32 {
    let high = i32::reinterpret(word << (24u32 - 8 * row as u32));
    f32::cast_from(high >> 24i32)
}

/// Quants `16 · half + 4 · quarter ..+ 4` of a block, less the offset.
#[cube]
pub(super) fn quants(
    planes: &[u32],
    place: &Place,
    #[comptime] half: usize,
    #[comptime] format: Format,
) -> Four<f32> {
    let block = place.block * comptime!(format.block_bytes() / 4);
    let (row, quarter) = (place.row, place.quarter);
    let bits = comptime!(format.bits);
    if comptime!(bits == 8) {
        signed_bytes(planes[block + (2 * quarter + half) * 4 + row])
    } else {
        let quants = if comptime!(bits < 4) {
            let mut quants = two_bits(planes, block, row, quarter, half);
            if comptime!(bits == 3) {
                quants += one_bit(planes, block + 8, row, quarter, half) << Four::<u32>::new(2u32);
            }
            quants
        } else {
            let word = planes[block + quarter * 4 + row];
            let mut quants = fields(word, comptime!(half as u32 * 4), 4usize);
            if comptime!(bits == 5) {
                quants += one_bit(planes, block + 16, row, quarter, half) << Four::<u32>::new(4u32);
            }
            if comptime!(bits == 6) {
                quants += two_bits(planes, block + 16, row, quarter, half) << Four::<u32>::new(4u32);
            }
            quants
        };
        Four::<f32>::cast_from(quants) - Four::<f32>::new(comptime!(format.offset as f32))
    }
}

/// The bits of a plane with one bit for each quant: a word for each row.
#[cube]
fn one_bit(planes: &[u32], plane: usize, row: usize, quarter: usize, #[comptime] half: usize) -> Four<u32> {
    fields(planes[plane + row], 2 * quarter as u32 + comptime!(half as u32), 1usize)
}

/// The bits of two planes with two bits for each quant: a word for each row, of quarters 0 and 1, then of 2 and 3.
#[cube]
fn two_bits(planes: &[u32], plane: usize, row: usize, quarter: usize, #[comptime] half: usize) -> Four<u32> {
    let shift = 4 * (quarter % 2) as u32 + comptime!(2 * half as u32);
    fields(planes[plane + (quarter / 2) * 4 + row], shift, 2usize)
}

/// A quarter of a block of one row.
#[derive(CubeType)]
pub(super) struct Place {
    /// The block's number among all tiles: `tile · blocks + block`.
    pub(super) block: usize,
    /// The row in its tile.
    pub(super) row: usize,
    /// Which inputs: `4 · quarter ..+ 4` and the four 16 behind them.
    pub(super) quarter: usize,
}

/// Weights `16 · half + 4 · quarter ..+ 4` of a block.
#[cube]
pub(super) fn weights(
    planes: &[u32],
    scales: &[u32],
    place: &Place,
    #[comptime] half: usize,
    #[comptime] format: Format,
) -> Four<f32> {
    let quants = quants(planes, place, half, format);
    let mut weights = quants * Four::<f32>::new(factor(scales, place, half, 0usize, format));
    if comptime!(format.mins) {
        weights += Four::<f32>::new(factor(scales, place, half, 1usize, format));
    }
    weights
}

/// The scale of inputs `16 · half ..+ 16` of a block (`which` 0), or what is added to them (1).
#[cube]
pub(super) fn factor(
    scales: &[u32],
    place: &Place,
    #[comptime] half: usize,
    #[comptime] which: usize,
    #[comptime] format: Format,
) -> f32 {
    let lanes = comptime!(format.lanes());
    if comptime!(format.grouped) {
        // Rows are whole records, so that they can be counted across tiles.
        let record = place.block / 8 * comptime!(format.record_words());
        let scale = f32::reinterpret(scales[record + comptime!(4 * which) + place.row]);
        let mut group = place.block % 8;
        if comptime!(format.group == 16) {
            group = group * 2 + half;
        }
        let groups = record + lanes;
        scale * signed_byte(scales[groups + group * comptime!(lanes / 4) + which], place.row)
    } else {
        // Two of four rows in a word.
        let pair = scales[place.block * comptime!(lanes / 2) + comptime!(2 * which) + place.row / 2];
        from_half((pair >> (16 * (place.row % 2) as u32)) & 0xffffu32)
    }
}
