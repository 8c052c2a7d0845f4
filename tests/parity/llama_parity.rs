//! The decoder beside transformers, in F32, for every member of the family. See tests/golden/tiny_llama.py.
#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use burn::tensor::{Device, Tensor};
use inglenook::ErrorCode;
use inglenook::formats::{open_gguf, open_safetensors};
use inglenook::models::llama::{
    Architecture, GgufWeights, KvCache, LayerType, Llama, LlamaConfig, Logits, SafetensorsWeights,
};

/// The models with weights in a checkpoint and in a GGUF file of the same values, and how far the GGUF file tells what
/// the checkpoint does: it cannot say that Mistral's window is 12.
const MODELS: [(&str, usize); 7] = [
    ("tiny-llama", 40),
    ("tiny-llama-rope3", 40),
    ("tiny-mistral", 12),
    ("tiny-qwen2", 40),
    ("tiny-qwen3", 40),
    ("tiny-gemma3", 40),
    ("tiny-llama-bias", 40),
];

type Change = fn(&mut LlamaConfig);

/// With settings that no GGUF file tells of. Each is only right without the change.
const CHECKPOINTS: [(&str, Change); 2] = [
    ("tiny-qwen2-window", |config| config.layer_types.fill(LayerType::Full)),
    ("tiny-gemma3-attncap", |config| config.attn_logit_softcapping = None),
];

fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name).chain(CHECKPOINTS.iter().map(|(name, _)| *name))
}

fn golden(model: &str, file: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    fs::read(root.join(model).join(file)).unwrap()
}

fn ids(model: &str) -> Vec<u32> {
    serde_json::from_slice(&golden(model, "ids.json")).unwrap()
}

/// `[tokens, vocabulary]`, row by row.
fn floats(model: &str, file: &str) -> Vec<f32> {
    golden(model, file).as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

fn from_checkpoint(model: &str) -> (Llama, LlamaConfig) {
    from_changed_checkpoint(model, |_| {})
}

fn from_changed_checkpoint(model: &str, change: fn(&mut LlamaConfig)) -> (Llama, LlamaConfig) {
    let mut config = LlamaConfig::from_json(&golden(model, "config.json")).unwrap();
    change(&mut config);
    let file = open_safetensors(golden(model, "model.safetensors")).unwrap();
    let llama = Llama::load(&config, &SafetensorsWeights::new(&file, &config), &Device::flex()).unwrap();
    assert_eq!(file.held(), 0, "{model}: not every tensor of the checkpoint was read");
    (llama, config)
}

fn from_gguf(model: &str, file: &str) -> (Llama, LlamaConfig) {
    let file = open_gguf(golden(model, file)).unwrap();
    let config = LlamaConfig::from_gguf(&file).unwrap();
    let llama = Llama::load(&config, &GgufWeights::new(&file.tensors, &config), &Device::flex()).unwrap();
    assert_eq!(file.tensors.held(), 0, "{model}: not every tensor of the GGUF file was read");
    (llama, config)
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The logits of every token, read in chunks of the given sizes, then the rest at once.
fn logits_in_chunks(llama: &Llama, ids: &[u32], chunks: &[usize], cache: &mut KvCache) -> Vec<f32> {
    let (mut rest, mut logits) = (ids, Vec::new());
    for &chunk in chunks.iter().chain([&usize::MAX]) {
        let (now, later) = rest.split_at(chunk.min(rest.len()));
        if !now.is_empty() {
            logits.extend(values(llama.forward(now, cache, Logits::All).unwrap()));
        }
        rest = later;
    }
    logits
}

fn logits(llama: &Llama, ids: &[u32]) -> Vec<f32> {
    logits_in_chunks(llama, ids, &[], &mut llama.cache())
}

#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let far = |(i, (f, e)): (usize, (&f32, &f32))| {
        // Written so that NaN is far.
        if (f - e).abs() <= tolerance { None } else { Some((i, *f, *e)) }
    };
    let first = found.iter().zip(expected).enumerate().find_map(far);
    assert_eq!(first, None, "{what}: the first that is off, found and expected");
}

#[test]
fn checkpoints_give_the_logits_of_transformers() {
    for model in names() {
        let (llama, config) = from_checkpoint(model);
        let expected = floats(model, "logits.f32");
        assert_eq!(expected.len(), ids(model).len() * config.vocab_size);
        assert_close(model, &logits(&llama, &ids(model)), &expected, 1e-4);
    }
}

#[test]
fn every_setting_matters() {
    for (model, change) in CHECKPOINTS {
        let (llama, _) = from_changed_checkpoint(model, change);
        let expected = floats(model, "logits.f32");
        let found = logits(&llama, &ids(model));
        let differs = found.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 0.1);
        assert!(differs, "{model}");
    }
    let (_, biased) = from_checkpoint("tiny-llama-bias");
    assert_eq!(format!("{:?}", biased.rope.scaling), "Linear(4.0)");
}

#[test]
fn gguf_files_give_the_same() {
    for (model, tokens) in MODELS {
        let (llama, config) = from_gguf(model, "model-f32.gguf");
        let expected = floats(model, "logits.f32");
        let ids = &ids(model)[..tokens];
        assert_close(model, &logits(&llama, ids), &expected[..tokens * config.vocab_size], 1e-4);
    }
}

#[test]
fn any_way_to_cut_a_text_gives_the_same() {
    for model in names() {
        let (llama, _) = from_checkpoint(model);
        let ids = ids(model);
        let whole = logits(&llama, &ids);
        for chunks in [vec![1; ids.len()], vec![17, 1, 1, 16], vec![3, 30]] {
            let cut = logits_in_chunks(&llama, &ids, &chunks, &mut llama.cache());
            assert_close(model, &cut, &whole, 1e-5);
        }
    }
}

#[test]
fn the_last_logits_are_the_last_of_all() {
    for model in names() {
        let (llama, config) = from_checkpoint(model);
        let ids = ids(model);
        let all = logits(&llama, &ids);
        let expected = &all[all.len() - config.vocab_size..];
        let last = values(llama.forward(&ids, &mut llama.cache(), Logits::Last).unwrap());
        assert_close(model, &last, expected, 1e-5);
        let mut cache = llama.cache();
        llama.forward(&ids[..39], &mut cache, Logits::None).unwrap();
        let last = values(llama.forward(&ids[39..], &mut cache, Logits::Last).unwrap());
        assert_close(model, &last, expected, 1e-5);
    }
}

#[test]
fn a_cache_that_was_cut_or_cloned_goes_on_from_there() {
    let (llama, config) = from_checkpoint("tiny-gemma3");
    let (ids, vocabulary) = (ids("tiny-gemma3"), config.vocab_size);
    let whole = logits(&llama, &ids);
    let mut cache = llama.cache();
    llama.forward(&ids[..30], &mut cache, Logits::None).unwrap();
    let mut other = cache.clone();
    // The one goes on with other tokens, and returns; the other does not notice.
    llama.forward(&[5, 6, 7], &mut cache, Logits::None).unwrap();
    cache.truncate(20);
    for (cache, from) in [(&mut cache, 20), (&mut other, 30)] {
        let rest = logits_in_chunks(&llama, &ids[from..], &[], cache);
        assert_close("the rest", &rest, &whole[from * vocabulary..], 1e-5);
        assert_eq!(cache.len(), 40);
    }
}

#[test]
fn configurations_are_what_the_files_say() {
    let (_, llama) = from_gguf("tiny-llama", "model-f32.gguf");
    assert!(!llama.tie_word_embeddings && llama.max_position_embeddings == 2048);
    assert_eq!(llama.layer_types, [LayerType::Full; 2]);
    for (_, gemma) in [from_gguf("tiny-gemma3", "model-f32.gguf"), from_checkpoint("tiny-gemma3")] {
        assert_eq!((gemma.rope.theta, gemma.rope_local.theta), (1e6, 1e4));
        assert_eq!(gemma.layer_types, [LayerType::Sliding, LayerType::Full]);
        assert_eq!((gemma.sliding_window, gemma.embedding_scale), (Some(12), Some(8.0)));
    }
}

#[test]
fn ids_that_cannot_be_read_leave_the_cache_alone() {
    let (llama, _) = from_checkpoint("tiny-llama");
    let mut cache = llama.cache();
    for ids in [&[][..], &[1, 288], &[u32::MAX]] {
        let error = llama.forward(ids, &mut cache, Logits::Last).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidInput);
    }
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn a_tensor_that_the_architecture_has_not_is_refused_by_name() {
    let file = open_gguf(golden("tiny-qwen3", "model-f32.gguf")).unwrap();
    let mut config = LlamaConfig::from_gguf(&file).unwrap();
    config.architecture = Architecture::Qwen2;
    let error = Llama::load(&config, &GgufWeights::new(&file.tensors, &config), &Device::flex()).unwrap_err();
    assert_eq!(error.code, ErrorCode::UnsupportedModel);
    assert_eq!(error.detail.as_deref(), Some("blk.0.attn_k_norm.weight"));
}

#[test]
fn tensors_that_are_missing_or_of_another_shape_are_refused_by_name() {
    let load = |change: fn(&mut LlamaConfig)| {
        let file = open_gguf(golden("tiny-llama", "model-f32.gguf")).unwrap();
        let mut config = LlamaConfig::from_gguf(&file).unwrap();
        change(&mut config);
        let error =
            Llama::load(&config, &GgufWeights::new(&file.tensors, &config), &Device::flex()).unwrap_err();
        (error.code, error.detail.unwrap())
    };
    let shape = |name: &str| (ErrorCode::TensorShape, name.to_owned());
    assert_eq!(load(|c| c.vocab_size = 289), shape("token_embd.weight"));
    assert_eq!(load(|c| c.intermediate_size = 64), shape("blk.0.ffn_gate.weight"));
    assert_eq!(load(|c| c.num_key_value_heads = 4), shape("blk.0.attn_k.weight"));
    let missing = (ErrorCode::MissingTensor, "blk.2.attn_norm.weight".to_owned());
    assert_eq!(load(|c| c.num_hidden_layers = 1 << 20), missing);
}
