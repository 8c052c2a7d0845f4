//! The vocabulary of BERT models in GGUF files.
//!
//! GGML marks tokens the other way round than BERT: those that begin a word have a `▁` in front, those that
//! continue one are bare, and so are special tokens, which stand in brackets.

use std::collections::HashMap;

use tokenizers::normalizers::bert::BertNormalizer;

use super::definition::Definition;
use super::unusable;
use crate::error::{Error, ErrorCode, Result};
use crate::formats::gguf::Metadata;

const PREFIX: &str = "##";
/// BERT's own limit; GGUF files do not state it.
const MAX_WORD_CHARS: usize = 100;

/// GGML's codes for tokens that text does not spell.
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;

pub(super) fn parse(metadata: &Metadata) -> Result<Definition> {
    read(metadata).map_err(|error| Error { code: ErrorCode::Tokenizer, ..error })
}

fn read(metadata: &Metadata) -> Result<Definition> {
    let model = metadata.str("tokenizer.ggml.model")?;
    if model != "bert" {
        let message = format!("The GGUF tokenizer {model} is not supported; bert is.");
        return Err(unusable(message).about(model));
    }
    let vocabulary = Vocabulary::read(metadata)?;
    let special = |keys: &[&str], name: &str| vocabulary.special(metadata, keys, name);
    let required = |keys: &[&str], name: &str| special(keys, name)?.ok_or_else(|| lacks(name));
    let unknown = required(&["unknown_token_id"], "[UNK]")?;
    let cls = required(&["cls_token_id", "bos_token_id"], "[CLS]")?;
    // The misspelling is the format's.
    let sep = required(&["seperator_token_id", "eos_token_id"], "[SEP]")?;
    let pad = special(&["padding_token_id"], "[PAD]")?;
    let mask = special(&["mask_token_id"], "[MASK]")?;
    let named = [pad, Some(unknown), Some(cls), Some(sep), mask];
    Ok(Definition {
        normalizer: normalizer(metadata)?,
        added: vocabulary.added(named.into_iter().flatten())?,
        before: vec![cls],
        after: vec![sep],
        pad,
        unknown: vocabulary.token(unknown)?,
        vocabulary: vocabulary.into_ids()?,
        prefix: PREFIX.to_owned(),
        max_word_chars: MAX_WORD_CHARS,
    })
}

/// Files of older converters say nothing of it, and mean BERT's uncased models.
fn normalizer(metadata: &Metadata) -> Result<BertNormalizer> {
    let flag = |name| metadata.optional(&key(&format!("normalizer.{name}")), Metadata::bool);
    let lowercase = flag("lowercase")?.unwrap_or(true);
    Ok(BertNormalizer::new(true, true, flag("strip_accents")?, lowercase))
}

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

/// BERT's spelling of the tokens, and GGML's type of each, by id.
struct Vocabulary {
    tokens: Vec<String>,
    types: Vec<i32>,
}

impl Vocabulary {
    fn read(metadata: &Metadata) -> Result<Self> {
        let tokens = metadata.strings(&key("tokens"))?;
        let types = metadata.optional(&key("token_type"), Metadata::i32s)?;
        let types = types.unwrap_or_else(|| vec![0; tokens.len()]);
        if types.len() != tokens.len() {
            return Err(unusable(format!(
                "The GGUF vocabulary has {} tokens, but the types of {}.",
                tokens.len(),
                types.len()
            )));
        }
        let spell = |(token, &kind): (&String, _)| bert_spelling(token, kind);
        let tokens = tokens.iter().zip(&types).map(spell).collect();
        Ok(Self { tokens, types })
    }

    /// The id under the first of the keys that is there, or else the id of the token with the usual name.
    fn special(&self, metadata: &Metadata, keys: &[&str], name: &str) -> Result<Option<u32>> {
        for name in keys {
            if let Some(id) = metadata.optional(&key(name), Metadata::u32)? {
                return Ok(Some(id));
            }
        }
        let position = self.tokens.iter().position(|token| token == name);
        Ok(position.and_then(|position| position.try_into().ok()))
    }

    fn token(&self, id: u32) -> Result<String> {
        self.tokens.get(id as usize).cloned().ok_or_else(|| lacks(&id.to_string()))
    }

    /// The tokens that are found in raw text: the special ones, by their type or because the metadata name them.
    fn added(&self, named: impl Iterator<Item = u32>) -> Result<Vec<(String, u32)>> {
        let marked = self.types.iter().zip(0u32..);
        let marked = marked.filter(|(kind, _)| [UNKNOWN, CONTROL].contains(kind));
        let mut ids: Vec<u32> = marked.map(|(_, id)| id).chain(named).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| Ok((self.token(id)?, id))).collect()
    }

    fn into_ids(self) -> Result<HashMap<String, u32>> {
        let mut ids = HashMap::with_capacity(self.tokens.len());
        for (token, id) in self.tokens.into_iter().zip(0u32..) {
            if let Some(other) = ids.insert(token, id) {
                return Err(unusable(format!("The GGUF vocabulary has the same token at {other} and {id}.")));
            }
        }
        Ok(ids)
    }
}

fn lacks(token: &str) -> Error {
    unusable(format!("The GGUF vocabulary lacks the special token {token}.")).about(token)
}

fn bert_spelling(token: &str, kind: i32) -> String {
    if let Some(initial) = token.strip_prefix('\u{2581}') {
        initial.to_owned()
    } else if kind == CONTROL || token.starts_with('[') && token.ends_with(']') {
        token.to_owned()
    } else {
        format!("{PREFIX}{token}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling() {
        for (ggml, bert) in [
            ("▁un", "un"),
            ("aff", "##aff"),
            ("[CLS]", "[CLS]"),
            ("[unused0]", "[unused0]"),
            ("▁[", "["),
            ("]", "##]"),
            ("▁", ""),
        ] {
            assert_eq!(bert_spelling(ggml, 1), bert);
        }
        assert_eq!(bert_spelling("<s>", CONTROL), "<s>");
    }
}
