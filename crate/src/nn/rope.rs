//! Rotary position embedding (Su et al., arXiv:2104.09864): queries and keys turn with their position.

use core::{cell::OnceCell, f64::consts::TAU};

use burn::tensor::{Device, Tensor, TensorData};

#[cfg(feature = "gpu")]
use super::Step;
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

    /// How far `tokens` tokens turn, the first at `position`.
    pub(crate) fn at(&self, position: usize, tokens: usize, device: &Device) -> Rotation {
        Rotation {
            rope: self.clone(),
            position,
            tokens,
            device: device.clone(),
            angles: OnceCell::new(),
            #[cfg(feature = "gpu")]
            step: None,
        }
    }

    /// Sine and cosine of each pair at `position`.
    fn turns(&self, position: usize) -> impl Iterator<Item = (f32, f32)> {
        let turn = move |f: &f32| f64::from(position as f32 * f).sin_cos();
        self.frequencies.iter().map(turn).map(|(sin, cos)| (sin as f32, cos as f32))
    }

    /// The cosines of the pairs at `position`, and then their sines.
    #[cfg(feature = "gpu")]
    pub(super) fn cosines_and_sines(&self, position: usize) -> impl Iterator<Item = f32> {
        self.turns(position).map(|(_, cos)| cos).chain(self.turns(position).map(|(sin, _)| sin))
    }

    /// Pairs that turn.
    #[cfg(feature = "gpu")]
    pub(crate) fn pairs(&self) -> usize {
        self.frequencies.len()
    }
}

/// How far each token of a pass turns.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    rope: Rope,
    position: usize,
    tokens: usize,
    device: Device,
    /// Cosines and sines, `[tokens, pairs]`, once they are asked for.
    angles: OnceCell<[Tensor<2>; 2]>,
    /// The same on a GPU that has them already, and where those of this kind of layer begin in a row.
    #[cfg(feature = "gpu")]
    step: Option<(Step, usize)>,
}

impl Rotation {
    /// Turns every head of `x: [tokens, heads · width]`.
    pub(crate) fn apply(&self, x: Tensor<2>, heads: usize) -> Tensor<2> {
        let [cos, sin] = self.angles.get_or_init(|| self.compute()).clone();
        rope_f32(x, cos, sin, heads, self.rope.pairs)
    }

    fn compute(&self) -> [Tensor<2>; 2] {
        let shape = [self.tokens, self.rope.frequencies.len()];
        let turns = (self.position..).take(self.tokens).flat_map(|position| self.rope.turns(position));
        let (sin, cos): (Vec<f32>, Vec<f32>) = turns.unzip();
        [cos, sin].map(|values| Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    /// The same, for kernels that read position and angles from `step`, where those of this kind of layer begin at
    /// `first`.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(mut self, step: Step, first: usize) -> Self {
        self.step = Some((step, first));
        self
    }

    #[cfg(feature = "gpu")]
    pub(super) fn step(&self) -> Option<&(Step, usize)> {
        self.step.as_ref()
    }

    #[cfg(feature = "gpu")]
    pub(super) fn which(&self) -> Pairs {
        self.rope.pairs
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
        let [cos, sin] = turned.compute();
        assert_close(&values(cos), &angles.map(f32::cos), 1e-6);
        assert_close(&values(sin), &angles.map(f32::sin), 1e-6);
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
