//! The quants of a block of a tile as vectors of i16.

use super::{
    dots::{Part, STRIDE},
    kind::Kind,
};
use crate::kernels::cpu::i16x8::I16x8;

/// Vectors of a block: vector `v` has columns `2v` and `2v + 1` of each of the four rows.
pub(super) const VECTORS: usize = 16;

/// See [`super::dots::Dots::unpack_part`].
///
/// # Safety
/// `planes` must be valid for reading the part.
#[inline(always)]
pub(super) unsafe fn unpack_part<K: Kind>(planes: Part, mut each: impl FnMut(usize, I16x8)) {
    // SAFETY: there are as many planes, and no other is loaded.
    let low = |p: usize| unsafe { I16x8::load(planes.low.add(p * STRIDE)) };
    // SAFETY: the same.
    let high = || unsafe { I16x8::load(planes.high) };
    match K::BITS {
        2 => split_crumbs(low(0), |_, step| step, each),
        3 => {
            let high = high().shr(planes.bits);
            let add = |s, step: I16x8| step.or(at_bit_2(high, s).and(I16x8::splat(0x0404)));
            split_crumbs(low(0), add, each);
        }
        4 => {
            for p in 0..2 {
                let (both, mask) = (low(p), I16x8::splat(15));
                each(4 * p, both.and(mask));
                each(4 * p + 1, both.shr(8).and(mask));
                each(4 * p + 2, both.shr(4).and(mask));
                each(4 * p + 3, both.shr(12));
            }
        }
        5 => {
            let high = high().shr(planes.bits);
            let add = |s: u32, step: I16x8| step.or(high.shl(4 - s).and(I16x8::splat(0x1010)));
            split_nibbles([low(0), low(1)], add, each);
        }
        6 => {
            let high = high();
            let add = |s: u32, step: I16x8| step.or(at_bit_4(high, s).and(I16x8::splat(0x3030)));
            split_nibbles([low(0), low(1)], add, each);
        }
        _ => {
            for s in 0..K::LOW {
                let step = low(s);
                each(2 * s, step.shl(8).shr_signed(8));
                each(2 * s + 1, step.shr_signed(8));
            }
        }
    }
}

/// The bytes of the four steps in the fields of two bits of one plane, `add` having put in the rest.
#[inline(always)]
fn split_crumbs(plane: I16x8, add: impl Fn(u32, I16x8) -> I16x8, mut each: impl FnMut(usize, I16x8)) {
    for s in 0..4 {
        split_bytes(s, add(s, plane.shr(2 * s).and(I16x8::splat(0x0303))), &mut each);
    }
}

/// The same of the fields of four bits of two planes.
#[inline(always)]
fn split_nibbles(planes: [I16x8; 2], add: impl Fn(u32, I16x8) -> I16x8, mut each: impl FnMut(usize, I16x8)) {
    let low = I16x8::splat(0x0f0f);
    for (p, plane) in (0..2).zip(planes) {
        split_bytes(2 * p, add(2 * p, plane.and(low)), &mut each);
        split_bytes(2 * p + 1, add(2 * p + 1, plane.shr(4).and(low)), &mut each);
    }
}

#[inline(always)]
fn split_bytes(s: u32, step: I16x8, each: &mut impl FnMut(usize, I16x8)) {
    each(2 * s as usize, step.and(I16x8::splat(0xff)));
    each(2 * s as usize + 1, step.shr(8));
}

/// Bit `s` of every byte at bit 2, among others.
#[inline(always)]
fn at_bit_2(plane: I16x8, s: u32) -> I16x8 {
    if s < 2 { plane.shl(2 - s) } else { plane.shr(s - 2) }
}

/// Bits `2s` and `2s + 1` of every byte at bits 4 and 5, among others.
#[inline(always)]
fn at_bit_4(plane: I16x8, s: u32) -> I16x8 {
    if s < 2 { plane.shl(4 - 2 * s) } else { plane.shr(2 * s - 4) }
}
