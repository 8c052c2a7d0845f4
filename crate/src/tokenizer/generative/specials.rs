//! Tokens that are not made by merging: found in raw text, or put in by the engine.

use super::super::added_tokens::{AddedTokens, Part};
use super::Special;
use super::vocabulary::{Kind, Vocabulary};

/// The names by which models end a turn or a text, beside the ones that metadata tell of. As llama.cpp has them.
const ENDS: [&str; 20] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<｜end▁of▁sentence｜>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|fim_repo|>",
];

/// The special tokens of a model.
#[derive(Debug)]
pub(super) struct Specials {
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) add_bos: bool,
    pub(super) add_eos: bool,
    /// Tokens that end a generation.
    pub(super) ends: Vec<u32>,
    /// Control, unknown and user-defined tokens.
    all: AddedTokens,
    /// User-defined tokens, which are found in any text.
    user_defined: AddedTokens,
}

impl Specials {
    /// The special tokens of a vocabulary; `ends` are those that the metadata name.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        [bos, eos]: [Option<u32>; 2],
        [add_bos, add_eos]: [bool; 2],
        mut ends: Vec<u32>,
    ) -> Self {
        let named = |kinds: &[Kind]| {
            let ids = kinds.iter().flat_map(|&kind| vocabulary.of_kind(kind));
            let text = |id| str::from_utf8(vocabulary.piece(id)).ok().filter(|text| !text.is_empty());
            ids.filter_map(|id| Some((text(id)?.to_owned(), id))).collect()
        };
        let all = AddedTokens::new(named(&[Kind::UserDefined, Kind::Unknown, Kind::Control]));
        ends.extend(eos);
        ends.extend(ENDS.iter().filter_map(|name| all.id(name)));
        ends.sort_unstable();
        ends.dedup();
        Self {
            bos,
            eos,
            add_bos,
            add_eos,
            ends,
            all,
            user_defined: AddedTokens::new(named(&[Kind::UserDefined])),
        }
    }

    /// The text in parts, leftmost token first, the longest where several begin.
    pub(super) fn split<'a>(&'a self, text: &'a str, special: Special) -> impl Iterator<Item = Part<'a>> {
        match special {
            Special::Parse => self.all.split(text),
            Special::AsText => self.user_defined.split(text),
        }
    }
}
