//! Weights that need no file.

use super::Stored;
use crate::{
    Result,
    formats::{Dtype, TensorRows},
    nn::Weights,
};

/// Reproducible weights of a scale that keeps the activations near one.
pub(super) struct Synthetic<'a>(pub(super) &'a Stored);

impl Weights for Synthetic<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let scale = if shape.len() == 2 { 1.7 / (shape[1] as f32).sqrt() } else { 0.1 };
        let centre = if name.ends_with("bias") { 0.0 } else { 1.0 };
        let centre = if shape.len() == 2 { 0.0 } else { centre };
        let mut random = Random::of(name);
        Ok((0..shape.iter().product()).map(|_| centre + scale * random.unit()).collect())
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        let dtype = self.0.dtype(name);
        if let Some(blocks) = Blocks::of(dtype).filter(|_| shape[1].is_multiple_of(dtype.block().0)) {
            return TensorRows::of_bytes(dtype, shape, blocks.random(name, shape));
        }
        let values = self.read(name, &shape)?;
        match dtype {
            Dtype::F16 => {
                let bytes = values.into_iter().flat_map(|v| half::f16::from_f32(v).to_le_bytes());
                TensorRows::of_bytes(dtype, shape, bytes.collect())
            }
            Dtype::BF16 => {
                let bytes = values.into_iter().flat_map(|v| half::bf16::from_f32(v).to_le_bytes());
                TensorRows::of_bytes(dtype, shape, bytes.collect())
            }
            _ => TensorRows::of_f32(shape, &values),
        }
    }

    fn contains(&self, _: &str) -> bool {
        true
    }
}

/// The blocks of a quantised type, filled by chance but for their scales.
pub(super) struct Blocks {
    dtype: Dtype,
    /// Where a block has an F16 scale, and the size of a weight whose scale is one.
    scale: (usize, f32),
    /// The same for the F16 that is added, or that scales what is taken away.
    min: Option<(usize, f32)>,
}

impl Blocks {
    /// Nothing for a type that is no quantised one.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        let (scale, min) = match dtype {
            Dtype::Q4_0 => ((0, 4.6), None),
            Dtype::Q4_1 => ((0, 4.6), Some((2, -7.5 / 4.6))),
            Dtype::Q5_0 => ((0, 9.2), None),
            Dtype::Q5_1 => ((0, 9.2), Some((2, -15.5 / 9.2))),
            Dtype::Q8_0 => ((0, 74.0), None),
            // The mins of the others are what they take away on average, for scales and mins of chance.
            Dtype::Q2_K => ((80, 14.0), Some((82, 1.5 / 14.0))),
            Dtype::Q3_K => ((108, 42.0), None),
            Dtype::Q4_K => ((0, 230.0), Some((2, 7.5 / 230.0))),
            Dtype::Q5_K => ((0, 460.0), Some((2, 15.5 / 460.0))),
            Dtype::Q6_K => ((208, 1370.0), None),
            _ => return None,
        };
        Some(Self { dtype, scale, min })
    }

    fn random(&self, name: &str, shape: [usize; 2]) -> Vec<u8> {
        let (elements, size) = self.dtype.block();
        let mut random = Random::of(name);
        let mut bytes: Vec<u8> = (0..shape[0] * shape[1] / elements * size).map(|_| random.byte()).collect();
        let weight = 1.0 / (shape[1] as f32).sqrt();
        let mut put = |block: usize, at: usize, value: f32| {
            let place = block * size + at;
            bytes[place..place + 2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes());
        };
        for block in 0..shape[0] * shape[1] / elements {
            put(block, self.scale.0, weight / self.scale.1);
            if let Some((at, share)) = self.min {
                put(block, at, weight * share);
            }
        }
        bytes
    }
}

/// Numbers that depend on a name alone.
struct Random(u32);

impl Random {
    fn of(name: &str) -> Self {
        Self(name.bytes().fold(0x811c_9dc5, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193)) | 1)
    }

    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 13) as u8
    }

    /// In [-1, 1).
    fn unit(&mut self) -> f32 {
        (self.next() >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}
