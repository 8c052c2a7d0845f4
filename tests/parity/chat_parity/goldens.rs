//! What is in `tests/golden/` for chat models.

use std::{
    fs,
    path::{Path, PathBuf},
};

use inglenook::tokenizer::chat_template::{Message, Role};
use serde::Deserialize;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}; fetch the weights first", path.display()))
}

pub(crate) fn floats(path: &Path) -> Vec<f32> {
    read(path).chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

pub(crate) fn json<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    serde_json::from_slice(&read(&golden(name))).unwrap()
}

/// The greedy tokens of a reference, and by how much each was likelier than the second one, in logits.
#[derive(Deserialize)]
pub(crate) struct Greedy {
    pub(crate) ids: Vec<u32>,
    pub(crate) margins: Vec<f32>,
}

#[derive(Deserialize)]
pub(crate) struct Said {
    role: String,
    content: String,
}

#[derive(Deserialize)]
pub(crate) struct Chat {
    /// None for a completion, of a model without a template.
    #[serde(default)]
    pub(crate) messages: Vec<Said>,
    /// The prompt, and its tokens.
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
    #[serde(rename = "llama.cpp")]
    pub(crate) llama_cpp: Greedy,
    pub(crate) exact: Option<Greedy>,
}

#[derive(Deserialize)]
pub(crate) struct Chats {
    pub(crate) chats: Vec<Chat>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Perplexity {
    pub(crate) piece: usize,
    pub(crate) predicted: usize,
    pub(crate) perplexities: Reference,
    pub(crate) ids: Vec<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Reference {
    #[serde(rename = "llama.cpp")]
    pub(crate) llama_cpp: f64,
    pub(crate) exact: f64,
}

/// One of the sure answers of a tiny model.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TinyChat {
    pub(crate) messages: Vec<Said>,
    pub(crate) prompt: Vec<u32>,
    pub(crate) answer: Vec<u32>,
    pub(crate) answer_text: String,
}

pub(crate) fn messages(said: &[Said]) -> Vec<Message> {
    let role = |role: &str| match role {
        "system" => Role::System,
        "user" => Role::User,
        _ => Role::Assistant,
    };
    said.iter().map(|m| Message { role: role(&m.role), content: m.content.clone() }).collect()
}
