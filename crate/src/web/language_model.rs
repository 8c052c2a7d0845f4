//! Chat.

use serde::{Deserialize, Serialize};
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::{
    device::Device,
    error::{given, record, thrown},
    files::ModelFiles,
    progress::OnProgress,
};
use crate::{
    generate::{Answer, Reason, Sampling, Step},
    tasks::language_model,
    tokenizer::chat_template,
};

/// What a loaded language model is.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ChatInfo {
    /// The architecture's name.
    pub architecture: String,
    /// What the file calls the model.
    #[tsify(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many tokens a conversation and the answer to it may have.
    pub context_window: usize,
    /// How many tokens the model was trained with, at most.
    pub trained_context: usize,
    /// Numbers in the model's tensors.
    pub parameters: usize,
    /// Blocks of the decoder.
    pub layers: usize,
    /// Whether the file says how a conversation is written.
    pub has_template: bool,
    /// The length of the file.
    pub bytes: usize,
    /// Its SHA-256 in lower-case hexadecimal, where it was hashed on its way in.
    #[tsify(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The type that most numbers of the file are stored in, as the format spells it.
    #[tsify(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// What weights of that type are multiplied by: rows rounded to eight bits, or f32.
    #[tsify(type = "\"f32\" | \"q8\"")]
    pub dtype: &'static str,
}

/// Who says something.
#[derive(Deserialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    /// Whoever made the application.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// Something said.
#[derive(Deserialize, Tsify)]
pub struct ChatMessage {
    /// By whom.
    pub role: ChatRole,
    /// The text.
    pub content: String,
}

/// A conversation, oldest first.
#[derive(Deserialize, Tsify)]
pub struct ChatMessages(pub Vec<ChatMessage>);

/// What is to be done with a conversation. What is left out is as in llama.cpp, but for the seed, which is random.
#[derive(Deserialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ChatOptions {
    /// Whether an answer is asked for; the conversation is only read otherwise.
    pub generate: bool,
    /// How the answer begins.
    #[tsify(optional)]
    pub prefix: Option<String>,
    /// What logits are divided by; 0 takes the most probable token.
    #[tsify(optional)]
    pub temperature: Option<f32>,
    /// How many of the most probable tokens are considered; 0 is all.
    #[tsify(optional)]
    pub top_k: Option<u32>,
    /// The share of the probability that is considered.
    #[tsify(optional)]
    pub top_p: Option<f32>,
    /// How probable a token must be, compared with the most probable one.
    #[tsify(optional)]
    pub min_p: Option<f32>,
    /// What the logits of recent tokens are divided by.
    #[tsify(optional)]
    pub repetition_penalty: Option<f32>,
    /// What is taken off the logits of recent tokens.
    #[tsify(optional)]
    pub presence_penalty: Option<f32>,
    /// What is taken off the logits of recent tokens for each time they occur.
    #[tsify(optional)]
    pub frequency_penalty: Option<f32>,
    /// Where the random numbers begin: an integer from 0 to 2^53 - 1.
    #[tsify(optional)]
    pub seed: Option<u64>,
    /// Texts that end the answer.
    #[tsify(optional)]
    pub stop: Option<Vec<String>>,
    /// The most tokens the answer may have.
    #[tsify(optional)]
    pub max_tokens: Option<u32>,
    /// How many messages at the beginning are never left out, like the system's.
    #[tsify(optional)]
    pub keep: Option<u32>,
}

/// What happened in a step.
#[derive(Serialize, Tsify)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ChatStep {
    /// The model is reading.
    Prefill {
        /// Tokens read, or kept from before.
        done: usize,
        /// All that there are to read.
        total: usize,
    },
    /// The answer has gone on.
    Text {
        /// What is new; it may be empty.
        text: String,
        /// How many tokens the answer has.
        tokens: usize,
    },
    /// It is over.
    Done {
        /// Why.
        reason: FinishReason,
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Those of them that had been read before.
        reused_tokens: usize,
        /// Tokens of the answer.
        generated_tokens: usize,
    },
}

/// Why an answer ended.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "kebab-case")]
pub enum FinishReason {
    /// The model ended its turn.
    End,
    /// A stop string.
    Stop,
    /// The answer has as many tokens as it may have.
    MaxTokens,
    /// The context is full.
    ContextFull,
    /// No answer was asked for.
    Appended,
}

/// A loaded language model.
#[wasm_bindgen]
pub struct ChatModel(language_model::LanguageModel);

#[wasm_bindgen]
impl ChatModel {
    /// Loads the GGUF file in `files`, which it takes, onto `device`. `contextWindow` is how many tokens a conversation
    /// and the answer to it may have.
    ///
    /// On WebGPU this runs the numeric self-test too, and compiles kernels. `onProgress` is told the fraction that is done.
    pub async fn load(
        device: &Device,
        files: ModelFiles,
        #[wasm_bindgen(js_name = contextWindow)] context_window: Option<u32>,
        #[wasm_bindgen(js_name = onProgress)] on_progress: OnProgress,
    ) -> Result<ChatModel, JsValue> {
        let mut files = files.0;
        let context_window = context_window.map(|tokens| tokens as usize);
        let options = language_model::LoadOptions { context_window };
        let report = |fraction| on_progress.tell(fraction);
        let loaded =
            language_model::LanguageModel::load(&mut files, device.0.clone(), options, &report).await;
        loaded.map(Self).map_err(thrown)
    }

    /// Looks at the file that is arriving in `files`: throws where the model cannot fit into memory; `false` where too little
    /// has come to say.
    pub fn foresee(device: &Device, files: &ModelFiles) -> Result<bool, JsValue> {
        language_model::LanguageModel::foresee(&files.0, device.0.kind()).map_err(thrown)
    }

    /// What was loaded.
    pub fn info(&self) -> Result<Ts<ChatInfo>, JsValue> {
        record(&self.0.info().clone().into())
    }

    /// A session in which nothing was read.
    pub fn session(&self) -> ChatSession {
        ChatSession(self.0.session())
    }

    /// How many tokens `messages` have, with the beginning of an answer if `generate`.
    pub fn count(&self, messages: Ts<ChatMessages>, generate: bool) -> Result<usize, JsValue> {
        self.0.count(&given(&messages)?.into_rust(), generate).map_err(thrown)
    }

    /// Prepares an answer to `messages`; nothing is computed yet. What `session` has read of them is not read again.
    pub fn plan(&self, messages: Ts<ChatMessages>, options: Ts<ChatOptions>) -> Result<ChatJob, JsValue> {
        let options = given(&options)?.into();
        self.0.plan(given(&messages)?.into_rust(), options).map(ChatJob).map_err(thrown)
    }
}

/// What a model has read of a conversation.
#[wasm_bindgen]
pub struct ChatSession(language_model::Session);

#[wasm_bindgen]
impl ChatSession {
    /// A copy, which goes on by itself.
    pub fn fork(&self) -> Self {
        Self(self.0.clone())
    }

    /// How many tokens were read.
    pub fn usage(&self) -> usize {
        self.0.usage()
    }
}

/// A conversation being read and answered, one step at a time. It may be freed at any time.
#[wasm_bindgen]
pub struct ChatJob(language_model::Job);

#[wasm_bindgen]
impl ChatJob {
    /// How many messages were left out, the oldest ones that need not be kept.
    pub fn dropped(&self) -> usize {
        self.0.dropped()
    }

    /// Reads as much as takes about the time of `chunk` tokens, or takes the next token of the answer.
    pub async fn step(
        &mut self,
        model: &ChatModel,
        session: &mut ChatSession,
        chunk: u32,
    ) -> Result<Ts<ChatStep>, JsValue> {
        let step = self.0.step(&model.0, &mut session.0, chunk as usize).await.map_err(thrown)?;
        record(&step.into())
    }
}

impl From<language_model::Info> for ChatInfo {
    fn from(info: language_model::Info) -> Self {
        Self {
            architecture: info.architecture,
            name: info.name,
            context_window: info.context_window,
            trained_context: info.trained_context,
            parameters: info.parameters,
            layers: info.layers,
            has_template: info.has_template,
            bytes: info.bytes,
            sha256: info.sha256,
            stored: info.stored.map(|dtype| dtype.to_string()),
            dtype: info.dtype,
        }
    }
}

impl ChatMessages {
    fn into_rust(self) -> Vec<chat_template::Message> {
        let message = |message: ChatMessage| {
            let role = match message.role {
                ChatRole::System => chat_template::Role::System,
                ChatRole::User => chat_template::Role::User,
                ChatRole::Assistant => chat_template::Role::Assistant,
            };
            chat_template::Message { role, content: message.content }
        };
        self.0.into_iter().map(message).collect()
    }
}

impl From<ChatOptions> for language_model::PlanOptions {
    fn from(options: ChatOptions) -> Self {
        let usual = Sampling::default();
        let sampling = Sampling {
            temperature: options.temperature.unwrap_or(usual.temperature),
            top_k: options.top_k.map_or(usual.top_k, |k| k as usize),
            top_p: options.top_p.unwrap_or(usual.top_p),
            min_p: options.min_p.unwrap_or(usual.min_p),
            repetition_penalty: options.repetition_penalty.unwrap_or(usual.repetition_penalty),
            presence_penalty: options.presence_penalty.unwrap_or(usual.presence_penalty),
            frequency_penalty: options.frequency_penalty.unwrap_or(usual.frequency_penalty),
            seed: options.seed.unwrap_or_else(|| js_sys::Math::random().to_bits()),
        };
        let max_tokens = options.max_tokens.map(|tokens| tokens as usize);
        let answer = Answer { sampling, stop: options.stop.unwrap_or_default(), max_tokens };
        Self {
            answer: options.generate.then_some(answer),
            prefix: options.prefix,
            keep: options.keep.map_or(0, |messages| messages as usize),
        }
    }
}

impl From<Step> for ChatStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Prefill { done, total } => Self::Prefill { done, total },
            Step::Text { text, tokens } => Self::Text { text, tokens },
            Step::Done(finish) => Self::Done {
                reason: finish.reason.into(),
                prompt_tokens: finish.prompt_tokens,
                reused_tokens: finish.reused_tokens,
                generated_tokens: finish.generated_tokens,
            },
        }
    }
}

impl From<Reason> for FinishReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::EndOfTurn => Self::End,
            Reason::Stop => Self::Stop,
            Reason::MaxTokens => Self::MaxTokens,
            Reason::ContextFull => Self::ContextFull,
            Reason::Appended => Self::Appended,
        }
    }
}
