//! Chat models that lie: each must end in a typed error, or answer; never in a panic, never in a loop without end.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "hostile_gguf/edit.rs"]
mod edit;
#[allow(dead_code)]
#[path = "../../crate/src/formats/gguf/fixture.rs"]
mod fixture;

use std::{fs, path::Path};

use edit::Edit;
use inglenook::{
    ErrorCode, Result,
    device::Device,
    files::ModelFiles,
    generate::{Answer, Finish, Sampling, Step},
    tasks::language_model::{LanguageModel, LoadOptions, PlanOptions},
    tokenizer::chat_template::{Message, Role},
};
use pollster::block_on;
use proptest::prelude::*;

/// What a file may be accused of. `internal` is not among them.
const ACCUSATIONS: [ErrorCode; 9] = [
    ErrorCode::MalformedFile,
    ErrorCode::UnsupportedFile,
    ErrorCode::UnsupportedModel,
    ErrorCode::UnsupportedDtype,
    ErrorCode::MissingTensor,
    ErrorCode::TensorShape,
    ErrorCode::Tokenizer,
    ErrorCode::Template,
    ErrorCode::OutOfMemory,
];

fn golden(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read(root.join("tests/golden").join(name)).unwrap()
}

fn llama() -> Edit {
    Edit::of(&golden("tiny-llama/model-q4_1.gguf"))
}

fn user(content: &str) -> Message {
    Message { role: Role::User, content: content.to_owned() }
}

fn load(bytes: &[u8]) -> Result<LanguageModel> {
    let mut files = ModelFiles::default();
    files.open("model.gguf", None, None)?;
    files.push(bytes)?;
    files.close()?;
    block_on(LanguageModel::load(&mut files, Device::cpu(), LoadOptions::default(), &|_| {}))
}

fn answer(model: &LanguageModel, options: Answer) -> Result<Finish> {
    let options = PlanOptions { answer: Some(options), ..PlanOptions::default() };
    let mut job = model.plan(vec![user("hi <|im_end|>")], options)?;
    let mut session = model.session();
    for _ in 0..100 {
        if let Step::Done(finish) = block_on(job.step(model, &mut session, 16))? {
            return Ok(finish);
        }
    }
    panic!("three tokens need no hundred steps");
}

fn three_tokens() -> Answer {
    Answer {
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        max_tokens: Some(3),
        ..Answer::default()
    }
}

/// Loads a file and has it answer.
fn chat(bytes: &[u8]) -> Result<Finish> {
    answer(&load(bytes)?, three_tokens())
}

/// The error of a file that must not work.
fn code(what: &str, bytes: &[u8]) -> ErrorCode {
    match chat(bytes) {
        Ok(_) => panic!("{what}: it works"),
        Err(error) => error.code,
    }
}

/// A file that may work, or be accused of something.
fn endure(what: &str, bytes: &[u8]) -> bool {
    match chat(bytes) {
        Ok(_) => true,
        Err(error) => {
            // Where the context was made too small for a prompt.
            let overflow = error.code == ErrorCode::ContextOverflow;
            assert!(overflow || ACCUSATIONS.contains(&error.code), "{what}: {error:?}");
            false
        }
    }
}

#[test]
fn the_good_files_are_good() {
    for name in ["tiny-llama/model-q4_1.gguf", "tiny-llama-k/model-q4_k.gguf", "tiny-gemma3/model-f32.gguf"] {
        let bytes = golden(name);
        assert_eq!(chat(&bytes).unwrap().generated_tokens, 3, "{name}");
        assert_eq!(chat(&Edit::of(&bytes).bytes()).unwrap().generated_tokens, 3, "{name}, taken apart");
    }
}

#[test]
fn truncated() {
    let bytes = golden("tiny-llama/model-q4_1.gguf");
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert_eq!(code("truncated", &bytes[..length]), ErrorCode::MalformedFile, "{length} bytes");
    }
}

#[test]
fn heads_that_lie() {
    let good = golden("tiny-llama/model-q4_1.gguf");
    let with = |at: usize, new: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    for (what, bytes, expected) in [
        ("magic", with(0, b"GGML"), ErrorCode::MalformedFile),
        ("version 1", with(4, &1u32.to_le_bytes()), ErrorCode::UnsupportedFile),
        ("version 4", with(4, &4u32.to_le_bytes()), ErrorCode::UnsupportedFile),
        ("big-endian", with(4, &3u32.to_be_bytes()), ErrorCode::UnsupportedFile),
        ("2^40 tensors", with(8, &(1u64 << 40).to_le_bytes()), ErrorCode::MalformedFile),
        ("2^40 entries", with(16, &(1u64 << 40).to_le_bytes()), ErrorCode::MalformedFile),
        ("2^64 - 1 entries", with(16, &u64::MAX.to_le_bytes()), ErrorCode::MalformedFile),
        ("no entries", with(16, &0u64.to_le_bytes()), ErrorCode::MalformedFile),
    ] {
        assert_eq!(code(what, &bytes), expected, "{what}");
    }
}

#[test]
fn tensors_that_lie() {
    let good = llama();
    let first = |change: fn(&mut edit::Stored)| good.clone().tensor("blk.0.attn_q.weight", change).bytes();
    let mut twice = good.clone();
    twice.tensors.push(twice.tensors[3].clone());
    for (what, bytes, expected) in [
        ("the same name", twice.bytes(), ErrorCode::MalformedFile),
        ("past the end", first(|t| t.dimensions = vec![64, 1 << 30]), ErrorCode::MalformedFile),
        ("overflow", first(|t| t.dimensions = vec![1 << 62, 1 << 62]), ErrorCode::MalformedFile),
        ("an unknown type", first(|t| t.code = 250), ErrorCode::UnsupportedDtype),
        ("IQ4_NL", first(|t| (t.code, t.data) = (20, vec![0; 64 * 36])), ErrorCode::UnsupportedDtype),
        ("MXFP4", first(|t| (t.code, t.data) = (39, vec![0; 64 * 34])), ErrorCode::UnsupportedDtype),
        ("I8", first(|t| (t.code, t.data) = (24, vec![0; 64 * 64])), ErrorCode::UnsupportedDtype),
        ("one dimension", first(|t| t.dimensions = vec![4096]), ErrorCode::TensorShape),
        ("three", first(|t| t.dimensions = vec![64, 32, 2]), ErrorCode::TensorShape),
        ("none", first(|t| (t.dimensions, t.code, t.data) = (vec![], 0, vec![0; 4])), ErrorCode::TensorShape),
        ("no rows", first(|t| (t.dimensions, t.data) = (vec![64, 0], vec![])), ErrorCode::TensorShape),
        ("fewer", first(|t| t.dimensions = vec![64, 60]), ErrorCode::TensorShape),
        ("another way", first(|t| t.dimensions = vec![128, 32]), ErrorCode::TensorShape),
    ] {
        assert_eq!(code(what, &bytes), expected, "{what}");
    }
}

#[test]
fn every_tensor_missing_or_misshapen() {
    for name in ["tiny-llama/model-q4_1.gguf", "tiny-qwen2/model-f32.gguf", "tiny-gemma3/model-f32.gguf"] {
        let good = Edit::of(&golden(name));
        for tensor in good.tensors.iter().map(|tensor| tensor.name.as_str()) {
            let found = chat(&good.clone().without_tensor(tensor).bytes());
            // Without a head of its own the model uses the table of embeddings.
            if tensor != "output.weight" {
                let code = found.unwrap_err().code;
                // Some tensors say by being there what kind of model it is; then another one is left over.
                let missed = matches!(code, ErrorCode::MissingTensor | ErrorCode::UnsupportedModel);
                assert!(missed, "{name}: {tensor}: {code:?}");
            }
            let halved = good.clone().tensor(tensor, |t| *t.dimensions.last_mut().unwrap() /= 2);
            let expected = match tensor {
                "token_embd.weight" => ErrorCode::Tokenizer,
                _ => ErrorCode::TensorShape,
            };
            assert_eq!(code(tensor, &halved.bytes()), expected, "{name}: {tensor}");
        }
    }
}

#[test]
fn weights_that_are_not_numbers() {
    for value in [f32::NAN, f32::INFINITY, f32::MAX] {
        let fill = |t: &mut edit::Stored| {
            t.data.chunks_exact_mut(4).for_each(|w| w.copy_from_slice(&value.to_le_bytes()))
        };
        let file = llama().tensor("output_norm.weight", fill).bytes();
        assert_eq!(code("no numbers", &file), ErrorCode::MalformedFile, "{value}");
    }
}

#[test]
fn vocabularies_that_lie() {
    let good = llama();
    let ids = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let scarce = vec!["a"; 10];
    for (what, file) in [
        ("no tokens", good.clone().texts("tokenizer.ggml.tokens", &[])),
        ("no list of tokens", good.clone().without("tokenizer.ggml.tokens")),
        ("tokens that are numbers", good.clone().list("tokenizer.ggml.tokens", 5, 2, &ids(&[1, 2]))),
        ("tokens that are all the same", good.clone().texts("tokenizer.ggml.tokens", &scarce)),
        ("no types", good.clone().list("tokenizer.ggml.token_type", 5, 0, &[])),
        ("too few types", good.clone().list("tokenizer.ggml.token_type", 5, 2, &ids(&[1, 3]))),
        ("merges of nothing", good.clone().texts("tokenizer.ggml.merges", &["", " ", "a"])),
        ("merges of unknown tokens", good.clone().texts("tokenizer.ggml.merges", &["zz yy"])),
        ("an unknown model", good.clone().text("tokenizer.ggml.model", "rwkv")),
        ("an unknown pre-tokenizer", good.clone().text("tokenizer.ggml.pre", "nobody")),
        ("SentencePiece without scores", good.clone().text("tokenizer.ggml.model", "llama")),
        ("an end that does not exist", good.clone().u32("tokenizer.ggml.eos_token_id", 288)),
        ("a beginning far away", good.clone().u32("tokenizer.ggml.bos_token_id", u32::MAX)),
    ] {
        let error = chat(&file.bytes()).expect_err(what);
        assert_eq!(error.code, ErrorCode::Tokenizer, "{what}: {error:?}");
    }
}

#[test]
fn templates_that_lie() {
    for (what, template) in [
        ("no syntax", "{% for message in messages %}"),
        ("an unknown statement", "{% obey %}"),
        ("an unknown function", "{{ system('rm') }}"),
        ("a missing value", "{{ tools.first.name }}"),
        ("it throws", "{{ raise_exception('no') }}"),
        ("it loops", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"),
        (
            "it writes",
            "{% for i in range(100000) %}{% for j in range(1000) %}aaaaaaaa{% endfor %}{% endfor %}",
        ),
        ("it repeats", "{{ 'a' * 1000000000 }}"),
        ("it recurs", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        ("it includes", "{% include 'other' %}"),
    ] {
        let file = llama().text("tokenizer.chat_template", template).bytes();
        let error = chat(&file).expect_err(what);
        assert_eq!(error.code, ErrorCode::Template, "{what}: {error:?}");
    }
    let nested = format!("{{{{ {}a{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(code("deep", &llama().text("tokenizer.chat_template", &nested).bytes()), ErrorCode::Template);
}

#[test]
fn settings_that_are_absurd() {
    let good = llama();
    let numbers = [
        ("llama.attention.head_count", vec![0, 3, 5, 1 << 31, u32::MAX]),
        ("llama.attention.head_count_kv", vec![0, 3, 8, 1 << 31, u32::MAX]),
        ("llama.block_count", vec![0, 3, 1 << 31, u32::MAX]),
        ("llama.embedding_length", vec![0, 1, 63, 128, 1 << 31, u32::MAX]),
        ("llama.feed_forward_length", vec![0, 1, 95, 1 << 31, u32::MAX]),
        ("llama.context_length", vec![0]),
        ("llama.rope.dimension_count", vec![0, 1, 7, 15, 18, 32, 1 << 31, u32::MAX]),
        ("llama.attention.key_length", vec![0, 1, 15, 17, 1 << 31, u32::MAX]),
        ("llama.attention.value_length", vec![0, 1, 15, 17, 1 << 31, u32::MAX]),
        ("llama.expert_count", vec![8]),
    ];
    for (key, values) in numbers {
        for value in values {
            let what = format!("{key} = {value}");
            let code = code(&what, &good.clone().u32(key, value).bytes());
            assert!(ACCUSATIONS.contains(&code), "{what}: {code:?}");
        }
    }
    let reals = [
        ("llama.attention.layer_norm_rms_epsilon", vec![f32::NAN, f32::INFINITY, -1.0]),
        ("llama.rope.freq_base", vec![f32::NAN, f32::INFINITY, 0.0, -1.0]),
    ];
    for (key, values) in reals {
        for value in values {
            let what = format!("{key} = {value}");
            let code = code(&what, &good.clone().f32(key, value).bytes());
            assert!(ACCUSATIONS.contains(&code), "{what}: {code:?}");
        }
    }
    for architecture in ["", "gpt2", "llama4", "bert", "LLAMA"] {
        let file = good.clone().text("general.architecture", architecture).bytes();
        assert_eq!(code(architecture, &file), ErrorCode::UnsupportedModel);
    }
    let scaling = good.text("llama.rope.scaling.type", "sideways").bytes();
    assert_eq!(code("an unknown scaling", &scaling), ErrorCode::UnsupportedModel);
}

#[test]
fn long_contexts_cost_nothing_until_they_are_used() {
    for length in [1 << 20, 1 << 31, u32::MAX] {
        endure("a long context", &llama().u32("llama.context_length", length).bytes());
    }
}

/// Each entry missing, and each of another type.
#[test]
fn every_entry_is_missing_or_something_else() {
    for name in ["tiny-llama/model-q4_1.gguf", "tiny-gemma3/model-f32.gguf"] {
        let good = Edit::of(&golden(name));
        for key in good.keys().map(str::to_owned).collect::<Vec<_>>() {
            let text = [&4u64.to_le_bytes()[..], b"oops"].concat();
            let list = [&4u32.to_le_bytes()[..], &1u64.to_le_bytes(), &7u32.to_le_bytes()].concat();
            let values: [(u32, &[u8]); 8] = [
                (8, &text),
                (9, &list),
                (7, &[1]),
                (5, &(-1i32).to_le_bytes()),
                (10, &u64::MAX.to_le_bytes()),
                (6, &f32::NAN.to_le_bytes()),
                (12, &f64::MAX.to_le_bytes()),
                (4, &7u32.to_le_bytes()),
            ];
            endure(&key, &good.clone().without(&key).bytes());
            for (code, value) in values {
                endure(&format!("{key} of type {code}"), &good.clone().set(&key, code, value).bytes());
            }
        }
    }
}

#[test]
fn settings_of_an_answer_that_are_out_of_range() {
    let model = load(&golden("tiny-llama/model-q4_1.gguf")).unwrap();
    let sampling = |sampling: Sampling| Answer { sampling, ..three_tokens() };
    let good = Sampling::default();
    for (what, options) in [
        ("temperature", sampling(Sampling { temperature: f32::NAN, ..good.clone() })),
        ("temperature", sampling(Sampling { temperature: -1.0, ..good.clone() })),
        ("temperature", sampling(Sampling { temperature: f32::INFINITY, ..good.clone() })),
        ("top-p", sampling(Sampling { top_p: f32::NAN, ..good.clone() })),
        ("min-p", sampling(Sampling { min_p: 2.0, ..good.clone() })),
        ("repetition", sampling(Sampling { repetition_penalty: 0.0, ..good.clone() })),
        ("no tokens", Answer { max_tokens: Some(0), ..three_tokens() }),
        ("10,000 stop strings", Answer { stop: vec!["x".to_owned(); 10_000], ..three_tokens() }),
        ("a long stop string", Answer { stop: vec!["x".repeat(10_000)], ..three_tokens() }),
        ("an empty stop string", Answer { stop: vec![String::new()], ..three_tokens() }),
    ] {
        let error = answer(&model, options).expect_err(what);
        assert_eq!(error.code, ErrorCode::InvalidInput, "{what}: {error:?}");
        assert_eq!(answer(&model, three_tokens()).unwrap().generated_tokens, 3, "after {what}");
    }
}

#[test]
fn a_prompt_longer_than_the_context() {
    let model = load(&golden("tiny-llama/model-q4_1.gguf")).unwrap();
    let options = PlanOptions { answer: Some(three_tokens()), ..PlanOptions::default() };
    let long = vec![user(&"the cat sat. ".repeat(1000))];
    assert_eq!(model.plan(long, options).err().unwrap().code, ErrorCode::ContextOverflow);
    assert_eq!(answer(&model, three_tokens()).unwrap().generated_tokens, 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Most of the file is weights, so every other patch is aimed at what comes before them.
    #[test]
    fn good_files_with_random_bytes_in_them(
        place: prop::sample::Index,
        aimed: bool,
        patch in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        for name in ["tiny-llama/model-q4_1.gguf", "tiny-gemma3-softcap/model-q8_0.gguf"] {
            let mut bytes = golden(name);
            let end = if aimed { 9_000 } else { bytes.len() };
            let start = place.index(end);
            for (byte, new) in bytes[start..].iter_mut().zip(&patch) {
                *byte = *new;
            }
            endure(name, &bytes);
        }
    }
}
