//! Root-mean-square normalisation of rows.

use super::{dot_f32::dot, f32x4::F32x4};

/// `out = row / √(mean(row²) + epsilon) · gamma`; all three have the same length.
pub(crate) fn rms_normalise(row: &[f32], gamma: &[f32], epsilon: f32, out: &mut [f32]) {
    let scale = 1.0 / (dot(row, row) / row.len() as f32 + epsilon).sqrt();
    let (row, gamma) = (&row[..out.len()], &gamma[..out.len()]);
    let whole = out.len() / 4 * 4;
    let lanes = F32x4::splat(scale);
    for i in (0..whole).step_by(4) {
        // SAFETY: the three slices are of one length, and `i + 4` is within it.
        unsafe {
            let (x, g) = (F32x4::load(row.as_ptr().add(i)), F32x4::load(gamma.as_ptr().add(i)));
            x.mul(lanes).mul(g).store(out.as_mut_ptr().add(i));
        }
    }
    for i in whole..out.len() {
        out[i] = row[i] * scale * gamma[i];
    }
}
