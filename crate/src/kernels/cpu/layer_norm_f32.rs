//! Layer normalisation of rows.

use super::f32x4::F32x4;

/// Normalises `row` in place: `(row − mean) / √(variance + epsilon) · gamma + beta`, biased variance.
pub(crate) fn normalise(row: &mut [f32], gamma: &[f32], beta: &[f32], epsilon: f32) {
    let count = row.len() as f32;
    let mean = sum(row, |x| x) / count;
    let shift = F32x4::splat(mean);
    let variance = sum(row, |x| {
        let centred = x.sub(shift);
        centred.mul(centred)
    }) / count;
    let scale = 1.0 / (variance + epsilon).sqrt();
    for ((x, gamma), beta) in row.iter_mut().zip(gamma).zip(beta) {
        *x = (*x - mean) * scale * gamma + beta;
    }
}

/// The sum of `f` over the elements; what is beyond the last whole four is summed one by one.
#[inline(always)]
fn sum(values: &[f32], f: impl Fn(F32x4) -> F32x4) -> f32 {
    let fours = values.chunks_exact(4);
    let rest: f32 = fours.remainder().iter().map(|x| f(F32x4::splat(*x)).to_array()[0]).sum();
    let mut total = F32x4::splat(0.0);
    for four in fours {
        // SAFETY: the chunk holds four elements.
        total = total.add(f(unsafe { F32x4::load(four.as_ptr()) }));
    }
    total.sum() + rest
}
