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

/// The names by which models begin a turn. A model that begins another one has ended its own.
const BEGINNINGS: [&str; 3] = ["<|im_start|>", "<start_of_turn>", "<|start_header_id|>"];

/// The special tokens of a model.
#[derive(Debug)]
pub(super) struct Specials {
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) add_bos: bool,
    pub(super) add_eos: bool,
    /// Tokens that end a generation.
    pub(super) ends: Vec<u32>,
    all: AddedTokens,
    /// Control tokens and the unknown one, which only templates may write.
    control: AddedTokens,
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
        // A control token of one character is never read: it could not be told from what people write.
        let named = |kind, least| {
            let text = |id| str::from_utf8(vocabulary.piece(id)).ok();
            let named = vocabulary.of_kind(kind).filter_map(move |id| Some((text(id)?.to_owned(), id)));
            named.filter(move |(name, _)| name.chars().count() >= least)
        };
        let user_defined: Vec<_> = named(Kind::UserDefined, 1).collect();
        let control: Vec<_> = named(Kind::Unknown, 2).chain(named(Kind::Control, 2)).collect();
        let all = AddedTokens::new([&user_defined[..], &control].concat());
        ends.extend(eos);
        ends.extend(ENDS.iter().chain(&BEGINNINGS).filter_map(|name| all.id(name)));
        ends.sort_unstable();
        ends.dedup();
        let (control, user_defined) = (AddedTokens::new(control), AddedTokens::new(user_defined));
        Self { bos, eos, add_bos, add_eos, ends, all, control, user_defined }
    }

    /// The text in parts, leftmost token first, the longest where several begin.
    pub(super) fn split<'a>(&'a self, text: &'a str, special: Special) -> impl Iterator<Item = Part<'a>> {
        match special {
            Special::Parse => self.all.split(text),
            Special::AsText => self.user_defined.split(text),
        }
    }

    /// Where the first name of a control token begins.
    pub(super) fn find_name(&self, text: &str) -> Option<usize> {
        self.control.find(text).map(|(range, _)| range.start)
    }

    /// Whether the text begins as a control token's name goes on.
    pub(super) fn is_cut_off_before(&self, text: &str) -> bool {
        text.chars().next().is_some_and(|first| {
            let ends =
                |name: &str| name.match_indices(first).any(|(at, _)| at > 0 && text.starts_with(&name[at..]));
            self.control.names().any(ends)
        })
    }

    /// Whether the text ends as a control token's name begins.
    pub(super) fn is_cut_off_behind(&self, text: &str) -> bool {
        text.chars().next_back().is_some_and(|last| {
            let begins = |name: &str| {
                let mut ends = name.match_indices(last).map(|(at, last)| at + last.len());
                ends.any(|end| end < name.len() && text.ends_with(&name[..end]))
            };
            self.control.names().any(begins)
        })
    }
}
