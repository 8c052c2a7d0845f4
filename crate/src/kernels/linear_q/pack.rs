//! From the blocks of a file to the layout of [`super::layout`], four rows at a time.

use burn::tensor::Device;

use super::{
    layout::{BLOCK, Format, Order, STEP, STEPS, TILE},
    quantised::Quantised,
};
use crate::{
    Error, ErrorCode, Result,
    formats::{
        TensorRows,
        blocks::{Block, BlockFormat},
    },
    kernels::on_cpu,
    memory::try_zeros,
};

/// Packs rows of a matrix in their order.
pub(super) struct Packer {
    blocks: BlockFormat,
    format: Format,
    order: Order,
    columns: usize,
    /// One block of each row of a tile.
    tile: [Block; TILE],
}

impl Packer {
    /// For rows of `columns` elements that are stored in `blocks`.
    ///
    /// # Errors
    /// `tensor-shape` where a row is no whole blocks.
    pub(super) fn new(blocks: BlockFormat, columns: usize, device: &Device) -> Result<Self> {
        Self::in_order(blocks, columns, if on_cpu(device) { Order::Interleaved } else { Order::Rows })
    }

    /// In the order of a given kind of device.
    pub(super) fn in_order(blocks: BlockFormat, columns: usize, order: Order) -> Result<Self> {
        if !columns.is_multiple_of(blocks.elements) {
            let message = format!("Rows of {columns} elements are no whole blocks of {}.", blocks.elements);
            return Err(Error::new(ErrorCode::TensorShape, message));
        }
        let tile = core::array::from_fn(|_| Block::default());
        Ok(Self { blocks, format: Format::of(&blocks), order, columns, tile })
    }

    /// Bytes and rows of a tile.
    pub(super) fn tile(&self) -> (usize, usize) {
        let (words, scales, groups) = self.tile_words();
        (4 * (words + scales + groups), TILE)
    }

    fn tile_words(&self) -> (usize, usize, usize) {
        let Self { format, columns, .. } = self;
        let words = columns / BLOCK * format.block_bytes() / 4;
        (words, format.tile_scales(*columns), format.tile_groups(*columns) / 4)
    }

    /// Packs the next `count` rows; the last tile is filled up with zeros.
    ///
    /// # Errors
    /// `out-of-memory`, or what reading the rows gives.
    pub(super) fn pack(
        &mut self,
        rows: &mut TensorRows<'_>,
        count: usize,
        device: &Device,
    ) -> Result<Quantised> {
        let (tiles, (words, scales, groups)) = (count.div_ceil(TILE), self.tile_words());
        let mut all_planes: Vec<i32> = try_zeros(tiles * words)?;
        let mut all_scales: Vec<f32> = try_zeros(tiles * scales)?;
        let mut all_groups: Vec<i32> = try_zeros((tiles * groups).max(1))?;
        let mut bytes = Vec::new();
        for tile in 0..tiles {
            bytes.clear();
            rows.next(TILE.min(count - tile * TILE), &mut bytes)?;
            self.pack_tile(
                &bytes,
                bytemuck::cast_slice_mut(&mut all_planes[tile * words..][..words]),
                &mut all_scales[tile * scales..][..scales],
                bytemuck::cast_slice_mut(&mut all_groups[tile * groups..][..groups]),
            );
        }
        Ok(Quantised::new(all_planes, all_scales, all_groups, self.format, count, device))
    }

    /// `bytes` are up to four rows.
    fn pack_tile(&mut self, bytes: &[u8], planes: &mut [u8], scales: &mut [f32], groups: &mut [i8]) {
        let (format, lanes) = (self.format, self.format.lanes());
        let plane_bytes = self.blocks.elements / BLOCK * format.block_bytes();
        let group_bytes = if format.grouped { self.blocks.groups() * lanes } else { 0 };
        let row_bytes = self.columns / self.blocks.elements * self.blocks.bytes;
        for (b, planes) in planes.chunks_exact_mut(plane_bytes).enumerate() {
            for (row, block) in self.tile.iter_mut().enumerate() {
                let row = bytes.get(row * row_bytes..).unwrap_or_default();
                match row.get(b * self.blocks.bytes..) {
                    Some(bytes) if !bytes.is_empty() => self.blocks.unpack(bytes, block),
                    _ => *block = Block::default(),
                }
            }
            self.pack_quants(planes);
            self.pack_scales(&mut scales[b * lanes..][..lanes]);
            self.pack_groups(&mut groups[b * group_bytes..][..group_bytes]);
        }
    }

    fn pack_quants(&self, planes: &mut [u8]) {
        for (b, planes) in planes.chunks_exact_mut(self.format.block_bytes()).enumerate() {
            let mut steps = [[0u8; STEP]; STEPS];
            for (s, step) in steps.iter_mut().enumerate() {
                for (i, byte) in step.iter_mut().enumerate() {
                    let (row, column) = self.order.place(s, i);
                    *byte = self.tile[row].quants[b * BLOCK + column].cast_unsigned();
                }
            }
            pack_steps(&steps, self.format.bits, planes);
        }
    }

    fn pack_scales(&self, scales: &mut [f32]) {
        let sign = if self.format.grouped { -1.0 } else { 1.0 };
        for (row, block) in self.tile.iter().enumerate() {
            scales[row] = block.scale;
            if self.format.mins {
                scales[TILE + row] = sign * block.min;
            }
        }
    }

    fn pack_groups(&self, groups: &mut [i8]) {
        for (g, group) in groups.chunks_exact_mut(self.format.lanes()).enumerate() {
            for (row, block) in self.tile.iter().enumerate() {
                group[row] = block.scales[g];
                if self.format.mins {
                    group[TILE + row] = block.mins[g];
                }
            }
        }
    }
}

/// The steps of one block as bit planes.
fn pack_steps(steps: &[[u8; STEP]; STEPS], bits: usize, planes: &mut [u8]) {
    let mut planes = planes.chunks_exact_mut(STEP);
    let mut pack = |first: usize, count: usize, shift: usize, width: usize| {
        let Some(plane) = planes.next() else { return };
        for (field, step) in steps[first..first + count].iter().enumerate() {
            for (byte, quant) in plane.iter_mut().zip(step) {
                *byte |= (quant >> shift & (0xff >> (8 - width))) << (field * width);
            }
        }
    };
    match bits {
        8 => (0..STEPS).for_each(|s| pack(s, 1, 0, 8)),
        4.. => (0..STEPS).step_by(2).for_each(|s| pack(s, 2, 0, 4)),
        _ => (0..STEPS).step_by(4).for_each(|s| pack(s, 4, 0, 2)),
    }
    match bits {
        3 => pack(0, STEPS, 2, 1),
        5 => pack(0, STEPS, 4, 1),
        6 => (0..STEPS).step_by(4).for_each(|s| pack(s, 4, 4, 2)),
        _ => {}
    }
}
