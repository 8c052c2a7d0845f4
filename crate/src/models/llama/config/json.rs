//! The settings in a `config.json`, as the Hugging Face library writes it in versions 4 and 5.

use serde::Deserialize;

use super::{
    Architecture, Biases, LARGEST, LayerType, LlamaConfig, RopeConfig, default_scale, every, unsupported,
};
use crate::{
    Error, ErrorCode, Result,
    formats::read_json,
    nn::{Gate, Pairs, RopeScaling},
};

const DEFAULT_THETA: f64 = 10_000.0;

#[derive(Deserialize)]
struct ConfigJson {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    tie_word_embeddings: Option<bool>,
    /// Gemma's name comes first: its files have both, and mean this one.
    hidden_activation: Option<String>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    #[serde(alias = "_sliding_window_pattern")]
    sliding_window_pattern: Option<usize>,
    rope_parameters: Option<RopeJson>,
    rope_scaling: Option<RopeJson>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    partial_rotary_factor: Option<f64>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f32>,
    final_logit_softcapping: Option<f32>,
    use_bidirectional_attention: Option<bool>,
    quantization_config: Option<serde_json::Value>,
}

#[derive(Clone, Default, Deserialize)]
struct RopeJson {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<f32>,
    /// In `rope_parameters`, in the place of all others: those of each type of layer.
    full_attention: Option<Box<RopeJson>>,
    sliding_attention: Option<Box<RopeJson>>,
}

impl LlamaConfig {
    /// Reads the bytes of a `config.json`.
    ///
    /// # Errors
    /// `malformed-file` where it is not such a file, `unsupported-model` for another architecture, or for a setting
    /// that is not supported; the detail names the setting.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let json: ConfigJson = read_json("config.json", bytes)?;
        let architecture = match json.model_type.as_str() {
            "llama" => Architecture::Llama,
            "mistral" => Architecture::Mistral,
            "qwen2" => Architecture::Qwen2,
            "qwen3" => Architecture::Qwen3,
            "gemma3_text" => Architecture::Gemma3,
            other => return Err(unsupported(other, format!("The architecture {other} is not supported."))),
        };
        json.refuse_what_is_ignored()?;
        json.into_config(architecture)?.checked()
    }
}

impl ConfigJson {
    fn into_config(self, architecture: Architecture) -> Result<LlamaConfig> {
        let gemma = architecture == Architecture::Gemma3;
        let head_dim = self.head_dim(architecture)?;
        let layer_types = self.layer_types(architecture)?;
        let (rope, rope_local) = self.ropes(gemma, &layer_types)?;
        Ok(LlamaConfig {
            architecture,
            num_key_value_heads: self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            head_dim,
            tie_word_embeddings: self.tie_word_embeddings.unwrap_or(gemma),
            layer_types,
            sliding_window: self.sliding_window,
            rope,
            rope_local,
            attention_scale: match self.query_pre_attn_scalar {
                Some(scalar) if gemma => 1.0 / scalar.sqrt() as f32,
                None if gemma => return Err(lacks("query_pre_attn_scalar")),
                _ => default_scale(head_dim),
            },
            attn_logit_softcapping: self.attn_logit_softcapping,
            final_logit_softcapping: self.final_logit_softcapping,
            embedding_scale: gemma.then(|| (self.hidden_size as f32).sqrt()),
            bias: self.biases(architecture),
            hidden_act: self.gate()?,
            pairs: Pairs::Halves,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            vocab_size: self.vocab_size,
            max_position_embeddings: self.max_position_embeddings.min(LARGEST),
            rms_norm_eps: self.rms_norm_eps,
        })
    }

    fn head_dim(&self, architecture: Architecture) -> Result<usize> {
        match (self.head_dim, architecture) {
            (Some(head_dim), _) => Ok(head_dim),
            (None, Architecture::Qwen3 | Architecture::Gemma3) => Err(lacks("head_dim")),
            (None, _) => Ok(self.hidden_size / self.num_attention_heads.max(1)),
        }
    }

    fn biases(&self, architecture: Architecture) -> Biases {
        let attention = self.attention_bias.unwrap_or(false);
        Biases::new(match architecture {
            Architecture::Qwen2 => [true, false, false],
            Architecture::Mistral => [false; 3],
            Architecture::Llama => [attention, attention, self.mlp_bias.unwrap_or(false)],
            Architecture::Qwen3 | Architecture::Gemma3 => [attention, attention, false],
        })
    }

    fn gate(&self) -> Result<Gate> {
        let name = self.hidden_activation.as_deref().or(self.hidden_act.as_deref());
        match name.ok_or_else(|| lacks("hidden_act"))? {
            "silu" => Ok(Gate::Silu),
            "gelu_pytorch_tanh" => Ok(Gate::GeluTanh),
            other => Err(unsupported("hidden_act", format!("The activation {other} is not supported."))),
        }
    }

    fn layer_types(&self, architecture: Architecture) -> Result<Vec<LayerType>> {
        let layers = self.num_hidden_layers.min(LARGEST);
        if let Some(types) = &self.layer_types {
            return types.iter().map(|name| layer_type(name)).collect();
        }
        Ok(match (architecture, self.sliding_window) {
            (Architecture::Gemma3, _) => {
                every(self.sliding_window_pattern.ok_or_else(|| lacks("sliding_window_pattern"))?, layers)
            }
            (Architecture::Mistral, Some(_)) => vec![LayerType::Sliding; layers],
            (Architecture::Qwen2 | Architecture::Qwen3, Some(_)) if self.use_sliding_window == Some(true) => {
                let first = self.max_window_layers.ok_or_else(|| lacks("max_window_layers"))?;
                let layer = |i| if i < first { LayerType::Full } else { LayerType::Sliding };
                (0..layers).map(layer).collect()
            }
            _ => vec![LayerType::Full; layers],
        })
    }

    /// The angles of full layers and of sliding ones.
    fn ropes(&self, gemma: bool, types: &[LayerType]) -> Result<(RopeConfig, RopeConfig)> {
        let older = || {
            let json = self.rope_scaling.clone().unwrap_or_default();
            RopeJson { rope_theta: json.rope_theta.or(self.rope_theta), ..json }
        };
        let (full, sliding) = match &self.rope_parameters {
            Some(json) => self.ropes_by_type(json, types)?,
            None if gemma => {
                (older(), RopeJson { rope_theta: self.rope_local_base_freq, ..RopeJson::default() })
            }
            None => (older(), older()),
        };
        let partial = [self.partial_rotary_factor, full.partial_rotary_factor, sliding.partial_rotary_factor];
        if partial.into_iter().flatten().any(|part| part != 1.0) {
            // The setting of other architectures, which the reference does not follow in these.
            let name = "partial_rotary_factor";
            return Err(unsupported(name, "Heads of which a part turns are not supported."));
        }
        Ok((full.into_rope()?, sliding.into_rope()?))
    }

    /// Those of full layers and of sliding ones, where they may be the same for both, or missing for a type of layer
    /// that there is not.
    fn ropes_by_type(&self, json: &RopeJson, types: &[LayerType]) -> Result<(RopeJson, RopeJson)> {
        let theta = |json: &RopeJson| {
            // The older place; without either, the parameters are of a kind that is not known.
            let theta = json.rope_theta.or(self.rope_theta).ok_or_else(|| lacks("rope_theta"))?;
            Ok(RopeJson { rope_theta: Some(theta), ..json.clone() })
        };
        let (full, sliding) = (json.full_attention.as_deref(), json.sliding_attention.as_deref());
        let Some(either) = full.or(sliding) else { return Ok((theta(json)?, theta(json)?)) };
        let of = |kind, json: Option<&RopeJson>, name| match json {
            None if types.contains(&kind) => Err(lacks(name)),
            json => theta(json.unwrap_or(either)),
        };
        let full = of(LayerType::Full, full, "rope_parameters.full_attention")?;
        Ok((full, of(LayerType::Sliding, sliding, "rope_parameters.sliding_attention")?))
    }

    /// Settings that change what a model computes, and that are not supported.
    fn refuse_what_is_ignored(&self) -> Result<()> {
        if self.use_bidirectional_attention == Some(true) {
            let name = "use_bidirectional_attention";
            return Err(unsupported(name, "Attention to what comes later is not supported."));
        }
        if self.quantization_config.is_some() {
            return Err(unsupported("quantization_config", "Quantised safetensors are not supported."));
        }
        Ok(())
    }
}

impl RopeJson {
    fn into_rope(self) -> Result<RopeConfig> {
        let number = |value: Option<f32>, name| value.ok_or_else(|| lacks(name));
        let scaling = match self.rope_type.as_deref() {
            None | Some("default") => RopeScaling::None,
            Some("linear") => RopeScaling::Linear(number(self.factor, "factor")?),
            Some("llama3") => RopeScaling::Llama3 {
                factor: number(self.factor, "factor")?,
                low: number(self.low_freq_factor, "low_freq_factor")?,
                high: number(self.high_freq_factor, "high_freq_factor")?,
                original: number(self.original_max_position_embeddings, "original_max_position_embeddings")?,
            },
            Some(kind) => {
                let message = format!("The rope scaling {kind} is not supported.");
                return Err(unsupported("rope_scaling", message));
            }
        };
        Ok(RopeConfig { theta: self.rope_theta.unwrap_or(DEFAULT_THETA), scaling })
    }
}

fn layer_type(name: &str) -> Result<LayerType> {
    match name {
        "full_attention" => Ok(LayerType::Full),
        "sliding_attention" => Ok(LayerType::Sliding),
        other => Err(unsupported("layer_types", format!("Layers of type {other} are not supported."))),
    }
}

fn lacks(setting: &str) -> Error {
    let message = format!("config.json lacks {setting}.");
    Error::new(ErrorCode::MalformedFile, message).about(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl Fn(&mut serde_json::Value)) -> Result<LlamaConfig> {
        let mut json = serde_json::json!({
            "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 7,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5, "hidden_act": "silu"
        });
        change(&mut json);
        LlamaConfig::from_json(json.to_string().as_bytes())
    }

    fn gemma(json: &mut serde_json::Value) {
        json["model_type"] = "gemma3_text".into();
        json["hidden_activation"] = "gelu_pytorch_tanh".into();
        json["head_dim"] = 32.into();
        json["query_pre_attn_scalar"] = 64.into();
        json["sliding_window"] = 16.into();
        json["sliding_window_pattern"] = 3.into();
        json["rope_theta"] = 1e6.into();
        json["rope_local_base_freq"] = 1e4.into();
        json["rope_scaling"] = serde_json::json!({"rope_type": "linear", "factor": 8.0});
    }

    #[test]
    fn what_is_missing_has_the_default_of_its_architecture() {
        let llama = config(|_| {}).unwrap();
        assert_eq!((llama.head_dim, llama.rope.theta), (16, 10_000.0));
        assert!(!llama.tie_word_embeddings && llama.bias == Biases::new([false; 3]));
        assert_eq!((llama.attention_scale, llama.hidden_act), (0.25, Gate::Silu));
        let qwen = config(|json| json["model_type"] = "qwen2".into()).unwrap();
        assert_eq!(qwen.bias, Biases::new([true, false, false]));
        let biased = config(|json| json["attention_bias"] = true.into()).unwrap();
        assert_eq!(biased.bias, Biases::new([true, true, false]));
    }

    #[test]
    fn older_gemma_files_say_the_same_in_other_words() {
        let older = config(gemma).unwrap();
        let newer = config(|json| {
            gemma(json);
            json["rope_parameters"] = serde_json::json!({
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}
            });
            let types = ["sliding_attention", "sliding_attention", "full_attention"];
            json["layer_types"] = types.iter().cycle().take(7).copied().collect();
        })
        .unwrap();
        assert_eq!(older, newer);
        assert_eq!((older.attention_scale, older.embedding_scale), (0.125, Some(8.0)));
        assert_eq!(older.rope.scaling, RopeScaling::Linear(8.0));
        assert_eq!(older.rope_local, RopeConfig { theta: 1e4, scaling: RopeScaling::None });
        assert!(older.tie_word_embeddings && older.layer_types[2] == LayerType::Full);
    }

    #[test]
    fn rope_parameters_may_be_those_of_one_type_of_layer() {
        let full = serde_json::json!({"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0});
        let rope = RopeConfig { theta: 5e5, scaling: RopeScaling::Linear(2.0) };
        for parameters in [full.clone(), serde_json::json!({"full_attention": full})] {
            let config = config(|json| json["rope_parameters"] = parameters.clone()).unwrap();
            assert_eq!((&config.rope, &config.rope_local), (&rope, &rope));
        }
        let elsewhere = config(|json| {
            json["rope_theta"] = 5e5.into();
            json["rope_parameters"] = serde_json::json!({"rope_type": "linear", "factor": 2.0});
        });
        assert_eq!(elsewhere.unwrap().rope, rope);
    }

    #[test]
    fn windows_slide_where_the_architecture_says() {
        let types = |change: fn(&mut serde_json::Value)| config(change).unwrap().layer_types;
        let mistral = |json: &mut serde_json::Value| {
            json["model_type"] = "mistral".into();
            json["sliding_window"] = 16.into();
        };
        assert_eq!(types(mistral), [LayerType::Sliding; 7]);
        let unused = |json: &mut serde_json::Value| {
            json["model_type"] = "qwen2".into();
            json["sliding_window"] = 16.into();
            json["use_sliding_window"] = false.into();
        };
        assert_eq!(types(unused), [LayerType::Full; 7]);
        let used = |json: &mut serde_json::Value| {
            json["model_type"] = "qwen2".into();
            json["sliding_window"] = 16.into();
            json["use_sliding_window"] = true.into();
            json["max_window_layers"] = 5.into();
        };
        assert_eq!(types(used)[4..], [LayerType::Full, LayerType::Sliding, LayerType::Sliding]);
    }

    #[test]
    fn what_cannot_be_computed_is_refused_by_name() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(Change, &str); 21] = [
            (|c| c["model_type"] = "llama4".into(), "llama4"),
            (|c| c["hidden_act"] = "relu".into(), "hidden_act"),
            (|c| c["num_key_value_heads"] = 3.into(), "num_key_value_heads"),
            (|c| c["num_attention_heads"] = 0.into(), "num_attention_heads"),
            (|c| c["hidden_size"] = (1u64 << 31).into(), "hidden_size"),
            (|c| c["vocab_size"] = 0.into(), "vocab_size"),
            (|c| c["num_hidden_layers"] = (1u64 << 31).into(), "num_hidden_layers"),
            (|c| c["rms_norm_eps"] = (-1.0).into(), "rms_norm_eps"),
            (|c| c["rope_theta"] = 0.0.into(), "rope_theta"),
            (|c| c["rope_theta"] = 1e300.into(), "rope_theta"),
            (|c| c["head_dim"] = 17.into(), "head_dim"),
            (|c| c["partial_rotary_factor"] = 0.5.into(), "partial_rotary_factor"),
            (|c| c["layer_types"] = serde_json::json!(["full_attention"]), "layer_types"),
            (|c| c["layer_types"] = serde_json::json!(["chunked_attention"]), "layer_types"),
            (|c| c["layer_types"] = serde_json::json!(vec!["sliding_attention"; 7]), "sliding_window"),
            (|c| c["rope_scaling"] = serde_json::json!({"type": "yarn", "factor": 4.0}), "rope_scaling"),
            (|c| c["rope_scaling"] = serde_json::json!({"type": "linear", "factor": 0.0}), "rope_scaling"),
            (|c| c["final_logit_softcapping"] = (-3.0).into(), "final_logit_softcapping"),
            (|c| c["quantization_config"] = serde_json::json!({}), "quantization_config"),
            (|c| c["use_bidirectional_attention"] = true.into(), "use_bidirectional_attention"),
            (|c| c["attn_logit_softcapping"] = 0.0.into(), "attn_logit_softcapping"),
        ];
        for (change, setting) in cases {
            let error = config(change).unwrap_err();
            let found = (error.code, error.detail.as_deref());
            assert_eq!(found, (ErrorCode::UnsupportedModel, Some(setting)), "{error:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_malformed() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(Change, &str); 8] = [
            (|c| c["rope_parameters"] = serde_json::json!({}), "rope_theta"),
            (|c| c["rope_parameters"] = serde_json::json!({"main": {"rope_theta": 5e5}}), "rope_theta"),
            (
                |c| c["rope_parameters"] = serde_json::json!({"sliding_attention": {"rope_theta": 5e5}}),
                "rope_parameters.full_attention",
            ),
            (
                |c| {
                    gemma(c);
                    c["rope_parameters"] = serde_json::json!({"full_attention": {"rope_theta": 5e5}});
                },
                "rope_parameters.sliding_attention",
            ),
            (|c| c["hidden_size"] = serde_json::Value::Null, "config.json"),
            (|c| c["model_type"] = "qwen3".into(), "head_dim"),
            (|c| c["rope_scaling"] = serde_json::json!({"type": "linear"}), "factor"),
            (
                |c| {
                    gemma(c);
                    c["query_pre_attn_scalar"] = serde_json::Value::Null;
                },
                "query_pre_attn_scalar",
            ),
        ];
        for (change, setting) in cases {
            let error = config(change).unwrap_err();
            let found = (error.code, error.detail.as_deref());
            assert_eq!(found, (ErrorCode::MalformedFile, Some(setting)), "{error:?}");
        }
    }
}
