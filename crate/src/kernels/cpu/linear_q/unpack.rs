//! The quants of a block of a tile as sixteen vectors of i16.

use super::kind::Kind;
use crate::kernels::{
    cpu::i16x8::I16x8,
    linear_q::layout::{STEP, STEPS},
};

/// Vectors of a block: vector `v` has columns `2v` and `2v + 1` of each of the four rows.
pub(super) const VECTORS: usize = 16;

/// Quants of a vector.
pub(super) const LANES: usize = 8;

/// Calls `each` with the index and the quants of every vector of a block, their offset not subtracted.
///
/// # Safety
/// `planes` must be valid for reading the block: as many planes of sixteen bytes as a quant has bits.
#[inline(always)]
pub(super) unsafe fn unpack<K: Kind>(planes: *const u8, mut each: impl FnMut(usize, I16x8)) {
    // SAFETY: there are `K::BITS` planes, and no other is loaded.
    let plane = |p: usize| unsafe { I16x8::load(planes.add(p * STEP)) };
    match K::BITS {
        4 => {
            for v in 0..STEPS / 2 {
                let (both, low) = (plane(v), I16x8::splat(15));
                each(4 * v, both.and(low));
                each(4 * v + 1, both.shr(8).and(low));
                each(4 * v + 2, both.shr(4).and(low));
                each(4 * v + 3, both.shr(12));
            }
        }
        8 => {
            for s in 0..STEPS {
                let step = plane(s);
                each(2 * s, step.shl(8).shr_signed(8));
                each(2 * s + 1, step.shr_signed(8));
            }
        }
        _ => {
            for s in 0..STEPS {
                let step = step::<K>(s, plane);
                each(2 * s, step.and(I16x8::splat(0xff)));
                each(2 * s + 1, step.shr(8));
            }
        }
    }
}

/// The bytes of step `s` of a block of 2, 3, 5 or 6 bits.
#[inline(always)]
fn step<K: Kind>(s: usize, plane: impl Fn(usize) -> I16x8) -> I16x8 {
    let nibbles = || plane(s / 2).shr(s as u32 % 2 * 4).and(I16x8::splat(0x0f0f));
    let crumbs = || plane(s / 4).shr(s as u32 % 4 * 2).and(I16x8::splat(0x0303));
    match K::BITS {
        2 => crumbs(),
        3 => crumbs().or(move_bits(plane(2), s, 2).and(I16x8::splat(0x0404))),
        5 => nibbles().or(move_bits(plane(4), s, 4).and(I16x8::splat(0x1010))),
        _ => nibbles().or(move_bits(plane(4 + s / 4), s % 4 * 2, 4).and(I16x8::splat(0x3030))),
    }
}

/// Moves bit `from` of every byte to bit `to`; bits come across from the neighbouring byte, and are to be masked.
#[inline(always)]
fn move_bits(plane: I16x8, from: usize, to: usize) -> I16x8 {
    if from < to { plane.shl((to - from) as u32) } else { plane.shr((from - to) as u32) }
}
