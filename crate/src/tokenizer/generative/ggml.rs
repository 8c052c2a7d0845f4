//! The vocabulary of models that write, in GGUF files.

use super::super::unusable;
use super::bpe::Bpe;
use super::byte_level;
use super::specials::Specials;
use super::split::Splitter;
use super::spm::{self, Spm};
use super::vocabulary::{Kind, Vocabulary};
use super::{Model, TextTokenizer};
use crate::error::{Error, ErrorCode, Result};
use crate::formats::gguf::Metadata;

/// The token that ends a text, a turn, a message to a tool.
const ENDS: [&str; 3] = ["eos_token_id", "eot_token_id", "eom_token_id"];

pub(super) fn read(metadata: &Metadata) -> Result<TextTokenizer> {
    let source = Source { metadata };
    source.read().map_err(|error| Error { code: ErrorCode::Tokenizer, ..error })
}

struct Source<'a> {
    metadata: &'a Metadata,
}

impl Source<'_> {
    fn read(&self) -> Result<TextTokenizer> {
        match self.metadata.str(&key("model"))? {
            "gpt2" => self.bpe(),
            "llama" => self.spm(),
            model => {
                let message = format!("The GGUF tokenizer {model} is not supported; gpt2 and llama are.");
                Err(unusable(message).about(model))
            }
        }
    }

    fn bpe(&self) -> Result<TextTokenizer> {
        let name = self.metadata.str(&key("pre"))?;
        let splitter = Splitter::named(name)
            .ok_or_else(|| unusable(format!("The pre-tokenizer {name} is not supported.")).about(name))?;
        // Characters outside the code, in tokens that no merge makes, stand for themselves.
        let vocabulary = self.vocabulary(|token, kind| match kind {
            Kind::Normal => Ok(byte_level::bytes_of(token).unwrap_or_else(|| token.into())),
            _ => Ok(token.into()),
        })?;
        let merges = self.metadata.strings(&key("merges"))?;
        let bpe = Bpe::new(&vocabulary, merges, splitter, splitter.keeps_whole_words())?;
        self.tokenizer(vocabulary, Model::Bpe(bpe), splitter.adds_bos())
    }

    fn spm(&self) -> Result<TextTokenizer> {
        let vocabulary = self.vocabulary(spm::bytes_of)?;
        let scores = self.metadata.f32s(&key("scores"))?;
        let unknown = self.id(&vocabulary, "unknown_token_id")?;
        let space_prefix = self.flag("add_space_prefix", true)?;
        let spm = Spm::new(&vocabulary, &scores, space_prefix, unknown)?;
        self.tokenizer(vocabulary, Model::Spm(spm), true)
    }

    fn tokenizer(&self, vocabulary: Vocabulary, model: Model, add_bos: bool) -> Result<TextTokenizer> {
        let id = |name| self.id(&vocabulary, name);
        let named = [id("bos_token_id")?, id("eos_token_id")?];
        let added = [self.flag("add_bos_token", add_bos)?, self.flag("add_eos_token", false)?];
        let ends = ENDS.iter().filter_map(|name| id(name).transpose());
        let specials = Specials::new(&vocabulary, named, added, ends.collect::<Result<_>>()?);
        Ok(TextTokenizer { vocabulary, model, specials })
    }

    /// All tokens, each as the bytes that `bytes` makes of it.
    fn vocabulary(&self, bytes: impl Fn(&str, Kind) -> Result<Vec<u8>>) -> Result<Vocabulary> {
        let tokens = self.metadata.strings(&key("tokens"))?;
        let codes = self.metadata.optional(&key("token_type"), Metadata::i32s)?;
        let codes = codes.unwrap_or_else(|| vec![Kind::Normal as i32; tokens.len()]);
        if codes.len() != tokens.len() {
            let (tokens, codes) = (tokens.len(), codes.len());
            return Err(unusable(format!(
                "The GGUF vocabulary has {tokens} tokens, but the types of {codes}."
            )));
        }
        Vocabulary::new(tokens.iter().zip(codes).map(|(token, code)| {
            let kind = Kind::from_code(code).ok_or_else(|| {
                unusable(format!("The token {token:?} is of the unknown type {code}.")).about(token)
            })?;
            Ok((bytes(token, kind)?, kind))
        }))
    }

    /// The token with the id under `name`, which must be in the vocabulary.
    fn id(&self, vocabulary: &Vocabulary, name: &str) -> Result<Option<u32>> {
        let id = self.metadata.optional(&key(name), Metadata::u32)?;
        match id {
            Some(id) if id as usize >= vocabulary.len() => {
                let message = format!("{name} is {id}, but there are only {} tokens.", vocabulary.len());
                Err(unusable(message).about(key(name)))
            }
            id => Ok(id),
        }
    }

    fn flag(&self, name: &str, otherwise: bool) -> Result<bool> {
        Ok(self.metadata.optional(&key(name), Metadata::bool)?.unwrap_or(otherwise))
    }
}

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}
