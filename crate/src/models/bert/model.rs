//! The encoder, with the module names of the Hugging Face checkpoint.

use burn::tensor::{Device, Tensor};

use super::BertConfig;
use crate::{
    Result,
    nn::{Activation, LayerNorm, Linear, Padding, PlacedEmbedding, Precision, Weights, attention},
};

/// What linear layers compute in, and where.
type Place<'a> = (Precision, &'a Device);

/// The encoder: token ids in, one hidden state per token out.
#[derive(Clone, Debug)]
pub struct Bert {
    embeddings: PlacedEmbedding,
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
            embeddings: embeddings(config, weights, device)?,
            layer: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// `ids: [batch · tokens]` → `[batch · tokens, hidden]`; rows of padding are unspecified.
    ///
    /// Every id must be below the vocabulary's size and `tokens` at most the number of positions.
    pub(crate) fn forward(&self, ids: &[u32], padding: &Padding) -> Tensor<2> {
        let x = self.embeddings.forward(ids, padding.tokens());
        self.layer.iter().fold(x, |x, layer| layer.forward(x, padding))
    }
}

/// Every token is of type 0, whose row is added to all places.
fn embeddings(config: &BertConfig, weights: &impl Weights, device: &Device) -> Result<PlacedEmbedding> {
    let hidden = config.hidden_size;
    let table =
        |name: &str, rows| weights.read(&format!("embeddings.{name}_embeddings.weight"), &[rows, hidden]);
    let words = table("word", config.vocab_size)?;
    let mut places = table("position", config.max_position_embeddings)?;
    let kinds = table("token_type", config.type_vocab_size)?;
    for place in places.chunks_exact_mut(hidden) {
        place.iter_mut().zip(&kinds).for_each(|(place, kind)| *place += kind);
    }
    let norm = norm(config, weights, "embeddings.LayerNorm", device)?;
    Ok(PlacedEmbedding::new(words, places, hidden, norm, device))
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
    /// Queries, keys and values.
    packed: Linear,
    output_dense: Linear,
    output_layer_norm: LayerNorm,
    num_attention_heads: usize,
}

impl BertAttention {
    fn load(config: &BertConfig, weights: &impl Weights, name: &str, place: Place<'_>) -> Result<Self> {
        let shape = [config.hidden_size; 2];
        let parts = ["query", "key", "value"].map(|part| format!("{name}.self.{part}"));
        let output = format!("{name}.output.dense");
        Ok(Self {
            packed: Linear::load_stacked(weights, parts.each_ref().map(String::as_str), shape, place)?,
            output_dense: Linear::load(weights, &output, shape, Activation::Identity, place)?,
            output_layer_norm: norm(config, weights, &format!("{name}.output.LayerNorm"), place.1)?,
            num_attention_heads: config.num_attention_heads,
        })
    }

    /// `[batch · tokens, hidden]` → the same.
    fn forward(&self, x: Tensor<2>, padding: &Padding) -> Tensor<2> {
        let packed = self.packed.forward(x.clone());
        let context = attention(packed, self.num_attention_heads, padding);
        self.output_layer_norm.forward(self.output_dense.forward(context), x)
    }
}

fn norm(config: &BertConfig, weights: &impl Weights, name: &str, device: &Device) -> Result<LayerNorm> {
    LayerNorm::load(weights, name, config.hidden_size, config.layer_norm_eps, device)
}
