//! The exponentials of a softmax.

use super::{
    f32x4::F32x4,
    math_f32::{exp, map},
};

/// `row = exp(score(row) − max)`, in place; gives the sum, by which a softmax has yet to be divided.
#[inline(always)]
pub(super) fn exponentials(row: &mut [f32], score: impl Fn(F32x4) -> F32x4) -> f32 {
    let largest = F32x4::splat(map_largest(row, score));
    map_sum(row, |x| exp(x.sub(largest)))
}

/// Applies `f` to every element, and gives the largest result.
#[inline(always)]
fn map_largest(values: &mut [f32], f: impl Fn(F32x4) -> F32x4) -> f32 {
    let mut lanes = F32x4::splat(f32::NEG_INFINITY);
    let rest = map_fours(values, f, |x| lanes = lanes.max(x));
    lanes.to_array().into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max)
}

/// Applies `f` to every element, and gives the sum of the results.
#[inline(always)]
fn map_sum(values: &mut [f32], f: impl Fn(F32x4) -> F32x4) -> f32 {
    let mut lanes = F32x4::splat(0.0);
    let rest = map_fours(values, f, |x| lanes = lanes.add(x));
    lanes.sum() + rest.iter().sum::<f32>()
}

/// Applies `f` to every element, calls `each` with every four of the results, and gives what is left of them.
#[inline(always)]
fn map_fours(values: &mut [f32], f: impl Fn(F32x4) -> F32x4, mut each: impl FnMut(F32x4)) -> &[f32] {
    let (fours, rest) = values.as_chunks_mut::<4>();
    for four in fours {
        // SAFETY: the chunk holds four elements.
        unsafe {
            let x = f(F32x4::load(four.as_ptr()));
            x.store(four.as_mut_ptr());
            each(x);
        }
    }
    map(rest, f);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random};

    #[test]
    fn exponentials_match_their_definition_in_any_length() {
        for len in 1..23 {
            let scores: Vec<f32> = random(len as u64, len).iter().map(|x| x * 30.0).collect();
            let most = scores.iter().map(|x| 2.0 * x).fold(f32::NEG_INFINITY, f32::max);
            let expected: Vec<f32> = scores.iter().map(|x| (2.0 * x - most).exp()).collect();
            let mut found = scores;
            let sum = exponentials(&mut found, |x| x.add(x));
            assert_close(&found, &expected, 1e-6);
            assert_close(&[sum], &[expected.iter().sum()], 1e-5);
        }
    }
}
