//! Quantised weights times activations of eight bits.
//!
//! A decode step has one row of activations and is bound by unpacking, a prefill has many and is bound by
//! multiplying; each has a kernel of its own, and they give the same bits.

mod activations;
mod kind;
mod tile;
mod unpack;

use self::{
    activations::{Activations, PANEL},
    kind::{Kind, Quants},
    tile::{PAIR, TilePair, multiply_panel, multiply_row, unpack_tile},
    unpack::LANES,
};
use super::f32x4::F32x4;
use crate::kernels::linear_q::layout::{BLOCK, Format, SUPER_BLOCK, TILE};

/// The most activations that are multiplied with all of the weight at a time, so that they stay in the second-level
/// cache: 384 KiB of quants.
const CACHED: usize = 192 << 10;

/// A weight in the layout of [`crate::kernels::linear_q::layout`], interleaved.
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    pub(crate) planes: &'a [u8],
    pub(crate) scales: &'a [f32],
    pub(crate) groups: &'a [i8],
    pub(crate) format: Format,
    /// Output and input features.
    pub(crate) shape: [usize; 2],
}

/// Calls a function that is generic over a kind with the kind of a format.
macro_rules! with_kind {
    ($format:expr, $function:ident($($argument:expr),*)) => {
        match ($format.bits, $format.mins) {
            (2, _) => $function::<Quants<2, 16, 0, true>>($($argument),*),
            (3, _) => $function::<Quants<3, 16, 4, false>>($($argument),*),
            (4, false) => $function::<Quants<4, 32, 8, false>>($($argument),*),
            (4, true) => $function::<Quants<4, 32, 0, true>>($($argument),*),
            (5, false) => $function::<Quants<5, 32, 16, false>>($($argument),*),
            (5, true) => $function::<Quants<5, 32, 0, true>>($($argument),*),
            (6, _) => $function::<Quants<6, 16, 32, false>>($($argument),*),
            _ => $function::<Quants<8, 32, 0, false>>($($argument),*),
        }
    };
}

/// `y[rows, out] = x · Wᵀ` for `x: [rows, in]`, the rows of `x` rounded to eight bits.
pub(crate) fn multiply(x: &[f32], weight: &Weight, y: &mut [f32]) {
    with_kind!(weight.format, multiply_kind(x, weight, y));
}

fn multiply_kind<K: Kind>(x: &[f32], weight: &Weight, y: &mut [f32]) {
    let [out, columns] = weight.shape;
    let rows = (CACHED / columns).max(1).next_multiple_of(PANEL);
    for (x, y) in x.chunks(rows * columns).zip(y.chunks_mut(rows * out)) {
        let activations = Activations::new(x, columns, K::GROUP);
        if x.len() > columns {
            multiply_panels::<K>(&activations, weight, y);
        } else {
            multiply_single::<K>(&activations, weight, y);
        }
    }
}

fn multiply_single<K: Kind>(activations: &Activations, weight: &Weight, y: &mut [f32]) {
    let (tiles, mut room) = (weight.tiles(), Vec::new());
    for (_, _, row) in activations.panels() {
        for (tile, y) in y.chunks_mut(TILE).enumerate() {
            let scales = tiles.scales(tile, &mut room);
            let sums = multiply_row::<K>(tiles.planes(tile), scales, row);
            write(sums, y);
        }
    }
}

fn multiply_panels<K: Kind>(activations: &Activations, weight: &Weight, y: &mut [f32]) {
    let [out, columns] = weight.shape;
    let (tiles, count) = (weight.tiles(), out.div_ceil(TILE));
    let mut quants = vec![0; PAIR * TILE * columns];
    let [mut first_room, mut second_room] = [Vec::new(), Vec::new()];
    for tile in (0..count).step_by(PAIR) {
        // Where there is no second tile the first is multiplied twice.
        let second = (tile + 1).min(count - 1);
        unpack_tile::<K>(tiles.planes(tile), &mut quants, PAIR * LANES);
        unpack_tile::<K>(tiles.planes(second), &mut quants[LANES..], PAIR * LANES);
        let pair = TilePair {
            quants: &quants,
            scales: [tiles.scales(tile, &mut first_room), tiles.scales(second, &mut second_room)],
            group: K::GROUP,
        };
        for (row, count, panel) in activations.panels() {
            let y = &mut y[row * out + tile * TILE..];
            match count {
                1 => store(multiply_panel::<K::Unpacked, 1>(pair, panel), y, out, tile),
                2 => store(multiply_panel::<K::Unpacked, 2>(pair, panel), y, out, tile),
                3 => store(multiply_panel::<K::Unpacked, 3>(pair, panel), y, out, tile),
                _ => store(multiply_panel::<K::Unpacked, 4>(pair, panel), y, out, tile),
            }
        }
    }
}

/// Writes the sums of a pair of tiles into consecutive rows of `out` elements; `y` starts at the first tile's first.
fn store<const T: usize>(sums: [[F32x4; PAIR]; T], y: &mut [f32], out: usize, tile: usize) {
    let rest = out - tile * TILE;
    for (t, [first, second]) in sums.into_iter().enumerate() {
        let row = &mut y[t * out..][..rest];
        write(first, row);
        write(second, row.get_mut(TILE..).unwrap_or_default());
    }
}

/// Writes as many of the four sums as there is room for. A copy of any length is a call, so all four are no such copy.
#[inline(always)]
fn write(sums: F32x4, y: &mut [f32]) {
    if let Some(y) = y.first_chunk_mut::<TILE>() {
        *y = sums.to_array();
    } else {
        y.iter_mut().zip(sums.to_array()).for_each(|(y, sum)| *y = sum);
    }
}

impl<'a> Weight<'a> {
    /// Writes the values of `row` into `values`, which has room for all columns; nothing if there is no such row.
    pub(crate) fn dequantise(&self, row: usize, values: &mut [f32]) {
        if row < self.shape[0] {
            with_kind!(self.format, dequantise_kind(self, row, values));
        }
    }

    fn tiles(&self) -> Tiles<'a> {
        let columns = self.shape[1];
        let plane_bytes = columns / BLOCK * self.format.block_bytes();
        let (scales, groups) = (self.format.tile_scales(columns), self.format.tile_groups(columns));
        Tiles { weight: *self, plane_bytes, scales, groups }
    }
}

/// A weight cut into its tiles.
struct Tiles<'a> {
    weight: Weight<'a>,
    /// Bytes of the planes of a tile.
    plane_bytes: usize,
    /// Scales of a tile.
    scales: usize,
    /// Scales of the groups of a tile.
    groups: usize,
}

impl<'a> Tiles<'a> {
    fn planes(&self, tile: usize) -> &'a [u8] {
        &self.weight.planes[tile * self.plane_bytes..][..self.plane_bytes]
    }

    /// The scales of a tile, per group of columns: of each row, then the minimums if there are any. Those of groups
    /// with scales of their own are put together in `room`.
    fn scales<'s>(&self, tile: usize, room: &'s mut Vec<f32>) -> &'s [f32]
    where
        'a: 's,
    {
        let factors = &self.weight.scales[tile * self.scales..][..self.scales];
        if !self.weight.format.grouped {
            return factors;
        }
        let groups = &self.weight.groups[tile * self.groups..][..self.groups];
        room.resize(self.groups, 0.0);
        self.expand(factors, groups, room);
        room
    }

    /// `scales` are those of the groups times their factors, minimums with the other sign.
    #[inline(never)]
    fn expand(&self, factors: &[f32], groups: &[i8], scales: &mut [f32]) {
        let kinds = self.weight.format.lanes() / TILE;
        let per_block = SUPER_BLOCK / self.weight.format.group * kinds;
        let (factors, groups) = (factors.as_chunks::<TILE>().0, groups.as_chunks::<TILE>().0);
        let scales = scales.as_chunks_mut::<TILE>().0;
        for i in 0..scales.len().min(groups.len()) {
            let (kind, sign) = if i % kinds == 0 { (0, 1.0) } else { (1, -1.0) };
            // SAFETY: these are arrays of four elements.
            unsafe {
                let factor = F32x4::load(factors[i / per_block * kinds + kind].as_ptr());
                let scale = F32x4::from_i8(groups[i]).mul(factor.mul(F32x4::splat(sign)));
                scale.store(scales[i].as_mut_ptr());
            }
        }
    }
}

fn dequantise_kind<K: Kind>(weight: &Weight, row: usize, values: &mut [f32]) {
    let (tile, row) = (row / TILE, row % TILE);
    let mut scales = Vec::new();
    let tiles = weight.tiles();
    let scales = tiles.scales(tile, &mut scales);
    let mut quants = vec![0; TILE * weight.shape[1]];
    unpack_tile::<K>(tiles.planes(tile), &mut quants, LANES);
    for (c, value) in values.iter_mut().enumerate() {
        let scales = &scales[c / K::GROUP * K::SCALES..][..K::SCALES];
        let quant = quants[c / 2 * 2 * TILE + 2 * row + c % 2];
        *value = scales[row] * f32::from(quant);
        if K::MINS {
            *value += scales[TILE + row];
        }
    }
}
