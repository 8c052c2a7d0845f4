//! What is constant in a kernel.

use crate::kernels::linear_q::layout::{BLOCK, PAIR, STEP, SUPER_BLOCK, TILE};

/// How a weight's quants are stored and what they mean, as [`crate::kernels::linear_q::layout::Format`] has it.
pub(super) trait Kind {
    const BITS: usize;
    const GROUP: usize;
    const OFFSET: i32;
    const MINS: bool;
    const GROUPED: bool;
    /// Whether quants have a sign.
    const SIGNED: bool = Self::BITS == 8;
    /// Groups of a block.
    const GROUPS: usize = BLOCK / Self::GROUP;
    /// Vectors of scales of a group of a tile: its scales, and its minimums if there are any.
    const SCALES: usize = if Self::MINS { 2 } else { 1 };
    /// Blocks of a record.
    const BLOCKS: usize = if Self::GROUPED { SUPER_BLOCK / BLOCK } else { 1 };
    /// Parts of a block that are unpacked at a time: halves where they share planes, quarters where the whole of a plane
    /// is theirs. With more at a time, the loops of the kernels run out of registers.
    const PARTS: usize = if Self::BITS == 8 { 4 } else { 2 };
    /// Planes of a part that have the low bits of its quants: four, two, or all eight.
    const LOW: usize = if Self::BITS < 4 { 1 } else { 2 };
    /// Bytes of the planes of a block of both tiles.
    const PLANES: usize = Self::BITS * STEP * PAIR;
    /// Bytes of a scale.
    const SCALE: usize = if Self::GROUPED { 4 } else { 2 };
    /// Bytes of a record.
    const RECORD: usize = Self::BLOCKS * Self::PLANES
        + PAIR * Self::SCALES * TILE * Self::SCALE
        + if Self::GROUPED { Self::BLOCKS * Self::GROUPS * PAIR * Self::SCALES * TILE } else { 0 };
}

/// One kind for each combination.
pub(super) struct Quants<
    const BITS: usize,
    const GROUP: usize,
    const OFFSET: i32,
    const MINS: bool,
    const GROUPED: bool,
>;

impl<const BITS: usize, const GROUP: usize, const OFFSET: i32, const MINS: bool, const GROUPED: bool> Kind
    for Quants<BITS, GROUP, OFFSET, MINS, GROUPED>
{
    const BITS: usize = BITS;
    const GROUP: usize = GROUP;
    const OFFSET: i32 = OFFSET;
    const MINS: bool = MINS;
    const GROUPED: bool = GROUPED;
}
