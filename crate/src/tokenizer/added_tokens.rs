//! Tokens that are recognised in the raw text, whatever surrounds them: `[SEP]` and its like.

use core::iter;
use core::ops::Range;

/// The longest name that is looked for in a text, in bytes; real ones have fewer than sixty. A longer token is never
/// read from text: a vocabulary of long names that begin alike would make the search quadratic.
const MAX_NAME: usize = 256;

/// A set of added tokens.
#[derive(Debug)]
pub(super) struct AddedTokens {
    /// Names and ids, sorted by name.
    tokens: Vec<(String, u32)>,
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
    pub(super) fn new(mut tokens: Vec<(String, u32)>) -> Self {
        tokens.retain(|(token, _)| (1..=MAX_NAME).contains(&token.len()));
        // Of a name that occurs twice the later one counts.
        tokens.reverse();
        tokens.sort_by(|(a, _), (b, _)| a.cmp(b));
        tokens.dedup_by(|(a, _), (b, _)| a == b);
        let mut begins = [false; 256];
        for first in tokens.iter().filter_map(|(token, _)| token.bytes().next()) {
            begins[usize::from(first)] = true;
        }
        Self { tokens, begins }
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        let at = self.tokens.binary_search_by(|(name, _)| name.as_str().cmp(token)).ok()?;
        self.tokens.get(at).map(|(_, id)| *id)
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

    /// All tokens.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|(name, _)| name.as_str())
    }

    /// The first token in the text, and where it is.
    pub(super) fn find(&self, text: &str) -> Option<(Range<usize>, u32)> {
        let bytes = text.as_bytes();
        let mut starts = bytes.iter().enumerate().filter(|(_, byte)| self.begins[usize::from(**byte)]);
        starts.find_map(|(start, _)| {
            let (length, id) = self.longest(&bytes[start..])?;
            Some((start..start + length, id))
        })
    }

    /// The longest token that the text begins with, and its length.
    fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let (mut candidates, mut longest) = (&self.tokens[..], None);
        // Those that go on like the text, byte by byte; the shortest of them is the first.
        for (at, byte) in text.iter().enumerate() {
            let next = |(name, _): &(String, u32)| name.as_bytes().get(at).copied();
            let start = candidates.partition_point(|token| next(token) < Some(*byte));
            let end = candidates.partition_point(|token| next(token) <= Some(*byte));
            candidates = &candidates[start..end];
            let Some((name, id)) = candidates.first() else { break };
            if name.len() == at + 1 {
                longest = Some((name.len(), *id));
            }
        }
        longest
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

    /// Each byte of a text is compared with one byte of a name at a time, and with no more than the longest name has.
    #[test]
    fn names_of_many_lengths_are_few_and_found() {
        let tokens = (1..=100_000).step_by(17).map(|n| ("a".repeat(n), n as u32));
        let tokens = AddedTokens::new(tokens.collect());
        assert_eq!(tokens.names().map(str::len).max(), Some(256));
        assert_eq!(tokens.names().count(), 16);
        let text = "a".repeat(600) + "b";
        use Part::{Text, Token};
        let rest = [Token(86), Token(1), Token(1), Text("b")];
        assert_eq!(parts(&tokens, &text)[..2], [Token(256), Token(256)]);
        assert_eq!(parts(&tokens, &text)[2..], rest);
        assert_eq!((tokens.id(&"a".repeat(256)), tokens.id(&"a".repeat(273))), (Some(256), None));
    }

    #[test]
    fn the_later_of_two_equal_names_counts() {
        let tokens = [("a", 1), ("b", 2), ("a", 3), ("", 4)];
        let tokens = AddedTokens::new(tokens.map(|(token, id)| (token.to_owned(), id)).to_vec());
        assert_eq!((tokens.id("a"), tokens.id(""), tokens.names().count()), (Some(3), None, 2));
    }

    #[test]
    fn without_tokens_all_is_text() {
        assert_eq!(parts(&AddedTokens::new(vec![]), "[A]"), [Part::Text("[A]")]);
    }
}
