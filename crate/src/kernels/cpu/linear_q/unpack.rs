//! The quants of a block of a tile as vectors of i16.

use super::kind::Kind;
use crate::kernels::{
    cpu::i16x8::I16x8,
    linear_q::layout::{PAIR, STEP},
};

/// From one plane of a tile to the next.
const STRIDE: usize = STEP * PAIR;

/// Vectors of half a block: vector `v` has columns `2v` and `2v + 1` of each of the four rows.
pub(super) const HALF: usize = 8;

/// See [`super::dots::Dots::unpack_half`].
///
/// # Safety
/// `planes` must be valid for reading the block.
#[inline(always)]
pub(super) unsafe fn unpack_half<K: Kind>(
    planes: *const u8,
    half: usize,
    mut each: impl FnMut(usize, I16x8),
) {
    // SAFETY: there are `K::BITS` planes, and no other is loaded. The constant is added last, since only then does it
    // become the offset of the load.
    let plane = |first: usize, p: usize| unsafe { I16x8::load(planes.add(first * STRIDE).add(p * STRIDE)) };
    let bits = half as u32 * 4;
    match K::BITS {
        2 => split_crumbs(plane(half, 0), |_, step| step, each),
        3 => {
            let high = plane(0, 2).shr(bits);
            let add = |s, step: I16x8| step.or(at_bit_2(high, s).and(I16x8::splat(0x0404)));
            split_crumbs(plane(half, 0), add, each);
        }
        4 => {
            for p in 0..2 {
                let (both, low) = (plane(2 * half, p), I16x8::splat(15));
                each(4 * p, both.and(low));
                each(4 * p + 1, both.shr(8).and(low));
                each(4 * p + 2, both.shr(4).and(low));
                each(4 * p + 3, both.shr(12));
            }
        }
        5 => {
            let (nibbles, high) = ([plane(2 * half, 0), plane(2 * half, 1)], plane(0, 4).shr(bits));
            let add = |s: u32, step: I16x8| step.or(high.shl(4 - s).and(I16x8::splat(0x1010)));
            split_nibbles(nibbles, add, each);
        }
        6 => {
            let (nibbles, high) = ([plane(2 * half, 0), plane(2 * half, 1)], plane(half, 4));
            let add = |s: u32, step: I16x8| step.or(at_bit_4(high, s).and(I16x8::splat(0x3030)));
            split_nibbles(nibbles, add, each);
        }
        _ => {
            for s in 0..4 {
                let step = plane(4 * half, s);
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
