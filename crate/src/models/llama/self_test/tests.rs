use super::{stored::MATRICES, synthetic::Blocks, *};
use crate::{
    formats::{Dtype, TensorRows, dequantise::Decoder},
    kernels::testing::devices,
};

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

fn logits_of(config: &LlamaConfig, weights: &impl Weights, device: &Device) -> Result<Vec<f32>> {
    pollster::block_on(logits(config, weights, device, &mut Progress::unwatched()))
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

/// With biases, and heads that are not normalised.
fn biased() -> LlamaConfig {
    let json =
        br#"{"model_type": "qwen2", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": true}"#;
    LlamaConfig::from_json(json).unwrap()
}

#[test]
fn the_tolerance_is_far_above_rounding_and_far_below_a_wrong_weight() {
    for dtype in STORED {
        let (kinds, device) = (all(dtype), Device::flex());
        let stored = logits_of(&config(), &Synthetic(&kinds), &device).unwrap();
        let exact = logits_of(&config(), &Exact(Synthetic(&kinds)), &device).unwrap();
        let rounding = difference(&stored, &exact);
        assert!(rounding < TOLERANCE / 2.0, "{dtype}: {rounding}");
        assert!(
            stored.iter().all(|logit| logit.abs() < 100.0) && stored.iter().any(|logit| logit.abs() > 0.1)
        );
        let other = logits_of(&config(), &Synthetic(&all(Dtype::F32)), &device).unwrap();
        assert!(Blocks::of(dtype).is_none() || difference(&stored, &other) > 4.0 * TOLERANCE, "{dtype}");
    }
    assert!(difference(&[f32::NAN], &[1.0]).is_nan() && difference(&[0.0], &[1.0]) > TOLERANCE);
}

/// A GPU that is not told otherwise rounds no activations: it gives what the exact weights give, however layers are put
/// together.
#[test]
fn a_gpu_computes_in_f32() {
    let configs = [config(), biased()];
    for (dtype, config) in STORED.iter().flat_map(|dtype| configs.iter().map(move |config| (*dtype, config)))
    {
        let kinds = all(dtype);
        let exact = logits_of(config, &Exact(Synthetic(&kinds)), &Device::flex());
        for device in devices().into_iter().skip(1) {
            let found = logits_of(config, &Synthetic(&kinds), &device).unwrap();
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
    // Heads that no kernel turns as it multiplies.
    let narrow = LlamaConfig { num_attention_heads: 8, head_dim: 20, ..biased() };
    let mixed = Stored {
        vocabulary: [Dtype::Q6_K; 2],
        layers: vec![[
            Dtype::Q4_K,
            Dtype::Q4_K,
            Dtype::Q6_K,
            Dtype::Q4_K,
            Dtype::Q4_K,
            Dtype::Q5_K,
            Dtype::Q6_K,
        ]],
    };
    for (config, kinds) in [
        (config(), all(Dtype::Q4_1)),
        (sliding, all(Dtype::Q6_K)),
        (config(), mixed.clone()),
        (biased(), mixed),
        (narrow, all(Dtype::Q8_0)),
    ] {
        for device in devices().into_iter().skip(1) {
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
fn no_part_of_a_prompt_is_one_token() {
    for positions in 2..1000 {
        let length = length_of_parts(positions);
        assert!(PARTS.iter().all(|part| length % part != 1), "{positions}");
        assert!(length <= positions && length + 4 > positions.min(PARTS[0]), "{positions}: {length}");
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
            pollster::block_on(run(config, &stored, &device, &mut Progress::unwatched())).unwrap();
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
