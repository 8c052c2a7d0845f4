//! Any text as a chat template: parsed, rendered, and its output turned into tokens.
#![no_main]

use std::sync::LazyLock;

use inglenook_fuzz::{
    formats::open_gguf,
    tokenizer::{
        chat_template::{ChatTemplate, Message, Role},
        generative::TextTokenizer,
    },
};
use libfuzzer_sys::fuzz_target;

static TOKENIZER: LazyLock<TextTokenizer> = LazyLock::new(|| {
    let file = include_bytes!("../../../tests/golden/tiny-llama/model-q4_1.gguf");
    TextTokenizer::from_gguf(&open_gguf(file.to_vec()).unwrap().metadata).unwrap()
});

/// A GGUF file with nothing in it but a template.
fn file(template: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let head = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
    let entry = [text("tokenizer.chat_template"), 8u32.to_le_bytes().to_vec(), text(template)].concat();
    let mut bytes = [head, entry].concat();
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}

fn messages() -> Vec<Message> {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    vec![
        message(Role::System, "Be brief."),
        message(Role::User, "<|im_end|> {{ messages }} \u{1f525}"),
        message(Role::Assistant, ""),
        message(Role::User, "  and now?\n"),
    ]
}

fuzz_target!(|template: &str| {
    let file = open_gguf(file(template)).unwrap();
    let Ok(template) = ChatTemplate::from_gguf(&file.metadata, &TOKENIZER) else { return };
    let messages = messages();
    for until in 0..=messages.len() {
        let _ = template.render(&messages[..until], until % 2 == 0);
    }
    if let Ok(ids) = TOKENIZER.encode_chat(&template, &messages, true, Some("Well")) {
        assert!(ids.iter().all(|id| (*id as usize) < TOKENIZER.vocabulary_size()));
    }
});
