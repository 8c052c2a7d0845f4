//! The rotation that evens out a block before it is rounded.

use core::array::from_fn;

use super::FOURS;
use crate::kernels::cpu::f32x4::F32x4;

/// Multiplies the block by the Walsh-Hadamard matrix of 128, which is its own inverse times 128.
#[inline(always)]
pub(super) fn rotate(block: &mut [F32x4; FOURS]) {
    for i in 0..8 {
        let four = butterflies::<4>(from_fn(|j| within(block[8 * j + i])));
        four.into_iter().enumerate().for_each(|(j, sum)| block[8 * j + i] = sum);
    }
    for eight in block.as_chunks_mut::<8>().0 {
        *eight = butterflies(*eight);
    }
}

/// The lanes of one four, by the matrix of four.
#[inline(always)]
fn within(x: F32x4) -> F32x4 {
    let pairs = x.mul_add(F32x4::from_array([1.0, -1.0, 1.0, -1.0]), x.swap_lanes());
    pairs.mul_add(F32x4::from_array([1.0, 1.0, -1.0, -1.0]), pairs.swap_halves())
}

/// Lanes of as many fours, by the matrix of `N`, a power of two.
#[inline(always)]
fn butterflies<const N: usize>(mut x: [F32x4; N]) -> [F32x4; N] {
    let mut half = 1;
    while half < N {
        for i in 0..N {
            if i & half == 0 {
                (x[i], x[i + half]) = (x[i].add(x[i + half]), x[i].sub(x[i + half]));
            }
        }
        half *= 2;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::{super::BLOCK, *};
    use crate::kernels::testing::random;

    #[test]
    fn rotations_are_those_of_the_matrix() {
        let x = random(1, BLOCK);
        // SAFETY: there are so many fours.
        let mut block = from_fn(|i| unsafe { F32x4::load(x.as_ptr().add(4 * i)) });
        rotate(&mut block);
        for (i, found) in block.iter().flat_map(|four| four.to_array()).enumerate() {
            let sign = |j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
            let expected: f64 = x.iter().enumerate().map(|(j, x)| sign(j) * f64::from(*x)).sum();
            assert!((f64::from(found) - expected).abs() < 1e-5, "{found} is not {expected}");
        }
        rotate(&mut block);
        let back = block.iter().flat_map(|four| four.to_array());
        back.zip(x).for_each(|(back, x)| assert!((back / BLOCK as f32 - x).abs() < 1e-6));
    }
}
