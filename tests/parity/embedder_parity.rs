//! The embedder against the vectors and token ids of sentence-transformers (see `tests/golden/README.md`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use inglenook::{
    device::Device,
    files::ModelFiles,
    formats::open_gguf,
    tasks::embedder::{DtypeChoice, Embedder},
    tokenizer::{Encoding, Tokenizer},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SAFETENSORS: &str = "models/weights/all-minilm-l6-v2";
const GGUF: &str = "models/weights/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf";
/// The files of a sentence-transformers folder beside its weights.
const FOLDER: [&str; 5] =
    ["config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "tokenizer.json"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn texts(path: &Path) -> Vec<String> {
    let text = |entry: &Value| match entry {
        Value::String(text) => text.clone(),
        other => other["repeat"].as_str().unwrap().repeat(other["times"].as_u64().unwrap() as usize),
    };
    json(path).as_array().unwrap().iter().map(text).collect()
}

fn encodings(path: &Path) -> Vec<Encoding> {
    let encoding = |entry: &Value| Encoding {
        ids: entry["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect(),
        truncated: entry["truncated"].as_bool().unwrap(),
    };
    json(path)["texts"].as_array().unwrap().iter().map(encoding).collect()
}

fn floats(path: &Path) -> Vec<f32> {
    fs::read(path).unwrap().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Verified files, under their paths in a manifest, from paths on disk.
fn receive(files: impl IntoIterator<Item = (String, PathBuf)>) -> ModelFiles {
    let mut received = ModelFiles::default();
    for (name, path) in files {
        let bytes =
            fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; fetch the weights first", path.display()));
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        received.open(&name, Some(bytes.len()), Some(&hash)).unwrap();
        received.push(&bytes).unwrap();
        received.close().unwrap();
    }
    received
}

fn folder(directory: &Path, weights: &str) -> ModelFiles {
    let parts = FOLDER.map(|name| (name.to_owned(), directory.join(name)));
    receive(parts.into_iter().chain([("model.safetensors".to_owned(), directory.join(weights))]))
}

fn load_as(dtype: DtypeChoice, mut files: ModelFiles, limit: Option<usize>) -> Embedder {
    pollster::block_on(Embedder::load(&mut files, Device::cpu(), dtype, limit, &|_| {})).unwrap()
}

fn load(files: ModelFiles, limit: Option<usize>) -> Embedder {
    load_as(DtypeChoice::F32, files, limit)
}

fn gguf(path: PathBuf) -> ModelFiles {
    receive([("model.gguf".to_owned(), path)])
}

fn load_gguf(path: PathBuf, limit: Option<usize>) -> Embedder {
    load(gguf(path), limit)
}

/// MiniLM with linear layers of eight bits, from the F32 file and from the Q8_0 file.
fn eight_bits() -> [(&'static str, Embedder); 2] {
    let q8 = |files, limit| load_as(DtypeChoice::Q8, files, limit);
    let both = [
        ("F32", q8(folder(&root().join(SAFETENSORS), "model.safetensors"), None)),
        ("Q8_0", q8(gguf(root().join(GGUF)), Some(256))),
    ];
    both.iter().for_each(|(_, embedder)| assert_eq!(embedder.dtype(), "q8"));
    both
}

/// All vectors and the places of the texts that were cut.
fn embed(embedder: &Embedder, texts: Vec<String>) -> (Vec<f32>, Vec<usize>) {
    let mut job = embedder.plan(texts).unwrap();
    while job.done() < job.total() {
        pollster::block_on(job.step(embedder)).unwrap();
    }
    (job.vectors().to_vec(), job.truncated().to_vec())
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn token_ids_equal_the_reference_on_every_text_from_both_vocabularies() {
    let texts = texts(&golden("embeddings/texts.json"));
    let expected = encodings(&golden("embeddings/tokens.json"));
    assert!(texts.len() >= 200 && texts.len() == expected.len());
    let json = fs::read(root().join(SAFETENSORS).join("tokenizer.json")).unwrap();
    let gguf = open_gguf(fs::read(root().join(GGUF)).unwrap()).unwrap();
    for tokenizer in [Tokenizer::from_json(&json).unwrap(), Tokenizer::from_gguf(&gguf.metadata).unwrap()] {
        for (i, (text, expected)) in texts.iter().zip(&expected).enumerate() {
            assert_eq!(tokenizer.encode(text, 256).unwrap(), *expected, "text {i}");
        }
    }
}

#[test]
fn f32_vectors_are_within_1e_5_of_the_reference() {
    let embedder = load(folder(&root().join(SAFETENSORS), "model.safetensors"), None);
    assert_eq!(embedder.max_tokens(), 256);
    let (vectors, truncated) = embed(&embedder, texts(&golden("embeddings/texts.json")));
    let difference = largest_difference(&vectors, &floats(&golden("embeddings/vectors.f32")));
    println!("largest difference: {difference:e}");
    assert!(difference <= 1e-5, "{difference:e}");
    let expected: Vec<usize> = encodings(&golden("embeddings/tokens.json"))
        .iter()
        .enumerate()
        .filter_map(|(i, encoding)| encoding.truncated.then_some(i))
        .collect();
    assert_eq!(truncated, expected);
}

#[test]
fn q8_0_vectors_have_a_cosine_of_at_least_0_999() {
    let embedder = load_gguf(root().join(GGUF), Some(256));
    let (vectors, _) = embed(&embedder, texts(&golden("embeddings/texts.json")));
    let expected = floats(&golden("embeddings/vectors.f32"));
    let lowest = vectors.chunks(384).zip(expected.chunks(384)).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
    println!("lowest cosine: {lowest}");
    assert!(lowest >= 0.999, "{lowest}");
}

#[test]
fn vectors_in_eight_bits_have_a_cosine_of_at_least_0_997() {
    let expected = floats(&golden("embeddings/vectors.f32"));
    for (file, embedder) in eight_bits() {
        let (vectors, _) = embed(&embedder, texts(&golden("embeddings/texts.json")));
        let cosines = vectors.chunks(384).zip(expected.chunks(384)).map(|(a, b)| cosine(a, b));
        let lowest = cosines.fold(1.0, f64::min);
        println!("{file} in eight bits, lowest cosine: {lowest}");
        assert!(lowest >= 0.997, "{file}: {lowest}");
    }
}

#[test]
fn long_texts_are_read_to_the_limit_that_the_file_states() {
    let embedder = load_gguf(root().join(GGUF), None);
    assert_eq!(embedder.max_tokens(), 512);
    let all = texts(&golden("embeddings/texts.json"));
    let places = json(&golden("embeddings/long.json"))["indices"].clone();
    let long = places.as_array().unwrap().iter().map(|i| all[i.as_u64().unwrap() as usize].clone()).collect();
    let (vectors, _) = embed(&embedder, long);
    let expected = floats(&golden("embeddings/long.f32"));
    for (found, expected) in vectors.chunks(384).zip(expected.chunks(384)) {
        assert!(cosine(found, expected) >= 0.999);
    }
}

/// Passages and queries of the retrieval set, and each query's five best passages with their scores, in the reference.
struct Retrieval {
    passages: Vec<String>,
    queries: Vec<String>,
    best: Vec<Vec<(usize, f64)>>,
}

impl Retrieval {
    fn read() -> Self {
        let set = json(&golden("retrieval.json"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let hit = |hit: &Value| (hit["index"].as_u64().unwrap() as usize, hit["score"].as_f64().unwrap());
        let best = |query: &Value| query["top"].as_array().unwrap().iter().map(hit).collect();
        let queries = set["queries"].as_array().unwrap();
        Self {
            passages: set["passages"].as_array().unwrap().iter().map(text).collect(),
            queries: queries.iter().map(|query| text(&query["text"])).collect(),
            best: queries.iter().map(best).collect(),
        }
    }

    /// All passages of each query with their scores, from the best.
    fn ranked(&self, embedder: &Embedder) -> Vec<Vec<(usize, f64)>> {
        let mut index = inglenook::tasks::vector_index::VectorIndex::new(384).unwrap();
        index.add(&embed(embedder, self.passages.clone()).0).unwrap();
        let queries = embed(embedder, self.queries.clone()).0;
        let hits = |query| index.search(query, self.passages.len()).unwrap();
        let pairs = |query| hits(query).iter().map(|hit| (hit.index, f64::from(hit.score))).collect();
        queries.chunks(384).map(pairs).collect()
    }
}

#[test]
fn retrieval_ranks_as_the_reference_does() {
    let set = Retrieval::read();
    let embedder = load(folder(&root().join(SAFETENSORS), "model.safetensors"), None);
    for (i, (found, expected)) in set.ranked(&embedder).iter().zip(&set.best).enumerate() {
        let places = |hits: &[(usize, f64)]| hits.iter().map(|(place, _)| *place).collect::<Vec<_>>();
        assert_eq!(places(&found[..5]), places(expected), "query {i}");
    }
}

/// The best passage is the reference's; of the others those change places whose scores differ by less than 0.005.
#[test]
fn retrieval_in_eight_bits_parts_from_the_reference_only_where_it_is_undecided() {
    let set = Retrieval::read();
    let exact = set.ranked(&load(folder(&root().join(SAFETENSORS), "model.safetensors"), None));
    for (file, embedder) in eight_bits() {
        let (mut parted, mut worst) = (0, 0.0f64);
        for (i, found) in set.ranked(&embedder).iter().enumerate() {
            assert_eq!(found[0].0, set.best[i][0].0, "{file}, query {i}");
            let score = |place: usize| exact[i].iter().find(|hit| hit.0 == place).unwrap().1;
            let lost = found.iter().zip(&set.best[i]).map(|(found, best)| best.1 - score(found.0));
            worst = lost.fold(worst, f64::max);
            parted += usize::from(found.iter().zip(&set.best[i]).any(|(found, best)| found.0 != best.0));
        }
        println!("{file} in eight bits: {parted} queries ranked otherwise, by scores within {worst}");
        assert!(worst < 0.005, "{file}: {worst}");
    }
}

/// Vectors of a tiny checkpoint against its golden; both scaled to unit length where `unit` says so.
fn check_tiny(embedder: &Embedder, name: &str, weights: &str, unit: bool, tolerance: f32) {
    let (vectors, _) = embed(embedder, texts(&golden(&format!("{name}/texts.json"))));
    let mut expected = floats(&golden(&format!("{name}/vectors/{weights}.f32")));
    if unit {
        for vector in expected.chunks_exact_mut(32) {
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|x| *x /= length);
        }
    }
    let difference = largest_difference(&vectors, &expected);
    assert!(difference <= tolerance, "{name}/{weights}: {difference:e}");
}

#[test]
fn tiny_models_of_other_configurations_match_the_reference() {
    for name in ["tiny-bert-cls", "tiny-bert-relu", "tiny-bert-gelu-new"] {
        let embedder = load(folder(&golden(name), "model.safetensors"), None);
        check_tiny(&embedder, name, "model.safetensors", false, 1e-5);
    }
}

#[test]
fn every_dtype_computes_what_its_values_say() {
    let name = "tiny-bert-cls";
    for weights in ["model-f16.safetensors", "model-bf16.safetensors"] {
        check_tiny(&load(folder(&golden(name), weights), None), name, weights, false, 1e-5);
    }
    for weights in ["model-f32.gguf", "model-f16.gguf", "model-q8_0.gguf"] {
        check_tiny(&load_gguf(golden(name).join(weights), Some(32)), name, weights, true, 1e-5);
    }
}
