//! Conversations as ids, in which people's words stay words.
//!
//! A chat template writes control tokens by their names, and people may write the same names. Theirs are broken by a
//! mark before the template sees them, and mended when the control tokens have been found.

use super::super::added_tokens::Part;
use super::super::chat_template::{ChatTemplate, Message};
use super::{Special, TextTokenizer};
use crate::error::{Error, ErrorCode, Result};

/// Characters that no text has: Unicode sets them aside for use inside of programs. One that neither a message nor
/// the template's output has is the mark.
const NONCHARACTERS: core::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

impl TextTokenizer {
    /// The ids of a conversation: rendered by `template`, the token that begins a text in front where the model wants
    /// it, and `prefix`, the beginning of the answer, behind. Nothing in a message or in `prefix` becomes a control
    /// token.
    ///
    /// # Errors
    /// [`ErrorCode::Template`] where the template fails; [`ErrorCode::InvalidInput`] for messages that use up all of
    /// Unicode's noncharacters from U+FDD0 on.
    pub fn encode_chat(
        &self,
        template: &ChatTemplate,
        messages: &[Message],
        add_generation_prompt: bool,
        prefix: Option<&str>,
    ) -> Result<Vec<u32>> {
        let texts = || messages.iter().map(|message| message.content.as_str()).chain(prefix);
        let is_free = |mark: &char| !texts().any(|text| text.contains(*mark));
        let mark = NONCHARACTERS.into_iter().find(is_free).ok_or_else(no_mark)?;
        let marked =
            |message: &Message| Message { role: message.role, content: self.marked(&message.content, mark) };
        let marked: Vec<_> = messages.iter().map(marked).collect();
        let mut text = template.render(&marked, add_generation_prompt)?;
        text.push_str(&prefix.map_or(String::new(), |prefix| self.marked(&self.normalised(prefix), mark)));
        let mut ids = self.encode_marked(&self.normalised(&text), mark);
        if let Some(bos) = self.add_bos().filter(|bos| ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// The text with marks in all that is spelled like a control token, or could be the beginning or the end of one.
    /// White space around the text stays outside: templates trim it.
    fn marked(&self, text: &str, mark: char) -> String {
        let core = text.trim();
        let start = text.len() - text.trim_start().len();
        let mut marked = text[..start].to_owned();
        if self.specials.is_cut_off_before(core) {
            marked.push(mark);
        }
        let mut rest = core;
        while let Some(at) = self.specials.find_name(rest) {
            let inside = rest[at..].chars().next().map_or(rest.len(), |c| at + c.len_utf8());
            marked.push_str(&rest[..inside]);
            marked.push(mark);
            rest = &rest[inside..];
        }
        marked.push_str(rest);
        if self.specials.is_cut_off_behind(core) {
            marked.push(mark);
        }
        marked.push_str(&text[start + core.len()..]);
        marked
    }

    /// The ids of a text without its marks, which kept control tokens from being found where they were.
    fn encode_marked(&self, text: &str, mark: char) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut after_special = true;
        for part in self.specials.split(text, Special::Parse) {
            after_special = match part {
                Part::Token(id) => {
                    ids.push(id);
                    true
                }
                Part::Text(text) => {
                    let text = text.replace(mark, "");
                    self.encode_parts(&text, Special::AsText, after_special, &mut ids)
                }
            };
        }
        ids
    }
}

fn no_mark() -> Error {
    let message = "The messages have all of the noncharacters from U+FDD0 to U+FDEF.";
    Error::new(ErrorCode::InvalidInput, message)
}
