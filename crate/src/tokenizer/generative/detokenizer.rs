//! Text from ids as they come, one by one.

use super::TextTokenizer;
use super::vocabulary::Kind;

/// Puts characters together that are spread over tokens. What it has returned, joined, is at any time a beginning of
/// the decoded text, cut between two characters.
#[derive(Clone, Debug, Default)]
pub struct Detokenizer {
    /// The beginning of a character.
    pending: Vec<u8>,
    /// Whether a space in front would be the tokenizer's and not the writer's.
    drop_space: bool,
}

impl Detokenizer {
    /// For ids that begin a text. SentencePiece models may put a space in front of a text, which is dropped here.
    pub fn new(tokenizer: &TextTokenizer) -> Self {
        Self { pending: Vec::new(), drop_space: tokenizer.prefixes_space() }
    }

    /// For ids that go on where another text ended: every space is meant.
    pub fn continuing() -> Self {
        Self::default()
    }

    /// The characters that are complete with this token; often one, sometimes none. Control tokens add nothing.
    pub fn push(&mut self, tokenizer: &TextTokenizer, id: u32) -> String {
        let mut piece = match tokenizer.vocabulary.kind(id) {
            Some(Kind::Control | Kind::Unknown) | None => return String::new(),
            Some(_) => tokenizer.piece(id),
        };
        if self.drop_space && !piece.is_empty() {
            self.drop_space = false;
            piece = piece.strip_prefix(b" ").unwrap_or(piece);
        }
        self.pending.extend(piece);
        self.take_complete()
    }

    /// The end: U+FFFD if the last character was cut off, else nothing.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }

    /// All but a character whose rest may yet come.
    fn take_complete(&mut self) -> String {
        let mut complete = 0;
        for chunk in self.pending.utf8_chunks() {
            let end = complete + chunk.valid().len() + chunk.invalid().len();
            let cut_off = end == self.pending.len() && is_beginning(chunk.invalid());
            complete = if cut_off { end - chunk.invalid().len() } else { end };
        }
        let rest = self.pending.split_off(complete);
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending = rest;
        text
    }
}

/// Whether more bytes could make a character of these.
fn is_beginning(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}
