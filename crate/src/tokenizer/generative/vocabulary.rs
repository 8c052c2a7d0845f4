//! The tokens of a model, compactly: a quarter of a million of them are common.

use super::super::unusable;
use super::index::{Index, Inserted, hash_bytes};
use crate::error::Result;

/// What a token is for, with GGML's own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

impl Kind {
    /// The kind with the code; 0 is what converters write that do not know.
    pub(super) fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            0 | 1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }

    /// Whether text is spelled with such tokens.
    fn spells(self) -> bool {
        matches!(self, Self::Normal | Self::UserDefined | Self::Unused)
    }
}

/// Tokens by id, and ids by the bytes that tokens stand for.
#[derive(Debug)]
pub(super) struct Vocabulary {
    bytes: Vec<u8>,
    /// Where the bytes of each token end.
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    index: Index,
    longest: usize,
}

impl Vocabulary {
    /// A vocabulary of tokens with ids from 0 on.
    ///
    /// # Errors
    /// Where two tokens that spell text stand for the same bytes, there are none, or too many.
    pub(super) fn new(tokens: impl Iterator<Item = Result<(Vec<u8>, Kind)>>) -> Result<Self> {
        let index = Index::with_capacity(0);
        let mut all = Self { bytes: vec![], ends: vec![], kinds: vec![], index, longest: 0 };
        for token in tokens {
            let (piece, kind) = token?;
            all.bytes.extend(piece);
            let end = all.bytes.len().try_into().map_err(|_| unusable("The vocabulary is too large."))?;
            all.ends.push(end);
            all.kinds.push(kind);
        }
        if all.ends.is_empty() || all.ends.len() >= u32::MAX as usize {
            return Err(unusable(format!("A vocabulary of {} tokens cannot be used.", all.ends.len())));
        }
        all.bytes.shrink_to_fit();
        all.build_index()?;
        Ok(all)
    }

    /// User-defined tokens come last: they may repeat what an ordinary one spells, which then goes first.
    fn build_index(&mut self) -> Result<()> {
        let mut index = Index::with_capacity(self.len());
        for user_defined in [false, true] {
            for id in 0..self.len() as u32 {
                let (piece, kind) = (self.piece(id), self.kinds[id as usize]);
                if piece.is_empty() || !kind.spells() || (kind == Kind::UserDefined) != user_defined {
                    continue;
                }
                match index.insert(hash_bytes(piece), id, |other| self.piece(other) == piece) {
                    Inserted::New => {}
                    Inserted::Present(other) if self.kinds[other as usize] != kind && user_defined => {}
                    Inserted::Present(other) => return Err(self.duplicate(other, id)),
                    Inserted::Crowded => {
                        return Err(unusable("The vocabulary's tokens cannot be told apart."));
                    }
                }
                self.longest = self.longest.max(piece.len());
            }
        }
        self.index = index;
        Ok(())
    }

    fn duplicate(&self, first: u32, second: u32) -> crate::Error {
        let token = String::from_utf8_lossy(self.piece(first));
        unusable(format!("The vocabulary has the same token at {first} and {second}.")).about(token)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes that a token stands for; none where there is no such token.
    pub(super) fn piece(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else {
            return &[];
        };
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..end as usize]
    }

    pub(super) fn kind(&self, id: u32) -> Option<Kind> {
        self.kinds.get(id as usize).copied()
    }

    /// The token that text with these bytes is spelled with.
    pub(super) fn id(&self, piece: &[u8]) -> Option<u32> {
        if piece.len() > self.longest {
            return None;
        }
        self.index.find(hash_bytes(piece), |id| self.piece(id) == piece)
    }

    /// All ids of one kind.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.kinds).filter(move |&(_, &k)| k == kind).map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn vocabulary(tokens: &[(&str, Kind)]) -> Result<Vocabulary> {
        Vocabulary::new(tokens.iter().map(|(token, kind)| Ok((token.as_bytes().to_vec(), *kind))))
    }

    #[test]
    fn tokens_are_found_by_what_they_spell() {
        use Kind::{Byte, Control, Normal, Unused, UserDefined};
        let tokens =
            [("a", Control), ("a", Normal), ("", Normal), ("ab", Unused), ("c", Byte), ("a", UserDefined)];
        let tokens = vocabulary(&tokens).unwrap();
        assert_eq!(tokens.len(), 6);
        assert_eq!(
            [b"a".as_slice(), b"ab", b"c", b"", b"abc"].map(|t| tokens.id(t)),
            [Some(1), Some(3), None, None, None]
        );
        assert_eq!([3, 2, 6, u32::MAX].map(|id| tokens.piece(id)), [b"ab".as_slice(), b"", b"", b""]);
        assert_eq!(tokens.kind(4), Some(Byte));
        assert_eq!(tokens.kind(6), None);
    }

    #[test]
    fn repeated_tokens_and_none_at_all_are_refused() {
        for tokens in [vec![], vec![("a", Kind::Normal), ("b", Kind::Normal), ("a", Kind::Normal)]] {
            assert_eq!(vocabulary(&tokens).unwrap_err().code, ErrorCode::Tokenizer);
        }
    }
}
