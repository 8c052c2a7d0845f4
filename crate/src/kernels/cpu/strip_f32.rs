//! A few rows times a strip: up to eight columns of a matrix, row after row in one stream.

use super::{
    f32x4::F32x4,
    rows::{Rows, RowsMut},
};

/// Columns of a strip; the last strip of a matrix is padded.
pub(crate) const STRIP: usize = 8;
/// Rows of a register tile.
const TILE: usize = 4;

/// Strips that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Strips<'a> {
    /// From the first strip's first row on.
    pub(super) data: &'a [f32],
    /// Rows of a strip that count.
    pub(super) depth: usize,
    /// From one strip to the next: at least eight times the depth.
    pub(super) stride: usize,
}

/// `out[row] += a[row] · strips`. An element is summed in the order of the depth, however many rows there are and
/// however many calls the depth is cut into.
///
/// # Panics
/// If a slice is too short for the shape of `out`: a defect of the caller, whatever the input.
pub(super) fn add_strips(a: Rows, strips: Strips, out: &mut RowsMut) {
    let ([rows, columns], stride) = (out.shape(), out.stride());
    let whole = columns / STRIP;
    for row in (0..rows).step_by(TILE) {
        let a = Rows { data: &a.data[row * a.stride..], stride: a.stride };
        let height = TILE.min(rows - row);
        if whole > 0 {
            // SAFETY: there is room for whole strips in all of the rows.
            unsafe {
                add_tile(a, strips, [height, whole], out.at(row, 0, [height, whole * STRIP]), stride);
            }
        }
        if columns > whole * STRIP {
            let edge = Strips { data: &strips.data[whole * strips.stride..], ..strips };
            // SAFETY: it is the only part.
            add_edge(a, edge, &mut unsafe { out.part(row..row + height, whole * STRIP..columns) });
        }
    }
}

/// The same of at most four rows and of fewer columns than a strip has: what the padding gives is not written.
fn add_edge(a: Rows, strip: Strips, out: &mut RowsMut) {
    let [height, columns] = out.shape();
    let mut edge = [0.0; TILE * STRIP];
    for (row, line) in edge.chunks_exact_mut(STRIP).take(height).enumerate() {
        line[..columns].copy_from_slice(out.row(row));
    }
    // SAFETY: there is room for a strip in four rows.
    unsafe { add_tile(a, strip, [height, 1], edge.as_mut_ptr(), STRIP) };
    for (row, line) in edge.chunks_exact(STRIP).take(height).enumerate() {
        out.row(row).copy_from_slice(&line[..columns]);
    }
}

/// # Safety
/// `height` rows of `count` strips must be valid for reading and writing, `stride` apart from `out` on.
unsafe fn add_tile(a: Rows, strips: Strips, [height, count]: [usize; 2], out: *mut f32, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match height {
            1 => add_rows::<1>(a, strips, count, out, stride),
            2 => add_rows::<2>(a, strips, count, out, stride),
            3 => add_rows::<3>(a, strips, count, out, stride),
            _ => add_rows::<TILE>(a, strips, count, out, stride),
        }
    }
}

/// The same of `H` rows and of `count` whole strips, of which there is one at least.
///
/// # Safety
/// As of [`add_tile`].
// Counted loops over `H`, so that they unroll and the sums stay in registers.
#[allow(clippy::needless_range_loop)]
#[inline(never)]
unsafe fn add_rows<const H: usize>(a: Rows, strips: Strips, count: usize, out: *mut f32, stride: usize) {
    let depth = strips.depth;
    assert!(count > 0 && strips.data.len() >= (count - 1) * strips.stride + depth * STRIP);
    assert!(a.data.len() >= (H - 1) * a.stride + depth);
    let rows: [*const f32; H] = core::array::from_fn(|r| a.data[r * a.stride..].as_ptr());
    for i in 0..count {
        // SAFETY: every row holds `depth` values from its pointer on and every strip `depth × STRIP` (asserted above), and
        // every row of `out` holds `count × STRIP` (the caller's promise).
        unsafe {
            let strip = strips.data.as_ptr().add(i * strips.stride);
            let out = out.add(i * STRIP);
            let mut sums = [[F32x4::splat(0.0); 2]; H];
            for r in 0..H {
                sums[r] = [F32x4::load(out.add(r * stride)), F32x4::load(out.add(r * stride + 4))];
            }
            for d in 0..depth {
                let b = [F32x4::load(strip.add(d * STRIP)), F32x4::load(strip.add(d * STRIP + 4))];
                for r in 0..H {
                    let a = F32x4::splat(*rows[r].add(d));
                    sums[r] = [a.mul_add(b[0], sums[r][0]), a.mul_add(b[1], sums[r][1])];
                }
            }
            for r in 0..H {
                sums[r][0].store(out.add(r * stride));
                sums[r][1].store(out.add(r * stride + 4));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random};

    #[test]
    fn add_strips_matches_the_naive_sums_and_writes_nothing_else() {
        let shapes = [[1, 1, 8], [3, 64, 8], [4, 33, 5], [7, 17, 24], [9, 40, 1], [16, 32, 19], [2, 0, 16]];
        for (seed, [rows, depth, columns]) in (1..).zip(shapes) {
            let (wide, apart, stride) = (depth + 3, depth * STRIP + 5, columns + 2);
            let (a, strips) = (random(seed, rows * wide), random(seed + 50, columns.div_ceil(STRIP) * apart));
            let before = random(seed + 100, rows * stride);
            let mut out = before.clone();
            let (a_rows, into) = (Rows { data: &a, stride: wide }, RowsMut::new(&mut out, stride));
            let all = Strips { data: &strips, depth, stride: apart };
            // SAFETY: it is the only part.
            add_strips(a_rows, all, &mut unsafe { into.part(0..rows, 0..columns) });
            let element = |d: usize, c: usize| strips[c / STRIP * apart + d * STRIP + c % STRIP];
            let dot = |r: usize, c: usize| (0..depth).map(|d| a[r * wide + d] * element(d, c)).sum::<f32>();
            let expected: Vec<f32> = (0..rows * stride)
                .map(|i| before[i] + if i % stride < columns { dot(i / stride, i % stride) } else { 0.0 })
                .collect();
            assert_close(&out, &expected, 1e-5);
        }
    }

    #[test]
    fn a_depth_in_parts_gives_the_same_bits() {
        let (a, strip) = (random(1, 3 * 50), random(2, 50 * STRIP));
        let sums = |cuts: &[usize]| {
            let mut out = vec![0.0; 3 * STRIP];
            for cut in cuts.windows(2) {
                let rows = Rows { data: &a[cut[0]..], stride: 50 };
                let mut into = RowsMut::new(&mut out, STRIP);
                let (data, depth) = (&strip[cut[0] * STRIP..], cut[1] - cut[0]);
                add_strips(rows, Strips { data, depth, stride: depth * STRIP }, &mut into);
            }
            out
        };
        assert_eq!(sums(&[0, 50]), sums(&[0, 7, 32, 33, 50]));
    }
}
