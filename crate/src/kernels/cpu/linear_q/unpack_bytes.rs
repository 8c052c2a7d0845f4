//! The quants of a block of a tile as vectors of bytes: the steps of the layout.

use super::{
    dots::{Part, STRIDE},
    kind::Kind,
};
use crate::kernels::cpu::i8x16::I8x16;

/// Vectors of a block: vector `v` has four columns of each of the four rows.
pub(super) const VECTORS: usize = 8;

/// See [`super::dots::Dots::unpack_part`].
///
/// # Safety
/// `planes` must be valid for reading the part.
#[inline(always)]
pub(super) unsafe fn unpack_part<K: Kind>(planes: Part, mut each: impl FnMut(usize, I8x16)) {
    // SAFETY: there are as many planes, and no other is loaded.
    let low = |p: usize| unsafe { I8x16::load(planes.low.add(p * STRIDE)) };
    // SAFETY: the same.
    let high = || unsafe { I8x16::load(planes.high) };
    for v in 0..VECTORS / K::PARTS {
        let (nibble, field, bit) = ((v % 2 * 4) as i32, (v * 2) as i32, v as i32);
        let step = match K::BITS {
            2 => low(0).shifted(field, 3),
            3 => low(0).shifted(field, 3).or(high().lowered(planes.bits).shifted(bit - 2, 4)),
            4 => low(v / 2).shifted(nibble, 15),
            5 => low(v / 2).shifted(nibble, 15).or(high().lowered(planes.bits).shifted(bit - 4, 16)),
            6 => low(v / 2).shifted(nibble, 15).or(high().shifted(field - 4, 48)),
            _ => low(v),
        };
        each(v, step);
    }
}
