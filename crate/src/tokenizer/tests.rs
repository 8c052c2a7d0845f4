use proptest::prelude::*;
use serde_json::{Value, json};

use super::Tokenizer;
use crate::error::{ErrorCode, Result};
use crate::formats::gguf::Metadata;
use crate::formats::gguf::fixture::Gguf;
use crate::formats::open_gguf;

/// Special tokens first, then some that begin words and some that continue them.
const TOKENS: [&str; 24] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "the", "cat", "cafe", "漢", "字", "!", "[", "]",
    "é", "##a", "##b", "##s", "##e", "##t", "##漢", "##]", "x",
];
const CLS: u32 = 2;
const SEP: u32 = 3;

fn definition() -> Value {
    let special = |id: usize| {
        json!({"id": id, "content": TOKENS[id], "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true})
    };
    let token = |name: &str, id: u32| json!({"id": name, "ids": [id], "tokens": [name]});
    json!({
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": (0..5).map(special).collect::<Vec<_>>(),
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": token("[CLS]", CLS), "[SEP]": token("[SEP]", SEP)}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": TOKENS.iter().zip(0..).map(|(t, id)| (t.to_string(), json!(id))).collect::<serde_json::Map<_, _>>()},
    })
}

fn from_json(definition: &Value) -> Result<Tokenizer> {
    Tokenizer::from_json(definition.to_string().as_bytes())
}

fn tokenizer() -> Tokenizer {
    from_json(&definition()).unwrap()
}

/// GGML's spelling of [`TOKENS`].
fn ggml_tokens() -> Vec<String> {
    let spell = |token: &&str| match token.strip_prefix("##") {
        Some(rest) => rest.to_owned(),
        None if token.len() > 2 && token.starts_with('[') => token.to_string(),
        None => format!("\u{2581}{token}"),
    };
    TOKENS.iter().map(spell).collect()
}

fn gguf() -> Gguf {
    let tokens = ggml_tokens();
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    let types: Vec<_> = (0..TOKENS.len()).map(|id| if id < 5 { 3 } else { 1 }).collect();
    Gguf::default()
        .text("tokenizer.ggml.model", "bert")
        .texts("tokenizer.ggml.tokens", &tokens)
        .i32s("tokenizer.ggml.token_type", &types)
}

fn metadata(file: &Gguf) -> Metadata {
    open_gguf(file.bytes()).unwrap().metadata
}

fn reference(definition: &Value) -> tokenizers::Tokenizer {
    let mut reference = tokenizers::Tokenizer::from_bytes(definition.to_string()).unwrap();
    reference.with_padding(None).with_truncation(None).unwrap();
    reference
}

fn reference_ids(definition: &Value, text: &str) -> Vec<u32> {
    reference(definition).encode_fast(text, true).unwrap().get_ids().to_vec()
}

#[test]
fn texts_stand_between_special_tokens() {
    let ids = |text| tokenizer().encode(text, 512).unwrap().ids;
    assert_eq!(ids(""), [CLS, SEP]);
    assert_eq!(ids(" \n\t\u{3000}"), [CLS, SEP]);
    assert_eq!(ids("The CATS!"), [CLS, 7, 8, 18, 12, SEP]);
    assert_eq!(ids("café"), [CLS, 9, SEP]);
    assert_eq!(ids("漢字a"), [CLS, 10, 11, 5, SEP]);
    assert_eq!(ids("a[SEP]b [sep]"), [CLS, 5, SEP, 6, 13, 1, 14, SEP]);
}

#[test]
fn truncation_keeps_the_special_tokens() {
    let encode = |text, limit| tokenizer().encode(text, limit).unwrap();
    let whole = encode("a b a", 5);
    assert_eq!((whole.ids.as_slice(), whole.truncated), (&[CLS, 5, 6, 5, SEP][..], false));
    let cut = encode("a b a", 4);
    assert_eq!((cut.ids.as_slice(), cut.truncated), (&[CLS, 5, 6, SEP][..], true));
    let cut = encode("abab[MASK]", 3);
    assert_eq!((cut.ids.as_slice(), cut.truncated), (&[CLS, 5, SEP][..], true));
    assert_eq!(encode("a", 2).ids, [CLS, SEP]);
    assert!(!encode(" ", 2).truncated);
    for limit in [0, 1] {
        assert_eq!(tokenizer().encode("a", limit).unwrap_err().code, ErrorCode::InvalidInput);
    }
}

#[test]
fn long_texts_are_cut_like_the_reference_cuts_them() {
    let tokenizer = tokenizer();
    for text in ["the cats! ".repeat(2000), "漢字".repeat(2000), "a[MASK]é".repeat(900), "abse".repeat(3000)]
    {
        let expected = reference_ids(&definition(), &text);
        let whole = tokenizer.encode(&text, usize::MAX).unwrap();
        assert_eq!((&whole.ids, whole.truncated), (&expected, false));
        let cut = tokenizer.encode(&text, 256.min(expected.len() - 1)).unwrap();
        let kept = cut.ids.len() - 1;
        assert!(cut.truncated);
        assert_eq!(cut.ids[..kept], expected[..kept]);
        assert_eq!(cut.ids[kept], SEP);
    }
}

#[test]
fn a_million_characters_without_a_space() {
    let encode = |text: &str| tokenizer().encode(text, 512).unwrap();
    assert_eq!(encode(&"a".repeat(1 << 20)).ids, [CLS, 1, SEP]);
    assert_eq!(encode(&"!".repeat(1 << 20)).ids.len(), 512);
    assert_eq!(encode(&"\u{301}".repeat(1 << 19)).ids, [CLS, SEP]);
}

#[test]
fn the_vocabulary_can_be_asked() {
    let tokenizer = tokenizer();
    assert_eq!(tokenizer.pad_id(), 0);
    assert_eq!(tokenizer.vocabulary_size(), TOKENS.len());
    for (token, id) in TOKENS.iter().zip(0..) {
        assert_eq!(tokenizer.token_id(token), Some(id));
    }
    assert_eq!(tokenizer.token_id("absent"), None);
}

#[test]
fn tokens_may_be_added_behind_the_vocabulary() {
    let mut definition = definition();
    let added = json!({"id": 24, "content": "<x>", "single_word": false, "lstrip": true, "rstrip": true,
        "normalized": false, "special": false});
    definition["added_tokens"].as_array_mut().unwrap().push(added);
    let tokenizer = from_json(&definition).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 25);
    assert_eq!(tokenizer.token_id("<x>"), Some(24));
    let text = "a <x>\u{b}<x> b";
    let ids = tokenizer.encode(text, 512).unwrap().ids;
    assert_eq!(ids, reference_ids(&definition, text));
    assert_eq!(ids, [CLS, 5, 24, 24, 6, SEP]);
}

#[test]
fn gguf_gives_the_same_ids() {
    let json = tokenizer();
    let with_ids = gguf()
        .u32("tokenizer.ggml.cls_token_id", CLS)
        .u32("tokenizer.ggml.seperator_token_id", SEP)
        .u32("tokenizer.ggml.padding_token_id", 0)
        .u32("tokenizer.ggml.unknown_token_id", 1);
    for file in [gguf(), with_ids] {
        let tokenizer = Tokenizer::from_gguf(&metadata(&file)).unwrap();
        assert_eq!(tokenizer.vocabulary_size(), json.vocabulary_size());
        assert_eq!(tokenizer.pad_id(), json.pad_id());
        for token in TOKENS {
            assert_eq!(tokenizer.token_id(token), json.token_id(token));
        }
        for text in ["", "The cafés!", "漢字 [SEP] [x] zzz"] {
            assert_eq!(tokenizer.encode(text, 512).unwrap(), json.encode(text, 512).unwrap());
        }
    }
}

#[test]
fn gguf_may_say_how_to_normalise() {
    let cased = gguf().entry("tokenizer.ggml.normalizer.lowercase", 7, &[0]);
    let cased = Tokenizer::from_gguf(&metadata(&cased)).unwrap();
    assert_eq!(cased.encode("A é", 512).unwrap().ids, [CLS, 1, 15, SEP]);
}

#[test]
fn other_gguf_tokenizers_are_refused() {
    let bert = || Gguf::default().text("tokenizer.ggml.model", "bert");
    for (what, file) in [
        ("another model", Gguf::default().text("tokenizer.ggml.model", "gpt2")),
        ("no model", Gguf::default()),
        ("no tokens", bert()),
        ("no unknown token", bert().texts("tokenizer.ggml.tokens", &["[CLS]", "[SEP]", "▁a"])),
        ("no separator", bert().texts("tokenizer.ggml.tokens", &["[CLS]", "[UNK]", "▁a"])),
        (
            "the same token twice",
            bert().texts("tokenizer.ggml.tokens", &["[UNK]", "[CLS]", "[SEP]", "▁a", "▁a"]),
        ),
        ("an id too high", gguf().u32("tokenizer.ggml.cls_token_id", 24)),
        (
            "types for other tokens",
            bert().texts("tokenizer.ggml.tokens", &["[UNK]"]).i32s("tokenizer.ggml.token_type", &[1, 1]),
        ),
    ] {
        let error = Tokenizer::from_gguf(&metadata(&file)).unwrap_err();
        assert_eq!(error.code, ErrorCode::Tokenizer, "{what}");
    }
}

#[test]
fn unusable_definitions_are_refused() {
    let with = |pointer: &str, value: Value| {
        let mut definition = definition();
        *definition.pointer_mut(pointer).unwrap() = value;
        definition.to_string().into_bytes()
    };
    let deep = |open: &str| open.repeat(100_000).into_bytes();
    let special = "/post_processor/special_tokens/[CLS]";
    for (what, bytes) in [
        ("nothing", vec![]),
        ("not JSON", b"<!doctype html>".to_vec()),
        ("not UTF-8", vec![b'"', 0xff, b'"']),
        ("truncated", definition().to_string().into_bytes()[..300].to_vec()),
        ("deep lists", deep("[")),
        ("deep objects", deep(r#"{"normalizer":"#)),
        ("another model", with("/model/type", json!("BPE"))),
        ("another normaliser", with("/normalizer", json!({"type": "Lowercase"}))),
        ("another splitter", with("/pre_tokenizer", json!({"type": "Whitespace"}))),
        ("a missing unknown token", with("/model/unk_token", json!("<unk>"))),
        ("a gap in the ids", with("/model/vocab/a", json!(24))),
        ("an id twice", with("/model/vocab/a", json!(6))),
        ("a huge id", with("/model/vocab/a", json!(u32::MAX))),
        ("a negative id", with("/model/vocab/a", json!(-1))),
        ("an added token elsewhere", with("/added_tokens/2/id", json!(7))),
        ("an empty added token", with("/added_tokens/2/content", json!(""))),
        ("normalised added tokens", with("/added_tokens/2/normalized", json!(true))),
        ("whole-word added tokens", with("/added_tokens/2/single_word", json!(true))),
        ("a special id too high", with(&format!("{special}/ids/0"), json!(24))),
        ("an undefined special token", with("/post_processor/single/0/SpecialToken/id", json!("[NO]"))),
        ("another token type", with("/post_processor/single/0/SpecialToken/type_id", json!(1))),
        ("a second text", with("/post_processor/single/1/Sequence/id", json!("B"))),
        ("no text", with("/post_processor/single", json!([]))),
    ] {
        let error = Tokenizer::from_json(&bytes).unwrap_err();
        assert_eq!(error.code, ErrorCode::Tokenizer, "{what}");
    }
}

#[test]
fn bert_processing_and_none() {
    let mut definition = definition();
    definition["post_processor"] =
        json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]});
    assert_eq!(from_json(&definition).unwrap().encode("a", 512).unwrap().ids, [CLS, 5, SEP]);
    definition["post_processor"] = Value::Null;
    assert_eq!(from_json(&definition).unwrap().encode("a", 512).unwrap().ids, [5]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_encoded_like_the_reference_does(
        text in prop_oneof![
            any::<String>(),
            "[abset漢字!\\[\\] \u{301}\u{300}é\u{b}\u{0}\u{fffd}ǅİß]{0,60}",
            "(the|cat|[SEP]|\\[MASK\\]|漢| |\n|\u{301}){300,600}",
        ],
        lowercase: bool, strip: Option<bool>, chinese: bool, clean: bool,
    ) {
        let mut definition = definition();
        definition["normalizer"] = json!({"type": "BertNormalizer", "clean_text": clean,
            "handle_chinese_chars": chinese, "strip_accents": strip, "lowercase": lowercase});
        let encoding = from_json(&definition).unwrap().encode(&text, usize::MAX).unwrap();
        prop_assert_eq!(encoding.ids, reference_ids(&definition, &text));
    }
}
