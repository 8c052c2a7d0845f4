//! Does a device compute what the CPU computes?

use burn::tensor::Device;

use super::{GgufWeights, LayerType, Llama, LlamaConfig, Logits};
use crate::{
    Error, ErrorCode, Result,
    device::read,
    formats::{Dtype, TensorRows},
    kernels::rows_matter,
    nn::{KvCache, Weights},
};

/// The largest difference of the logits, as a part of their own size, that is still rounding: the CPU rounds
/// activations to eight bits, a GPU does not.
const TOLERANCE: f32 = 0.05;
/// Tokens of the synthetic vocabulary.
const ROWS: usize = 64;
/// Tokens that are read together in the test: more than kernels for few take.
const TOGETHER: usize = 21;
/// Tokens that are read on their own after them.
const ALONE: usize = 3;
/// Tokens that are read together, as the worker has them read, and as few as [`TOGETHER`].
const PARTS: [usize; 4] = [512, 256, 64, TOGETHER];
/// The same for two orders of the same sums.
const EXACT: f32 = 1e-3;
/// Most blocks of the test.
const MOST_LAYERS: usize = 6;
/// The matrices of a block, in the order in which it reads them.
const MATRICES: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// In which types the matrices of a model are stored, which decides what kernels multiply them: what [`run`] is to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of the vocabulary, as it is read and as it is written.
    vocabulary: [Dtype; 2],
    /// Of the matrices of a block, for every kind of block once.
    layers: Vec<[Dtype; MATRICES.len()]>,
}

impl Stored {
    /// As `weights` have them, for a model of `layers` blocks.
    pub fn of(weights: &GgufWeights<'_>, layers: usize) -> Self {
        let dtype = |name: &str| weights.dtype(&format!("{name}.weight"));
        let embedding = dtype("model.embed_tokens").unwrap_or(Dtype::F32);
        let mut kinds = Vec::new();
        for i in 0..layers {
            let of = |matrix| dtype(&format!("model.layers.{i}.{matrix}")).unwrap_or(Dtype::F32);
            let kind = MATRICES.map(of);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Self { vocabulary: [embedding, dtype("lm_head").unwrap_or(embedding)], layers: kinds }
    }

    fn dtype(&self, name: &str) -> Dtype {
        let [read, written] = self.vocabulary;
        let place = name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
        let Some((layer, rest)) = place else {
            return if name.starts_with("lm_head") { written } else { read };
        };
        let matrix = MATRICES.iter().position(|matrix| rest.starts_with(matrix));
        let layer = layer.parse::<usize>().unwrap_or(0) % self.layers.len().max(1);
        self.layers.get(layer).and_then(|kinds| kinds.get(matrix?)).copied().unwrap_or(Dtype::F32)
    }
}

/// Runs a block of each kind, of the model's own widths, with synthetic weights that are `stored` like the model's, on
/// `device` and on the CPU.
///
/// # Errors
/// `gpu-self-test` where the logits differ, or are not numbers; `gpu-error` where they cannot be read.
pub async fn run(config: &LlamaConfig, stored: &Stored, device: &Device) -> Result<()> {
    let layer = |kind| config.layer_types.contains(&kind).then_some(kind);
    let kinds: Vec<_> = [LayerType::Full, LayerType::Sliding].into_iter().filter_map(layer).collect();
    let layers = stored.layers.len().clamp(2, MOST_LAYERS);
    let config = LlamaConfig {
        num_hidden_layers: layers,
        layer_types: kinds.iter().cycle().take(layers).copied().collect(),
        vocab_size: ROWS,
        ..config.clone()
    };
    let expected = logits(&config, &Synthetic(stored), &Device::flex()).await?;
    let found = logits(&config, &Synthetic(stored), device).await?;
    if difference(&found, &expected) <= TOLERANCE && is_same_in_parts(&config, stored, device).await? {
        return Ok(());
    }
    Err(Error::new(ErrorCode::GpuSelfTest, "The GPU computes other numbers than the CPU."))
}

/// Whether a prompt gives the same logits in parts of different lengths, down to one that was compared with the CPU: what
/// multiplies many rows differs with how many there are.
async fn is_same_in_parts(config: &LlamaConfig, stored: &Stored, device: &Device) -> Result<bool> {
    if !rows_matter(device) {
        return Ok(true);
    }
    let llama = Llama::load(config, &Synthetic(stored), device)?;
    let most = PARTS[0].min(config.max_position_embeddings);
    let ids: Vec<u32> = (0..most as u32).map(|i| i * 7 % ROWS as u32).collect();
    let mut first: Option<Vec<f32>> = None;
    for part in PARTS {
        let (mut cache, mut logits) = (llama.cache(), Vec::new());
        for ids in ids.chunks(part) {
            logits = read(llama.forward(ids, &mut cache, Logits::Last)?).await?;
        }
        match &first {
            None => first = Some(logits),
            // Written so that NaN is different.
            Some(first) if difference(&logits, first) <= EXACT => {}
            Some(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// The length of what is between the two, as a part of the length of the second; NaN where one of them has NaN.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let between = length(&mut expected.iter().zip(found).map(|(e, f)| e - f));
    between / length(&mut expected.iter().copied())
}

/// The logits of tokens that are read at once, of one read after them, and of some that the device reads by itself if it
/// can.
async fn logits(config: &LlamaConfig, weights: &impl Weights, device: &Device) -> Result<Vec<f32>> {
    let llama = Llama::load(config, weights, device)?;
    let ids: Vec<u32> = (0..(TOGETHER + ALONE) as u32).map(|i| i * 11 % ROWS as u32).collect();
    let (together, alone) = ids.split_at(TOGETHER);
    let mut cache = llama.cache();
    let mut logits: Vec<f32> = read(llama.forward(together, &mut cache, Logits::All)?).await?;
    for (i, id) in alone.iter().enumerate() {
        if i > 0
            && let Some(all) = step(&llama, *id, &mut cache).await?
        {
            logits.extend(all);
        } else {
            logits.extend(read(llama.forward(&[*id], &mut cache, Logits::Last)?).await?);
        }
    }
    Ok(logits)
}

/// The logits after `id`, in the order of the vocabulary, where a GPU finds them by itself.
#[cfg(feature = "gpu")]
async fn step(llama: &Llama, id: u32, cache: &mut KvCache) -> Result<Option<Vec<f32>>> {
    let found = llama.next(id, cache, ROWS, false).await?;
    Ok(found.map(|found| {
        let mut all = vec![f32::NAN; ROWS];
        for (id, logit) in found {
            all.iter_mut().skip(id as usize).take(1).for_each(|place| *place = logit);
        }
        all
    }))
}

#[cfg(not(feature = "gpu"))]
async fn step(_: &Llama, _: u32, _: &mut KvCache) -> Result<Option<Vec<f32>>> {
    Ok(None)
}

/// Reproducible weights of a scale that keeps the activations near one.
struct Synthetic<'a>(&'a Stored);

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
struct Blocks {
    dtype: Dtype,
    /// Where a block has an F16 scale, and the size of a weight whose scale is one.
    scale: (usize, f32),
    /// The same for the F16 that is added, or that scales what is taken away.
    min: Option<(usize, f32)>,
}

impl Blocks {
    fn of(dtype: Dtype) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{formats::dequantise::Decoder, kernels::testing::devices};

    const STORED: [Dtype; 13] = [
        Dtype::F32,
        Dtype::F16,
        Dtype::BF16,
        Dtype::Q4_0,
        Dtype::Q4_1,
        Dtype::Q5_0,
        Dtype::Q5_1,
        Dtype::Q8_0,
        Dtype::Q2_K,
        Dtype::Q3_K,
        Dtype::Q4_K,
        Dtype::Q5_K,
        Dtype::Q6_K,
    ];

    /// The same weights in f32.
    struct Exact<'a>(Synthetic<'a>);

    impl Weights for Exact<'_> {
        fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
            self.0.read(name, shape)
        }

        fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
            let mut rows = self.0.rows(name, shape)?;
            let (mut bytes, mut values) = (Vec::new(), Vec::new());
            rows.next(shape[0], &mut bytes)?;
            Decoder::of(rows.dtype()).unwrap().decode(&bytes, &mut values);
            TensorRows::of_f32(shape, &values)
        }

        fn contains(&self, name: &str) -> bool {
            self.0.contains(name)
        }
    }

    /// Everything is of one type.
    fn all(dtype: Dtype) -> Stored {
        Stored { vocabulary: [dtype; 2], layers: vec![[dtype; MATRICES.len()]] }
    }

    fn config() -> LlamaConfig {
        let json = br#"{"model_type": "qwen3", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 9,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 64,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": true}"#;
        LlamaConfig {
            num_hidden_layers: 2,
            layer_types: vec![LayerType::Full; 2],
            ..LlamaConfig::from_json(json).unwrap()
        }
    }

    #[test]
    fn the_tolerance_is_far_above_rounding_and_far_below_a_wrong_weight() {
        for dtype in STORED {
            let (kinds, device) = (all(dtype), Device::flex());
            let stored = pollster::block_on(logits(&config(), &Synthetic(&kinds), &device)).unwrap();
            let exact = pollster::block_on(logits(&config(), &Exact(Synthetic(&kinds)), &device)).unwrap();
            let rounding = difference(&stored, &exact);
            assert!(rounding < TOLERANCE / 2.0, "{dtype}: {rounding}");
            assert!(
                stored.iter().all(|logit| logit.abs() < 100.0)
                    && stored.iter().any(|logit| logit.abs() > 0.1)
            );
            let other = pollster::block_on(logits(&config(), &Synthetic(&all(Dtype::F32)), &device)).unwrap();
            assert!(Blocks::of(dtype).is_none() || difference(&stored, &other) > 4.0 * TOLERANCE, "{dtype}");
        }
        assert!(difference(&[f32::NAN], &[1.0]).is_nan() && difference(&[0.0], &[1.0]) > TOLERANCE);
    }

    /// A GPU rounds no activations: it gives what the exact weights give, however layers are put together.
    #[test]
    fn a_gpu_computes_in_f32() {
        let biased = br#"{"model_type": "qwen2", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 64,
            "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": true}"#;
        let configs = [config(), LlamaConfig::from_json(biased).unwrap()];
        for (dtype, config) in
            STORED.iter().flat_map(|dtype| configs.iter().map(move |config| (*dtype, config)))
        {
            let kinds = all(dtype);
            let exact = pollster::block_on(logits(config, &Exact(Synthetic(&kinds)), &Device::flex()));
            for device in devices().into_iter().skip(1) {
                let found = pollster::block_on(logits(config, &Synthetic(&kinds), &device)).unwrap();
                let difference = difference(&found, exact.as_ref().unwrap());
                assert!(difference < 1e-5, "{dtype}: {difference}");
            }
        }
    }

    /// Token after token by a GPU's own steps, read ahead and not, with the session left and taken up again.
    #[cfg(feature = "gpu")]
    #[test]
    fn a_gpu_finds_the_tokens_that_the_logits_say() {
        let sliding = LlamaConfig {
            layer_types: vec![LayerType::Full, LayerType::Sliding],
            sliding_window: Some(5),
            ..config()
        };
        for (config, dtype) in [(config(), Dtype::Q4_1), (sliding, Dtype::Q6_K)] {
            for device in devices().into_iter().skip(1) {
                let kinds = all(dtype);
                let llama = Llama::load(&config, &Synthetic(&kinds), &device).unwrap();
                let exact = Exact(Synthetic(&kinds));
                let exact = Llama::load(&config, &exact, &Device::flex()).unwrap();
                pollster::block_on(follow(&llama, &exact));
            }
        }
    }

    #[cfg(feature = "gpu")]
    async fn follow(llama: &Llama, exact: &Llama) {
        let (mut cache, mut other) = (llama.cache(), exact.cache());
        let first: Vec<u32> = vec![3, 14, 15, 9];
        llama.forward(&first, &mut cache, Logits::None).unwrap();
        exact.forward(&first, &mut other, Logits::None).unwrap();
        let mut id = 26;
        for i in 0..24 {
            let (top, on) = if i < 12 { (1, true) } else { (5, i % 2 == 0) };
            if i == 7 {
                // Something else was read meanwhile, and then is not wanted.
                llama.forward(&[1, 2, 3], &mut cache, Logits::None).unwrap();
                cache.truncate(other.len());
            }
            let mut clone = cache.clone();
            let found = llama.next(id, &mut cache, top, on).await.unwrap().unwrap();
            let logits = read(exact.forward(&[id], &mut other, Logits::Last).unwrap()).await.unwrap();
            assert_eq!((found.len(), cache.len()), (top, other.len()));
            let mut order: Vec<u32> = (0..ROWS as u32).collect();
            order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
            for ((found, logit), expected) in found.iter().zip(&order) {
                assert_eq!(found, expected, "step {i}");
                let other = logits[*expected as usize];
                assert!((logit - other).abs() < 1e-3, "step {i}: {logit}, expected {other}");
            }
            if i == 15 {
                // A clone goes on from where it was made.
                let again = llama.next(id, &mut clone, top, false).await.unwrap().unwrap();
                assert_eq!(again, found);
            }
            assert!(i != 3 || cache.stepper.as_ref().is_some_and(crate::nn::Stepper::is_recorded));
            id = found[0].0;
        }
    }

    #[test]
    fn every_device_passes_the_test() {
        let window = LlamaConfig {
            layer_types: vec![LayerType::Sliding; 9],
            num_hidden_layers: 9,
            sliding_window: Some(3),
            ..config()
        };
        // Blocks of one type each, and blocks whose matrices are of many.
        let mixed = |first: usize| core::array::from_fn(|i| STORED[(first + i) % STORED.len()]);
        let uniform = STORED.map(|dtype| [dtype; MATRICES.len()]);
        let kinds = uniform.chunks(MOST_LAYERS).map(<[_]>::to_vec).chain([(0..6).map(mixed).collect()]);
        for (config, layers) in
            [config(), window].iter().flat_map(|config| kinds.clone().map(move |layers| (config, layers)))
        {
            let stored = Stored { vocabulary: [Dtype::Q8_0, Dtype::Q6_K], layers };
            for device in devices() {
                pollster::block_on(run(config, &stored, &device)).unwrap();
            }
        }
    }

    /// More than one step of the cache's memory, read at once and in parts of other lengths.
    #[test]
    fn devices_agree_on_long_texts_however_they_are_cut() {
        let config = LlamaConfig {
            layer_types: vec![LayerType::Full, LayerType::Sliding],
            sliding_window: Some(70),
            max_position_embeddings: 1024,
            ..config()
        };
        let ids: Vec<u32> = (0..600).map(|i| i * i % 61 % ROWS as u32).collect();
        let last = |device: &Device, parts: &[usize]| {
            let llama = Llama::load(&config, &Synthetic(&all(Dtype::F32)), device).unwrap();
            let (mut cache, mut rest, mut logits) = (llama.cache(), &ids[..], Vec::new());
            for part in parts {
                let (now, later) = rest.split_at(*part);
                let found = llama.forward(now, &mut cache, Logits::Last).unwrap();
                logits = pollster::block_on(read(found)).unwrap();
                rest = later;
            }
            assert!(rest.is_empty());
            logits
        };
        let expected = last(&Device::flex(), &[600]);
        for device in devices() {
            assert!(difference(&last(&device, &[1, 3, 400, 99, 96, 1]), &expected) < 1e-4);
        }
    }
}
