//! From a conversation to the steps that answer it.

use super::{
    LanguageModel, Session,
    window::{Part, fit},
};
use crate::{
    Error, ErrorCode, Result,
    generate::{Answer, Generation, Step},
    tokenizer::{
        chat_template::{Message, Role},
        generative::{Detokenizer, TextTokenizer},
    },
};

/// What is to be done with a conversation.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// What the answer is to be like; without, the conversation is only read.
    pub answer: Option<Answer>,
    /// How the answer begins. The text of the answer goes on from there.
    pub prefix: Option<String>,
    /// How many messages at the beginning are never left out, like the system's.
    pub keep: usize,
}

/// A conversation being read and answered, one step at a time. It may be dropped at any time; the session can be used
/// all the same.
pub struct Job {
    generation: Generation<TextTokenizer>,
    dropped: usize,
}

impl LanguageModel {
    /// Prepares an answer to `messages`; nothing is computed yet. What the session has read of them is not read
    /// again.
    ///
    /// Where they do not leave an eighth of the context for the answer, or `max_tokens` if that is less, the oldest ones
    /// are left out: whole turns beginning with the user, never what is to be kept, nor the last turn.
    ///
    /// # Errors
    /// `invalid-input` where there are no messages or a setting is out of its range; `template` where the model's
    /// template refuses them; `context-overflow` where they do not fit even so.
    pub fn plan(&self, messages: Vec<Message>, options: PlanOptions) -> Result<Job> {
        if messages.is_empty() {
            return Err(Error::new(ErrorCode::InvalidInput, "There are no messages.").about("messages"));
        }
        let PlanOptions { answer, prefix, keep } = options;
        let window = self.info.context_window;
        let room = answer.as_ref().and_then(|answer| answer.max_tokens).unwrap_or(usize::MAX);
        let parts: Vec<Part> =
            messages.iter().enumerate().map(|(i, message)| part(message, i < keep)).collect();
        let fitted = fit(&parts, window, room, |dropped| {
            self.encode(&without(&messages, &parts, dropped), answer.is_some(), prefix.as_deref())
        })?;
        let generation = match answer {
            None => Generation::reading(fitted.ids, window)?,
            Some(answer) => {
                Generation::answering(fitted.ids, window, answer, self.beginning(prefix.as_deref()))?
            }
        };
        Ok(Job { generation, dropped: fitted.dropped })
    }

    /// What the text of an answer begins with.
    fn beginning(&self, prefix: Option<&str>) -> Detokenizer {
        match prefix {
            Some(text) if !text.is_empty() => Detokenizer::continuing(),
            _ => Detokenizer::new(&self.tokenizer),
        }
    }
}

impl Job {
    /// How many messages were left out, the oldest ones that need not be kept.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Has the model read as much as takes about the time of `chunk` whole tokens, or takes the next token of the
    /// answer.
    ///
    /// # Errors
    /// `out-of-memory`; `malformed-file` where the weights give no numbers; `gpu-lost`, `gpu-error`. On the CPU the
    /// step may be tried again.
    pub async fn step(&mut self, model: &LanguageModel, session: &mut Session, chunk: usize) -> Result<Step> {
        self.generation.step(model, &model.tokenizer, &mut session.0, chunk).await
    }
}

fn part(message: &Message, kept: bool) -> Part {
    match message.role {
        Role::System => Part::Kept,
        _ if kept => Part::Kept,
        Role::User => Part::User,
        Role::Assistant => Part::Assistant,
    }
}

/// `messages` without the first `dropped` that need not be kept.
fn without(messages: &[Message], parts: &[Part], dropped: usize) -> Vec<Message> {
    let mut others = 0;
    let stays = |(_, part): &(&Message, &Part)| {
        others += usize::from(**part != Part::Kept);
        **part == Part::Kept || others > dropped
    };
    messages.iter().zip(parts).filter(stays).map(|(message, _)| message.clone()).collect()
}
