//! How quantised weights lie in memory while they are computed with.
//!
//! Four rows of the weight make a tile, and 32 of its columns a block; the rows that the last tile lacks are zeros.
//! Tile after tile, block after block, the quants of a block are eight *steps* of sixteen bytes, of which [`Order`]
//! says whose elements they are. The steps are stored in bit planes of sixteen bytes:
//!
//! | bits | planes of a block |
//! | --- | --- |
//! | 4, 5, 6 | four planes; the byte of plane `v` has the low four bits of steps `2v` (low) and `2v + 1` (high) |
//! | 5 | and one plane: bit `s` is bit 4 of step `s` |
//! | 6 | and two planes: bits `2f` and `2f + 1` of plane `p` are bits 4 and 5 of step `4p + f` |
//! | 2, 3 | two planes: bits `2f` and `2f + 1` of plane `p` are bits 0 and 1 of step `4p + f` |
//! | 3 | and one plane: bit `s` is bit 2 of step `s` |
//! | 8 | eight planes: the steps |
//!
//! `planes` are these bytes as little-endian words. `scales` are, per tile and block, the scales of the four rows,
//! then their minimums if the format has them; where groups have scales of their own, per tile and 256 columns
//! their factors, then those of the minimums. `groups` are then, per tile and group, four signed bytes of scales, then
//! four of minimums.
//!
//! A *record* is what belongs to one block, or to 256 columns where groups have scales of their own. One of a block has
//! its scales as IEEE 754 binary16, which is what every file has: a step reads all of them.
//!
//! A GPU has the planes by themselves, and of every tile and record first the scales and then the bytes of its groups,
//! in words. A CPU reads one stream faster than two: its records have all that there is of two neighbouring tiles, the
//! planes of their blocks, of every plane first the first tile's; then the scales of the first tile and of the second;
//! then the bytes of every group, those of the first tile first. Where there is an odd tile, its neighbour is zeros.

use crate::formats::blocks::BlockFormat;

/// Rows of a tile.
pub(crate) const TILE: usize = 4;
/// Tiles of a record.
pub(crate) const PAIR: usize = 2;
/// Columns of a block.
pub(crate) const BLOCK: usize = 32;
/// Columns that share the factors of their groups' scales.
pub(crate) const SUPER_BLOCK: usize = 256;
/// Steps of a block.
pub(crate) const STEPS: usize = 8;
/// Bytes of a step and of a plane.
pub(crate) const STEP: usize = 16;

/// What the quants of a weight mean: an element is `scale · (quant − offset)`, or `scale · quant + min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Format {
    /// Bits of a quant: 2, 3, 4, 5 or 6 without sign, or 8 with one.
    pub(crate) bits: usize,
    /// Columns that share a scale: 16 or 32.
    pub(crate) group: usize,
    /// What is subtracted from a quant; 0 where there are minimums.
    pub(crate) offset: i32,
    /// Whether there are minimums.
    pub(crate) mins: bool,
    /// Whether groups have integer scales and minimums, with factors for 256 columns.
    pub(crate) grouped: bool,
}

impl Format {
    /// The format that blocks of `blocks` have once they are packed.
    pub(crate) fn of(blocks: &BlockFormat) -> Self {
        Self {
            bits: blocks.bits,
            group: blocks.group,
            offset: blocks.offset.into(),
            mins: blocks.mins,
            grouped: blocks.elements > BLOCK,
        }
    }

    /// Bytes of the planes of one block of a tile.
    pub(crate) fn block_bytes(&self) -> usize {
        self.bits * TILE * BLOCK / 8
    }

    /// Values of a tile for each of its scales: the scale of each row, and its minimum if there are any.
    pub(crate) fn lanes(&self) -> usize {
        if self.mins { 2 * TILE } else { TILE }
    }

    /// Columns of a record.
    pub(crate) fn record_columns(&self) -> usize {
        if self.grouped { SUPER_BLOCK } else { BLOCK }
    }

    /// Bytes of a scale in a record.
    pub(crate) fn scale_bytes(&self) -> usize {
        if self.grouped { 4 } else { 2 }
    }

    /// Bytes of the records of a pair of tiles with `columns`.
    pub(crate) fn pair_bytes(&self, columns: usize) -> usize {
        PAIR * self.tile_bytes(columns)
    }

    /// Bytes of a tile with `columns`.
    pub(crate) fn tile_bytes(&self, columns: usize) -> usize {
        columns / BLOCK * self.block_bytes() + 4 * columns / self.record_columns() * self.record_words()
    }

    /// Words of the scales and the groups of a tile in a record.
    pub(crate) fn record_words(&self) -> usize {
        let columns = self.record_columns();
        (self.scale_bytes() * self.tile_scales(columns) + self.tile_groups(columns)) / 4
    }

    /// Elements of `scales` of a tile with `columns`.
    pub(crate) fn tile_scales(&self, columns: usize) -> usize {
        columns / self.record_columns() * self.lanes()
    }

    /// Bytes of `groups` of a tile with `columns`.
    pub(crate) fn tile_groups(&self, columns: usize) -> usize {
        if self.grouped { columns / self.group * self.lanes() } else { 0 }
    }
}

/// Which element of a block each byte of a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Bytes `4r` to `4r + 3` of step `s` are columns `16 · (s mod 2) + 4 · ⌊s / 2⌋` and the three behind it, of row `r`.
    /// A thread that multiplies a quarter of a block then has those of all four rows in one load: what the GPU reads.
    Quarters,
    /// Bytes `4r` to `4r + 3` of step `s` are columns `4s`, `4s + 2`, `4s + 1` and `4s + 3` of row `r`. A vector of
    /// eight 16-bit lanes then has two neighbouring columns of each row, as `i32x4.dot_i16x8_s` adds them: what the
    /// CPU reads.
    Interleaved,
}

#[cfg(test)]
impl Order {
    /// Row and column of a byte of a step.
    pub(crate) const fn place(self, step: usize, byte: usize) -> (usize, usize) {
        match self {
            Self::Quarters => (byte / 4, step % 2 * STEP + step / 2 * 4 + byte % 4),
            Self::Interleaved => (byte / 4, step * 4 + [0, 2, 1, 3][byte % 4]),
        }
    }
}
