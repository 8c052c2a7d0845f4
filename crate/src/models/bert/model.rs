//! The encoder, with the module names of the Hugging Face checkpoint.

use burn::tensor::{Device, Int, Tensor};

use super::BertConfig;
use crate::{
    Result,
    nn::{Activation, Embedding, LayerNorm, Linear, Padding, Precision, Weights, attention},
};

/// What linear layers compute in, and where.
type Place<'a> = (Precision, &'a Device);

/// The encoder: token ids in, one hidden state per token out.
#[derive(Clone, Debug)]
pub struct Bert {
    embeddings: BertEmbeddings,
    layer: Vec<BertLayer>,
}

impl Bert {
    /// Reads every weight of `config` from `weights` onto `device`; its linear layers compute in `precision`.
    ///
    /// # Errors
    /// What [`Weights::read`] gives for the first tensor that cannot be read.
    pub fn load(
        config: &BertConfig,
        weights: &impl Weights,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let place = (precision, device);
        let layer = |i| BertLayer::load(config, weights, &format!("encoder.layer.{i}"), place);
        Ok(Self {
            embeddings: BertEmbeddings::load(config, weights, device)?,
            layer: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// `ids: [batch, tokens]` → `[batch · tokens, hidden]`; rows of padding are unspecified.
    ///
    /// Every id must be below the vocabulary's size and `tokens` at most the number of positions.
    pub(crate) fn forward(&self, ids: Tensor<2, Int>, padding: &Padding) -> Tensor<2> {
        let x = self.embeddings.forward(ids);
        self.layer.iter().fold(x, |x, layer| layer.forward(x, padding))
    }
}

#[derive(Clone, Debug)]
struct BertEmbeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    layer_norm: LayerNorm,
}

impl BertEmbeddings {
    fn load(config: &BertConfig, weights: &impl Weights, device: &Device) -> Result<Self> {
        let hidden = config.hidden_size;
        let table = |name: &str, rows| Embedding::load(weights, name, [rows, hidden], device);
        Ok(Self {
            word_embeddings: table("embeddings.word_embeddings", config.vocab_size)?,
            position_embeddings: table("embeddings.position_embeddings", config.max_position_embeddings)?,
            token_type_embeddings: table("embeddings.token_type_embeddings", config.type_vocab_size)?,
            layer_norm: norm(config, weights, "embeddings.LayerNorm", device)?,
        })
    }

    /// `ids: [batch, tokens]` → `[batch · tokens, hidden]`; every token is of type 0.
    fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let [batch, tokens] = ids.dims();
        let places = self.position_embeddings.first(tokens) + self.token_type_embeddings.first(1);
        let words = self.word_embeddings.forward(ids.reshape([batch * tokens]));
        self.layer_norm.forward(words, places.repeat_dim(0, batch))
    }
}

#[derive(Clone, Debug)]
struct BertLayer {
    attention: BertAttention,
    intermediate_dense: Linear,
    output_dense: Linear,
    output_layer_norm: LayerNorm,
}

impl BertLayer {
    fn load(config: &BertConfig, weights: &impl Weights, name: &str, place: Place<'_>) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let linear = |part: &str, shape, then| {
            Linear::load(weights, &format!("{name}.{part}.dense"), shape, then, place)
        };
        Ok(Self {
            attention: BertAttention::load(config, weights, &format!("{name}.attention"), place)?,
            intermediate_dense: linear("intermediate", [wide, hidden], config.hidden_act)?,
            output_dense: linear("output", [hidden, wide], Activation::Identity)?,
            output_layer_norm: norm(config, weights, &format!("{name}.output.LayerNorm"), place.1)?,
        })
    }

    /// `[batch · tokens, hidden]` → the same.
    fn forward(&self, x: Tensor<2>, padding: &Padding) -> Tensor<2> {
        let x = self.attention.forward(x, padding);
        let wide = self.intermediate_dense.forward(x.clone());
        self.output_layer_norm.forward(self.output_dense.forward(wide), x)
    }
}

#[derive(Clone, Debug)]
struct BertAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output_dense: Linear,
    output_layer_norm: LayerNorm,
    num_attention_heads: usize,
}

impl BertAttention {
    fn load(config: &BertConfig, weights: &impl Weights, name: &str, place: Place<'_>) -> Result<Self> {
        let shape = [config.hidden_size; 2];
        let linear =
            |part: &str| Linear::load(weights, &format!("{name}.{part}"), shape, Activation::Identity, place);
        Ok(Self {
            query: linear("self.query")?,
            key: linear("self.key")?,
            value: linear("self.value")?,
            output_dense: linear("output.dense")?,
            output_layer_norm: norm(config, weights, &format!("{name}.output.LayerNorm"), place.1)?,
            num_attention_heads: config.num_attention_heads,
        })
    }

    /// `[batch · tokens, hidden]` → the same.
    fn forward(&self, x: Tensor<2>, padding: &Padding) -> Tensor<2> {
        let [query, key, value] = Linear::forward_each([&self.query, &self.key, &self.value], x.clone());
        let context = attention(query, key, value, self.num_attention_heads, padding);
        self.output_layer_norm.forward(self.output_dense.forward(context), x)
    }
}

fn norm(config: &BertConfig, weights: &impl Weights, name: &str, device: &Device) -> Result<LayerNorm> {
    LayerNorm::load(weights, name, config.hidden_size, config.layer_norm_eps, device)
}
