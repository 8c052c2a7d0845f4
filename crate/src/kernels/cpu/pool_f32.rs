//! The mean of rows, and vectors of unit length.

/// The mean of the rows of `x: [rows, width]`, of which there is at least one; `out: [width]`, of zeros.
pub(crate) fn mean(x: &[f32], out: &mut [f32]) {
    let rows = x.chunks_exact(out.len());
    let share = 1.0 / rows.len() as f32;
    for row in rows {
        out.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    out.iter_mut().for_each(|sum| *sum *= share);
}

/// Scales `x` to length one; zeros stay as they are.
pub(crate) fn unit_length(x: &mut [f32]) {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    x.iter_mut().for_each(|x| *x /= length);
}
