//! Matrix product over panels whose elements may be of 16 bits.

use super::{
    f32x4::F32x4,
    gemm_f32::{PANEL, gemm},
    pool::split,
    rows::{Rows, RowsMut},
};
use crate::kernels::linear_q::DenseWidth as Width;

/// `c[m, n] = a[m, k] · b`, with `b` in panels of `width` as [`super::gemm_f32::pack`] lays them out. One panel at a
/// time is expanded to f32.
pub(crate) fn multiply(k: usize, a: Rows, words: &[i32], width: Width, c: &mut RowsMut) {
    if width == Width::F32 {
        return gemm(k, a, bytemuck::cast_slice(words), None, c);
    }
    let [m, n] = c.shape();
    let halves: &[u16] = bytemuck::cast_slice(words);
    split(n.div_ceil(PANEL), m * k * n, |panels| {
        let mut panel = vec![0.0; k * PANEL];
        for p in panels {
            expand(&halves[p * k * PANEL..][..k * PANEL], width, &mut panel);
            let columns = p * PANEL..n.min(p * PANEL + PANEL);
            // SAFETY: every panel has columns of its own.
            let mut into = unsafe { c.part(0..m, columns) };
            gemm(k, a, &panel, None, &mut into);
        }
    });
}

/// Writes column `n` of `b`, which is row `n` of the weight, into `values`; nothing if there is no such column.
pub(crate) fn read_row(words: &[i32], width: Width, n: usize, values: &mut [f32]) {
    let bytes: &[u8] = bytemuck::cast_slice(words);
    let size = width.bytes() * PANEL;
    let start = n / PANEL * values.len() * size + n % PANEL * width.bytes();
    let elements = bytes.get(start..).unwrap_or_default().chunks(size);
    for (value, element) in values.iter_mut().zip(elements) {
        *value = match (width, element) {
            (Width::F32, [a, b, c, d, ..]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Width::F16, [a, b, ..]) => half::f16::from_le_bytes([*a, *b]).to_f32(),
            (_, [a, b, ..]) => f32::from_le_bytes([0, 0, *a, *b]),
            _ => 0.0,
        };
    }
}

/// Widens elements of 16 bits, eight at a time.
fn expand(halves: &[u16], width: Width, values: &mut [f32]) {
    let widen = if width == Width::F16 { F32x4::from_f16 } else { F32x4::from_bf16 };
    for (eight, values) in halves.as_chunks::<8>().0.iter().zip(values.as_chunks_mut::<8>().0) {
        let [low, high] = widen(eight);
        // SAFETY: there is room for eight values.
        unsafe {
            low.store(values.as_mut_ptr());
            high.store(values.as_mut_ptr().add(4));
        }
    }
}
