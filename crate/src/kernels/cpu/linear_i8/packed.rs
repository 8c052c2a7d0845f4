//! A weight, rotated and rounded to eight bits.

use core::array::from_fn;

use super::{BLOCK, FOURS, rotation::rotate};
use crate::{Result, kernels::cpu::f32x4::F32x4, memory::try_zeros};

/// Rows of the weight that lie together.
pub(crate) const STRIP: usize = 8;
/// Rows of a vector.
pub(super) const TILE: usize = 4;
/// Vectors of a block of a strip.
pub(super) const VECTORS: usize = FOURS * STRIP / TILE;

/// Rows of a weight in strips of eight. An element is `scale · quant`, where the largest quant of a block is ±127.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Output and input features.
    shape: [usize; 2],
    /// `[strips, blocks, fours, 2]` of four rows, of which each has columns 0, 2, 1 and 3 of a four: as `dot_i16x8`
    /// takes them from the even bytes and the odd ones.
    quants: Vec<[u8; 16]>,
    /// `[strips, blocks]` of the scales of the eight rows, then of their sums of quants times the scale.
    factors: Vec<[f32; 2 * STRIP]>,
}

/// A strip as the kernels read it.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    pub(super) quants: &'a [[u8; 16]],
    pub(super) factors: &'a [[f32; 2 * STRIP]],
}

impl Packed {
    /// Packs `weight: [out, in]`, whose columns are whole blocks.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub(crate) fn new(weight: &[f32], shape @ [out, columns]: [usize; 2]) -> Result<Self> {
        let (strips, blocks) = (out.div_ceil(STRIP), columns / BLOCK);
        let mut packed = Self {
            shape,
            quants: try_zeros(strips * blocks * VECTORS)?,
            factors: try_zeros(strips * blocks)?,
        };
        for (row, values) in weight.chunks_exact(columns).enumerate() {
            for (b, values) in values.as_chunks().0.iter().enumerate() {
                packed.put(row / STRIP * blocks + b, row % STRIP, values);
            }
        }
        Ok(packed)
    }

    /// Rounds a block of row `r` of a strip.
    fn put(&mut self, place: usize, r: usize, values: &[f32; BLOCK]) {
        // SAFETY: the block holds so many fours.
        let mut fours = from_fn(|i| unsafe { F32x4::load(values.as_ptr().add(4 * i)) });
        rotate(&mut fours);
        // Both factors are rotated; the other one keeps its length.
        let length = F32x4::splat(1.0 / BLOCK as f32);
        let fours = fours.map(|four| four.mul(length).to_array());
        let largest = |most: f32, x: &f32| if x.abs() > most || x.is_nan() { x.abs() } else { most };
        let scale = fours.as_flattened().iter().fold(0.0, largest) / 127.0;
        let inverse = if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
        let mut sum = 0;
        for (i, four) in fours.iter().enumerate() {
            let vector = &mut self.quants[place * VECTORS + i * STRIP / TILE + r / TILE];
            for (column, byte) in [0, 2, 1, 3].into_iter().zip(&mut vector[r % TILE * 4..]) {
                let quant = (four[column] * inverse).round() as i8;
                sum += i32::from(quant);
                *byte = quant.cast_unsigned();
            }
        }
        let factors = &mut self.factors[place];
        (factors[r], factors[STRIP + r]) = (scale, scale * sum as f32);
    }

    /// Output and input features.
    pub(crate) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    pub(super) fn strip(&self, strip: usize) -> Strip<'_> {
        let blocks = self.shape[1] / BLOCK;
        Strip {
            quants: &self.quants[strip * blocks * VECTORS..][..blocks * VECTORS],
            factors: &self.factors[strip * blocks..][..blocks],
        }
    }
}
