//! Conversations as one text, by the Jinja template that a model brings along.
//!
//! Templates are code from a file that nobody vouches for: how long one is, how long it runs, how deep it nests and
//! how much it writes are bounded. How much it keeps in variables is not, since the engine has no such limit: one
//! that doubles a text until memory ends traps, which in a browser ends the worker.
//!
//! The surroundings are those that Hugging Face's `apply_chat_template` gives: blocks are trimmed, and the same
//! variables, functions and string methods are there.

mod clock;
mod json;
mod limits;
mod methods;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value};

use self::limits::Bounded;
use super::generative::TextTokenizer;
use crate::error::{Error, ErrorCode, Result};
use crate::formats::gguf::Metadata;

pub use clock::set_clock;

const KEY: &str = "tokenizer.chat_template";
/// The name of the one template in its environment; error messages show it.
const NAME: &str = "chat";

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
    environment: Option<Environment<'static>>,
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
        Ok(Self { environment: source.map(environment).transpose()?, tokens: tokens.collect() })
    }

    /// Whether the file has a template.
    pub fn has_template(&self) -> bool {
        self.environment.is_some()
    }

    /// The conversation as one text; with `add_generation_prompt`, up to where the model's answer begins.
    ///
    /// # Errors
    /// [`ErrorCode::Template`] where the template fails, refuses the conversation, or exceeds a limit.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let Some(environment) = &self.environment else {
            let contents: Vec<_> = messages.iter().map(|message| message.content.as_str()).collect();
            return Ok(contents.join("\n"));
        };
        let mut environment = environment.clone();
        environment.set_fuel(Some(limits::fuel(messages.len())));
        let template = environment.get_template(NAME).map_err(failed)?;
        let most = limits::output(messages.iter().map(|message| message.content.len()).sum());
        let mut output = Bounded::new(most);
        let rendered =
            template.render_captured_to(self.context(messages, add_generation_prompt), &mut output);
        match (output.into_text(), rendered) {
            (None, _) => Err(refused(&format!("It writes more than {most} bytes."))),
            (Some(_), Err(error)) => Err(failed(error)),
            (Some(text), Ok(_)) => Ok(text),
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

/// Where a template is at home in Hugging Face's library.
fn environment(source: &str) -> Result<Environment<'static>> {
    limits::check_source(source)?;
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_recursion_limit(limits::RECURSION);
    environment.set_unknown_method_callback(methods::call);
    environment.add_filter("tojson", json::filter);
    environment.add_function("raise_exception", raise);
    environment.add_function("strftime_now", |format: &str| clock::format_now(format));
    environment.add_template_owned(NAME, without_generation_tags(source)).map_err(failed)?;
    Ok(environment)
}

fn raise(message: String) -> core::result::Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message))
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
