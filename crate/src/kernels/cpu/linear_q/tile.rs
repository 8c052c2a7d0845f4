//! The two inner kernels: eight rows of the weight times one row of activations, straight from the records; and the same
//! times a panel of activations, from quants that were unpacked once for all panels.
//!
//! Both compute `Σ s · (a · (Σ q·w − offset · Σ q))`, or `Σ s · (a · Σ q·w) + m · (a · Σ q)` where there are minimums, over
//! the groups in their order, `a` and `q` being scale and quants of the activations. The inner sums are exact, so both
//! give the same bits, however many rows are multiplied at a time.
//!
//! Loops over constants unroll and keep their sums in registers. A loop that must not unroll, because the compiler
//! would reorder its sums until they no longer fit the registers, has a count that it cannot see.
#![allow(clippy::needless_range_loop)]

use core::hint::black_box;

use super::{
    activations::{Form, Panel},
    dots::{Dots, Part, add_part},
    kind::Kind,
};
use crate::kernels::{
    cpu::{f32x4::F32x4, i16x8::I32x4},
    linear_q::layout::{PAIR, STEP, TILE},
};

/// The sums of the rows of a pair of tiles.
pub(super) type Sums = [F32x4; PAIR];

/// A pair of tiles times one row of activations.
#[inline(never)]
pub(super) fn multiply_row<S: Dots, K: Kind>(records: &[u8], a: Panel) -> Sums {
    let (blocks, width) = (a.scales.len(), S::form(K::SIGNED).words());
    assert!(records.len() >= blocks / K::BLOCKS * K::RECORD && a.words.len() >= blocks * width);
    assert!(a.starts.len() >= blocks * K::GROUPS && a.sums.len() >= blocks * K::GROUPS);
    let parts = black_box(K::PARTS / K::GROUPS);
    let mut totals = [F32x4::splat(0.0); PAIR];
    for b in 0..blocks {
        // SAFETY: the slices were asserted to hold every block.
        unsafe {
            let record = records.as_ptr().add(b / K::BLOCKS * K::RECORD);
            let block = b % K::BLOCKS;
            let mut planes = Part::first::<K>(record.add(block * K::PLANES));
            let mut words = a.words.as_ptr().add(b * width);
            let scale = F32x4::splat(*a.scales.get_unchecked(b));
            for g in 0..K::GROUPS {
                let of_rows = b * K::GROUPS + g;
                let mut dots = [I32x4::splat(*a.starts.get_unchecked(of_rows)); PAIR];
                for _ in 0..parts {
                    dots = add_part::<S, K>(planes, words, dots);
                    planes = planes.next::<K>();
                    words = words.add(S::VECTORS / K::PARTS);
                }
                let sum = F32x4::splat(*a.sums.get_unchecked(of_rows));
                for tile in 0..PAIR {
                    let [scales, mins] = scales::<K>(record, block * K::GROUPS + g, tile);
                    totals[tile] = scales.mul_add(dots[tile].to_f32().mul(scale), totals[tile]);
                    if K::MINS {
                        totals[tile] = mins.mul_add(sum, totals[tile]);
                    }
                }
            }
        }
    }
    totals
}

/// The scales of group `g` of a record, and its minimums where there are any, of the rows of one of its tiles.
///
/// # Safety
/// `record` must be valid for reading a record, which must have that group.
#[inline(always)]
unsafe fn scales<K: Kind>(record: *const u8, g: usize, tile: usize) -> [F32x4; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let factors = record.add(K::BLOCKS * K::PLANES);
        let groups = factors.add(PAIR * K::SCALES * TILE * K::SCALE);
        let each = |kind: usize| {
            if kind >= K::SCALES {
                return F32x4::splat(0.0);
            }
            let factor = factors.add((tile * K::SCALES + kind) * TILE * K::SCALE);
            if !K::GROUPED {
                return F32x4::from_finite_f16(factor.cast::<[u16; TILE]>().read_unaligned());
            }
            let factor = F32x4::load(factor.cast());
            let place = ((g * PAIR + tile) * K::SCALES + kind) * TILE;
            F32x4::from_i8(groups.add(place).cast::<[i8; TILE]>().read()).mul(factor)
        };
        [each(0), each(1)]
    }
}

/// A pair of tiles, unpacked.
pub(super) struct Unpacked {
    /// `[vectors, PAIR]` of sixteen bytes.
    quants: Vec<u8>,
    /// `[groups, PAIR]` of the scales of four rows, then the minimums if there are any.
    scales: Vec<F32x4>,
    /// Vectors of a group.
    vectors: usize,
}

impl Unpacked {
    /// Room for tiles of `columns`.
    pub(super) fn new<S: Dots, K: Kind>(columns: usize) -> Self {
        let groups = columns / K::GROUP;
        let vectors = S::VECTORS / K::GROUPS;
        let quants = vec![0; groups * vectors * PAIR * STEP];
        Self { quants, scales: vec![F32x4::splat(0.0); groups * PAIR * K::SCALES], vectors }
    }

    /// The quant of a column and a row of one of the tiles, where vectors are of i16.
    pub(super) fn quant(&self, column: usize, tile: usize, row: usize) -> i32 {
        let at = (column / 2 * PAIR + tile) * STEP + row * 4 + column % 2 * 2;
        i16::from_le_bytes([self.quants[at], self.quants[at + 1]]).into()
    }

    /// The scales of a group and its minimums, if there are two `kinds`.
    pub(super) fn scales_of(&self, group: usize, tile: usize, kinds: usize) -> [F32x4; 2] {
        let at = (group * PAIR + tile) * kinds;
        [self.scales[at], self.scales[at + kinds - 1]]
    }

    /// Unpacks the records of a pair.
    #[inline(never)]
    pub(super) fn fill<S: Dots, K: Kind>(&mut self, records: &[u8]) {
        let records = records.chunks_exact(K::RECORD);
        let (vectors, groups) = (S::VECTORS * K::BLOCKS, K::BLOCKS * K::GROUPS);
        let quants = self.quants.chunks_exact_mut(vectors * PAIR * STEP);
        let scales_of = self.scales.chunks_exact_mut(groups * PAIR * K::SCALES);
        for ((record, quants), into) in records.zip(quants).zip(scales_of) {
            // SAFETY: there are a whole record, and room for what is in it.
            unsafe {
                for (block, tile) in (0..K::BLOCKS * PAIR).map(|i| (i / PAIR, i % PAIR)) {
                    let mut planes = Part::first::<K>(record.as_ptr().add(block * K::PLANES + tile * STEP));
                    let mut quants = quants.as_mut_ptr().add((block * S::VECTORS * PAIR + tile) * STEP);
                    for _ in 0..K::PARTS {
                        S::unpack_part::<K>(planes, |v, w| S::store(w, quants.add(v * PAIR * STEP)));
                        planes = planes.next::<K>();
                        quants = quants.wrapping_add(S::VECTORS / K::PARTS * PAIR * STEP);
                    }
                }
                for (g, into) in into.chunks_exact_mut(PAIR * K::SCALES).enumerate() {
                    for (tile, into) in into.chunks_exact_mut(K::SCALES).enumerate() {
                        into.copy_from_slice(&scales::<K>(record.as_ptr(), g, tile)[..K::SCALES]);
                    }
                }
            }
        }
    }
}

/// A pair of tiles times `T` rows of activations.
#[inline(never)]
pub(super) fn multiply_panel<S: Dots, const MINS: bool, const SIGNED: bool, const T: usize>(
    tiles: &Unpacked,
    a: Panel,
) -> [Sums; T] {
    let (kinds, vectors) = (if MINS { 2 } else { 1 }, tiles.vectors);
    let (blocks, groups) = (a.scales.len() / T, a.sums.len() / T);
    let (form, per_block) = (S::form(SIGNED), groups / blocks.max(1));
    assert!(
        tiles.quants.len() >= groups * vectors * PAIR * STEP && a.words.len() >= blocks * form.words() * T
    );
    assert!(tiles.scales.len() >= groups * PAIR * kinds && a.starts.len() >= groups * T);
    let passes = if form == Form::Halves { 2 } else { 1 };
    assert!(passes * vectors * per_block <= form.words() && groups == blocks * per_block);
    let mut totals = [[F32x4::splat(0.0); PAIR]; T];
    for g in 0..groups {
        let mut dots = [[I32x4::splat(0); PAIR]; T];
        // SAFETY: the slices were asserted to hold every group.
        unsafe {
            for t in 0..T {
                dots[t] = [I32x4::splat(*a.starts.get_unchecked(g * T + t)); PAIR];
            }
            let quants = tiles.quants.as_ptr().add(g * vectors * PAIR * STEP);
            let mut words =
                a.words.as_ptr().add((g / per_block * form.words() + g % per_block * vectors) * T);
            for pass in 0..passes {
                if pass == 1 {
                    // What was added so far is below zero.
                    dots = dots.map(|sums| sums.map(|sum| I32x4::splat(0).sub(sum)));
                }
                for v in 0..vectors {
                    let quants = quants.add(v * PAIR * STEP);
                    let w = [S::load(quants), S::load(quants.add(STEP))];
                    for t in 0..T {
                        for tile in 0..PAIR {
                            dots[t][tile] = S::dot::<SIGNED>(w[tile], *words.add(t), dots[t][tile]);
                        }
                    }
                    words = words.add(T);
                }
            }
            let scales = tiles.scales.as_ptr().add(g * PAIR * kinds);
            for t in 0..T {
                let scale = F32x4::splat(*a.scales.get_unchecked(g / per_block * T + t));
                let sum = F32x4::splat(*a.sums.get_unchecked(g * T + t));
                for tile in 0..PAIR {
                    let dots = dots[t][tile].to_f32().mul(scale);
                    totals[t][tile] = (*scales.add(tile * kinds)).mul_add(dots, totals[t][tile]);
                    if MINS {
                        totals[t][tile] = (*scales.add(tile * kinds + 1)).mul_add(sum, totals[t][tile]);
                    }
                }
            }
        }
    }
    totals
}
