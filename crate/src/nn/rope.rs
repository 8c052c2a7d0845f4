//! Rotary position embedding (Su et al., arXiv:2104.09864): queries and keys turn with their position.

use core::f64::consts::TAU;

use burn::tensor::{Device, Tensor, TensorData};

use crate::kernels::rope_f32::{Pairs, rope_f32};

/// How the frequencies of training are stretched for longer texts.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All divided by this (Chen et al., arXiv:2306.15595).
    Linear(f32),
    /// Llama 3's: long waves divided by `factor`, short ones kept, those between mixed.
    Llama3 {
        /// What the longest waves' frequencies are divided by.
        factor: f32,
        /// Waves longer than `original / low` tokens are stretched in full.
        low: f32,
        /// Waves shorter than `original / high` tokens are kept.
        high: f32,
        /// Tokens of training.
        original: f32,
    },
    /// Each divided by its own, which is among the weights.
    Factors,
}

impl RopeScaling {
    /// What the frequency `f`, in turns of 2π per token, is divided by.
    fn divisor(&self, f: f64) -> f64 {
        match *self {
            Self::None | Self::Factors => 1.0,
            Self::Linear(factor) => f64::from(factor),
            Self::Llama3 { factor, low, high, original } => {
                let [factor, low, high, original] = [factor, low, high, original].map(f64::from);
                let kept = ((original * f / TAU - low) / (high - low)).clamp(0.0, 1.0);
                1.0 / ((1.0 - kept) / factor + kept)
            }
        }
    }
}

/// The frequencies of a head's pairs.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// Radians per token.
    frequencies: Vec<f32>,
    pairs: Pairs,
}

impl Rope {
    /// The first `dims` elements of a head turn; pair `i` by `base^(−2i / dims)` per token, divided by its factor if
    /// there are `factors`.
    pub(crate) fn new(
        base: f64,
        dims: usize,
        scaling: &RopeScaling,
        factors: Option<&[f32]>,
        pairs: Pairs,
    ) -> Self {
        let frequency = |i: usize| {
            let plain = base.powf(-2.0 * i as f64 / dims as f64);
            let factor = factors.and_then(|factors| factors.get(i)).map_or(1.0, |factor| f64::from(*factor));
            (plain / scaling.divisor(plain) / factor) as f32
        };
        Self { frequencies: (0..dims / 2).map(frequency).collect(), pairs }
    }

    /// The angles of `tokens` tokens, the first at `position`.
    pub(crate) fn at(&self, position: usize, tokens: usize, device: &Device) -> Rotation {
        let shape = [tokens, self.frequencies.len()];
        let row = |t| self.frequencies.iter().map(move |f| f64::from((position + t) as f32 * f).sin_cos());
        let (sin, cos): (Vec<f32>, Vec<f32>) =
            (0..tokens).flat_map(row).map(|(sin, cos)| (sin as f32, cos as f32)).unzip();
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), device);
        Rotation { cos: tensor(cos), sin: tensor(sin), pairs: self.pairs }
    }
}

/// How far each token of a pass turns.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    /// `[tokens, pairs]`, like `sin`.
    cos: Tensor<2>,
    sin: Tensor<2>,
    pairs: Pairs,
}

impl Rotation {
    /// Turns every head of `x: [tokens, heads · width]`.
    pub(crate) fn apply(&self, x: Tensor<2>, heads: usize) -> Tensor<2> {
        rope_f32(x, self.cos.clone(), self.sin.clone(), heads, self.pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, values};

    #[test]
    fn angles_grow_with_the_position_and_shrink_with_the_pair() {
        let rope = Rope::new(10_000.0, 4, &RopeScaling::None, None, Pairs::Halves);
        let turned = rope.at(3, 2, &Device::flex());
        let angles = [3.0f32, 0.03, 4.0, 0.04];
        assert_close(&values(turned.cos), &angles.map(f32::cos), 1e-6);
        assert_close(&values(turned.sin), &angles.map(f32::sin), 1e-6);
    }

    #[test]
    fn scaling_divides_what_it_says() {
        let frequencies =
            |scaling, factors| Rope::new(100.0, 8, &scaling, factors, Pairs::Halves).frequencies;
        let plain = [1.0, 0.316_227_77, 0.1, 0.031_622_78];
        assert_close(&frequencies(RopeScaling::Linear(4.0), None), &plain.map(|f| f / 4.0), 1e-7);
        let factors: &[f32] = &[1.0, 2.0, 4.0, 8.0];
        let divided = [plain[0], plain[1] / 2.0, plain[2] / 4.0, plain[3] / 8.0];
        assert_close(&frequencies(RopeScaling::Factors, Some(factors)), &divided, 1e-7);
        // Waves of 6.3, 19.9, 62.8 and 198.7 tokens; kept below 16, stretched in full above 64.
        let llama3 = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 64.0 };
        let kept = |wave: f32| (64.0 / wave - 1.0) / 3.0;
        let mixed = |f: f32, kept: f32| f * ((1.0 - kept) / 8.0 + kept);
        let [second, third] = [plain[1], plain[2]].map(|f| mixed(f, kept(core::f32::consts::TAU / f)));
        assert_close(&frequencies(llama3, None), &[1.0, second, third, plain[3] / 8.0], 1e-7);
    }
}
