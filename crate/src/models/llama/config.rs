//! The settings of a decoder.

mod gguf;
mod json;

use crate::{
    Error, ErrorCode, Result,
    nn::{Bias, Gate, Pairs, RopeScaling},
};

/// The largest value that any size in a configuration may have; real decoders stay below.
const LARGEST: usize = 1 << 20;

/// The members of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Llama 1 to 3, SmolLM2, TinyLlama.
    Llama,
    /// Mistral: a sliding window in every layer.
    Mistral,
    /// Qwen2 and Qwen2.5: a bias for queries, keys and values.
    Qwen2,
    /// Qwen3: queries and keys are normalised head by head.
    Qwen3,
    /// Gemma 3: norms on both sides of every part, sliding windows in most layers.
    Gemma3,
}

/// What a layer's queries see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerType {
    /// Everything before them.
    Full,
    /// A window.
    Sliding,
}

/// The angles of a rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// The base of the frequencies.
    pub theta: f64,
    /// How they are stretched.
    pub scaling: RopeScaling,
}

/// What `config.json` or the GGUF metadata says, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// Which member of the family it is.
    pub architecture: Architecture,
    /// Width of a hidden state.
    pub hidden_size: usize,
    /// Width between the linear layers of a block's second half.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key-value heads; they divide the query heads.
    pub num_key_value_heads: usize,
    /// Width of a head, all of which turns.
    pub head_dim: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// The longest text of training, in tokens; of more than a million, a million.
    pub max_position_embeddings: usize,
    /// Added to the mean square of every norm.
    pub rms_norm_eps: f64,
    /// Whether the embedding table is the head, too.
    pub tie_word_embeddings: bool,
    /// What each layer sees.
    pub layer_types: Vec<LayerType>,
    /// Positions that a sliding layer's queries see, their own included.
    pub sliding_window: Option<usize>,
    /// The angles of full layers.
    pub rope: RopeConfig,
    /// The angles of sliding layers.
    pub rope_local: RopeConfig,
    /// What the products of queries and keys are multiplied by.
    pub attention_scale: f32,
    /// Scores are `cap · tanh(score / cap)`.
    pub attn_logit_softcapping: Option<f32>,
    /// The same for logits.
    pub final_logit_softcapping: Option<f32>,
    /// What embeddings are multiplied by.
    pub embedding_scale: Option<f32>,
    pub(crate) bias: Biases,
    pub(crate) hidden_act: Gate,
    pub(crate) pairs: Pairs,
}

/// Which linear layers have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Biases {
    /// Queries, keys and values.
    pub(crate) qkv: Bias,
    /// The output of attention.
    pub(crate) output: Bias,
    /// The second half of a block.
    pub(crate) mlp: Bias,
}

impl Biases {
    fn new([qkv, output, mlp]: [bool; 3]) -> Self {
        let bias = |present| if present { Bias::Required } else { Bias::Absent };
        Self { qkv: bias(qkv), output: bias(output), mlp: bias(mlp) }
    }
}

impl Architecture {
    /// Whether queries and keys are normalised head by head.
    pub(crate) fn normalises_heads(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether what a part of a block gives is normalised before it is added.
    pub(crate) fn normalises_outputs(self) -> bool {
        self == Self::Gemma3
    }
}

impl LlamaConfig {
    fn checked(self) -> Result<Self> {
        self.check_sizes()?;
        self.check_numbers()?;
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return Err(unsupported(
                "num_key_value_heads",
                "The key-value heads do not divide the query heads.",
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            let message = format!("Heads of {} elements cannot turn in pairs.", self.head_dim);
            return Err(unsupported("head_dim", message));
        }
        if self.layer_types.len() != self.num_hidden_layers {
            let message = format!("{} layers have {} types.", self.num_hidden_layers, self.layer_types.len());
            return Err(unsupported("layer_types", message));
        }
        if self.layer_types.contains(&LayerType::Sliding) && self.sliding_window.is_none() {
            return Err(unsupported("sliding_window", "There are sliding layers, but no window."));
        }
        Ok(self)
    }

    fn check_sizes(&self) -> Result<()> {
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("num_attention_heads · head_dim", self.num_attention_heads.saturating_mul(self.head_dim)),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ];
        match sizes.into_iter().find(|(_, size)| !(1..=LARGEST).contains(size)) {
            Some((name, size)) => {
                Err(unsupported(name, format!("{name} is {size}, outside 1 to {LARGEST}.")))
            }
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.rms_norm_eps) {
            return Err(unsupported("rms_norm_eps", "rms_norm_eps is outside 0 to 1."));
        }
        let numbers = [
            ("attention_scale", Some(self.attention_scale)),
            ("attn_logit_softcapping", self.attn_logit_softcapping),
            ("final_logit_softcapping", self.final_logit_softcapping),
            ("embedding_scale", self.embedding_scale),
            ("rope_theta", Some(self.rope.theta as f32)),
            ("rope_theta", Some(self.rope_local.theta as f32)),
        ];
        let scalings = [&self.rope.scaling, &self.rope_local.scaling].map(scaling_numbers);
        let scalings = scalings.into_iter().flatten().map(|number| ("rope_scaling", Some(number)));
        let positive = |number: f32| number.is_finite() && number > 0.0;
        match numbers.into_iter().chain(scalings).find(|(_, number)| !number.is_none_or(positive)) {
            Some((name, number)) => {
                let number = number.unwrap_or_default();
                Err(unsupported(name, format!("{name} is {number}, no finite number above 0.")))
            }
            None => Ok(()),
        }
    }
}

/// The numbers of a scaling, each of which must be finite and above 0.
fn scaling_numbers(scaling: &RopeScaling) -> Vec<f32> {
    match *scaling {
        RopeScaling::None | RopeScaling::Factors => vec![],
        RopeScaling::Linear(factor) => vec![factor],
        RopeScaling::Llama3 { factor, low, high, original } => vec![factor, low, high - low, original],
    }
}

/// A setting that is not supported, or has a value that is not.
fn unsupported(setting: &str, message: impl Into<String>) -> Error {
    Error::new(ErrorCode::UnsupportedModel, message).about(setting)
}

/// `1 / √width`.
fn default_scale(width: usize) -> f32 {
    1.0 / (width.max(1) as f32).sqrt()
}

/// Every `period`th layer sees everything, the others a window.
fn every(period: usize, layers: usize) -> Vec<LayerType> {
    let layer = |i: usize| if (i + 1).is_multiple_of(period) { LayerType::Full } else { LayerType::Sliding };
    (0..layers.min(LARGEST)).map(layer).collect()
}
