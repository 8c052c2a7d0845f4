//! The quants of a block of a tile as vectors of bytes: the steps of the layout.

use super::kind::Kind;
use crate::kernels::{
    cpu::i8x16::I8x16,
    linear_q::layout::{PAIR, STEP},
};

/// Vectors of half a block: vector `v` has four columns of each of the four rows.
pub(super) const HALF: usize = 4;

/// See [`super::dots::Dots::unpack_half`].
///
/// # Safety
/// `planes` must be valid for reading the block.
#[inline(always)]
pub(super) unsafe fn unpack_half<K: Kind>(
    planes: *const u8,
    half: usize,
    mut each: impl FnMut(usize, I8x16),
) {
    // SAFETY: there are `K::BITS` planes, and no other is loaded.
    let plane = |p: usize| unsafe { I8x16::load(planes.add(p * STEP * PAIR)) };
    for v in 0..HALF {
        let s = half * HALF + v;
        let (even, field, bit) = ((v % 2 * 4) as i32, (v * 2) as i32, s as i32);
        let step = match K::BITS {
            2 => plane(half).shifted(field, 3),
            3 => plane(half).shifted(field, 3).or(plane(2).shifted(bit - 2, 4)),
            4 => plane(s / 2).shifted(even, 15),
            5 => plane(s / 2).shifted(even, 15).or(plane(4).shifted(bit - 4, 16)),
            6 => plane(s / 2).shifted(even, 15).or(plane(4 + half).shifted(field - 4, 48)),
            _ => plane(s),
        };
        each(v, step);
    }
}
