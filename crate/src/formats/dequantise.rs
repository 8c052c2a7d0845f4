//! Elements of a file as f32, scalar and exact: the reference for every faster path.

use half::{bf16, f16};

use super::Dtype;

/// Appends the elements in the bytes to the values. Bytes past the last whole block are ignored.
type Decoder = fn(&[u8], &mut Vec<f32>);

/// The decoder of `dtype`, or `None` for a type that cannot be read.
pub(super) fn decoder(dtype: Dtype) -> Option<Decoder> {
    match dtype {
        Dtype::F32 => Some(decode_f32),
        Dtype::F16 => Some(decode_f16),
        Dtype::BF16 => Some(decode_bf16),
        Dtype::Q8_0 => Some(decode_q8_0),
        _ => None,
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

/// Blocks of 34 bytes: an f16 scale, then 32 signed bytes that it multiplies.
fn decode_q8_0(bytes: &[u8], values: &mut Vec<f32>) {
    for [low, high, quants @ ..] in bytes.as_chunks::<34>().0 {
        let scale = f16::from_le_bytes([*low, *high]).to_f32();
        values.extend(quants.iter().map(|&q| scale * f32::from(q.cast_signed())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        decoder(dtype).unwrap()(bytes, &mut values);
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

    /// GGML's definition, written out element by element.
    fn q8_0_oracle(bytes: &[u8], element: usize) -> f32 {
        let block = element / 32 * 34;
        let scale = f16::from_bits(u16::from(bytes[block]) | u16::from(bytes[block + 1]) << 8);
        let quant = i8::from_ne_bytes([bytes[block + 2 + element % 32]]);
        f32::from(scale) * f32::from(quant)
    }

    #[test]
    fn q8_0() {
        let bytes: Vec<u8> = (0..34 * 7usize)
            .map(|i| match i % 34 {
                0 => (i * 37 % 256) as u8,
                1 => 0x2c + (i / 34) as u8, // scales from 0.06 to 0.6
                _ => (i * 101 % 256) as u8,
            })
            .collect();
        let expected: Vec<f32> = (0..32 * 7).map(|i| q8_0_oracle(&bytes, i)).collect();
        assert!(expected.iter().any(|&v| v < -1.0) && expected.iter().any(|&v| v > 1.0));
        assert_eq!(decode(Dtype::Q8_0, &bytes), expected);
    }
}
