//! The two inner kernels: four rows of the weight times one row of activations, straight from the bit planes; and
//! times a panel of activations, from quants that were unpacked once for all panels.
//!
//! Both compute `Σ a · (s · Σ q·(w − offset))`, or `Σ a · (s · Σ q·w + m · Σ q)` where there are minimums, over the
//! groups in their order, `a` and `q` being scale and quants of the activations. The inner sums are exact, so both
//! give the same bits, however many rows are multiplied at a time.
//!
//! All loops are counted over constants, so that they unroll and the sums stay in registers.
#![allow(clippy::needless_range_loop)]

use super::{
    activations::Panel,
    kind::Kind,
    unpack::{LANES, VECTORS, unpack},
};
use crate::kernels::{
    cpu::{
        f32x4::F32x4,
        i16x8::{I16x8, I32x4},
    },
    linear_q::layout::{STEP, TILE},
};

/// Quants of a block of a tile.
pub(super) const BLOCK_QUANTS: usize = VECTORS * LANES;

/// One tile times one row of activations: a sum for each row of the tile.
#[inline(never)]
pub(super) fn multiply_row<K: Kind>(planes: &[u8], scales: &[f32], a: Panel) -> F32x4 {
    let blocks = a.scales.len();
    assert!(planes.len() >= blocks * K::BITS * STEP && a.pairs.len() >= blocks * VECTORS);
    assert!(scales.len() >= blocks * K::GROUPS * K::SCALES && a.sums.len() >= blocks * K::GROUPS);
    let mut total = F32x4::splat(0.0);
    for b in 0..blocks {
        // SAFETY: the slices were asserted to hold every block.
        unsafe {
            let pairs = a.pairs.as_ptr().add(b * VECTORS);
            let mut dots = [I32x4::splat(0); 2];
            unpack::<K>(planes.as_ptr().add(b * K::BITS * STEP), |v, w| {
                let dot = w.dot(I16x8::splat_pair(*pairs.add(v)));
                dots[v * 2 / K::GROUP] = dots[v * 2 / K::GROUP].add(dot);
            });
            let scale = F32x4::splat(*a.scales.get_unchecked(b));
            for half in 0..K::GROUPS {
                let g = b * K::GROUPS + half;
                let sum = F32x4::splat(*a.sums.get_unchecked(g));
                let mut dots = dots[half].to_f32();
                if K::OFFSET != 0 {
                    dots = dots.sub(sum.mul(F32x4::splat(K::OFFSET.into())));
                }
                total = scale.mul_add(group::<K>(dots, scales.as_ptr().add(g * K::SCALES), sum), total);
            }
        }
    }
    total
}

/// One tile times `T` rows of activations: for each of them a sum for each row of the tile. `quants` are those of the
/// tile, unpacked by [`unpack_tile`].
#[inline(never)]
pub(super) fn multiply_panel<K: Kind, const T: usize>(
    quants: &[i16],
    scales: &[f32],
    a: Panel,
) -> [F32x4; T] {
    let blocks = a.scales.len() / T;
    assert!(quants.len() >= blocks * BLOCK_QUANTS && a.pairs.len() >= blocks * VECTORS * T);
    assert!(scales.len() >= blocks * K::GROUPS * K::SCALES && a.sums.len() >= blocks * K::GROUPS * T);
    let mut totals = [F32x4::splat(0.0); T];
    for b in 0..blocks {
        for half in 0..K::GROUPS {
            let g = b * K::GROUPS + half;
            let mut dots = [I32x4::splat(0); T];
            // SAFETY: the slices were asserted to hold every block.
            unsafe {
                let quants = quants.as_ptr().add(g * K::GROUP / 2 * LANES).cast::<u8>();
                let pairs = a.pairs.as_ptr().add(g * K::GROUP / 2 * T);
                for v in 0..K::GROUP / 2 {
                    let w = I16x8::load(quants.add(v * STEP));
                    for t in 0..T {
                        dots[t] = dots[t].add(w.dot(I16x8::splat_pair(*pairs.add(v * T + t))));
                    }
                }
                for t in 0..T {
                    let scale = F32x4::splat(*a.scales.get_unchecked(b * T + t));
                    let sum = F32x4::splat(*a.sums.get_unchecked(g * T + t));
                    let scales = scales.as_ptr().add(g * K::SCALES);
                    totals[t] = scale.mul_add(group::<K>(dots[t].to_f32(), scales, sum), totals[t]);
                }
            }
        }
    }
    totals
}

/// What a group adds to the sums of a tile, but for the scale of the activations, whose quants add up to `sum`.
///
/// # Safety
/// `scales` must be valid for reading `K::SCALES` values.
#[inline(always)]
unsafe fn group<K: Kind>(dots: F32x4, scales: *const f32, sum: F32x4) -> F32x4 {
    // SAFETY: the caller's promise; the minimums follow the scales where the kind has them.
    unsafe {
        let scaled = F32x4::load(scales).mul(dots);
        if K::MINS { F32x4::load(scales.add(TILE)).mul_add(sum, scaled) } else { scaled }
    }
}

/// The quants of a tile, less their offset: per block the vectors of [`unpack`].
#[inline(never)]
pub(super) fn unpack_tile<K: Kind>(planes: &[u8], quants: &mut [i16]) {
    let blocks = quants.len() / BLOCK_QUANTS;
    assert!(planes.len() >= blocks * K::BITS * STEP);
    for b in 0..blocks {
        // SAFETY: the planes were asserted to hold every block, and there is room for its quants.
        unsafe {
            let quants = quants.as_mut_ptr().add(b * BLOCK_QUANTS);
            unpack::<K>(planes.as_ptr().add(b * K::BITS * STEP), |v, w| {
                w.sub(I16x8::splat(K::OFFSET)).store(quants.add(v * LANES));
            });
        }
    }
}
