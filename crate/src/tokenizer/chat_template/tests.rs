use std::{fs, path::Path};

use serde_json::Value as Json;

use super::*;
use crate::formats::gguf::fixture::Gguf;
use crate::formats::open_gguf;

/// 2024-02-29 13:04:05, the time of the goldens.
const NOW: i64 = 1_709_211_845;

/// A tokenizer whose only purpose is that texts begin with `<s>` and end with `</s>`.
fn gguf() -> Gguf {
    Gguf::default()
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "gpt-2")
        .texts("tokenizer.ggml.tokens", &["<s>", "</s>", "a"])
        .i32s("tokenizer.ggml.token_type", &[3, 3, 1])
        .texts("tokenizer.ggml.merges", &[])
        .u32("tokenizer.ggml.bos_token_id", 0)
        .u32("tokenizer.ggml.eos_token_id", 1)
}

fn read(file: &Gguf) -> Result<ChatTemplate> {
    set_clock(|| NOW);
    let metadata = open_gguf(file.bytes()).unwrap().metadata;
    ChatTemplate::from_gguf(&metadata, &TextTokenizer::from_gguf(&metadata).unwrap())
}

fn template(source: &str) -> Result<ChatTemplate> {
    read(&gguf().text(KEY, source))
}

fn user(content: &str) -> Message {
    Message { role: Role::User, content: content.to_owned() }
}

fn golden(name: &str) -> Json {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/chat-templates");
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

fn conversation(messages: &Json) -> Vec<Message> {
    let message = |message: &Json| Message {
        role: match message["role"].as_str().unwrap() {
            "system" => Role::System,
            "user" => Role::User,
            _ => Role::Assistant,
        },
        content: message["content"].as_str().unwrap().to_owned(),
    };
    messages.as_array().unwrap().iter().map(message).collect()
}

/// Every conversation of the golden as the reference renders it, without and with the prompt for an answer.
fn check(name: &str) {
    let golden_rows = golden(&format!("{name}.json"));
    let template = template(golden_rows["template"].as_str().unwrap()).unwrap();
    let rows = golden_rows["rendered"].as_array().unwrap();
    let conversations = golden("conversations.json");
    assert_eq!(rows.len(), conversations.as_array().unwrap().len());
    for (messages, row) in conversations.as_array().unwrap().iter().zip(rows) {
        for (expected, prompt) in row.as_array().unwrap().iter().zip([false, true]) {
            let rendered = template.render(&conversation(messages), prompt);
            match expected["text"].as_str() {
                Some(text) => assert_eq!(rendered.as_deref(), Ok(text), "{name}: {messages}"),
                None => {
                    let error = rendered.unwrap_err();
                    let reason = expected["error"].as_str().unwrap();
                    assert_eq!(error.code, ErrorCode::Template);
                    assert!(error.message.contains(reason), "{name}: {error} instead of {reason}");
                }
            }
        }
    }
}

macro_rules! templates {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}

templates! {
    smollm2: "smollm2",
    qwen2_5_coder: "qwen2.5-coder",
    chatml: "chatml",
    llama3: "llama3",
    gemma: "gemma",
    gemma3: "gemma3",
    mistral: "mistral",
    llama2: "llama2",
    zephyr: "zephyr",
    phi: "phi",
    qwen3: "qwen3",
    features: "features",
}

#[test]
fn without_a_template_contents_are_lines() {
    let template = read(&gguf()).unwrap();
    assert!(!template.has_template());
    assert_eq!(template.render(&[user("a"), user("b")], true).unwrap(), "a\nb");
    assert!(super::tests::template("x").unwrap().has_template());
}

/// Whatever a template does, it ends, and says what was wrong with it.
#[test]
fn templates_that_go_wrong_are_errors() {
    for (source, reason) in [
        ("{{ raise_exception('no') }}", "no"),
        ("{{ raise_exception('é' * 1000) }}", "é"),
        ("{% for", "unexpected end"),
        ("{{ missing.member }}", "undefined"),
        ("{{ missing() }}", "unknown"),
        ("{{ 'a'.shout() }}", "no method named shout"),
        ("{{ 1 | shout }}", "shout"),
        ("{{ 1 / 0 }}", "1 / 0"),
        ("{% include 'other' %}", "other"),
        ("{{ strftime_now('%Q') }}", "%Q"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "fuel"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{% for a in range(2000) %}{{ 'x' * 1000 }}{% endfor %}", "more than"),
        ("{{ 'x' * 90000000 }}", "more than"),
        ("{{ range(100000000) | list }}", "range"),
        (&"{% if true %}".repeat(2000), "recurs"),
        (&format!("{{{{ {}1{} }}}}", "(".repeat(400), ")".repeat(400)), "recurs"),
        (&"x".repeat(1 << 19), "allowed"),
        (&format!("{{{{ 1{} }}}}", "+1".repeat(60_000)), "too long"),
        (&format!("{{{{ 'a'{} }}}}", "|upper".repeat(20_000)), "too long"),
        (&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(10_000)), "too long"),
    ] {
        let rendered = template(source).and_then(|template| template.render(&[user("u")], false));
        let error = rendered.unwrap_err();
        assert_eq!(error.code, ErrorCode::Template);
        assert!(error.message.contains(reason), "{} for {:.100}", error.message, source);
        assert!(error.message.len() < 1000);
    }
}

#[test]
fn a_template_that_is_no_text_is_an_error() {
    let error = read(&gguf().u32(KEY, 7)).unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::Template, Some(KEY)));
}

/// The limits leave room for long conversations.
#[test]
fn long_conversations_render() {
    let rows = golden("llama3.json");
    let template = template(rows["template"].as_str().unwrap()).unwrap();
    let turn = |n| Message {
        role: if n % 2 == 0 { Role::User } else { Role::Assistant },
        content: "x".repeat(1000),
    };
    let messages: Vec<_> = (0..5000).map(turn).collect();
    assert!(template.render(&messages, true).unwrap().len() > 5_000_000);
}
