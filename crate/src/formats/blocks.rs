//! The quantised block types of GGML: small integers that share scales.
//!
//! An element is `scale · scales[g] · (quant − offset)`, plus `min · mins[g]` where the type has minimums, `g`
//! being its group. The layouts and names are those of `ggml-common.h`.

mod flat;
mod super_block;

use half::f16;

use super::Dtype;

/// The most elements of a block.
pub(crate) const MAX_ELEMENTS: usize = 256;
/// The most groups of a block.
pub(crate) const MAX_GROUPS: usize = 16;

/// What the blocks of a type are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFormat {
    /// Bits of a quant.
    pub(crate) bits: usize,
    /// Elements of a block: 32, or 256 where the groups have integer scales of their own.
    pub(crate) elements: usize,
    /// Elements that share a scale: 16 or 32.
    pub(crate) group: usize,
    /// What is subtracted from a quant.
    pub(crate) offset: i8,
    /// Whether a group has a minimum, which is added.
    pub(crate) mins: bool,
    /// Bytes of a block in a file.
    pub(crate) bytes: usize,
    unpack: fn(&[u8], &mut Block),
}

/// One block, unpacked; what is past the format's elements and groups is unspecified.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Unsigned numbers of the format's bits; of eight bits they are signed.
    pub(crate) quants: [i8; MAX_ELEMENTS],
    /// The factor of every group's scale.
    pub(crate) scale: f32,
    /// The factor of every group's minimum; 0 without minimums.
    pub(crate) min: f32,
    /// The scales of the groups; 1 in a block of one group.
    pub(crate) scales: [i8; MAX_GROUPS],
    /// The minimums of the groups; 1 in a block of one group.
    pub(crate) mins: [i8; MAX_GROUPS],
}

impl Default for Block {
    fn default() -> Self {
        Self {
            quants: [0; MAX_ELEMENTS],
            scale: 0.0,
            min: 0.0,
            scales: [1; MAX_GROUPS],
            mins: [1; MAX_GROUPS],
        }
    }
}

impl BlockFormat {
    /// The format of `dtype`, or `None` where it is no block type that can be read.
    pub(crate) fn of(dtype: Dtype) -> Option<Self> {
        let flat = |bits, offset, mins, bytes, unpack| Self {
            bits,
            elements: 32,
            group: 32,
            offset,
            mins,
            bytes,
            unpack,
        };
        let grouped = |bits, group, offset, mins, bytes, unpack| Self {
            elements: 256,
            group,
            ..flat(bits, offset, mins, bytes, unpack)
        };
        Some(match dtype {
            Dtype::Q4_0 => flat(4, 8, false, 18, flat::q4_0),
            Dtype::Q4_1 => flat(4, 0, true, 20, flat::q4_1),
            Dtype::Q5_0 => flat(5, 16, false, 22, flat::q5_0),
            Dtype::Q5_1 => flat(5, 0, true, 24, flat::q5_1),
            Dtype::Q8_0 => flat(8, 0, false, 34, flat::q8_0),
            Dtype::Q2_K => grouped(2, 16, 0, true, 84, super_block::q2_k),
            Dtype::Q3_K => grouped(3, 16, 4, false, 110, super_block::q3_k),
            Dtype::Q4_K => grouped(4, 32, 0, true, 144, super_block::q4_k),
            Dtype::Q5_K => grouped(5, 32, 0, true, 176, super_block::q5_k),
            Dtype::Q6_K => grouped(6, 16, 32, false, 210, super_block::q6_k),
            _ => return None,
        })
    }

    /// Unpacks the block at the start of `bytes`, which holds at least [`BlockFormat::bytes`].
    pub(crate) fn unpack(&self, bytes: &[u8], block: &mut Block) {
        (self.unpack)(bytes, block);
    }

    /// Groups of a block.
    pub(crate) fn groups(&self) -> usize {
        self.elements / self.group
    }

    /// Appends the values of a block's elements: `(scale · scales[g]) · (quant − offset) + min · mins[g]`, each
    /// operation rounded to f32, as the reference does.
    pub(super) fn values(&self, block: &Block, values: &mut Vec<f32>) {
        let groups = block.quants.chunks_exact(self.group).zip(block.scales).zip(block.mins);
        for ((quants, scale), min) in groups.take(self.groups()) {
            let scale = block.scale * f32::from(scale);
            let min = block.min * f32::from(min);
            let scaled = quants.iter().map(|&q| scale * f32::from(q - self.offset));
            if self.mins {
                values.extend(scaled.map(|v| v + min));
            } else {
                values.extend(scaled);
            }
        }
    }
}

fn half([low, high]: [u8; 2]) -> f32 {
    f16::from_le_bytes([low, high]).to_f32()
}
