//! Matrix product over a right-hand side packed once into column panels.
//!
//! The weight of a linear layer never changes, so its panels are made when the model is loaded and every forward
//! streams through them. A register tile is a few rows × 8 columns: two accumulators for each row, two panel vectors
//! and one broadcast have to fit the fifteen vector registers that V8 leaves to wasm code on x86-64.

use core::ops::Range;

use super::{
    f32x4::F32x4,
    pool::split,
    rows::{Rows, RowsMut},
};

/// Columns of a panel.
pub(crate) const PANEL: usize = 8;
/// The most rows of a register tile. Where a product is rounded before it is added, it needs a register of its own.
const TILE: usize = if cfg!(target_feature = "relaxed-simd") { 6 } else { 4 };
/// Rows of the left-hand side that stay in the second-level cache while all panels pass by.
const ROWS: usize = 128;
/// Depth of a block: a panel block of `DEPTH × PANEL` f32 is 12 KiB and stays in the first-level cache.
const DEPTH: usize = 384;
/// f32 of a cache line.
const LINE: usize = 16;

/// The length of the panels of a `k × n` matrix.
pub(crate) const fn panels_len(k: usize, n: usize) -> usize {
    n.div_ceil(PANEL) * k * PANEL
}

/// Packs a `k × n` matrix, read through `at(row, column)`, into `⌈n / 8⌉` panels of `[k, 8]`, padded with zeros.
pub(crate) fn pack(k: usize, n: usize, at: impl Fn(usize, usize) -> f32, panels: &mut [f32]) {
    for (p, panel) in panels[..panels_len(k, n)].chunks_exact_mut(k * PANEL).enumerate() {
        for (row, lanes) in panel.chunks_exact_mut(PANEL).enumerate() {
            for (lane, slot) in lanes.iter_mut().enumerate() {
                let column = p * PANEL + lane;
                *slot = if column < n { at(row, column) } else { 0.0 };
            }
        }
    }
}

/// `c[m, n] = a[m, k] · b + bias`, with `b` in panels made by [`pack`] and `bias` of `n` elements or none.
///
/// # Panics
/// If a slice is too short for `k` and the shape of `c`: a defect of the caller, whatever the input.
pub(crate) fn gemm(k: usize, a: Rows, panels: &[f32], bias: Option<&[f32]>, c: &mut RowsMut) {
    let [m, n] = c.shape();
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.stride >= k && a.data.len() >= (m - 1) * a.stride + k);
    assert!(panels.len() >= panels_len(k, n));
    assert!(bias.is_none_or(|b| b.len() >= n));
    // Columns, so that each thread reads panels of its own.
    split(n.div_ceil(PANEL), m * k * n, |some| {
        let columns = some.start * PANEL..n.min(some.end * PANEL);
        let bias = bias.map(|bias| &bias[columns.clone()]);
        // SAFETY: no two ranges have a column in common.
        let mut c = unsafe { c.part(0..m, columns) };
        multiply(k, a, &panels[some.start * k * PANEL..], bias, &mut c);
    });
}

/// [`gemm`] on one thread, of slices that are long enough.
fn multiply(k: usize, a: Rows, panels: &[f32], bias: Option<&[f32]>, c: &mut RowsMut) {
    let [m, n] = c.shape();
    for first_row in (0..m).step_by(ROWS) {
        let rows = first_row..m.min(first_row + ROWS);
        for column in (0..n).step_by(PANEL) {
            let panel = &panels[column * k..];
            // SAFETY: it is the only part.
            let mut c = unsafe { c.part(0..m, column..n.min(column + PANEL)) };
            for first in (0..k.max(1)).step_by(DEPTH) {
                let depth = first..k.min(first + DEPTH);
                let start = (first == 0).then(|| bias_lanes(bias, column));
                let block = Block { a, first, panel: &panel[depth.start * PANEL..depth.end * PANEL], start };
                if rows.len() > TILE {
                    touch(block.panel);
                }
                block.add_to(rows.clone(), &mut c);
            }
        }
    }
}

/// Brings `block` into the first-level cache. Loads that nothing waits for come side by side, while those of a product
/// would come one after the other; wasm has no instruction to prefetch.
fn touch(block: &[f32]) {
    for line in block.chunks(LINE) {
        // SAFETY: a reference is valid for reading.
        unsafe { (&raw const line[0]).read_volatile() };
    }
}

/// The eight bias values from `column` on, zero where there are none.
fn bias_lanes(bias: Option<&[f32]>, column: usize) -> [f32; PANEL] {
    let bias = bias.and_then(|b| b.get(column..)).unwrap_or(&[]);
    core::array::from_fn(|lane| bias.get(lane).copied().unwrap_or(0.0))
}

/// One block of one panel: what every row tile multiplies with.
struct Block<'a> {
    a: Rows<'a>,
    /// First column of `a` that belongs to the block.
    first: usize,
    panel: &'a [f32],
    /// What the sums start from; the values already in the output when absent.
    start: Option<[f32; PANEL]>,
}

impl Block<'_> {
    /// Adds the block into the rows of `c`, which has the columns of the panel that exist.
    fn add_to(&self, rows: Range<usize>, c: &mut RowsMut) {
        let ([_, width], stride) = (c.shape(), c.stride());
        for tile in tiles(rows) {
            if width == PANEL {
                // SAFETY: there is room for a tile.
                unsafe { self.tile(tile.clone(), c.at(tile.start, 0, [tile.len(), PANEL]), stride) };
                continue;
            }
            let mut edge = [0.0; TILE * PANEL];
            for (line, row) in edge.chunks_exact_mut(PANEL).zip(tile.clone()) {
                line[..width].copy_from_slice(c.row(row));
            }
            // SAFETY: there is room for a tile.
            unsafe { self.tile(tile.clone(), edge.as_mut_ptr(), PANEL) };
            for (line, row) in edge.chunks_exact(PANEL).zip(tile) {
                c.row(row).copy_from_slice(&line[..width]);
            }
        }
    }

    /// # Safety
    /// As many rows of eight elements must be valid for reading and writing, `stride` apart from `c` on.
    unsafe fn tile(&self, rows: Range<usize>, c: *mut f32, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows.len() {
                6 => self.tile_of::<6>(rows.start, c, stride),
                5 => self.tile_of::<5>(rows.start, c, stride),
                4 => self.tile_of::<4>(rows.start, c, stride),
                3 => self.tile_of::<3>(rows.start, c, stride),
                2 => self.tile_of::<2>(rows.start, c, stride),
                _ => self.tile_of::<1>(rows.start, c, stride),
            }
        }
    }

    /// # Safety
    /// As of [`Block::tile`], with `H` rows.
    // Counted loops over `H`, so that they unroll and the sums stay in registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(never)]
    unsafe fn tile_of<const H: usize>(&self, row: usize, c: *mut f32, stride: usize) {
        let depth = self.panel.len() / PANEL;
        assert!(self.a.data.len() >= (row + H - 1) * self.a.stride + self.first + depth);
        let a: [*const f32; H] =
            core::array::from_fn(|r| self.a.data[(row + r) * self.a.stride + self.first..].as_ptr());
        let panel = self.panel.as_ptr();
        // SAFETY: every row of `a` holds `depth` values from its pointer on (asserted above), the panel `depth × PANEL`,
        // and every row of `c` holds `PANEL` (the caller's promise).
        unsafe {
            let mut sums = [[F32x4::splat(0.0); 2]; H];
            for r in 0..H {
                let from = self.start.as_ref().map_or(c.add(r * stride).cast_const(), |start| start.as_ptr());
                sums[r] = [F32x4::load(from), F32x4::load(from.add(4))];
            }
            for d in 0..depth {
                let b = [F32x4::load(panel.add(d * PANEL)), F32x4::load(panel.add(d * PANEL + 4))];
                for r in 0..H {
                    let a = F32x4::splat(*a[r].add(d));
                    sums[r] = [a.mul_add(b[0], sums[r][0]), a.mul_add(b[1], sums[r][1])];
                }
            }
            for r in 0..H {
                sums[r][0].store(c.add(r * stride));
                sums[r][1].store(c.add(r * stride + 4));
            }
        }
    }
}

/// Cuts rows into as few tiles as possible, whose heights differ by one at most.
fn tiles(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let (count, first) = (rows.len(), rows.start);
    let tiles = count.div_ceil(TILE);
    (0..tiles).map(move |t| first + t * count / tiles..first + (t + 1) * count / tiles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random};

    fn naive([m, k, n]: [usize; 3], a: &[f32], b: &[f32], bias: &[f32]) -> Vec<f32> {
        let dot = |i: usize, j: usize| (0..k).map(|d| a[i * k + d] * b[d * n + j]).sum::<f32>();
        (0..m * n).map(|c| bias[c % n] + dot(c / n, c % n)).collect()
    }

    #[test]
    fn gemm_matches_the_naive_product_on_odd_shapes() {
        let shapes = [
            [1, 1, 1],
            [3, 5, 7],
            [4, 8, 8],
            [5, 384, 12],
            [129, 17, 9],
            [130, 385, 16],
            [2, 1000, 333],
            [1, 700, 999],
        ];
        for (seed, [m, k, n]) in (1..).zip(shapes) {
            let (a, b, bias) = (random(seed, m * k), random(seed + 100, k * n), random(seed + 200, n));
            let mut panels = vec![f32::NAN; panels_len(k, n)];
            pack(k, n, |row, column| b[row * n + column], &mut panels);
            // Rows two elements longer than needed, so that a wrong stride shows.
            let mut c = vec![f32::NAN; m * (n + 2)];
            let out = RowsMut::new(&mut c, n + 2);
            // SAFETY: it is the only part.
            let mut out = unsafe { out.part(0..m, 0..n) };
            gemm(k, Rows { data: &a, stride: k }, &panels, Some(&bias), &mut out);
            let dense: Vec<f32> = c.chunks(n + 2).flat_map(|row| row[..n].to_vec()).collect();
            assert_close(&dense, &naive([m, k, n], &a, &b, &bias), 1e-4);
            assert!(c.chunks(n + 2).all(|row| row[n..].iter().all(|x| x.is_nan())), "padding was written");
        }
    }
}
