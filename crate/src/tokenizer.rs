//! Text to token ids: BERT's WordPiece, from a `tokenizer.json` or from the vocabulary inside a GGUF file.
//!
//! What has to agree with the reference to the last Unicode table, normalising and splitting into words, is the
//! `tokenizers` crate's. Its general `Tokenizer` would bring every model and regular expression engine along,
//! 400 KB of compressed wasm, and reads a whole text before it truncates; so the rest is here.

mod added_tokens;
mod ascii;
pub mod chat_template;
mod definition;
pub mod generative;
mod ggml;
mod json;
mod segments;
mod wordpiece;

use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::tokenizer::pre_tokenizer::{OffsetType, PreTokenizedString};
use tokenizers::{NormalizedString, Normalizer, OffsetReferential, PreTokenizer};

use self::added_tokens::{AddedTokens, Part};
use self::wordpiece::WordPiece;
use crate::error::{Error, ErrorCode, Result};
use crate::formats::gguf::Metadata;

/// A text as the model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids, the special ones around the text included; all of them below the vocabulary's size.
    pub ids: Vec<u32>,
    /// Whether the end of the text was left out.
    pub truncated: bool,
}

/// Turns texts into token ids.
#[derive(Debug)]
pub struct Tokenizer {
    normalizer: BertNormalizer,
    words: WordPiece,
    added: AddedTokens,
    before: Vec<u32>,
    after: Vec<u32>,
    pad: u32,
    size: usize,
}

impl Tokenizer {
    /// A tokenizer from the bytes of a `tokenizer.json`. Its settings for truncation and padding are ignored:
    /// how long a text may be is the caller's to say.
    ///
    /// # Errors
    /// [`ErrorCode::Tokenizer`] for anything but a consistent WordPiece tokenizer.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        json::parse(bytes)?.build()
    }

    /// A tokenizer from the metadata of a GGUF file whose `tokenizer.ggml.model` is `bert`.
    ///
    /// # Errors
    /// [`ErrorCode::Tokenizer`] for other models, and where the metadata are incomplete or inconsistent.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self> {
        ggml::parse(metadata)?.build()
    }

    /// The ids of `text` between the special tokens of the model, at most `max_tokens` altogether. From a text
    /// that is longer, tokens are dropped at the end, special tokens never; what comes far behind the limit is
    /// not even read.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] if the special tokens alone exceed `max_tokens`.
    pub fn encode(&self, text: &str, max_tokens: usize) -> Result<Encoding> {
        let limit = max_tokens
            .checked_sub(self.after.len())
            .filter(|&limit| limit >= self.before.len())
            .ok_or_else(|| {
                let message = format!("{max_tokens} tokens leave no room for the special tokens.");
                Error::new(ErrorCode::InvalidInput, message)
            })?;
        let mut ids = self.before.clone();
        for part in self.added.split(text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => self.encode_text(text, limit, &mut ids)?,
            }
            if ids.len() > limit {
                break;
            }
        }
        let truncated = ids.len() > limit;
        ids.truncate(limit);
        ids.extend(&self.after);
        Ok(Encoding { ids, truncated })
    }

    /// The id that fills up rows of a batch.
    pub fn pad_id(&self) -> u32 {
        self.pad
    }

    /// The id of a token as the vocabulary spells it, e.g. `[CLS]` or `##ing`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.added.id(token).or_else(|| self.words.id(token))
    }

    /// The number of tokens; every id is below it.
    pub fn vocabulary_size(&self) -> usize {
        self.size
    }

    /// Appends the ids of a text without added tokens, until there are more than `limit`.
    fn encode_text(&self, text: &str, limit: usize, ids: &mut Vec<u32>) -> Result<()> {
        for segment in segments::split(text, self.normalizer.handle_chinese_chars) {
            self.encode_segment(segment, ids).map_err(|e| {
                Error::new(ErrorCode::Internal, format!("A text could not be tokenised: {e}."))
            })?;
            if ids.len() > limit {
                break;
            }
        }
        Ok(())
    }

    fn encode_segment(&self, segment: &str, ids: &mut Vec<u32>) -> tokenizers::Result<()> {
        if ascii::words(segment, &self.normalizer, |word| self.words.tokenize(word, ids)) {
            return Ok(());
        }
        self.encode_any(segment, ids)
    }

    /// The same of a segment of whatever characters.
    fn encode_any(&self, segment: &str, ids: &mut Vec<u32>) -> tokenizers::Result<()> {
        let mut normalized = NormalizedString::from(segment);
        self.normalizer.normalize(&mut normalized)?;
        let mut words = PreTokenizedString::from(normalized);
        BertPreTokenizer.pre_tokenize(&mut words)?;
        for (word, ..) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            self.words.tokenize(word, ids);
        }
        Ok(())
    }
}

fn unusable(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::Tokenizer, message)
}

#[cfg(test)]
mod tests;
