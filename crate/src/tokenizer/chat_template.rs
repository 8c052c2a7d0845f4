//! Conversations as one text, by the Jinja template that a model brings along.
//!
//! Templates are code from a file that nobody vouches for. How long one is, how many instructions it runs, how deep it
//! nests and how much it writes are bounded; and whatever an instruction does with texts and containers is paid for
//! from an account, before it is done. So a template ends after a second or two, and holds no more than it has paid for.
//!
//! The surroundings are those that Hugging Face's `apply_chat_template` gives: blocks are trimmed, and the same
//! variables, functions and string methods are there.

mod builtins;
mod clock;
mod compile;
mod json;
mod limits;
mod meter;
mod methods;
mod operators;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::{eval, make_string_output};
use minijinja::{AutoEscape, Environment, Value, escape_formatter};

use self::meter::Meter;
use super::generative::TextTokenizer;
use crate::error::{Error, ErrorCode, Result};
use crate::formats::gguf::Metadata;

pub use clock::set_clock;

const KEY: &str = "tokenizer.chat_template";

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions to the model.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// A model's way to write conversations down.
#[derive(Debug)]
pub struct ChatTemplate {
    source: Option<String>,
    /// `bos_token` and its like, by name.
    tokens: Vec<(&'static str, String)>,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl ChatTemplate {
    /// The template in a GGUF file's metadata. Without one, conversations are their contents, line by line.
    ///
    /// # Errors
    /// [`ErrorCode::Template`] where the template is no text, too long or not valid.
    pub fn from_gguf(metadata: &Metadata, tokenizer: &TextTokenizer) -> Result<Self> {
        let source = metadata.optional(KEY, Metadata::str).map_err(|e| refused(&e.message).about(KEY))?;
        let tokens = [("bos_token", tokenizer.bos()), ("eos_token", tokenizer.eos())];
        let text = |id: Option<u32>| tokenizer.token(id?).map(str::to_owned);
        let tokens = tokens.into_iter().filter_map(|(name, id)| Some((name, text(id)?)));
        let source = source.map(checked).transpose()?;
        Ok(Self { source, tokens: tokens.collect() })
    }

    /// Whether the file has a template.
    pub fn has_template(&self) -> bool {
        self.source.is_some()
    }

    /// The conversation as one text; with `add_generation_prompt`, up to where the model's answer begins.
    ///
    /// # Errors
    /// [`ErrorCode::Template`] where the template fails, refuses the conversation, or exceeds a limit.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let contents = messages.iter().map(|message| message.content.as_str());
        let Some(source) = &self.source else { return Ok(contents.collect::<Vec<_>>().join("\n")) };
        let bytes = contents.map(str::len).sum();
        let environment = environment(bytes, messages.len());
        let program = compile::compile(source).map_err(failed)?;
        let (blocks, mut text) = (BTreeMap::new(), String::new());
        let context = self.context(messages, add_generation_prompt);
        let mut output = make_string_output(&mut text);
        eval(&environment, &program, context, &blocks, &mut output, AutoEscape::None).map_err(failed)?;
        let most = limits::output(bytes);
        match text.len() > most {
            true => Err(refused(&format!("It writes more than {most} bytes."))),
            false => Ok(text),
        }
    }

    fn context(&self, messages: &[Message], add_generation_prompt: bool) -> Value {
        let message = |message: &Message| {
            let role = Value::from(message.role.name());
            Value::from(BTreeMap::from([("role", role), ("content", Value::from(&message.content))]))
        };
        let tokens = self.tokens.iter().map(|(name, text)| (*name, Value::from(text)));
        let variables = [
            ("messages", Value::from_iter(messages.iter().map(message))),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ];
        Value::from(variables.into_iter().chain(tokens).collect::<BTreeMap<_, _>>())
    }
}

/// The source of a template that can be compiled.
fn checked(source: &str) -> Result<String> {
    if source.len() > limits::SOURCE_BYTES {
        let most = limits::SOURCE_BYTES;
        return Err(refused(&format!("It has {} bytes; {most} are allowed.", source.len())));
    }
    let source = without_generation_tags(source);
    compile::compile(&source).map_err(failed)?;
    Ok(source)
}

/// Where a template is at home in Hugging Face's library, with an account for one rendering.
fn environment(contents: usize, messages: usize) -> Environment<'static> {
    let meter = Arc::new(Meter::new(limits::work(contents)));
    let mut environment = Environment::empty();
    environment.set_recursion_limit(limits::RECURSION);
    environment.set_fuel(Some(limits::fuel(messages)));
    operators::add_operators(&mut environment, &meter);
    builtins::add_builtins(&mut environment, &meter);
    let of = Arc::clone(&meter);
    environment.set_unknown_method_callback(move |_, value, name, arguments| {
        methods::call(&of, value, name, arguments)
    });
    environment.set_formatter(move |output, state, value| {
        meter.pay_all(value)?;
        escape_formatter(output, state, value)
    });
    environment
}

/// `{% generation %}` marks what the model says, for training. Here it is a block like any other.
fn without_generation_tags(source: &str) -> String {
    let mut parts = source.split("{%");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("{%");
        let word = part.trim_start_matches(['-', '+']).trim_start();
        let (before, _) = part.split_at(part.len() - word.len());
        let tags = [("endgeneration", "endif"), ("generation", "if true")];
        let replaced = tags.into_iter().find_map(|(tag, instead)| {
            let rest = word.strip_prefix(tag)?;
            let end = rest.trim_start().trim_start_matches(['-', '+']);
            end.starts_with("%}").then(|| [before, instead, rest].concat())
        });
        plain.push_str(replaced.as_deref().unwrap_or(part));
    }
    plain
}

fn failed(error: minijinja::Error) -> Error {
    refused(&error.to_string())
}

fn refused(reason: &str) -> Error {
    let reason = &reason[..reason.floor_char_boundary(limits::MESSAGE_BYTES)];
    Error::new(ErrorCode::Template, format!("The model's chat template cannot be used: {reason}"))
}
