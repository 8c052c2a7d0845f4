//! Text embeddings.

use js_sys::{Float32Array, Uint32Array};
use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::{
    device::Device,
    error::{record, thrown},
    files::ModelFiles,
    progress::OnProgress,
};
use crate::tasks::embedder;

/// What a loaded embedding model is.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct EmbedderInfo {
    /// The architecture's name.
    pub architecture: &'static str,
    /// Elements of a vector.
    pub dimensions: usize,
    /// The longest text in tokens, special tokens included; longer ones are cut.
    pub max_tokens: usize,
    /// Blocks of the encoder.
    pub layers: usize,
    /// Trainable numbers.
    pub parameters: usize,
    /// How token states become one vector.
    pub pooling: &'static str,
    /// Whether vectors have unit length.
    pub normalised: bool,
    /// What the linear layers compute in.
    #[tsify(type = "\"f32\" | \"q8\"")]
    pub dtype: &'static str,
    /// The type that most numbers of the weights' file are stored in, as the format spells it.
    #[tsify(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

/// A loaded embedding model.
#[wasm_bindgen]
pub struct TextEmbedder(embedder::Embedder);

#[wasm_bindgen]
impl TextEmbedder {
    /// Loads the model in `files`, which it takes, onto `device`, to compute in `dtype`: `auto`, `f32` or `q8`.
    /// `maxTokens` caps the length of a text.
    ///
    /// On WebGPU this runs the numeric self-test too. `onProgress` is told the fraction that is done.
    pub async fn load(
        device: &Device,
        files: ModelFiles,
        dtype: &str,
        #[wasm_bindgen(js_name = maxTokens)] max_tokens: Option<u32>,
        #[wasm_bindgen(js_name = onProgress)] on_progress: OnProgress,
    ) -> Result<TextEmbedder, JsValue> {
        let (mut files, dtype) = (files.0, dtype.parse().map_err(thrown)?);
        let limit = max_tokens.map(|limit| limit as usize);
        let report = |fraction| on_progress.tell(fraction);
        let loaded = embedder::Embedder::load(&mut files, device.0.clone(), dtype, limit, &report).await;
        loaded.map(Self).map_err(thrown)
    }

    /// What was loaded.
    pub fn info(&self) -> Result<Ts<EmbedderInfo>, JsValue> {
        record(&EmbedderInfo {
            architecture: "bert",
            dimensions: self.0.config().hidden_size,
            max_tokens: self.0.max_tokens(),
            layers: self.0.config().num_hidden_layers,
            parameters: self.0.config().parameters(),
            pooling: self.0.pooling().name(),
            normalised: self.0.normalised(),
            dtype: self.0.dtype(),
            stored: self.0.stored().map(|dtype| dtype.to_string()),
        })
    }

    /// Prepares the embedding of `texts`; nothing is computed yet.
    pub fn plan(&self, texts: Vec<String>) -> Result<EmbedJob, JsValue> {
        self.0.plan(texts).map(EmbedJob).map_err(thrown)
    }
}

/// Texts on their way to vectors, one batch per step.
#[wasm_bindgen]
pub struct EmbedJob(embedder::Job);

#[wasm_bindgen]
impl EmbedJob {
    /// How many texts there are.
    pub fn total(&self) -> usize {
        self.0.total()
    }

    /// Whether every text has its vector.
    pub fn done(&self) -> bool {
        self.0.done() == self.0.total()
    }

    /// Runs the next batch, and says how many texts are done.
    pub async fn step(&mut self, embedder: &TextEmbedder) -> Result<usize, JsValue> {
        self.0.step(&embedder.0).await.map_err(thrown)
    }

    /// The vectors in the order of the texts, `texts × dimensions`.
    pub fn vectors(&self) -> Float32Array {
        Float32Array::from(self.0.vectors())
    }

    /// The places of the texts that were cut to the limit.
    pub fn truncated(&self) -> Uint32Array {
        let places: Vec<u32> = self.0.truncated().iter().map(|place| *place as u32).collect();
        Uint32Array::from(places.as_slice())
    }
}
