//! Sentence embeddings (Reimers and Gurevych, 2019, arXiv:1908.10084): an encoder, pooled and normalised.

mod config;
mod dtype;
mod job;
mod load;

pub use config::Pooling;
pub use dtype::DtypeChoice;
pub use job::Job;

use crate::{
    Result,
    device::{Device, read},
    formats::Dtype,
    models::bert::{Bert, BertConfig},
    nn::{Padding, Precision, pool},
    tokenizer::Tokenizer,
};

/// A loaded embedding model.
pub struct Embedder {
    bert: Bert,
    config: BertConfig,
    tokenizer: Tokenizer,
    pooling: Pooling,
    normalise: bool,
    precision: Precision,
    stored: Option<Dtype>,
    max_tokens: usize,
    device: Device,
}

impl Embedder {
    /// The encoder's settings.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// How token states become one vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Whether vectors have unit length.
    pub fn normalised(&self) -> bool {
        self.normalise
    }

    /// What the linear layers compute in: `f32` or `q8`.
    pub fn dtype(&self) -> &'static str {
        dtype::name(self.precision)
    }

    /// The type that most numbers of the weights' file are stored in.
    pub fn stored(&self) -> Option<Dtype> {
        self.stored
    }

    /// The longest text in tokens, special tokens included; longer ones are cut.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Embeds token sequences of the same padded length: `[batch · hidden]`, in the order given.
    async fn embed(&self, sequences: &[&[u32]], tokens: usize) -> Result<Vec<f32>> {
        let device = self.device.burn();
        let pad = self.tokenizer.pad_id();
        let padded = |ids: &&[u32]| {
            let ids = ids.iter().copied().chain(core::iter::repeat(pad)).take(tokens);
            ids.collect::<Vec<_>>()
        };
        let ids: Vec<u32> = sequences.iter().flat_map(padded).collect();
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let padding = Padding::new(&lengths, tokens, device);
        let states = self.bert.forward(&ids, &padding);
        let vectors = pool(states, &padding, self.pooling, self.normalise);
        let vectors = read(vectors).await?;
        self.device.check()?;
        Ok(vectors)
    }
}
