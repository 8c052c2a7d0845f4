//! Elements as Q8_0, scalar: what the reference quantiser of GGML makes of them.

use half::f16;

/// Elements of a block.
const BLOCK: usize = 32;

/// Appends the blocks of `values` to `bytes`; values past the last whole block are ignored.
///
/// A block is `max|x| / 127` as f16, then every `x` divided by that scale before it became an f16, rounded half away from
/// zero. What is not finite makes its block's elements infinite or no numbers.
pub(super) fn quantise_q8_0(values: &[f32], bytes: &mut Vec<u8>) {
    for block in values.as_chunks::<BLOCK>().0 {
        let scale = largest(block) / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { scale.recip() };
        bytes.extend(f16::from_f32(scale).to_le_bytes());
        bytes.extend(block.iter().map(|x| ((x * inverse).round() as i8).cast_unsigned()));
    }
}

/// The largest magnitude; NaN where there is one.
fn largest(block: &[f32]) -> f32 {
    let larger = |most: f32, x: &f32| if x.abs() > most || x.is_nan() { x.abs() } else { most };
    block.iter().fold(0.0, larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        formats::{Dtype, dequantise::Decoder},
        kernels::testing::random,
    };

    fn blocks(values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        quantise_q8_0(values, &mut bytes);
        bytes
    }

    fn decoded(values: &[f32]) -> Vec<f32> {
        let mut decoded = Vec::new();
        Decoder::of(Dtype::Q8_0).unwrap().decode(&blocks(values), &mut decoded);
        decoded
    }

    #[test]
    fn a_block_is_what_the_definition_says() {
        for (seed, size) in (1..).zip([1e-3, 0.1, 1.0, 77.0, 1e4]) {
            let values: Vec<f32> = random(seed, 96).iter().map(|x| x * size).collect();
            let bytes = blocks(&values);
            assert_eq!(bytes.len(), 3 * 34);
            for (values, block) in values.chunks(32).zip(bytes.chunks(34)) {
                let most = values.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
                let scale = f16::from_le_bytes([block[0], block[1]]);
                assert_eq!(scale, f16::from_f64(most / 127.0));
                for (x, quant) in values.iter().zip(&block[2..]) {
                    let exact = f64::from(*x) / (most / 127.0);
                    let found = f64::from(quant.cast_signed());
                    assert!((found - exact).abs() <= 0.5 + 1e-5, "{x}: {found}, exactly {exact}");
                }
            }
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let mut values = [0.0; 32];
        values[..7].copy_from_slice(&[127.0, 0.5, -0.5, 2.5, -2.5, 1.49, -126.5]);
        let expected = [127, 1, -1, 3, -3, 1, -127, 0].map(i8::cast_unsigned);
        assert_eq!(blocks(&values)[2..10], expected);
    }

    #[test]
    fn zeros_stay_zeros_and_what_is_not_finite_is_not_hidden() {
        assert_eq!(decoded(&[0.0; 32]), [0.0; 32]);
        for spoiled in [f32::NAN, f32::INFINITY, -1e30] {
            for place in [0, 13, 31] {
                let mut values = [1.0; 64];
                values[place] = spoiled;
                let decoded = decoded(&values);
                assert!(!decoded[place].is_finite(), "{spoiled} at {place}");
                assert!(decoded[32..].iter().all(|x| (x - 1.0).abs() < 1e-3));
            }
        }
    }

    #[test]
    fn what_is_no_whole_block_is_ignored() {
        assert_eq!(blocks(&[1.0; 33]).len(), 34);
        assert!(blocks(&[1.0; 31]).is_empty());
    }
}
