//! Rotary position embedding of one head.

use super::f32x4::F32x4;
use crate::kernels::rope_f32::Pairs;

/// Rotates the first `2 · cos.len()` elements of a head in place, pair by pair; the others stay.
///
/// # Panics
/// If the head is shorter than that: a defect of the caller, whatever the input.
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairs: Pairs) {
    let half = cos.len();
    let rotated = &mut head[..2 * half];
    match pairs {
        Pairs::Adjacent => {
            for ((pair, cos), sin) in rotated.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                let [a, b] = *pair;
                *pair = [a * cos - b * sin, a * sin + b * cos];
            }
        }
        Pairs::Halves => {
            let (first, second) = rotated.split_at_mut(half);
            rotate_halves(first, second, cos, &sin[..half]);
        }
    }
}

/// The four slices are of one length.
fn rotate_halves(first: &mut [f32], second: &mut [f32], cos: &[f32], sin: &[f32]) {
    let half = cos.len();
    assert!(first.len() == half && second.len() == half && sin.len() == half);
    let whole = half / 4 * 4;
    for i in (0..whole).step_by(4) {
        // SAFETY: the four slices have `half` elements, and `i + 4` is within that.
        unsafe {
            let (a, b) = (F32x4::load(first.as_ptr().add(i)), F32x4::load(second.as_ptr().add(i)));
            let (c, s) = (F32x4::load(cos.as_ptr().add(i)), F32x4::load(sin.as_ptr().add(i)));
            a.mul(c).sub(b.mul(s)).store(first.as_mut_ptr().add(i));
            a.mul(s).add(b.mul(c)).store(second.as_mut_ptr().add(i));
        }
    }
    for i in whole..half {
        let (a, b) = (first[i], second[i]);
        first[i] = a * cos[i] - b * sin[i];
        second[i] = a * sin[i] + b * cos[i];
    }
}
