//! How quants are multiplied: what differs between instruction sets. Both ways are exact, and give the same sums.

use super::{activations::Form, kind::Kind, unpack, unpack_bytes};
use crate::kernels::{
    cpu::{
        i8x16::I8x16,
        i16x8::{I16x8, I32x4},
    },
    linear_q::layout::{PAIR, STEP},
};

/// From one plane of a tile to the next.
pub(super) const STRIDE: usize = STEP * PAIR;

/// Part of a block of one tile.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The first of the planes that have the low bits of the quants, which is as many as the kind says.
    pub(super) low: *const u8,
    /// The plane that has the others, if there is one.
    pub(super) high: *const u8,
    /// How far the bits of this part are up in a plane that both halves share.
    pub(super) bits: u32,
}

impl Part {
    /// The first part of a block whose planes begin at `planes`.
    ///
    /// # Safety
    /// All of the block must be in one object.
    #[inline(always)]
    pub(super) unsafe fn first<K: Kind>(planes: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let high = unsafe { planes.add(if K::BITS < 8 { K::PARTS * K::LOW * STRIDE } else { 0 }) };
        Self { low: planes, high, bits: 0 }
    }

    /// The part behind this one.
    ///
    /// # Safety
    /// All of the block must be in one object.
    #[inline(always)]
    pub(super) unsafe fn next<K: Kind>(self) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            // Bits 4 and 5 of six have a plane for each half.
            let high = self.high.add(if K::BITS == 6 { STRIDE } else { 0 });
            Self { low: self.low.add(K::LOW * STRIDE), high, bits: self.bits + 4 }
        }
    }
}

pub(super) trait Dots {
    /// Quants of four rows and a few columns.
    type Vector: Copy;
    /// Vectors of a block of a tile.
    const VECTORS: usize;

    /// How the activations are to be put.
    fn form(signed: bool) -> Form;

    /// Calls `each` with the index and the quants of every vector of a part. No offset is subtracted.
    ///
    /// # Safety
    /// `planes` must be valid for reading it.
    unsafe fn unpack_part<K: Kind>(planes: Part, each: impl FnMut(usize, Self::Vector));

    /// Adds the products of one vector with a word of activations. Where quants and activations are signed, the word has
    /// one sign, as [`Form::Halves`] has it.
    fn dot<const SIGNED: bool>(weights: Self::Vector, word: i32, sum: I32x4) -> I32x4;

    /// # Safety
    /// `p` must be valid for reading sixteen bytes.
    unsafe fn load(p: *const u8) -> Self::Vector;

    /// # Safety
    /// `p` must be valid for writing sixteen bytes.
    unsafe fn store(vector: Self::Vector, p: *mut u8);
}

/// In lanes of i16: what every instruction set has.
pub(super) struct Words;

/// In bytes.
pub(super) struct Bytes;

impl Dots for Words {
    type Vector = I16x8;
    const VECTORS: usize = unpack::VECTORS;

    fn form(_: bool) -> Form {
        Form::Pairs
    }

    #[inline(always)]
    unsafe fn unpack_part<K: Kind>(planes: Part, each: impl FnMut(usize, I16x8)) {
        // SAFETY: the caller's promise.
        unsafe { unpack::unpack_part::<K>(planes, each) }
    }

    #[inline(always)]
    fn dot<const SIGNED: bool>(weights: I16x8, word: i32, sum: I32x4) -> I32x4 {
        sum.add(weights.dot(I16x8::splat_pair(word)))
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> I16x8 {
        // SAFETY: the caller's promise.
        unsafe { I16x8::load(p) }
    }

    #[inline(always)]
    unsafe fn store(vector: I16x8, p: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { vector.store(p.cast()) }
    }
}

impl Dots for Bytes {
    type Vector = I8x16;
    const VECTORS: usize = unpack_bytes::VECTORS;

    fn form(signed: bool) -> Form {
        if signed { Form::Halves } else { Form::Fours }
    }

    #[inline(always)]
    unsafe fn unpack_part<K: Kind>(planes: Part, each: impl FnMut(usize, I8x16)) {
        // SAFETY: the caller's promise.
        unsafe { unpack_bytes::unpack_part::<K>(planes, each) }
    }

    #[inline(always)]
    fn dot<const SIGNED: bool>(weights: I8x16, word: i32, sum: I32x4) -> I32x4 {
        let activations = I8x16::splat_four(word);
        // The factor of seven bits comes second.
        if SIGNED { weights.dot_add(activations, sum) } else { activations.dot_add(weights, sum) }
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> I8x16 {
        // SAFETY: the caller's promise.
        unsafe { I8x16::load(p) }
    }

    #[inline(always)]
    unsafe fn store(vector: I8x16, p: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { vector.store(p) }
    }
}

/// Adds the products of a part of both tiles, of which `planes` is the first's, with the words of one row of
/// activations.
///
/// # Safety
/// `planes` must be valid for reading, and so must be `words`: those of the part and, of [`Form::Halves`], eight
/// words behind each.
#[inline(always)]
pub(super) unsafe fn add_part<S: Dots, K: Kind>(
    planes: Part,
    words: *const i32,
    mut sums: [I32x4; PAIR],
) -> [I32x4; PAIR] {
    let halves = K::SIGNED && S::form(true) == Form::Halves;
    for (tile, sum) in sums.iter_mut().enumerate() {
        let mut below = I32x4::splat(0);
        // SAFETY: the caller's promise.
        unsafe {
            let planes =
                Part { low: planes.low.add(tile * STEP), high: planes.high.add(tile * STEP), ..planes };
            S::unpack_part::<K>(planes, |v, w| {
                if halves {
                    below = S::dot::<true>(w, *words.add(v), below);
                    *sum = S::dot::<true>(w, *words.add(S::VECTORS + v), *sum);
                } else {
                    *sum = S::dot::<false>(w, *words.add(v), *sum);
                }
            });
        }
        if halves {
            *sum = sum.sub(below);
        }
    }
    sums
}
