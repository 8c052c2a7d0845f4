//! WordPiece: a word as the longest tokens of the vocabulary, from left to right.

use std::collections::HashMap;

/// A vocabulary, and how words are spelled with it.
#[derive(Debug)]
pub(super) struct WordPiece {
    /// Every token, as it may begin a word.
    initial: Tokens,
    /// The tokens that continue a word, without their prefix.
    continuing: Tokens,
    unknown: u32,
    max_word_chars: usize,
}

#[derive(Debug)]
struct Tokens {
    ids: HashMap<String, u32>,
    /// The longest token, in bytes.
    longest: usize,
}

impl WordPiece {
    /// `prefix` marks tokens that continue a word; longer words than `max_word_chars` are unknown. `None` if
    /// `unknown` is no token.
    pub(super) fn new(
        vocabulary: HashMap<String, u32>,
        unknown: &str,
        prefix: &str,
        max_word_chars: usize,
    ) -> Option<Self> {
        let unknown = *vocabulary.get(unknown)?;
        let continuing = vocabulary
            .iter()
            .filter_map(|(token, id)| Some((token.strip_prefix(prefix)?.to_owned(), *id)))
            .collect();
        Some(Self {
            initial: Tokens::new(vocabulary),
            continuing: Tokens::new(continuing),
            unknown,
            max_word_chars,
        })
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.initial.ids.get(token).copied()
    }

    /// Appends the ids of a word, or the unknown id if it cannot be spelled.
    pub(super) fn tokenize(&self, word: &str, ids: &mut Vec<u32>) {
        let start = ids.len();
        if !self.spell(word, ids) {
            ids.truncate(start);
            ids.push(self.unknown);
        }
    }

    fn spell(&self, word: &str, ids: &mut Vec<u32>) -> bool {
        if word.chars().count() > self.max_word_chars {
            return false;
        }
        let mut rest = word;
        let mut tokens = &self.initial;
        while !rest.is_empty() {
            let Some((length, id)) = tokens.longest_prefix(rest) else {
                return false;
            };
            ids.push(id);
            rest = &rest[length..];
            tokens = &self.continuing;
        }
        true
    }
}

impl Tokens {
    fn new(ids: HashMap<String, u32>) -> Self {
        let longest = ids.keys().map(String::len).max().unwrap_or(0);
        Self { ids, longest }
    }

    /// The length in bytes and the id of the longest token that `text` begins with.
    fn longest_prefix(&self, text: &str) -> Option<(usize, u32)> {
        let mut end = text.floor_char_boundary(self.longest);
        while end > 0 {
            if let Some(&id) = self.ids.get(&text[..end]) {
                return Some((end, id));
            }
            end = text.floor_char_boundary(end - 1);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: [&str; 8] = ["[UNK]", "un", "##aff", "##able", "##a", "é", "##é", "une"];

    fn spell(word: &str) -> Vec<u32> {
        let vocabulary = TOKENS.into_iter().map(str::to_owned).zip(0..).collect();
        let words = WordPiece::new(vocabulary, "[UNK]", "##", 10).unwrap();
        let mut ids = vec![99];
        words.tokenize(word, &mut ids);
        assert_eq!(ids.remove(0), 99);
        ids
    }

    #[test]
    fn the_longest_token_is_taken_from_the_left() {
        assert_eq!(spell("unaffable"), [1, 2, 3]);
        assert_eq!(spell("unaé"), [1, 4, 6]);
        assert_eq!(spell("éaff"), [5, 2]);
        assert_eq!(spell("une"), [7]);
        assert!(spell("").is_empty());
    }

    #[test]
    fn words_that_cannot_be_spelled_are_unknown_as_a_whole() {
        assert_eq!(spell("unx"), [0]);
        assert_eq!(spell("aff"), [0]);
        assert_eq!(spell("unaaaaaaaaaa"), [0]);
    }

    #[test]
    fn the_unknown_token_must_exist() {
        assert!(WordPiece::new(HashMap::new(), "[UNK]", "##", 10).is_none());
    }
}
