//! Byte-level BPE: words of bytes, merged in the order in which the merges were learnt.
//!
//! Radford et al., "Language Models are Unsupervised Multitask Learners" (2019); what merges first and what is
//! dropped is Hugging Face's `tokenizers` to the letter.

use super::super::unusable;
use super::byte_level;
use super::index::{Index, Inserted, mix};
use super::merge::{Merged, Merger, NONE};
use super::split::Splitter;
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// The rules of a byte-level vocabulary.
#[derive(Debug)]
pub(super) struct Bpe {
    splitter: Splitter,
    /// Whether a word that is a token is that token, whatever the merges would make of it.
    whole_words: bool,
    /// The token of each byte, or [`NONE`].
    bytes: Vec<u32>,
    merges: Merges,
}

/// Which pairs of tokens become one, by rank.
#[derive(Debug)]
struct Merges {
    /// Left, right and result.
    rows: Vec<[u32; 3]>,
    index: Index,
}

impl Bpe {
    /// The rules from the merges as a vocabulary spells them, `"a b"`.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        merges: &[String],
        splitter: Splitter,
        whole_words: bool,
    ) -> Result<Self> {
        let id = |byte: u8| vocabulary.id(&[byte]).unwrap_or(NONE);
        let bytes = (0..=u8::MAX).map(id).collect();
        Ok(Self { splitter, whole_words, bytes, merges: Merges::new(vocabulary, merges)? })
    }

    /// Appends the ids of a text. Bytes that no token stands for are dropped, as the reference does.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>) {
        let mut merger = Merger::default();
        for word in self.splitter.words(text) {
            let word = word.as_bytes();
            match self.whole_words.then(|| vocabulary.id(word)).flatten() {
                Some(id) => ids.push(id),
                None => self.encode_word(word, &mut merger, ids),
            }
        }
    }

    fn encode_word(&self, word: &[u8], merger: &mut Merger, ids: &mut Vec<u32>) {
        merger.clear();
        let tokens = word.iter().map(|&byte| self.bytes[usize::from(byte)]);
        tokens.filter(|&id| id != NONE).for_each(|id| merger.push(1, id));
        merger.run(|left, right| self.merges.find(left.id, right.id));
        ids.extend(merger.symbols().map(|symbol| symbol.id));
    }
}

impl Merges {
    fn new(vocabulary: &Vocabulary, merges: &[String]) -> Result<Self> {
        let rows = merges.iter().map(|merge| row(vocabulary, merge).ok_or_else(|| refused(merge)));
        let rows: Vec<_> = rows.collect::<Result<_>>()?;
        let mut index = Index::with_capacity(rows.len());
        for (rank, row) in (0..).zip(&rows) {
            let same = |other: u32| rows[other as usize][..2] == row[..2];
            if index.insert(hash(row[0], row[1]), rank, same) != Inserted::New {
                return Err(refused(&merges[rank as usize]));
            }
        }
        Ok(Self { rows, index })
    }

    fn find(&self, left: u32, right: u32) -> Option<Merged> {
        let same = |rank: u32| self.rows[rank as usize][..2] == [left, right];
        let rank = self.index.find(hash(left, right), same)?;
        Some(Merged { rank, id: self.rows[rank as usize][2] })
    }
}

/// The ids of both halves and of the whole. A space at the beginning belongs to the first half.
fn row(vocabulary: &Vocabulary, merge: &str) -> Option<[u32; 3]> {
    let second = merge.char_indices().nth(1)?.0;
    let space = second + merge[second..].find(' ')?;
    let left = byte_level::bytes_of(&merge[..space])?;
    let right = byte_level::bytes_of(&merge[space + 1..])?;
    Some([vocabulary.id(&left)?, vocabulary.id(&right)?, vocabulary.id(&[left, right].concat())?])
}

fn refused(merge: &str) -> Error {
    let message = format!("The merge {merge:?} repeats another, or is not one of two tokens into a third.");
    unusable(message).about(merge)
}

fn hash(left: u32, right: u32) -> u64 {
    mix(u64::from(left) << 32 | u64::from(right))
}
