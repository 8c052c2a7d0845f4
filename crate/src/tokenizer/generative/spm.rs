//! SentencePiece's BPE: characters, merged into whichever neighbours make the token with the best score.
//!
//! Kudo and Richardson, "SentencePiece: A simple and language independent subword tokenizer and detokenizer for
//! Neural Text Processing" (2018). Tokens and texts have spaces here, and never their stand-in.

use super::super::unusable;
use super::merge::{Merged, Merger, NONE};
use super::vocabulary::{Kind, Vocabulary};
use crate::error::Result;

/// SentencePiece's stand-in for a space.
pub(super) const BLANK: char = '\u{2581}';

/// The rules of a SentencePiece vocabulary.
#[derive(Debug)]
pub(super) struct Spm {
    /// Whether text that begins, or follows a special token, gets a space in front.
    pub(super) space_prefix: bool,
    /// By id: the better the score, the lower.
    ranks: Vec<u32>,
    /// The token of each byte, or [`NONE`].
    bytes: Vec<u32>,
    unknown: Option<u32>,
}

impl Spm {
    /// The rules from one score a token.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        scores: &[f32],
        space_prefix: bool,
        unknown: Option<u32>,
    ) -> Result<Self> {
        if scores.len() != vocabulary.len() {
            let (scores, tokens) = (scores.len(), vocabulary.len());
            return Err(unusable(format!("The vocabulary has {tokens} tokens, but {scores} scores.")));
        }
        if let Some(id) = scores.iter().position(|score| score.is_nan()) {
            return Err(unusable(format!("The score of token {id} is not a number.")));
        }
        let mut bytes = vec![NONE; 256];
        for id in vocabulary.of_kind(Kind::Byte) {
            if let [byte] = vocabulary.piece(id) {
                bytes[usize::from(*byte)] = id;
            }
        }
        Ok(Self { space_prefix, ranks: scores.iter().map(|&score| rank(score)).collect(), bytes, unknown })
    }

    /// Appends the ids of a text. A character without a token becomes its bytes, or the unknown token, or nothing,
    /// whichever there is first.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, prefix: bool, ids: &mut Vec<u32>) {
        let space = if prefix && self.space_prefix { " " } else { "" };
        let text = [space, text].concat();
        let text = text.as_bytes();
        let piece = |start: u32, end: u32| &text[start as usize..end as usize];
        let mut merger = Merger::default();
        for character in text.chunk_by(|_, &next| is_continuation(next)) {
            merger.push(character.len(), vocabulary.id(character).unwrap_or(NONE));
        }
        merger.run(|left, right| {
            let id = vocabulary.id(piece(left.start, right.end))?;
            Some(Merged { rank: self.ranks[id as usize], id })
        });
        for symbol in merger.symbols() {
            match symbol.id {
                NONE => self.fall_back(piece(symbol.start, symbol.end), ids),
                id => ids.push(id),
            }
        }
    }

    fn fall_back(&self, character: &[u8], ids: &mut Vec<u32>) {
        let bytes = character.iter().map(|&byte| self.bytes[usize::from(byte)]);
        if bytes.clone().all(|id| id != NONE) {
            ids.extend(bytes);
        } else {
            ids.extend(self.unknown);
        }
    }
}

/// The bytes of a token as the file spells it.
pub(super) fn bytes_of(token: &str, kind: Kind) -> Result<Vec<u8>> {
    if kind != Kind::Byte {
        return Ok(token.replace(BLANK, " ").into_bytes());
    }
    let hex = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    let byte = hex
        .filter(|hex| hex.len() == 2 && !hex.starts_with('+'))
        .and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let byte = byte.ok_or_else(|| unusable(format!("The token {token:?} is no byte.")).about(token))?;
    Ok(vec![byte])
}

/// Ascending where scores descend: the order of the floats as integers, upside down. Both zeros are one.
fn rank(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 0 { !bits & (u32::MAX >> 1) } else { bits }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_turn_scores_around() {
        let scores = [f32::INFINITY, 2.0, 1.0, 0.5, 0.0, -0.5, -1.0, -1000.0, f32::NEG_INFINITY];
        assert!(scores.map(rank).is_sorted_by(|a, b| a < b));
        assert_eq!(rank(0.0), rank(-0.0));
    }

    #[test]
    fn byte_tokens_are_bytes() {
        assert_eq!(bytes_of("<0x0A>", Kind::Byte).unwrap(), [10]);
        assert_eq!(bytes_of("<0x0A>", Kind::Normal).unwrap(), b"<0x0A>");
        assert_eq!(bytes_of("▁a▁", Kind::Normal).unwrap(), b" a ");
        for wrong in ["<0x>", "0A", "<0x+A>", "<0x00A>", "<0xGG>"] {
            assert!(bytes_of(wrong, Kind::Byte).is_err(), "{wrong}");
        }
    }
}
