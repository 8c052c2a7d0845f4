//! Tokens that are recognised in the raw text, whatever surrounds them: `[SEP]` and its like.

use core::iter;
use core::ops::Range;
use std::collections::HashMap;

/// A set of added tokens.
#[derive(Debug)]
pub(super) struct AddedTokens {
    ids: HashMap<String, u32>,
    /// The lengths that occur, in bytes, longest first.
    lengths: Vec<usize>,
    /// Whether a token begins with the byte.
    begins: [bool; 256],
}

/// A stretch of text, or a token found in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Token(u32),
}

impl AddedTokens {
    pub(super) fn new(tokens: Vec<(String, u32)>) -> Self {
        let mut lengths: Vec<_> = tokens.iter().map(|(token, _)| token.len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        let mut begins = [false; 256];
        for first in tokens.iter().filter_map(|(token, _)| token.bytes().next()) {
            begins[usize::from(first)] = true;
        }
        Self { ids: tokens.into_iter().collect(), lengths, begins }
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The text in parts, leftmost token first, the longest where several begin. Found as they are asked for.
    pub(super) fn split<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Part<'a>> {
        let mut rest = text;
        let mut found = None;
        iter::from_fn(move || {
            if let Some(id) = found.take() {
                return Some(Part::Token(id));
            }
            if rest.is_empty() {
                return None;
            }
            let (range, id) = self.find(rest).unzip();
            let range = range.unwrap_or(rest.len()..rest.len());
            let before = &rest[..range.start];
            rest = &rest[range.end..];
            found = id;
            Some(Part::Text(before))
        })
    }

    /// All tokens, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(String::as_str)
    }

    /// The first token in the text, and where it is.
    pub(super) fn find(&self, text: &str) -> Option<(Range<usize>, u32)> {
        let bytes = text.bytes().enumerate();
        let mut starts = bytes.filter(|&(_, byte)| self.begins[usize::from(byte)]);
        starts.find_map(|(start, _)| {
            let ends = self.lengths.iter().map(|length| start + length);
            ends.map(|end| start..end).find_map(|range| Some((range.clone(), self.id(text.get(range)?)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(tokens: &'a AddedTokens, text: &'a str) -> Vec<Part<'a>> {
        tokens.split(text).filter(|part| *part != Part::Text("")).collect()
    }

    #[test]
    fn the_leftmost_longest_token_wins() {
        let tokens = [("[A]", 1), ("[A]]", 2), ("é", 3)];
        let tokens = AddedTokens::new(tokens.map(|(token, id)| (token.to_owned(), id)).to_vec());
        use Part::{Text, Token};
        assert_eq!(parts(&tokens, ""), []);
        assert_eq!(parts(&tokens, "[A"), [Text("[A")]);
        assert_eq!(parts(&tokens, "x[A]y"), [Text("x"), Token(1), Text("y")]);
        assert_eq!(parts(&tokens, "[A]][A]"), [Token(2), Token(1)]);
        assert_eq!(parts(&tokens, "[[A]ééè"), [Text("["), Token(1), Token(3), Token(3), Text("è")]);
    }

    #[test]
    fn without_tokens_all_is_text() {
        assert_eq!(parts(&AddedTokens::new(vec![]), "[A]"), [Part::Text("[A]")]);
    }
}
