//! Elements of a file as f32, scalar and exact: the reference for every faster path.

use half::{bf16, f16};

use super::{
    Dtype,
    blocks::{Block, BlockFormat},
};

/// How the elements of a type become f32.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decoder {
    /// Each element alone.
    Dense(fn(&[u8], &mut Vec<f32>)),
    /// Block by block.
    Blocks(BlockFormat),
}

impl Decoder {
    /// The decoder of `dtype`, or `None` for a type that cannot be read.
    pub(crate) fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::Dense(decode_f32)),
            Dtype::F16 => Some(Self::Dense(decode_f16)),
            Dtype::BF16 => Some(Self::Dense(decode_bf16)),
            _ => BlockFormat::of(dtype).map(Self::Blocks),
        }
    }

    /// Appends the elements in `bytes` to `values`. Bytes past the last whole block are ignored.
    pub(crate) fn decode(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::Dense(decode) => decode(bytes, values),
            Self::Blocks(format) => {
                let mut block = Block::default();
                for bytes in bytes.chunks_exact(format.bytes) {
                    format.unpack(bytes, &mut block);
                    format.values(&block, values);
                }
            }
        }
    }
}

fn decode_f32(bytes: &[u8], values: &mut Vec<f32>) {
    values.extend(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)));
}

fn decode_f16(bytes: &[u8], values: &mut Vec<f32>) {
    let halves = bytes.as_chunks().0.iter();
    values.extend(halves.map(|&b| f16::from_le_bytes(b).to_f32()));
}

fn decode_bf16(bytes: &[u8], values: &mut Vec<f32>) {
    let halves = bytes.as_chunks().0.iter();
    values.extend(halves.map(|&b| bf16::from_le_bytes(b).to_f32()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        Decoder::of(dtype).unwrap().decode(bytes, &mut values);
        values
    }

    #[test]
    fn floats() {
        let numbers = [0.0f32, -1.5, 65504.0, 6.103_515_6e-5];
        let f32s: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let f16s: Vec<u8> = numbers.iter().flat_map(|&n| f16::from_f32(n).to_le_bytes()).collect();
        assert_eq!(decode(Dtype::F32, &f32s), numbers);
        assert_eq!(decode(Dtype::F16, &f16s), numbers);
        assert_eq!(decode(Dtype::BF16, &[0x80, 0x3f, 0xc0, 0xbf]), [1.0, -1.5]);
    }

    /// Every block type beside what `gguf.quants.dequantize` makes of the same bytes: random blocks, then rows of
    /// a real model. The reference rounds in the same order, so all bits agree.
    #[test]
    fn block_types_match_the_reference_exactly() {
        macro_rules! golden {
            ($($dtype:ident),*) => {
                [$((
                    Dtype::$dtype,
                    &include_bytes!(concat!("../../../tests/golden/blocks/", stringify!($dtype), ".blocks"))[..],
                    &include_bytes!(concat!("../../../tests/golden/blocks/", stringify!($dtype), ".f32"))[..],
                )),*]
            };
        }
        for (dtype, blocks, expected) in golden!(Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K) {
            let (found, expected) = (decode(dtype, blocks), decode(Dtype::F32, expected));
            assert_eq!(found.len(), expected.len(), "{dtype}");
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found.to_bits(), expected.to_bits(), "{dtype}, element {i}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn other_types_cannot_be_read() {
        let others = [Dtype::IQ4_NL, Dtype::MXFP4, Dtype::TQ1_0, Dtype::Q8_1, Dtype::Q8_K, Dtype::I32];
        assert!(others.into_iter().all(|dtype| Decoder::of(dtype).is_none()));
    }
}
