//! Blocks of 256 elements in groups with integer scales. A slice that is shorter than a block leaves the block as
//! it is.

use super::{Block, half};

/// Scales and minimums of 16 groups in 4 bits each, 64 bytes of quants, scale, factor of the minimums.
pub(super) fn q2_k(bytes: &[u8], block: &mut Block) {
    let Some([rest @ .., d0, d1, m0, m1]) = bytes.first_chunk::<84>() else { return };
    let (scales, quants) = rest.split_at(16);
    block.scale = half([*d0, *d1]);
    block.min = -half([*m0, *m1]);
    for (g, byte) in scales.iter().enumerate() {
        block.scales[g] = (byte & 15).cast_signed();
        block.mins[g] = (byte >> 4).cast_signed();
    }
    unpack_crumbs(quants, block);
}

/// Third bits in 32 bytes, 64 bytes of quants' lower bits, 16 scales of 6 bits in 12 bytes, scale.
pub(super) fn q3_k(bytes: &[u8], block: &mut Block) {
    let Some([rest @ .., d0, d1]) = bytes.first_chunk::<110>() else { return };
    let (high, rest) = rest.split_at(32);
    let (quants, scales) = rest.split_at(64);
    block.scale = half([*d0, *d1]);
    for g in 0..16 {
        let low = scales[g % 8] >> (g / 8 * 4) & 15;
        let high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
        block.scales[g] = (low | high << 4).cast_signed() - 32;
    }
    unpack_crumbs(quants, block);
    add_bits(high, 2, block);
}

/// Scale, factor of the minimums, scales and minimums in 12 bytes, 128 bytes of two quants each.
pub(super) fn q4_k(bytes: &[u8], block: &mut Block) {
    let Some([d0, d1, m0, m1, rest @ ..]) = bytes.first_chunk::<144>() else { return };
    let (scales, nibbles) = rest.split_at(12);
    block.scale = half([*d0, *d1]);
    block.min = -half([*m0, *m1]);
    unpack_scales_and_mins(scales, block);
    unpack_nibbles::<32>(nibbles, block);
}

/// The same with the fifth bits in 32 bytes before the quants' lower bits.
pub(super) fn q5_k(bytes: &[u8], block: &mut Block) {
    let Some([d0, d1, m0, m1, rest @ ..]) = bytes.first_chunk::<176>() else { return };
    let (scales, rest) = rest.split_at(12);
    let (high, nibbles) = rest.split_at(32);
    block.scale = half([*d0, *d1]);
    block.min = -half([*m0, *m1]);
    unpack_scales_and_mins(scales, block);
    unpack_nibbles::<32>(nibbles, block);
    add_bits(high, 4, block);
}

/// 128 bytes of quants' lower four bits, 64 bytes of their upper two, 16 signed scales, scale.
pub(super) fn q6_k(bytes: &[u8], block: &mut Block) {
    let Some([rest @ .., d0, d1]) = bytes.first_chunk::<210>() else { return };
    let (nibbles, rest) = rest.split_at(128);
    let (crumbs, scales) = rest.split_at(64);
    block.scale = half([*d0, *d1]);
    for (slot, scale) in block.scales.iter_mut().zip(scales) {
        *slot = scale.cast_signed();
    }
    unpack_crumbs(crumbs, block);
    let high = block.quants;
    unpack_nibbles::<64>(nibbles, block);
    for (quant, high) in block.quants.iter_mut().zip(high) {
        *quant |= high << 4;
    }
}

/// Each `RUN` bytes hold `2 · RUN` elements: those in the low four bits first, then those in the high ones.
fn unpack_nibbles<const RUN: usize>(bytes: &[u8], block: &mut Block) {
    for (quants, bytes) in block.quants.chunks_exact_mut(2 * RUN).zip(bytes.chunks_exact(RUN)) {
        let (low, high) = quants.split_at_mut(RUN);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
            *low = (byte & 15).cast_signed();
            *high = (byte >> 4).cast_signed();
        }
    }
}

/// Each 32 bytes hold 128 elements: 32 in the lowest two bits first, and so on.
fn unpack_crumbs(bytes: &[u8], block: &mut Block) {
    for (quants, bytes) in block.quants.chunks_exact_mut(128).zip(bytes.chunks_exact(32)) {
        for (field, quants) in quants.chunks_exact_mut(32).enumerate() {
            for (quant, byte) in quants.iter_mut().zip(bytes) {
                *quant = (byte >> (2 * field) & 3).cast_signed();
            }
        }
    }
}

/// Bit `i` of byte `l` becomes bit `to` of element `32 · i + l`.
fn add_bits(bytes: &[u8], to: usize, block: &mut Block) {
    for (bit, quants) in block.quants.chunks_exact_mut(32).enumerate() {
        for (quant, byte) in quants.iter_mut().zip(bytes) {
            *quant |= ((byte >> bit & 1) << to).cast_signed();
        }
    }
}

/// Eight scales and eight minimums of 6 bits: bytes 0–3 and 4–7 hold the first four of each, and in their upper two
/// bits those of the last four, whose lower four bits share bytes 8–11.
fn unpack_scales_and_mins(bytes: &[u8], block: &mut Block) {
    for g in 0..4 {
        let (scale, min, last) = (bytes[g], bytes[4 + g], bytes[8 + g]);
        block.scales[g] = (scale & 63).cast_signed();
        block.mins[g] = (min & 63).cast_signed();
        block.scales[4 + g] = (last & 15 | scale >> 2 & 48).cast_signed();
        block.mins[4 + g] = (last >> 4 | min >> 2 & 48).cast_signed();
    }
}
