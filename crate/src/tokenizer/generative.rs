//! Text to token ids and back for models that write: byte-level BPE and SentencePiece, from GGUF metadata.
//!
//! The vocabulary is kept as the bytes that tokens stand for, so that both kinds are encoded and decoded alike
//! once their differences are read: how text is cut into words ([`split`]) and which neighbours merge first
//! ([`bpe`], [`spm`]).

mod bpe;
mod byte_level;
mod chat;
mod detokenizer;
mod ggml;
mod index;
mod merge;
mod specials;
mod split;
mod spm;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::borrow::Cow;

use self::bpe::Bpe;
use self::specials::Specials;
use self::spm::Spm;
use self::vocabulary::{Kind, Vocabulary};
use super::added_tokens::Part;
use crate::error::Result;
use crate::formats::gguf::Metadata;

pub use detokenizer::Detokenizer;

/// What becomes of text that is spelled like a control token, `<|im_end|>` for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// It is that token: for what a chat template wrote.
    Parse,
    /// It is text like any other: for what people wrote.
    AsText,
}

/// Turns text into token ids and back.
#[derive(Debug)]
pub struct TextTokenizer {
    vocabulary: Vocabulary,
    model: Model,
    specials: Specials,
}

#[derive(Debug)]
enum Model {
    Bpe(Bpe),
    Spm(Spm),
}

impl TextTokenizer {
    /// A tokenizer from the metadata of a GGUF file whose `tokenizer.ggml.model` is `gpt2` (byte-level BPE, with
    /// the pre-tokenizer that `tokenizer.ggml.pre` names) or `llama` (SentencePiece).
    ///
    /// # Errors
    /// [`ErrorCode::Tokenizer`](crate::ErrorCode::Tokenizer) for other models and pre-tokenizers, and where the
    /// metadata are incomplete or contradict each other; the detail names the setting or the token.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self> {
        ggml::read(metadata)
    }

    /// The ids of `text`, all below [`vocabulary_size`](Self::vocabulary_size). Neither
    /// [`add_bos`](Self::add_bos) nor [`add_eos`](Self::add_eos) is added.
    pub fn encode(&self, text: &str, special: Special) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode_parts(&self.normalised(text), special, true, &mut ids);
        ids
    }

    /// The text of `ids`: control tokens are left out, and so are ids that the vocabulary does not have. What is
    /// no UTF-8 becomes U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut detokenizer = Detokenizer::new(self);
        let mut text: String = ids.iter().map(|&id| detokenizer.push(self, id)).collect();
        text.push_str(&detokenizer.finish());
        text
    }

    /// The token to put in front of every text, if the model wants one.
    pub fn add_bos(&self) -> Option<u32> {
        self.specials.bos.filter(|_| self.specials.add_bos)
    }

    /// The token to put behind every text, if the model wants one.
    pub fn add_eos(&self) -> Option<u32> {
        self.specials.eos.filter(|_| self.specials.add_eos)
    }

    /// The token that begins a text, whether or not the model wants it there.
    pub fn bos(&self) -> Option<u32> {
        self.specials.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.specials.eos
    }

    /// Whether the model says by this token that it has finished: the end of the text, of the turn, of the message.
    pub fn is_end(&self, id: u32) -> bool {
        self.specials.ends.contains(&id)
    }

    /// Whether the token is a control token, which stands for no text.
    pub fn is_control(&self, id: u32) -> bool {
        matches!(self.vocabulary.kind(id), Some(Kind::Control | Kind::Unknown))
    }

    /// The bytes that a token stands for, of a control token its name; none where there is no such token. A
    /// character may be spread over several tokens.
    pub fn piece(&self, id: u32) -> &[u8] {
        self.vocabulary.piece(id)
    }

    /// A token as text, or `None` where it is only part of a character or does not exist.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.vocabulary.kind(id)?;
        str::from_utf8(self.piece(id)).ok()
    }

    /// The number of tokens; every id is below it.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// The text as tokens spell it: SentencePiece's stand-in for a space is one.
    fn normalised<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.model {
            Model::Spm(_) if text.contains(spm::BLANK) => text.replace(spm::BLANK, " ").into(),
            _ => text.into(),
        }
    }

    /// Appends the ids of a text; `after_special` is whether it begins, or follows a special token. Returns the same
    /// for what comes next.
    fn encode_parts(
        &self,
        text: &str,
        special: Special,
        mut after_special: bool,
        ids: &mut Vec<u32>,
    ) -> bool {
        for part in self.specials.split(text, special) {
            match part {
                Part::Text("") => continue,
                Part::Text(text) => self.encode_text(text, after_special, ids),
                Part::Token(id) => ids.push(id),
            }
            after_special = matches!(part, Part::Token(_));
        }
        after_special
    }

    fn encode_text(&self, text: &str, after_special: bool, ids: &mut Vec<u32>) {
        match &self.model {
            Model::Bpe(bpe) => bpe.encode(&self.vocabulary, text, ids),
            Model::Spm(spm) => spm.encode(&self.vocabulary, text, after_special, ids),
        }
    }

    /// Whether a text begins with a space that is not the writer's.
    fn prefixes_space(&self) -> bool {
        matches!(&self.model, Model::Spm(spm) if spm.space_prefix)
    }
}
