//! The settings of a BERT checkpoint.

use serde::Deserialize;

use crate::{
    Error, ErrorCode, Result,
    formats::{GgufFile, read_json},
    nn::Activation,
};

/// The largest value that any size in a configuration may have; real encoders stay far below.
const LARGEST: usize = 1 << 20;

/// What `config.json` or the GGUF metadata says, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Width of a hidden state.
    pub hidden_size: usize,
    /// Width between the two linear layers of a block.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads; they divide the hidden size.
    pub num_attention_heads: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// The longest sequence in tokens.
    pub max_position_embeddings: usize,
    /// Token types; only type 0 is used.
    pub type_vocab_size: usize,
    /// Added to the variance of every layer norm.
    pub layer_norm_eps: f64,
    pub(crate) hidden_act: Activation,
}

/// `config.json` as the Hugging Face library writes it.
#[derive(Deserialize)]
struct ConfigJson {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

impl BertConfig {
    /// Reads the bytes of a `config.json`.
    ///
    /// # Errors
    /// `malformed-file` where it is not such a file, `unsupported-model` for another architecture, position
    /// embedding or activation, or for sizes that no such model has.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let json: ConfigJson = read_json("config.json", bytes)?;
        if json.model_type != "bert" {
            return Err(unsupported(format!("The architecture {} is not supported.", json.model_type)));
        }
        if let Some(kind) = json.position_embedding_type.filter(|kind| kind != "absolute") {
            return Err(unsupported(format!("Position embeddings of type {kind} are not supported.")));
        }
        let config = Self {
            hidden_size: json.hidden_size,
            intermediate_size: json.intermediate_size,
            num_hidden_layers: json.num_hidden_layers,
            num_attention_heads: json.num_attention_heads,
            vocab_size: json.vocab_size,
            max_position_embeddings: json.max_position_embeddings,
            type_vocab_size: json.type_vocab_size,
            layer_norm_eps: json.layer_norm_eps,
            hidden_act: activation(&json.hidden_act)?,
        };
        config.checked()
    }

    /// Reads a GGUF file's metadata and the sizes of its tables.
    ///
    /// # Errors
    /// As [`BertConfig::from_json`].
    pub fn from_gguf(file: &GgufFile) -> Result<Self> {
        let metadata = &file.metadata;
        let architecture = metadata.str("general.architecture")?;
        if architecture != "bert" {
            return Err(unsupported(format!("The architecture {architecture} is not supported.")));
        }
        let size = |key| Ok(metadata.u32(key)? as usize);
        let rows = |name| file.tensors.info(name).and_then(|info| info.shape.first().copied()).unwrap_or(0);
        let config = Self {
            hidden_size: size("bert.embedding_length")?,
            intermediate_size: size("bert.feed_forward_length")?,
            num_hidden_layers: size("bert.block_count")?,
            num_attention_heads: size("bert.attention.head_count")?,
            vocab_size: rows("token_embd.weight"),
            max_position_embeddings: size("bert.context_length")?,
            type_vocab_size: rows("token_types.weight"),
            layer_norm_eps: f64::from(metadata.f32("bert.attention.layer_norm_epsilon")?),
            hidden_act: Activation::Gelu,
        };
        config.checked()
    }

    /// Trainable numbers of the model.
    pub fn parameters(&self) -> usize {
        let (hidden, wide) = (self.hidden_size, self.intermediate_size);
        let tables = (self.vocab_size + self.max_position_embeddings + self.type_vocab_size) * hidden;
        let layer = 4 * (hidden + 1) * hidden + (hidden + 1) * wide + (wide + 1) * hidden + 4 * hidden;
        tables + 2 * hidden + self.num_hidden_layers * layer
    }

    fn checked(self) -> Result<Self> {
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, value)) = sizes.into_iter().find(|(_, v)| !(1..=LARGEST).contains(v)) {
            return Err(unsupported(format!("{name} is {value}, outside 1 to {LARGEST}.")).about(name));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(unsupported("The number of heads does not divide the hidden size."));
        }
        if !(self.layer_norm_eps >= 0.0 && self.layer_norm_eps < 1.0) {
            return Err(unsupported("layer_norm_eps is outside 0 to 1.").about("layer_norm_eps"));
        }
        Ok(self)
    }
}

fn activation(name: &str) -> Result<Activation> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(unsupported(format!("The activation {other} is not supported.")).about("hidden_act")),
    }
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::UnsupportedModel, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
        let mut config = serde_json::json!({
            "model_type": "bert", "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "vocab_size": 10, "max_position_embeddings": 12, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "hidden_act": "gelu"
        });
        change(&mut config);
        config.to_string().into_bytes()
    }

    #[test]
    fn reads_a_configuration_and_counts_its_parameters() {
        let config = BertConfig::from_json(&json(|_| {})).unwrap();
        assert_eq!(config.num_attention_heads, 2);
        // Tables 24 × 8, their norm 16, and twice four square maps, two wide ones and two norms.
        assert_eq!(config.parameters(), 192 + 16 + 2 * (288 + 144 + 136 + 32));
    }

    #[test]
    fn refuses_what_it_cannot_compute() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(Change, ErrorCode); 7] = [
            (|c| c["model_type"] = "roberta".into(), ErrorCode::UnsupportedModel),
            (|c| c["hidden_act"] = "swish".into(), ErrorCode::UnsupportedModel),
            (|c| c["position_embedding_type"] = "relative_key".into(), ErrorCode::UnsupportedModel),
            (|c| c["num_attention_heads"] = 3.into(), ErrorCode::UnsupportedModel),
            (|c| c["vocab_size"] = 0.into(), ErrorCode::UnsupportedModel),
            (|c| c["hidden_size"] = (1u64 << 60).into(), ErrorCode::UnsupportedModel),
            (|c| c["hidden_size"] = (-4).into(), ErrorCode::MalformedFile),
        ];
        for (change, code) in cases {
            assert_eq!(BertConfig::from_json(&json(change)).unwrap_err().code, code);
        }
        let deep = "[".repeat(100_000);
        assert_eq!(BertConfig::from_json(deep.as_bytes()).unwrap_err().code, ErrorCode::MalformedFile);
    }
}
