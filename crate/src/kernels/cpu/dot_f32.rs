//! Dot products of vectors.

use super::f32x4::F32x4;

/// `Σ a·b` over the shorter of the two lengths, in four independent sums of four lanes.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let (a16, b16) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a16.remainder().iter().zip(b16.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [F32x4::splat(0.0); 4];
    for (a, b) in a16.zip(b16) {
        for (i, sum) in sums.iter_mut().enumerate() {
            // SAFETY: both chunks hold sixteen elements.
            let (a, b) = unsafe { (F32x4::load(a.as_ptr().add(4 * i)), F32x4::load(b.as_ptr().add(4 * i))) };
            *sum = a.mul_add(b, *sum);
        }
    }
    sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum() + rest
}

/// The dot product of `vector` with each of the `rows`, which lie one after the other: `[n × vector.len()]` to `[n]`.
///
/// A function of its own, called for some rows at a time: a browser replaces its first, slow code of a function only when
/// that is called again.
#[inline(never)]
pub(crate) fn dots(vector: &[f32], rows: &[f32], products: &mut [f32]) {
    for (row, product) in rows.chunks_exact(vector.len().max(1)).zip(products) {
        *product = dot(vector, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random};

    #[test]
    fn dot_matches_the_naive_sum_on_odd_lengths() {
        for len in [0, 1, 3, 4, 15, 16, 17, 63, 384, 1001] {
            let (a, b) = (random(3, len), random(4, len));
            let naive: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            assert_close(&[dot(&a, &b)], &[naive], 1e-4);
        }
    }

    #[test]
    fn dots_are_the_dots_of_the_rows() {
        for len in [1, 3, 17, 384] {
            let (vector, rows) = (random(5, len), random(6, 5 * len));
            let mut products = [9.0; 6];
            dots(&vector, &rows, &mut products);
            let expected =
                core::array::from_fn(|i| rows.chunks(len).nth(i).map_or(9.0, |row| dot(&vector, row)));
            assert_eq!(products, expected);
        }
    }
}
