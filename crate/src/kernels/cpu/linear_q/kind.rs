//! What is constant in a kernel.

use crate::kernels::linear_q::layout::{BLOCK, TILE};

/// How a weight's quants are stored and what they mean, as [`crate::kernels::linear_q::layout::Format`] has it.
pub(super) trait Kind {
    const BITS: usize;
    const GROUP: usize;
    const OFFSET: i16;
    const MINS: bool;
    /// Groups of a block.
    const GROUPS: usize = BLOCK / Self::GROUP;
    /// Values in the scales of each group of a tile.
    const SCALES: usize = if Self::MINS { 2 * TILE } else { TILE };
    /// What is left once the quants are unpacked and their offset is subtracted: the minimums.
    type Unpacked: Kind;
}

/// One kind for each combination.
pub(super) struct Quants<const BITS: usize, const GROUP: usize, const OFFSET: i16, const MINS: bool>;

impl<const BITS: usize, const GROUP: usize, const OFFSET: i16, const MINS: bool> Kind
    for Quants<BITS, GROUP, OFFSET, MINS>
{
    const BITS: usize = BITS;
    const GROUP: usize = GROUP;
    const OFFSET: i16 = OFFSET;
    const MINS: bool = MINS;
    type Unpacked = Quants<16, BLOCK, 0, MINS>;
}
