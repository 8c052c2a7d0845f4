//! Causal attention over a cache of keys and values, with fewer key-value heads than query heads if need be
//! (Ainslie et al., arXiv:2305.13245), a sliding window and soft-capped scores.

use core::ops::Range;
use std::sync::Arc;

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};

#[cfg(feature = "gpu")]
use super::wgsl::{AttentionStep, Heads, Remember, StepOps, WIDEST};
use super::{
    cpu::{
        attention_cached_f32::{Layout, SPAN},
        strip_f32::STRIP,
    },
    decoder_ops::DecoderOps,
    on_cpu,
};
use crate::{
    Result,
    memory::{try_room, try_zeros},
};

/// How the products of queries and keys become scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scores {
    /// What they are multiplied by.
    pub(crate) scale: f32,
    /// Scores become `cap · tanh(score / cap)` (Gemma 2, arXiv:2408.00118).
    pub(crate) cap: Option<f32>,
    /// How many positions a query sees, its own included; all before it when absent.
    pub(crate) window: Option<usize>,
}

impl Scores {
    /// The positions that a query at `position` sees.
    pub(crate) fn seen(self, position: usize) -> Range<usize> {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))..position + 1
    }
}

/// The keys and values of one layer, in the layout its device computes with.
///
/// On the CPU a head's keys are `[capacity / 8, width, 8]` and its values `[capacity / 32, ⌈width / 8⌉, 32, 8]`;
/// elsewhere both are `[capacity, width]`.
#[derive(Clone, Debug)]
pub(crate) struct CachedHeads {
    key: Tensor<3>,
    value: Tensor<3>,
    /// Key-value heads.
    heads: usize,
    layout: Layout,
    /// As many owners as the tensors have.
    owners: Arc<()>,
}

impl CachedHeads {
    /// Room for `capacity` positions, a multiple of 32, of `heads` heads of `width` elements.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub(crate) fn new([heads, capacity, width]: [usize; 3], device: &Device) -> Result<Self> {
        let layout = Layout { capacity, width };
        let [key, value] = Self::shapes(heads, layout, on_cpu(device));
        let zeros = |shape: [usize; 3]| {
            if on_cpu(device) {
                let zeros = try_zeros::<f32>(shape.into_iter().fold(1, usize::saturating_mul))?;
                Ok(Tensor::from_data(TensorData::new(zeros, shape), device))
            } else {
                Ok(Tensor::zeros(shape, device))
            }
        };
        Ok(Self { key: zeros(key)?, value: zeros(value)?, heads, layout, owners: Arc::default() })
    }

    /// The dimensions of both tensors; positions are the middle one.
    fn shapes(heads: usize, Layout { capacity, width }: Layout, cpu: bool) -> [[usize; 3]; 2] {
        if cpu {
            let spans = [heads, capacity / SPAN, width.next_multiple_of(STRIP) * SPAN];
            [[heads, capacity / STRIP, width * STRIP], spans]
        } else {
            [[heads, capacity, width]; 2]
        }
    }

    /// Positions there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.layout.capacity
    }

    /// Bytes of both tensors.
    pub(crate) fn bytes(&self) -> usize {
        (self.key.dims().iter().product::<usize>() + self.value.dims().iter().product::<usize>()) * 4
    }

    /// The same with room for `more` positions more, a multiple of 32.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub(crate) fn grown(&self, more: usize) -> Result<Self> {
        let device = self.key.device();
        if on_cpu(&device) {
            // Burn's allocation would end the program; this one only fails.
            let position = self.bytes() / 4 / self.layout.capacity.max(1);
            try_room(position.saturating_mul(self.layout.capacity + more))?;
        }
        let tail = Self::new([self.heads, more, self.layout.width], &device)?;
        let key = Tensor::cat(vec![self.key.clone(), tail.key], 1);
        let value = Tensor::cat(vec![self.value.clone(), tail.value], 1);
        let layout = Layout { capacity: self.layout.capacity + more, ..self.layout };
        Ok(Self { key, value, heads: self.heads, layout, owners: Arc::default() })
    }

    /// Whether there is memory to write: where a clone is alive, writing makes a copy.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub(crate) fn check_room(&self) -> Result<()> {
        if self.is_shared() && on_cpu(&self.key.device()) {
            // Burn's allocation would end the program; this one only fails.
            try_room(self.bytes() / 4)?;
        }
        Ok(())
    }

    /// The same, with no other owner.
    #[cfg(feature = "gpu")]
    pub(crate) fn owned(self) -> Self {
        if Arc::strong_count(&self.owners) == 1 {
            return self;
        }
        let [key, value] = [self.key, self.value].map(|tensor| tensor + 0.0);
        Self { key, value, owners: Arc::default(), ..self }
    }

    /// Whether a clone is alive.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.owners) > 1
    }

    /// Keys and values, `[heads, capacity, width]`.
    #[cfg(feature = "gpu")]
    pub(crate) fn parts(&self) -> (&Tensor<3>, &Tensor<3>) {
        (&self.key, &self.value)
    }

    /// What kernels of a step need to know of it, with so many `query` heads that turn in `pairs` by the angles that
    /// begin at `angles`.
    #[cfg(feature = "gpu")]
    pub(crate) fn heads(&self, query: usize, pairs: super::rope_f32::Pairs, angles: usize) -> Heads {
        Heads { query, cached: self.heads, width: self.layout.width, pairs, angles }
    }

    /// Writes `key, value: [tokens, heads · width]` from `position` on. Nothing is copied unless a clone is alive.
    pub(crate) fn append(self, key: Tensor<2>, value: Tensor<2>, position: usize) -> Self {
        let Self { heads, layout, .. } = self;
        let (key, value) = Dispatch::append_f32(
            self.key.into_dispatch(),
            self.value.into_dispatch(),
            key.into_dispatch(),
            value.into_dispatch(),
            heads,
            position,
        );
        let owners = Arc::default();
        Self { key: Tensor::from_dispatch(key), value: Tensor::from_dispatch(value), heads, layout, owners }
    }
}

/// Which cached positions each new token sees.
#[derive(Clone, Debug)]
pub(crate) struct Causal {
    /// The first new token's position.
    pub(crate) position: usize,
    /// What becomes of its scores.
    pub(crate) rules: Scores,
    /// Where a GPU has the position of the first new token, if it has.
    #[cfg(feature = "gpu")]
    pub(crate) step: Option<Tensor<1, burn::tensor::Int>>,
}

impl Causal {
    /// Tokens from `position` on.
    pub(crate) fn new(position: usize, rules: Scores) -> Self {
        Self {
            position,
            rules,
            #[cfg(feature = "gpu")]
            step: None,
        }
    }
}

/// `query: [tokens, query heads · width]`, whose own keys and values are in the cache already → the same shape.
pub(crate) fn attention_cached_f32(query: Tensor<2>, cache: &CachedHeads, causal: &Causal) -> Tensor<2> {
    let (key, value) = (cache.key.clone(), cache.value.clone());
    #[cfg(feature = "gpu")]
    if let Some(step) = causal.step.as_ref().filter(|_| query.dims()[0] == 1 && has_step(cache)) {
        return attention_step(query, cache, step, causal.rules);
    }
    Tensor::from_dispatch(Dispatch::attention_cached_f32(
        query.into_dispatch(),
        key.into_dispatch(),
        value.into_dispatch(),
        [cache.heads, cache.layout.width],
        causal.position,
        causal.rules,
    ))
}

/// Whether there is a kernel for one token.
#[cfg(feature = "gpu")]
fn has_step(cache: &CachedHeads) -> bool {
    cache.layout.width.is_multiple_of(4) && cache.layout.width <= WIDEST
}

/// The same for one token, whose position `step` has; its heads are of a width that is a multiple of four.
#[cfg(feature = "gpu")]
fn attention_step(
    query: Tensor<2>,
    cache: &CachedHeads,
    step: &Tensor<1, burn::tensor::Int>,
    rules: Scores,
) -> Tensor<2> {
    let width = cache.layout.width;
    let how = AttentionStep {
        heads: cache.heads,
        group: query.dims()[1] / (cache.heads * width),
        width,
        window: rules.window,
        scale: rules.scale.to_bits(),
        cap: rules.cap.map(f32::to_bits),
    };
    Tensor::from_dispatch(Dispatch::attention_step(
        query.into_dispatch(),
        cache.key.clone().into_dispatch(),
        cache.value.clone().into_dispatch(),
        step.clone().into_dispatch(),
        how,
    ))
}

/// The queries of `x: [tokens, all heads]`, of which those of keys and values are written to the cache, from the position
/// of `step` on. Queries and keys are normalised by `norms`, weights and epsilon, if there are any, and turn.
#[cfg(feature = "gpu")]
pub(crate) fn remember_heads(
    x: Tensor<2>,
    step: &crate::nn::Step,
    cache: &CachedHeads,
    heads: Heads,
    norms: Option<(&Tensor<1>, f32)>,
) -> Tensor<2> {
    let angles = step.angles.dims()[1];
    let how = Remember { heads, angles, norm: norms.map(|(_, epsilon)| epsilon.to_bits()) };
    let gamma = norms.map_or_else(|| x.clone().flatten(0, 1), |(gamma, _)| gamma.clone());
    Tensor::from_dispatch(Dispatch::remember_heads(
        x.into_dispatch(),
        step.words.clone().into_dispatch(),
        step.angles.clone().into_dispatch(),
        cache.key.clone().into_dispatch(),
        cache.value.clone().into_dispatch(),
        gamma.into_dispatch(),
        how,
    ))
}

/// The same in Burn's operations. `key, value: [heads, capacity, width]`, `bias: [tokens, capacity]`: 0 where a position
/// is seen, −1e9 elsewhere.
#[cfg(test)]
fn reference(
    query: Tensor<2>,
    key: Tensor<3>,
    value: Tensor<3>,
    bias: Tensor<2>,
    rules: Scores,
) -> Tensor<2> {
    use burn::tensor::activation::softmax;

    let ([tokens, all], [heads, capacity, width]) = (query.dims(), key.dims());
    let group = all / (heads * width);
    let query: Tensor<4> = query.reshape([tokens, heads, group, width]).permute([1, 2, 0, 3]);
    let scores = query.reshape([heads, group * tokens, width]).matmul(key.transpose()) * rules.scale;
    let scores = match rules.cap {
        Some(cap) => (scores / cap).tanh() * cap,
        None => scores,
    };
    let scores: Tensor<3> = scores.reshape([heads * group, tokens, capacity]) + bias.unsqueeze();
    let weights = softmax(scores, 2).reshape([heads, group * tokens, capacity]);
    let out: Tensor<4> = weights.matmul(value).reshape([heads, group, tokens, width]);
    out.permute([2, 0, 1, 3]).reshape([tokens, all])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    const NO_RULES: Scores = Scores { scale: 0.3, cap: None, window: None };

    /// What `tokens` tokens see, the first at `position`.
    fn mask([position, tokens, capacity]: [usize; 3], rules: Scores, device: &Device) -> Tensor<2> {
        let row = |token| {
            let seen = rules.seen(position + token);
            (0..capacity).map(move |p| if seen.contains(&p) { 0.0 } else { -1e9 })
        };
        let bias: Vec<f32> = (0..tokens).flat_map(row).collect();
        Tensor::from_data(TensorData::new(bias, [tokens, capacity]), device)
    }

    /// `[tokens, heads · width]` as `[heads, capacity, width]`.
    fn plain(x: Tensor<2>, [heads, capacity, width]: [usize; 3]) -> Tensor<3> {
        let tokens = x.dims()[0];
        let split = x.reshape([tokens, heads, width]).swap_dims(0, 1);
        Tensor::zeros([heads, capacity, width], &split.device())
            .slice_assign([0..heads, 0..tokens, 0..width], split)
    }

    /// The attention of the last `tokens` of `length` tokens, by the device's kernel and by the reference.
    fn both(
        kernel: &Device,
        [heads, group, width]: [usize; 3],
        [length, tokens]: [usize; 2],
        rules: Scores,
    ) -> [Vec<f32>; 2] {
        let device = Device::flex();
        let (position, capacity) = (length - tokens, length.next_multiple_of(SPAN) + SPAN);
        let [k, v] = [1, 2].map(|seed| random_tensor::<2>(seed, [length, heads * width]) * 2.0);
        let query = random_tensor::<2>(3, [tokens, heads * group * width]) * 2.0;
        let shape = [heads, capacity, width];
        let bias = mask([position, tokens, capacity], rules, &device);
        let expected =
            reference(query.clone(), plain(k.clone(), shape), plain(v.clone(), shape), bias, rules);
        // The cache is filled in two parts, and grows between them.
        let first = length / 2;
        let part =
            |x: &Tensor<2>, range: Range<usize>| x.clone().slice([range, 0..heads * width]).to_device(kernel);
        let cache = CachedHeads::new([heads, capacity - SPAN, width], kernel).unwrap();
        let cache = if first > 0 { cache.append(part(&k, 0..first), part(&v, 0..first), 0) } else { cache };
        let cache = cache.grown(SPAN).unwrap();
        let cache = cache.append(part(&k, first..length), part(&v, first..length), first);
        let causal = Causal::new(position, rules);
        [values(attention_cached_f32(query.to_device(kernel), &cache, &causal)), values(expected)]
    }

    #[test]
    fn attention_cached_f32_matches_its_reference() {
        let heads =
            [[1, 1, 64], [3, 3, 64], [2, 7, 64], [1, 4, 256], [2, 2, 80], [4, 8, 128], [2, 5, 7], [1, 6, 1]];
        let lengths = [[1, 1], [2, 1], [8, 1], [37, 1], [130, 1], [5, 5], [40, 40], [61, 17], [400, 3]];
        for device in devices() {
            for (heads, length) in heads.iter().flat_map(|h| lengths.map(|l| (*h, l))) {
                let [found, expected] = both(&device, heads, length, NO_RULES);
                assert_close(&found, &expected, 1e-5);
            }
        }
    }

    /// With the position in the memory of the GPU, in caches of one span and of several.
    #[cfg(feature = "gpu")]
    #[test]
    fn a_step_attends_like_the_reference() {
        use burn::tensor::{DType, Int};

        let Some(gpu) = crate::kernels::testing::native_gpu() else { return };
        let rules =
            [(None, None), (Some(1), None), (Some(130), Some(1.5)), (Some(700), None), (None, Some(0.7))];
        // More query heads than one workgroup takes, too.
        let shapes = [
            [1, 1, 4],
            [3, 3, 64],
            [1, 4, 256],
            [2, 2, 80],
            [2, 7, 128],
            [1, 2, 512],
            [2, 16, 64],
            [1, 17, 4],
        ];
        let cases = shapes.iter().flat_map(|shape| rules.map(|rules| (*shape, rules)));
        for (i, ([heads, group, width], (window, cap))) in cases.enumerate() {
            let rules = Scores { scale: 0.4, cap, window };
            let length: usize = [1, 7, 129, 420, 512, 513, 1300][i % 7];
            let capacity = length.next_multiple_of(512);
            let [k, v] = [1, 2].map(|seed| random_tensor::<2>(seed, [length, heads * width]) * 2.0);
            let query = random_tensor::<2>(3, [1, heads * group * width]);
            let shape = [heads, capacity, width];
            let bias = mask([length - 1, 1, capacity], rules, &Device::flex());
            let expected =
                reference(query.clone(), plain(k.clone(), shape), plain(v.clone(), shape), bias, rules);
            let cache = CachedHeads::new([heads, capacity, width], &gpu).unwrap();
            let cache = cache.append(k.to_device(&gpu), v.to_device(&gpu), 0);
            let words = TensorData::new(vec![0, length as i32 - 1, capacity as i32], [3]);
            let step = Some(Tensor::<1, Int>::from_data(words, (&gpu, DType::I32)));
            let causal = Causal { step, ..Causal::new(usize::MAX / 2, rules) };
            let found = attention_cached_f32(query.to_device(&gpu), &cache, &causal);
            assert_close(&values(found), &values(expected), 2e-5);
        }
    }

    #[test]
    fn windows_and_caps_match_the_reference() {
        for (window, cap) in [(Some(1), None), (Some(5), Some(1.5)), (Some(16), None), (None, Some(0.7))] {
            let rules = Scores { scale: 1.1, cap, window };
            for length in [[1, 1], [3, 3], [64, 1], [61, 40], [200, 33]] {
                for device in devices() {
                    let [found, expected] = both(&device, [2, 3, 20], length, rules);
                    assert_close(&found, &expected, 2e-5);
                }
            }
        }
    }

    /// The definition, written out for one head.
    #[test]
    fn the_reference_is_a_softmax_over_what_is_seen() {
        let (rules, device) = (Scores { scale: 0.5, cap: Some(2.0), window: Some(3) }, Device::flex());
        let [q, k, v] = [1, 2, 3].map(|seed| random_tensor::<2>(seed, [6, 4]));
        let bias = mask([0, 6, 8], rules, &device);
        let found = values(reference(
            q.clone(),
            plain(k.clone(), [1, 8, 4]),
            plain(v.clone(), [1, 8, 4]),
            bias,
            rules,
        ));
        let [q, k, v] = [q, k, v].map(values);
        let row = |x: &[f32], i: usize| [x[i * 4], x[i * 4 + 1], x[i * 4 + 2], x[i * 4 + 3]];
        for t in 0..6 {
            let seen: Vec<usize> = (0..6).filter(|p| *p <= t && t - p < 3).collect();
            let score = |p: &usize| {
                let dot: f32 = row(&q, t).iter().zip(row(&k, *p)).map(|(a, b)| a * b).sum();
                ((dot * 0.5 / 2.0).tanh() * 2.0).exp()
            };
            let total: f32 = seen.iter().map(score).sum();
            let mix = |d| seen.iter().map(|p| score(p) / total * v[p * 4 + d]).sum();
            assert_close(&row(&found, t), &[0, 1, 2, 3].map(mix), 1e-5);
        }
    }

    #[test]
    fn a_query_alone_gives_the_bits_that_it_gives_among_others() {
        let device = Device::flex();
        let [k, v] = [1, 2].map(|seed| random_tensor::<2>(seed, [75, 2 * 20]));
        let query = random_tensor::<2>(3, [75, 6 * 20]);
        let rules = Scores { cap: Some(3.0), ..NO_RULES };
        let cache = CachedHeads::new([2, 3 * SPAN, 20], &device).unwrap().append(k, v, 0);
        let together = attention_cached_f32(query.clone(), &cache, &Causal::new(0, rules));
        for position in [0, 1, 30, 31, 32, 33, 74] {
            let alone = query.clone().narrow(0, position, 1);
            let found = values(attention_cached_f32(alone, &cache, &Causal::new(position, rules)));
            assert_eq!(found, values(together.clone().narrow(0, position, 1)), "position {position}");
        }
    }

    #[test]
    fn a_clone_of_a_cache_keeps_what_it_had() {
        for device in devices() {
            let cache = CachedHeads::new([1, SPAN, 4], &device).unwrap();
            let [a, b] = [1, 2].map(|seed| random_tensor::<2>(seed, [1, 4]).to_device(&device));
            let cache = cache.append(a.clone(), a.clone(), 0);
            let other = cache.clone().append(b.clone(), b.clone(), 0);
            let causal = Causal::new(0, NO_RULES);
            assert_close(&values(attention_cached_f32(b.clone(), &cache, &causal)), &values(a), 1e-6);
            assert_close(&values(attention_cached_f32(b.clone(), &other, &causal)), &values(b), 1e-6);
        }
    }

    #[test]
    fn room_that_cannot_be_had_is_an_error() {
        let cache = CachedHeads::new([1, 1 << (usize::BITS - 12), 1 << 10], &Device::flex());
        assert_eq!(cache.err().unwrap().code, crate::ErrorCode::OutOfMemory);
        let cache = CachedHeads::new([1, SPAN, 1 << 10], &Device::flex()).unwrap();
        assert_eq!(cache.grown(1 << (usize::BITS - 12)).err().unwrap().code, crate::ErrorCode::OutOfMemory);
    }
}
