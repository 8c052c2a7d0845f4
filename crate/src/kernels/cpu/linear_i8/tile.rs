//! A strip of the weight times a panel of activations: `Σ s · (a · Σ q·w) + (s · Σ w) · l` over the blocks in their order,
//! `s` and `w` being scale and quants of the weight, `l`, `a` and `q` least element, scale and quants of the activations.
//! The inner sums are exact.
#![allow(clippy::needless_range_loop)] // loops over constants, which unroll and keep their sums in registers

use core::hint::black_box;

use super::{
    FOURS,
    activations::Panel,
    packed::{STRIP, Strip, TILE, VECTORS},
    products::Products,
};
use crate::kernels::cpu::{f32x4::F32x4, i16x8::I32x4};

/// Vectors of a strip.
const PAIR: usize = STRIP / TILE;
/// The sums of the rows of a strip.
pub(super) type Sums = [F32x4; PAIR];

#[inline(never)]
pub(super) fn multiply<S: Products, const T: usize>(strip: Strip, a: Panel) -> [Sums; T] {
    let blocks = strip.factors.len();
    assert!(strip.quants.len() >= blocks * VECTORS && a.words.len() >= blocks * FOURS * S::WORDS * T);
    assert!(a.scales.len() >= blocks * T && a.least.len() >= blocks * T);
    // If the compiler saw the count it would unroll until the sums no longer fit the registers.
    let fours = black_box(FOURS);
    let mut totals = [[F32x4::splat(0.0); PAIR]; T];
    for b in 0..blocks {
        let mut dots = [[I32x4::splat(0); PAIR]; T];
        // SAFETY: the slices were asserted to hold every block.
        unsafe {
            let mut quants = strip.quants.as_ptr().add(b * VECTORS);
            let mut words = a.words.as_ptr().add(b * FOURS * S::WORDS * T);
            for _ in 0..fours {
                let weights = [S::load(quants.cast()), S::load(quants.add(1).cast())];
                for t in 0..T {
                    for i in 0..PAIR {
                        dots[t][i] = S::dot(weights[i], words.add(t), T, dots[t][i]);
                    }
                }
                quants = quants.add(PAIR);
                words = words.add(S::WORDS * T);
            }
            let factors = strip.factors.get_unchecked(b).as_ptr();
            for t in 0..T {
                let scale = F32x4::splat(*a.scales.get_unchecked(b * T + t));
                let least = F32x4::splat(*a.least.get_unchecked(b * T + t));
                for i in 0..PAIR {
                    let dots = dots[t][i].to_f32().mul(scale);
                    let total = F32x4::load(factors.add(i * TILE)).mul_add(dots, totals[t][i]);
                    totals[t][i] = F32x4::load(factors.add(STRIP + i * TILE)).mul_add(least, total);
                }
            }
        }
    }
    totals
}
