//! How quants are multiplied: what differs between instruction sets. Both ways are exact, and give the same sums.

use super::{activations::Form, kind::Kind, unpack, unpack_bytes};
use crate::kernels::{
    cpu::{
        i8x16::I8x16,
        i16x8::{I16x8, I32x4},
    },
    linear_q::layout::{PAIR, STEP},
};

pub(super) trait Dots {
    /// Quants of four rows and a few columns.
    type Vector: Copy;
    /// Vectors of half a block of a tile.
    const HALF: usize;

    /// How the activations are to be put.
    fn form(signed: bool) -> Form;

    /// Calls `each` with the index and the quants of every vector of the first or second half of a block of one tile,
    /// whose planes lie [`PAIR`] steps apart. No offset is subtracted.
    ///
    /// # Safety
    /// `planes` must be valid for reading the block.
    unsafe fn unpack_half<K: Kind>(planes: *const u8, half: usize, each: impl FnMut(usize, Self::Vector));

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
    const HALF: usize = unpack::HALF;

    fn form(_: bool) -> Form {
        Form::Pairs
    }

    #[inline(always)]
    unsafe fn unpack_half<K: Kind>(planes: *const u8, half: usize, each: impl FnMut(usize, I16x8)) {
        // SAFETY: the caller's promise.
        unsafe { unpack::unpack_half::<K>(planes, half, each) }
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
    const HALF: usize = unpack_bytes::HALF;

    fn form(signed: bool) -> Form {
        if signed { Form::Halves } else { Form::Fours }
    }

    #[inline(always)]
    unsafe fn unpack_half<K: Kind>(planes: *const u8, half: usize, each: impl FnMut(usize, I8x16)) {
        // SAFETY: the caller's promise.
        unsafe { unpack_bytes::unpack_half::<K>(planes, half, each) }
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

/// Adds the products of half a block of both tiles with the words of one row of activations, those of the whole block.
///
/// # Safety
/// `planes` and `words` must be valid for reading the block.
#[inline(always)]
pub(super) unsafe fn add_half<S: Dots, K: Kind>(
    planes: *const u8,
    half: usize,
    words: *const i32,
    mut sums: [I32x4; PAIR],
) -> [I32x4; PAIR] {
    let words = |first: usize, v: usize| {
        // SAFETY: the caller's promise.
        unsafe { *words.add(first + half * S::HALF).add(v) }
    };
    let halves = K::SIGNED && S::form(true) == Form::Halves;
    for (tile, sum) in sums.iter_mut().enumerate() {
        let mut below = I32x4::splat(0);
        // SAFETY: the caller's promise.
        unsafe {
            S::unpack_half::<K>(planes.add(tile * STEP), half, |v, w| {
                if halves {
                    below = S::dot::<true>(w, words(0, v), below);
                    *sum = S::dot::<true>(w, words(2 * S::HALF, v), *sum);
                } else {
                    *sum = S::dot::<false>(w, words(0, v), *sum);
                }
            });
        }
        if halves {
            *sum = sum.sub(below);
        }
    }
    sums
}
