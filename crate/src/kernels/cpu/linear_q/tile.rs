//! The two inner kernels: four rows of the weight times one row of activations, straight from the bit planes; and
//! eight rows times a panel of activations, from quants that were unpacked once for all panels.
//!
//! Both compute `Σ a · (s · Σ q·(w − offset))`, or `Σ a · (s · Σ q·w + m · Σ q)` where there are minimums, over the
//! groups in their order, `a` and `q` being scale and quants of the activations. The inner sums are exact, so both
//! give the same bits, however many rows are multiplied at a time.
//!
//! Loops over constants unroll and keep their sums in registers. A loop that must not unroll, because the compiler
//! would reorder its sums until they no longer fit the registers, has a count that it cannot see.
#![allow(clippy::needless_range_loop)]

use core::hint::black_box;

use super::{
    activations::Panel,
    kind::Kind,
    unpack::{HALF, LANES, unpack_half},
};
use crate::kernels::{
    cpu::{
        f32x4::F32x4,
        i16x8::{I16x8, I32x4},
    },
    linear_q::layout::{STEP, TILE},
};

/// Vectors of a block of a tile.
const VECTORS: usize = 2 * HALF;
/// Tiles that a panel is multiplied with at a time.
pub(super) const PAIR: usize = 2;

/// One tile times one row of activations: a sum for each row of the tile.
#[inline(never)]
pub(super) fn multiply_row<K: Kind>(planes: &[u8], scales: &[f32], a: Panel) -> F32x4 {
    let blocks = a.scales.len();
    assert!(planes.len() >= blocks * K::BITS * STEP && a.pairs.len() >= blocks * VECTORS);
    assert!(scales.len() >= blocks * K::GROUPS * K::SCALES && a.sums.len() >= blocks * K::GROUPS);
    let halves = black_box(2);
    let mut total = F32x4::splat(0.0);
    for b in 0..blocks {
        // SAFETY: the slices were asserted to hold every block.
        unsafe {
            let planes = planes.as_ptr().add(b * K::BITS * STEP);
            let pairs = a.pairs.as_ptr().add(b * VECTORS);
            let scale = F32x4::splat(*a.scales.get_unchecked(b));
            let mut dots = I32x4::splat(0);
            for half in 0..halves {
                let pairs = pairs.add(half * HALF);
                unpack_half::<K>(planes, half, |v, w| {
                    dots = dots.add(w.dot(I16x8::splat_pair(*pairs.add(v))));
                });
                let g = b * K::GROUPS + half;
                if K::GROUPS == 2 {
                    total = scale.mul_add(group::<K>(dots, scales, *a.sums.get_unchecked(g), g), total);
                    dots = I32x4::splat(0);
                }
            }
            if K::GROUPS == 1 {
                total = scale.mul_add(group::<K>(dots, scales, *a.sums.get_unchecked(b), b), total);
            }
        }
    }
    total
}

/// What group `g` adds to the sums of a tile, but for the scale of the activations, whose quants add up to `sum`.
///
/// # Safety
/// The scales must hold those of group `g`.
#[inline(always)]
unsafe fn group<K: Kind>(dots: I32x4, scales: &[f32], sum: f32, g: usize) -> F32x4 {
    // SAFETY: the caller's promise; the minimums follow the scales where the kind has them.
    unsafe {
        let scales = scales.as_ptr().add(g * K::SCALES);
        let sum = F32x4::splat(sum);
        let mut dots = dots.to_f32();
        if K::OFFSET != 0 {
            dots = dots.sub(sum.mul(F32x4::splat(K::OFFSET.into())));
        }
        let scaled = F32x4::load(scales).mul(dots);
        if K::MINS { F32x4::load(scales.add(TILE)).mul_add(sum, scaled) } else { scaled }
    }
}

/// A pair of tiles, unpacked: per vector of [`unpack_half`] that of the first tile, then that of the second.
#[derive(Clone, Copy)]
pub(super) struct TilePair<'a> {
    pub(super) quants: &'a [i16],
    pub(super) scales: [&'a [f32]; PAIR],
    /// Columns of a group.
    pub(super) group: usize,
}

/// A pair of tiles times `T` rows of activations: for each of them and each tile, a sum for each row of the tile.
#[inline(never)]
pub(super) fn multiply_panel<K: Kind, const T: usize>(pair: TilePair, a: Panel) -> [[F32x4; PAIR]; T] {
    let (vectors, groups) = (pair.group / 2, a.sums.len() / T);
    let per_block = groups / (a.scales.len() / T).max(1);
    assert!(pair.quants.len() >= groups * vectors * LANES * PAIR && a.pairs.len() >= groups * vectors * T);
    assert!(pair.scales.iter().all(|scales| scales.len() >= groups * K::SCALES));
    assert!(a.scales.len() >= groups.div_ceil(per_block.max(1)) * T);
    let mut totals = [[F32x4::splat(0.0); PAIR]; T];
    for g in 0..groups {
        let mut dots = [[I32x4::splat(0); PAIR]; T];
        // SAFETY: the slices were asserted to hold every group.
        unsafe {
            let first = g * vectors;
            for v in first..first + vectors {
                let quants = pair.quants.as_ptr().add(v * LANES * PAIR).cast::<u8>();
                let pairs = a.pairs.as_ptr().add(v * T);
                let w = [I16x8::load(quants), I16x8::load(quants.add(STEP))];
                for t in 0..T {
                    let a = I16x8::splat_pair(*pairs.add(t));
                    for r in 0..PAIR {
                        dots[t][r] = dots[t][r].add(w[r].dot(a));
                    }
                }
            }
            for t in 0..T {
                let scale = F32x4::splat(*a.scales.get_unchecked(g / per_block * T + t));
                for r in 0..PAIR {
                    let sum = *a.sums.get_unchecked(g * T + t);
                    let scaled = group::<K>(dots[t][r], pair.scales[r], sum, g);
                    totals[t][r] = scale.mul_add(scaled, totals[t][r]);
                }
            }
        }
    }
    totals
}

/// The quants of a tile, less their offset, one vector of [`unpack_half`] every `stride` elements.
#[inline(never)]
pub(super) fn unpack_tile<K: Kind>(planes: &[u8], quants: &mut [i16], stride: usize) {
    let blocks = planes.len() / (K::BITS * STEP);
    assert!(stride >= LANES && quants.len() + stride >= blocks * VECTORS * stride + LANES);
    for b in 0..blocks {
        for half in 0..2 {
            // SAFETY: there are as many planes, and the quants were asserted to hold every vector.
            unsafe {
                let quants = quants.as_mut_ptr().add((b * VECTORS + half * HALF) * stride);
                unpack_half::<K>(planes.as_ptr().add(b * K::BITS * STEP), half, |v, w| {
                    w.sub(I16x8::splat(K::OFFSET)).store(quants.add(v * stride));
                });
            }
        }
    }
}
