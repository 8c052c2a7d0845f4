//! How quants are multiplied: what differs between instruction sets. Both ways are exact, and give the same sums.

use crate::kernels::cpu::{
    i8x16::I8x16,
    i16x8::{I16x8, I32x4},
};

pub(super) trait Products {
    /// Four columns of four rows of a weight.
    type Four: Copy;
    /// Words of activations for four columns.
    const WORDS: usize;

    /// Calls `put` with the index and the value of every word of sixteen columns.
    fn words(low: I16x8, high: I16x8, put: impl FnMut(usize, i32));

    /// # Safety
    /// `p` must be valid for reading sixteen bytes.
    unsafe fn load(p: *const u8) -> Self::Four;

    /// Adds the products with four columns of a row of activations, whose words are `stride` apart.
    ///
    /// # Safety
    /// All `words` must be valid for reading.
    unsafe fn dot(weights: Self::Four, words: *const i32, stride: usize, sum: I32x4) -> I32x4;
}

/// In lanes of i16: what every instruction set has.
pub(super) struct Words;

/// In bytes.
pub(super) struct Bytes;

impl Products for Words {
    type Four = [I16x8; 2];
    const WORDS: usize = 2;

    #[inline(always)]
    fn words(low: I16x8, high: I16x8, mut put: impl FnMut(usize, i32)) {
        for (half, pairs) in [low.to_pairs(), high.to_pairs()].into_iter().enumerate() {
            pairs.into_iter().enumerate().for_each(|(i, word)| put(4 * half + i, word));
        }
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> [I16x8; 2] {
        // SAFETY: the caller's promise.
        let bytes = unsafe { I16x8::load(p) };
        [bytes.shl(8).shr_signed(8), bytes.shr_signed(8)]
    }

    #[inline(always)]
    unsafe fn dot(weights: [I16x8; 2], words: *const i32, stride: usize, sum: I32x4) -> I32x4 {
        // SAFETY: the caller's promise.
        let [low, high] = unsafe { [*words, *words.add(stride)] }.map(I16x8::splat_pair);
        sum.add(weights[0].dot(low)).add(weights[1].dot(high))
    }
}

impl Products for Bytes {
    type Four = I8x16;
    const WORDS: usize = 1;

    #[inline(always)]
    fn words(low: I16x8, high: I16x8, mut put: impl FnMut(usize, i32)) {
        I16x8::to_fours(low, high).into_iter().enumerate().for_each(|(i, word)| put(i, word));
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> I8x16 {
        // SAFETY: the caller's promise.
        unsafe { I8x16::load(p) }
    }

    #[inline(always)]
    unsafe fn dot(weights: I8x16, words: *const i32, _: usize, sum: I32x4) -> I32x4 {
        // SAFETY: the caller's promise.
        weights.dot_add(I8x16::splat_four(unsafe { *words }), sum)
    }
}
