//! What a tokenizer is made of, wherever it was read from.

use std::collections::HashMap;

use tokenizers::normalizers::bert::BertNormalizer;

use super::added_tokens::AddedTokens;
use super::wordpiece::WordPiece;
use super::{Tokenizer, unusable};
use crate::error::Result;

/// The names of padding tokens, the usual one first.
const PADS: [&str; 2] = ["[PAD]", "<pad>"];

/// The parts of a WordPiece tokenizer, not yet checked against each other.
pub(super) struct Definition {
    pub(super) normalizer: BertNormalizer,
    /// Ids by token.
    pub(super) vocabulary: HashMap<String, u32>,
    /// The token that stands for a word that cannot be spelled.
    pub(super) unknown: String,
    /// What marks a token that continues a word.
    pub(super) prefix: String,
    /// Longer words are unknown, in characters.
    pub(super) max_word_chars: usize,
    /// Tokens that are found in the raw text, in the order in which they were added.
    pub(super) added: Vec<(String, u32)>,
    /// Ids in front of every text.
    pub(super) before: Vec<u32>,
    /// Ids behind every text.
    pub(super) after: Vec<u32>,
    /// The padding token, where one is named.
    pub(super) pad: Option<u32>,
}

impl Definition {
    /// The tokenizer, if every id stands for exactly one token and no id is missing.
    pub(super) fn build(self) -> Result<Tokenizer> {
        check_ids(&self.vocabulary)?;
        let size = self.check_added()?;
        let added = AddedTokens::new(self.added);
        let find = |token: &str| added.id(token).or_else(|| self.vocabulary.get(token).copied());
        // Padded positions are masked, so that any id will do where there is no token for them.
        let pad = self.pad.or_else(|| PADS.into_iter().find_map(find));
        let pad = pad.unwrap_or(0);
        let special = self.before.iter().chain(&self.after).chain([&pad]);
        for &id in special {
            if id as usize >= size {
                return Err(unusable(format!(
                    "The tokenizer uses the token {id}, but has only {size} tokens."
                )));
            }
        }
        let words = WordPiece::new(self.vocabulary, &self.unknown, &self.prefix, self.max_word_chars)
            .ok_or_else(|| {
                unusable("The tokenizer's vocabulary lacks the token for unknown words.").about(self.unknown)
            })?;
        Ok(Tokenizer {
            normalizer: self.normalizer,
            words,
            added,
            before: self.before,
            after: self.after,
            pad,
            size,
        })
    }

    /// The number of tokens, added ones included: those either have the id that they have in the vocabulary, or
    /// the next free one.
    fn check_added(&self) -> Result<usize> {
        let mut size = self.vocabulary.len();
        let mut new = HashMap::new();
        for (token, id) in &self.added {
            let known = self.vocabulary.get(token).or(new.get(token).copied());
            let expected = known.map_or(size, |&id| id as usize);
            if token.is_empty() || *id as usize != expected {
                let message = format!("The added token {token:?} has the id {id} instead of {expected}.");
                return Err(unusable(message).about(token));
            }
            size = size.max(expected + 1);
            new.insert(token, id);
        }
        Ok(size)
    }
}

/// Ids must run from 0 without gaps: the model has one row of embeddings for each.
fn check_ids(vocabulary: &HashMap<String, u32>) -> Result<()> {
    let mut seen = vec![false; vocabulary.len()];
    for (token, &id) in vocabulary {
        match seen.get_mut(id as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                let message = format!("The vocabulary's ids have gaps or repeat: see {token:?}, {id}.");
                return Err(unusable(message).about(token));
            }
        }
    }
    Ok(())
}
