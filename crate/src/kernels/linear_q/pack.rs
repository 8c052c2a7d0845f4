//! From the blocks of a file to the layout of [`super::layout`], four rows at a time.

use burn::tensor::Device;

use super::{
    Piece,
    layout::{BLOCK, Format, Order, PAIR, STEP, STEPS, TILE},
    records::Records,
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

/// Bytes of the scales of a tile, where they are f16.
const SCALES: usize = TILE * 2;

/// Packs rows of a matrix in their order.
pub(super) struct Packer {
    blocks: BlockFormat,
    format: Format,
    order: Order,
    columns: usize,
    /// One block of each row of a tile.
    tile: [Block; TILE],
}

/// Rows whose planes lie apart from the scales and groups.
#[cfg(any(test, feature = "gpu"))]
pub(super) struct Apart {
    pub(super) planes: Vec<i32>,
    pub(super) scales: Vec<i32>,
}

/// What a tile is packed into.
struct Parts<'a> {
    planes: &'a mut [u8],
    scales: &'a mut [f32],
    groups: &'a mut [i8],
}

impl Packer {
    /// For rows of `columns` elements that are stored in `blocks`.
    ///
    /// # Errors
    /// `tensor-shape` where a row is no whole blocks.
    pub(super) fn new(blocks: BlockFormat, columns: usize, device: &Device) -> Result<Self> {
        Self::in_order(blocks, columns, if on_cpu(device) { Order::Interleaved } else { Order::Quarters })
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

    /// Bytes and rows of what is packed together.
    pub(super) fn tile(&self) -> (usize, usize) {
        match self.order {
            Order::Interleaved => (self.format.pair_bytes(self.columns), PAIR * TILE),
            Order::Quarters => (self.format.tile_bytes(self.columns), TILE),
        }
    }

    /// Elements of the planes, scales and groups of a tile.
    fn sizes(&self) -> [usize; 3] {
        let Self { format, columns, .. } = self;
        let planes = columns / BLOCK * format.block_bytes();
        [planes, format.tile_scales(*columns), format.tile_groups(*columns)]
    }

    /// Packs the next `count` rows; the last tile is filled up with zeros.
    ///
    /// # Errors
    /// `out-of-memory`, or what reading the rows gives; `internal` for a device that this build does not have.
    pub(super) fn pack(&mut self, rows: &mut TensorRows<'_>, count: usize, device: &Device) -> Result<Piece> {
        if on_cpu(device) {
            return Ok(Piece::Records(self.pack_records(rows, count)?));
        }
        #[cfg(feature = "gpu")]
        return Ok(Piece::Quantised(super::quantised::Quantised::new(
            self.pack_apart(rows, count)?,
            self.format,
            count,
            device,
        )));
        #[cfg(not(feature = "gpu"))]
        Err(Error::new(ErrorCode::Internal, "This build packs weights for the CPU alone."))
    }

    /// The same for a device that reads planes and scales apart.
    #[cfg(any(test, feature = "gpu"))]
    pub(super) fn pack_apart(&mut self, rows: &mut TensorRows<'_>, count: usize) -> Result<Apart> {
        let (tiles, [planes, scales, groups]) = (count.div_ceil(TILE), self.sizes());
        let words = self.columns / self.format.record_columns() * self.format.record_words();
        let mut all_planes: Vec<i32> = try_zeros(tiles * planes / 4)?;
        let mut all_scales: Vec<i32> = try_zeros(tiles * words)?;
        let (mut scales, mut groups, mut bytes) = (vec![0.0; scales], vec![0; groups], Vec::new());
        for tile in 0..tiles {
            bytes.clear();
            rows.next(TILE.min(count - tile * TILE), &mut bytes)?;
            let planes = &mut bytemuck::cast_slice_mut(&mut all_planes)[tile * planes..][..planes];
            self.pack_tile(&bytes, Parts { planes, scales: &mut scales, groups: &mut groups });
            self.join(&mut all_scales[tile * words..][..words], &scales, &groups);
        }
        Ok(Apart { planes: all_planes, scales: all_scales })
    }

    /// The same for the CPU.
    pub(super) fn pack_records(&mut self, rows: &mut TensorRows<'_>, count: usize) -> Result<Records> {
        let ([planes, scales, groups], size) = (self.sizes(), self.format.pair_bytes(self.columns));
        let mut all: Vec<i32> = try_zeros(count.div_ceil(PAIR * TILE) * size / 4)?;
        let records: &mut [u8] = bytemuck::cast_slice_mut(&mut all);
        let (mut planes, mut scales, mut groups) = (vec![0; planes], vec![0.0; scales], vec![0; groups]);
        let (mut bytes, mut sound) = (Vec::new(), true);
        for first in (0..count).step_by(TILE) {
            bytes.clear();
            rows.next(TILE.min(count - first), &mut bytes)?;
            let parts = Parts { planes: &mut planes, scales: &mut scales, groups: &mut groups };
            self.pack_tile(&bytes, parts);
            sound &= scales.iter().all(|scale| scale.is_finite());
            let pair = &mut records[first / (PAIR * TILE) * size..][..size];
            self.weave(pair, first / TILE % PAIR, &planes, &scales, &groups);
        }
        Ok(Records::new(all, self.format, count, sound))
    }

    // A browser replaces its first, slow code of a function only between two calls of it: what is called for every tile is
    // a function of its own.

    /// Puts the scales and the groups of a tile together, record by record.
    #[cfg(any(test, feature = "gpu"))]
    #[inline(never)]
    fn join(&self, words: &mut [i32], scales: &[f32], groups: &[i8]) {
        let format = self.format;
        let records = words.chunks_exact_mut(format.record_words());
        let scales = self.scale_bytes(scales);
        let size = format.scale_bytes() * format.lanes();
        let mut groups = groups.chunks_exact(format.tile_groups(format.record_columns()).max(1));
        for (record, scales) in records.zip(scales.chunks_exact(size)) {
            let (into_scales, into_groups) = bytemuck::cast_slice_mut(record).split_at_mut(size);
            into_scales.copy_from_slice(scales);
            into_groups.copy_from_slice(bytemuck::cast_slice(groups.next().unwrap_or_default()));
        }
    }

    /// `scales` as a record has them.
    fn scale_bytes(&self, scales: &[f32]) -> Vec<u8> {
        match self.format.grouped {
            true => bytemuck::cast_slice(scales).to_vec(),
            false => scales.iter().flat_map(|scale| half::f16::from_f32(*scale).to_le_bytes()).collect(),
        }
    }

    /// Puts what was packed of a tile into the records of its pair, whose first or second it is.
    #[inline(never)]
    fn weave(&self, records: &mut [u8], tile: usize, planes: &[u8], scales: &[f32], groups: &[i8]) {
        let Self { format, columns, .. } = self;
        let count = columns / format.record_columns();
        let records = records.chunks_exact_mut(format.pair_bytes(*columns) / count);
        let scales = self.scale_bytes(scales);
        let groups: &[u8] = bytemuck::cast_slice(groups);
        let [planes_of, scales_of, groups_of] = [planes, &scales, groups].map(|part| part.len() / count);
        for (i, record) in records.enumerate() {
            let (into, rest) = record.split_at_mut(planes_of * PAIR);
            let (into_scales, into_groups) = rest.split_at_mut(scales_of * PAIR);
            every_other::<STEP>(&planes[i * planes_of..][..planes_of], STEP, into, tile);
            every_other::<SCALES>(&scales[i * scales_of..][..scales_of], scales_of, into_scales, tile);
            every_other::<TILE>(&groups[i * groups_of..][..groups_of], format.lanes(), into_groups, tile);
        }
    }

    /// `bytes` are up to four rows.
    #[inline(never)]
    fn pack_tile(&mut self, bytes: &[u8], Parts { planes, scales, groups }: Parts<'_>) {
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
            pack_steps(&self.steps(b), self.format.bits, planes);
        }
    }

    /// The steps of the block `b`, as [`Order`] says, some bytes at a time.
    #[inline(always)]
    fn steps(&self, b: usize) -> [[u8; STEP]; STEPS] {
        let mut steps = [[0; STEP]; STEPS];
        for (row, block) in self.tile.iter().enumerate() {
            let quants: &[u8] = bytemuck::cast_slice(&block.quants[b * BLOCK..][..BLOCK]);
            match self.order {
                Order::Quarters => {
                    for (i, four) in quants.as_chunks::<4>().0.iter().enumerate() {
                        steps[i % 4 * 2 + i / 4][4 * row..][..4].copy_from_slice(four);
                    }
                }
                Order::Interleaved => {
                    for (step, quants) in steps.iter_mut().zip(quants.as_chunks().0) {
                        let word = u32::from_le_bytes(*quants);
                        let swapped = word & 0xff00_00ff | (word & 0xff00) << 8 | word >> 8 & 0xff00;
                        step[4 * row..][..4].copy_from_slice(&swapped.to_le_bytes());
                    }
                }
            }
        }
        steps
    }

    fn pack_scales(&self, scales: &mut [f32]) {
        for (row, block) in self.tile.iter().enumerate() {
            scales[row] = block.scale;
            if self.format.mins {
                scales[TILE + row] = block.min;
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

/// Writes every piece of `part` of `size` bytes, a multiple of `N`, the pieces of the other tile between them.
fn every_other<const N: usize>(part: &[u8], size: usize, into: &mut [u8], tile: usize) {
    for (pair, piece) in into.chunks_exact_mut(PAIR * size).zip(part.chunks_exact(size)) {
        // A copy of a length that is not known beforehand is a call, in wasm a dear one.
        let (places, _) = pair[tile * size..][..size].as_chunks_mut::<N>();
        places.iter_mut().zip(piece.as_chunks().0).for_each(|(place, bytes)| *place = *bytes);
    }
}

/// Writes the steps of one block as bit planes: `planes` is all of them.
fn pack_steps(steps: &[[u8; STEP]; STEPS], bits: usize, planes: &mut [u8]) {
    let (planes, _) = planes.as_chunks_mut::<STEP>();
    let (low, high) = planes.split_at_mut(match bits {
        8 => STEPS,
        4.. => STEPS / 2,
        _ => STEPS / 4,
    });
    match bits {
        8 => low.copy_from_slice(steps),
        4.. => {
            low.iter_mut().zip(steps.as_chunks::<2>().0).for_each(|(plane, two)| *plane = fields(two, 0, 4))
        }
        _ => {
            low.iter_mut().zip(steps.as_chunks::<4>().0).for_each(|(plane, four)| *plane = fields(four, 0, 2))
        }
    }
    match bits {
        3 => high.iter_mut().for_each(|plane| *plane = fields(steps, 2, 1)),
        5 => high.iter_mut().for_each(|plane| *plane = fields(steps, 4, 1)),
        6 => high
            .iter_mut()
            .zip(steps.as_chunks::<4>().0)
            .for_each(|(plane, four)| *plane = fields(four, 4, 2)),
        _ => {}
    }
}

/// A plane whose fields of `width` bits are those of the steps from the bit `shift` on, the first step's lowest.
#[inline(always)]
fn fields(steps: &[[u8; STEP]], shift: usize, width: usize) -> [u8; STEP] {
    let mut plane = [0; STEP];
    for (field, step) in steps.iter().enumerate() {
        for (byte, quant) in plane.iter_mut().zip(step) {
            *byte |= (quant >> shift & (0xff >> (8 - width))) << (field * width);
        }
    }
    plane
}
