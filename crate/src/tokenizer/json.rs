//! `tokenizer.json`, as far as BERT's tokenizers use it.

use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::normalizers::bert::BertNormalizer;

use super::definition::Definition;
use super::unusable;
use crate::error::Result;

pub(super) fn parse(bytes: &[u8]) -> Result<Definition> {
    let file: File = serde_json::from_slice(bytes)
        .map_err(|e| unusable(format!("The tokenizer.json cannot be used: {e}.")))?;
    let (before, after) = match file.post_processor {
        Some(processor) => processor.surroundings()?,
        None => (Vec::new(), Vec::new()),
    };
    Ok(Definition {
        normalizer: file.normalizer.build(),
        vocabulary: file.model.vocab,
        unknown: file.model.unk_token,
        prefix: file.model.continuing_subword_prefix,
        max_word_chars: file.model.max_input_chars_per_word,
        added: file.added_tokens.into_iter().map(AddedToken::check).collect::<Result<_>>()?,
        before,
        after,
        pad: None,
    })
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: FileNormalizer,
    /// Read for its name alone: there is only one.
    #[allow(dead_code)]
    pre_tokenizer: PreTokenizer,
    post_processor: Option<PostProcessor>,
    model: Model,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum FileNormalizer {
    BertNormalizer {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum PreTokenizer {
    BertPreTokenizer,
}

/// The kind comes first in every file, so that another model fails by its name. (A tagged enum would hold the
/// vocabulary in memory twice.)
#[derive(Deserialize)]
struct Model {
    #[allow(dead_code)]
    #[serde(rename = "type")]
    kind: Option<ModelKind>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

#[derive(Deserialize)]
enum ModelKind {
    WordPiece,
}

/// Whether spaces around the token belong to it is left out: words are split at spaces in any case.
#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    normalized: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    TemplateProcessing { single: Vec<Piece>, special_tokens: HashMap<String, SpecialToken> },
    BertProcessing { sep: (String, u32), cls: (String, u32) },
}

#[derive(Deserialize)]
enum Piece {
    Sequence { id: Sequence, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

#[derive(Deserialize)]
enum Sequence {
    A,
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

impl FileNormalizer {
    fn build(self) -> BertNormalizer {
        let Self::BertNormalizer { clean_text, handle_chinese_chars, strip_accents, lowercase } = self;
        BertNormalizer::new(clean_text, handle_chinese_chars, strip_accents, lowercase)
    }
}

impl AddedToken {
    fn check(self) -> Result<(String, u32)> {
        if self.single_word || self.normalized {
            let message = "Added tokens that match whole words or normalised text are not supported.";
            return Err(unusable(message).about(self.content));
        }
        Ok((self.content, self.id))
    }
}

impl PostProcessor {
    /// The ids in front of a single text, and those behind it.
    fn surroundings(self) -> Result<(Vec<u32>, Vec<u32>)> {
        match self {
            Self::BertProcessing { sep, cls } => Ok((vec![cls.1], vec![sep.1])),
            Self::TemplateProcessing { single, special_tokens } => expand(&single, &special_tokens),
        }
    }
}

fn expand(
    template: &[Piece],
    special_tokens: &HashMap<String, SpecialToken>,
) -> Result<(Vec<u32>, Vec<u32>)> {
    let mut before = Vec::new();
    let mut after = None;
    for piece in template {
        match piece {
            Piece::Sequence { type_id: 0, id: Sequence::A } if after.is_none() => after = Some(Vec::new()),
            Piece::SpecialToken { type_id: 0, id } => {
                let token = special_tokens
                    .get(id)
                    .ok_or_else(|| unusable("The template uses an undefined token.").about(id))?;
                after.as_mut().unwrap_or(&mut before).extend(&token.ids);
            }
            _ => return Err(unusable("The template uses several texts or token types.")),
        }
    }
    let after = after.ok_or_else(|| unusable("The template has no place for the text."))?;
    Ok((before, after))
}
