//! Answering, one step at a time.

use super::{
    Sampler, Sampling, StopStrings,
    sequence::{Decoder, Sequence},
};
use crate::{Error, ErrorCode, Result};

/// What turns tokens into text.
pub trait Vocabulary {
    /// The beginning of a character whose other bytes are still to come.
    type Partial;

    /// Whether the token ends an answer.
    fn is_end(&self, id: u32) -> bool;

    /// The whole characters that are known with the next token.
    fn text(&self, id: u32, partial: &mut Self::Partial) -> String;

    /// What is left when no more tokens come.
    fn rest(&self, partial: &mut Self::Partial) -> String;
}

/// What an answer is to be like.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end it, and are not part of it.
    pub stop: Vec<String>,
    /// The most tokens it may have; without, the context is the limit.
    pub max_tokens: Option<usize>,
}

/// What happened in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The model is reading: `done` of `total` tokens.
    Prefill {
        /// Tokens read, or kept from before.
        done: usize,
        /// All that there are to read.
        total: usize,
    },
    /// The answer has gone on.
    Text {
        /// What is new. Empty where a character is not complete, or what came may become a stop string.
        text: String,
        /// How many tokens the answer has.
        tokens: usize,
    },
    /// It is over, and every further step says the same.
    Done(Finish),
}

/// Why and how a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Why.
    pub reason: Reason,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that the model had read before.
    pub reused_tokens: usize,
    /// Tokens of the answer, without the one that ended it.
    pub generated_tokens: usize,
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The model ended its turn.
    EndOfTurn,
    /// A stop string.
    Stop,
    /// The answer has as many tokens as it may have.
    MaxTokens,
    /// The context is full.
    ContextFull,
    /// The prompt was read, and no answer asked for.
    Appended,
}

/// A prompt being read and answered.
///
/// It keeps the tokens itself. Each step compares them with the sequence it is given, and first has the model read
/// what is missing there. So a step that failed can be tried again, a generation can be dropped at any time, and a
/// sequence that something else has used in between costs time and nothing more.
pub struct Generation<V: Vocabulary> {
    /// The prompt, and the answer so far.
    tokens: Vec<u32>,
    prompt: usize,
    /// Tokens of the prompt that the first step found in the sequence.
    reused: Option<usize>,
    answer: Option<Answering<V>>,
    finished: Option<Reason>,
}

struct Answering<V: Vocabulary> {
    sampler: Sampler,
    stops: StopStrings,
    partial: V::Partial,
    /// How many tokens prompt and answer may have together.
    end: usize,
    /// What ends an answer that has them.
    at_end: Reason,
}

impl<V: Vocabulary> Generation<V> {
    /// Reads `prompt` and says nothing.
    ///
    /// # Errors
    /// `invalid-input` where the prompt is empty; `context-overflow` where it leaves no room in a window of `window`
    /// tokens.
    pub fn reading(prompt: Vec<u32>, window: usize) -> Result<Self> {
        if prompt.is_empty() {
            return Err(Error::new(ErrorCode::InvalidInput, "There is nothing to read."));
        }
        if prompt.len() >= window {
            return Err(overflow(prompt.len(), window));
        }
        Ok(Self { prompt: prompt.len(), tokens: prompt, reused: None, answer: None, finished: None })
    }

    /// Reads `prompt` and answers, until prompt and answer have `window` tokens at most. The text of the answer goes
    /// on from `partial`.
    ///
    /// # Errors
    /// Those of [`Generation::reading`]; `invalid-input` where a setting is out of its range.
    pub fn answering(prompt: Vec<u32>, window: usize, answer: Answer, partial: V::Partial) -> Result<Self> {
        let answer = Answering::new(answer, partial, prompt.len(), window)?;
        Ok(Self { answer: Some(answer), ..Self::reading(prompt, window)? })
    }

    /// Has the model read as much as takes about the time of `chunk` whole tokens, or one, and takes the next token of
    /// the answer as soon as the model has read all before it.
    ///
    /// # Errors
    /// What the model or the device gives; `malformed-file` where a logit is not finite. The step may be tried
    /// again.
    pub async fn step<D: Decoder>(
        &mut self,
        decoder: &D,
        vocabulary: &V,
        sequence: &mut Sequence<D>,
        chunk: usize,
    ) -> Result<Step> {
        if let Some(reason) = self.finished {
            return Ok(self.done(reason));
        }
        // The logits come from reading the last token, so that one is read even if it was read before.
        let total = self.tokens.len();
        let kept = sequence.keep(&self.tokens, total - usize::from(self.answer.is_some()));
        self.reused.get_or_insert(kept);
        if kept == total {
            return Ok(self.finish(Reason::Appended));
        }
        if kept + 1 == total
            && let Some(found) = self.next(decoder, sequence).await?
        {
            return self.choose(vocabulary, |sampler, _| sampler.choose(&found));
        }
        let Some((pass, read)) = sequence.read(decoder, &self.tokens[kept..], chunk.max(1))? else {
            return Ok(Step::Prefill { done: kept, total });
        };
        let (done, wanted) = (kept + read, self.answer.is_some() && kept + read == total);
        let mut logits = decoder.logits(pass, wanted).await?;
        match done < total {
            true => Ok(Step::Prefill { done, total }),
            false => self.choose(vocabulary, |sampler, tokens| sampler.sample(&mut logits, tokens)),
        }
    }

    /// What may follow the last token, where the device can find it.
    async fn next<D: Decoder>(
        &self,
        decoder: &D,
        sequence: &mut Sequence<D>,
    ) -> Result<Option<Vec<(u32, f32)>>> {
        let (Some(answer), Some(id)) = (&self.answer, self.tokens.last()) else { return Ok(None) };
        let Some(top) = answer.sampler.enough() else { return Ok(None) };
        let on = answer.sampler.is_greedy() && self.tokens.len() + 1 < answer.end;
        sequence.next(decoder, *id, top, on).await
    }

    /// The tokens that were read or are to be read next.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Takes the next token, by what `choice` makes of the sampler and of the tokens before.
    fn choose(
        &mut self,
        vocabulary: &V,
        choice: impl FnOnce(&mut Sampler, &[u32]) -> Result<u32>,
    ) -> Result<Step> {
        let Some(answer) = &mut self.answer else { return Ok(self.finish(Reason::Appended)) };
        let id = choice(&mut answer.sampler, &self.tokens)?;
        let (mut text, reason) = if vocabulary.is_end(id) {
            (String::new(), Some(Reason::EndOfTurn))
        } else {
            self.tokens.push(id);
            let (text, stopped) = answer.stops.push(&vocabulary.text(id, &mut answer.partial));
            let full = (self.tokens.len() >= answer.end).then_some(answer.at_end);
            (text, if stopped { Some(Reason::Stop) } else { full })
        };
        let Some(mut reason) = reason else { return Ok(self.text(text)) };
        if reason != Reason::Stop {
            let (rest, stopped) = answer.stops.push(&vocabulary.rest(&mut answer.partial));
            text.push_str(&rest);
            text.push_str(&if stopped { String::new() } else { answer.stops.finish() });
            reason = if stopped { Reason::Stop } else { reason };
        }
        let done = self.finish(reason);
        Ok(if text.is_empty() { done } else { self.text(text) })
    }

    fn text(&self, text: String) -> Step {
        Step::Text { text, tokens: self.generated() }
    }

    fn generated(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    fn finish(&mut self, reason: Reason) -> Step {
        self.finished = Some(reason);
        self.done(reason)
    }

    fn done(&self, reason: Reason) -> Step {
        Step::Done(Finish {
            reason,
            prompt_tokens: self.prompt,
            reused_tokens: self.reused.unwrap_or(0),
            generated_tokens: self.generated(),
        })
    }
}

impl<V: Vocabulary> Answering<V> {
    fn new(answer: Answer, partial: V::Partial, prompt: usize, window: usize) -> Result<Self> {
        let limit = answer.max_tokens.unwrap_or(usize::MAX);
        if limit == 0 {
            let message = "An answer has at least one token.";
            return Err(Error::new(ErrorCode::InvalidInput, message).about("max_tokens"));
        }
        let asked = prompt.saturating_add(limit);
        Ok(Self {
            sampler: Sampler::new(answer.sampling)?,
            stops: StopStrings::new(answer.stop)?,
            partial,
            end: asked.min(window),
            at_end: if asked <= window { Reason::MaxTokens } else { Reason::ContextFull },
        })
    }
}

/// The error of `requested` tokens that do not fit a window of `window`, with room for an answer.
pub(crate) fn overflow(requested: usize, window: usize) -> Error {
    let message =
        format!("The prompt has {requested} tokens; the context has room for {window} with the answer.");
    Error::new(ErrorCode::ContextOverflow, message).about(format!("{requested}/{window}"))
}

#[cfg(test)]
mod tests;
