//! Chat: a conversation in, an answer out, token by token.
//!
//! The conversation is the caller's: every call is given all of it. A [`Session`] is what the model has read so far,
//! so that it need not be read again.

mod decoder;
mod foresee;
mod load;
mod plan;
mod window;

pub use load::LoadOptions;
pub use plan::{Job, PlanOptions};

use crate::{
    Result,
    device::Device,
    formats::Dtype,
    generate::Sequence,
    models::llama::Llama,
    tokenizer::{
        chat_template::{ChatTemplate, Message},
        generative::TextTokenizer,
    },
};

/// A loaded language model.
pub struct LanguageModel {
    llama: Llama,
    tokenizer: TextTokenizer,
    template: ChatTemplate,
    device: Device,
    info: Info,
}

/// What a loaded language model is.
#[derive(Clone, Debug)]
pub struct Info {
    /// The architecture's name.
    pub architecture: String,
    /// What the file calls the model.
    pub name: Option<String>,
    /// How many tokens a conversation and the answer to it may have.
    pub context_window: usize,
    /// How many tokens the model was trained with, at most.
    pub trained_context: usize,
    /// Numbers in the model's tensors.
    pub parameters: usize,
    /// Blocks of the decoder.
    pub layers: usize,
    /// Whether the file says how a conversation is written. Without, the messages are joined by line breaks.
    pub has_template: bool,
    /// The length of the file.
    pub bytes: usize,
    /// Its SHA-256 in lower-case hexadecimal, where it was hashed on its way in.
    pub sha256: Option<String>,
    /// The type that most numbers of the file are stored in.
    pub stored: Option<Dtype>,
    /// What weights of that type are multiplied by: `q8`, rows rounded to eight bits, or `f32`.
    pub dtype: &'static str,
}

/// What a model has read of a conversation. A clone shares the memory until one of the two goes on.
#[derive(Clone)]
pub struct Session(Sequence<LanguageModel>);

impl Session {
    /// How many tokens the model has read.
    pub fn usage(&self) -> usize {
        self.0.ids().len()
    }
}

impl LanguageModel {
    /// What was loaded.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// A session in which nothing was read.
    pub fn session(&self) -> Session {
        Session(Sequence::new(self.llama.cache()))
    }

    /// How many tokens `messages` have, with the beginning of an answer if one is to follow.
    ///
    /// # Errors
    /// `template` where the model's template refuses them.
    pub fn count(&self, messages: &[Message], answer: bool) -> Result<usize> {
        Ok(self.encode(messages, answer, None)?.len())
    }

    /// The tokens of `messages`, with the beginning of an answer if one is to follow.
    fn encode(&self, messages: &[Message], answer: bool, prefix: Option<&str>) -> Result<Vec<u32>> {
        self.tokenizer.encode_chat(&self.template, messages, answer, prefix)
    }
}
