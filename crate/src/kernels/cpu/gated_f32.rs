//! Gated activation of rows.

use super::f32x4::F32x4;

/// `gate = f(gate) · up`; both have the same length.
#[inline(always)]
pub(crate) fn gate(gate: &mut [f32], up: &[f32], f: impl Fn(F32x4) -> F32x4) {
    let up = &up[..gate.len()];
    let whole = gate.len() / 4 * 4;
    for i in (0..whole).step_by(4) {
        // SAFETY: both slices are of one length, and `i + 4` is within it.
        unsafe {
            let (g, u) = (F32x4::load(gate.as_ptr().add(i)), F32x4::load(up.as_ptr().add(i)));
            f(g).mul(u).store(gate.as_mut_ptr().add(i));
        }
    }
    for i in whole..gate.len() {
        gate[i] = f(F32x4::splat(gate[i])).to_array()[0] * up[i];
    }
}
