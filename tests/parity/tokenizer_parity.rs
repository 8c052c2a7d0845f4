//! Token ids against Hugging Face's `tokenizers` and SentencePiece (see `tests/golden/README.md`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

use inglenook::{
    formats::open_gguf,
    tokenizer::generative::{Detokenizer, Special, TextTokenizer},
};
use serde_json::Value;

fn read(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; fetch the weights first", path.display()))
}

fn tokenizer(path: &str) -> TextTokenizer {
    let file = open_gguf(read(path)).unwrap();
    TextTokenizer::from_gguf(&file.metadata).unwrap()
}

fn texts() -> Vec<String> {
    let texts: Value = serde_json::from_slice(&read("tests/golden/token-ids/texts.json")).unwrap();
    let text = |entry: &Value| match entry {
        Value::String(text) => text.clone(),
        other => other["repeat"].as_str().unwrap().repeat(other["times"].as_u64().unwrap() as usize),
    };
    texts.as_array().unwrap().iter().map(text).collect()
}

/// `5 7*3` is 5, 7, 7, 7.
fn ids(row: &str) -> Vec<u32> {
    let run = |run: &str| {
        let (id, times) = run.split_once('*').unwrap_or((run, "1"));
        std::iter::repeat_n(id.parse().unwrap(), times.parse().unwrap())
    };
    row.split_whitespace().flat_map(run).collect()
}

/// Every text of the golden: ids with control tokens and without, and the text that comes back.
fn check(golden: &str, vocabulary: &str, missing: &[u8]) {
    let (tokenizer, texts) = (tokenizer(vocabulary), texts());
    let rows = String::from_utf8(read(&format!("tests/golden/token-ids/{golden}.txt"))).unwrap();
    let rows: Vec<_> = rows.lines().collect();
    assert!(texts.len() >= 500 && rows.len() == texts.len());
    for (number, (text, row)) in texts.iter().zip(rows).enumerate() {
        let (parsed, as_text) = row.split_once(" | ").unwrap_or((row, row));
        for (special, expected) in [(Special::Parse, parsed), (Special::AsText, as_text)] {
            let actual = tokenizer.encode(text, special);
            assert_eq!(actual, ids(expected), "text {number}, {text:?}, {special:?}");
        }
        let ids = ids(as_text);
        let decoded = tokenizer.decode(&ids);
        // SentencePiece's stand-in for a space comes back as one; bytes without a token do not come back.
        let kept: Vec<_> = text.bytes().filter(|byte| !missing.contains(byte)).collect();
        let kept = String::from_utf8_lossy(&kept);
        assert!(decoded == kept || decoded == kept.replace('\u{2581}', " "), "text {number}, {text:?}");
        let mut detokenizer = Detokenizer::new(&tokenizer);
        let streamed: String = ids.iter().map(|&id| detokenizer.push(&tokenizer, id)).collect();
        assert_eq!(streamed + &detokenizer.finish(), decoded);
    }
}

#[test]
fn smollm2() {
    let mut missing = vec![4, 6, 19, 20, 22, 29, 192, 193, 241, 242];
    missing.extend(245..=255);
    check("smollm2", "models/weights/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf", &missing);
}

/// SentencePiece as Llama 2 and TinyLlama have it: a space in front of every text.
#[test]
fn llama_spm() {
    check("llama-spm", "tests/golden/token-ids/llama-spm.gguf", &[]);
    let tokenizer = tokenizer("tests/golden/token-ids/llama-spm.gguf");
    let ids = tokenizer.encode("a", Special::Parse);
    assert!(tokenizer.piece(ids[0]).starts_with(b" ") && tokenizer.decode(&ids) == "a");
}

#[test]
#[ignore = "needs 491 MB of weights: node models/fetch.mjs qwen2.5-coder-0.5b-instruct"]
fn qwen2_5_coder() {
    check(
        "qwen2.5-coder",
        "models/weights/qwen2.5-coder-0.5b-instruct/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        &[],
    );
}

#[test]
#[ignore = "needs 253 MB of weights: node models/fetch.mjs gemma-3-270m"]
fn gemma_3() {
    check("gemma-3", "models/weights/gemma-3-270m/gemma-3-270m-q4_k_m.gguf", &[]);
}
