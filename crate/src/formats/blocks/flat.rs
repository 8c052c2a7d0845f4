//! Blocks of 32 elements with one scale. A slice that is shorter than a block leaves the block as it is.

use super::{Block, half};

/// Scale, then 16 bytes of two quants each.
pub(super) fn q4_0(bytes: &[u8], block: &mut Block) {
    if let Some([d0, d1, nibbles @ ..]) = bytes.first_chunk::<18>() {
        block.scale = half([*d0, *d1]);
        unpack_nibbles(nibbles, block);
    }
}

/// Scale, minimum, then 16 bytes of two quants each.
pub(super) fn q4_1(bytes: &[u8], block: &mut Block) {
    if let Some([d0, d1, m0, m1, nibbles @ ..]) = bytes.first_chunk::<20>() {
        block.scale = half([*d0, *d1]);
        block.min = half([*m0, *m1]);
        unpack_nibbles(nibbles, block);
    }
}

/// Scale, the fifth bits in 4 bytes, then 16 bytes of two quants' lower bits each.
pub(super) fn q5_0(bytes: &[u8], block: &mut Block) {
    if let Some([d0, d1, h0, h1, h2, h3, nibbles @ ..]) = bytes.first_chunk::<22>() {
        block.scale = half([*d0, *d1]);
        unpack_nibbles(nibbles, block);
        add_fifth_bits([*h0, *h1, *h2, *h3], block);
    }
}

/// Scale, minimum, the fifth bits in 4 bytes, then 16 bytes of two quants' lower bits each.
pub(super) fn q5_1(bytes: &[u8], block: &mut Block) {
    if let Some([d0, d1, m0, m1, h0, h1, h2, h3, nibbles @ ..]) = bytes.first_chunk::<24>() {
        block.scale = half([*d0, *d1]);
        block.min = half([*m0, *m1]);
        unpack_nibbles(nibbles, block);
        add_fifth_bits([*h0, *h1, *h2, *h3], block);
    }
}

/// Scale, then 32 signed bytes.
pub(super) fn q8_0(bytes: &[u8], block: &mut Block) {
    if let Some([d0, d1, quants @ ..]) = bytes.first_chunk::<34>() {
        block.scale = half([*d0, *d1]);
        for (slot, quant) in block.quants.iter_mut().zip(quants) {
            *slot = quant.cast_signed();
        }
    }
}

/// Byte `i` holds elements `i` (low four bits) and `16 + i`.
fn unpack_nibbles(nibbles: &[u8; 16], block: &mut Block) {
    for (i, byte) in nibbles.iter().enumerate() {
        block.quants[i] = (byte & 15).cast_signed();
        block.quants[16 + i] = (byte >> 4).cast_signed();
    }
}

/// Bit `i` of the little-endian word belongs to element `i`.
fn add_fifth_bits(bytes: [u8; 4], block: &mut Block) {
    let bits = u32::from_le_bytes(bytes);
    for (i, quant) in block.quants[..32].iter_mut().enumerate() {
        *quant |= ((bits >> i & 1) as i8) << 4;
    }
}
