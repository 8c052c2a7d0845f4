//! The settings in a GGUF file, under llama.cpp's names.

use super::{
    Architecture, Biases, LARGEST, LayerType, LlamaConfig, RopeConfig, default_scale, every, unsupported,
};
use crate::{
    Error, Result,
    formats::{GgufFile, gguf::Metadata},
    nn::{Gate, Pairs, RopeScaling},
};

/// What llama.cpp takes where the file says nothing.
const DEFAULT_THETA: f32 = 10_000.0;
/// Gemma 3: every sixth layer sees everything.
const GEMMA_PERIOD: usize = 6;
/// The layers of the one Gemma 3 whose queries are scaled by the width of its hidden states.
const GEMMA_27B_LAYERS: usize = 62;

impl LlamaConfig {
    /// Reads a GGUF file's metadata, and which tensors there are.
    ///
    /// # Errors
    /// `malformed-file` where a setting is missing, `unsupported-model` for another architecture, or for a setting
    /// that is not supported; the detail names the setting.
    pub fn from_gguf(file: &GgufFile) -> Result<Self> {
        let name = file.metadata.str("general.architecture")?;
        let architecture = match name {
            "llama" => Architecture::Llama,
            "qwen2" => Architecture::Qwen2,
            "qwen3" => Architecture::Qwen3,
            "gemma3" => Architecture::Gemma3,
            _ => return Err(unsupported(name, format!("The architecture {name} is not supported."))),
        };
        let settings = Settings { metadata: &file.metadata, prefix: name };
        settings.refuse_what_is_ignored()?;
        settings.read(architecture, file)?.checked()
    }
}

/// The settings of one architecture.
struct Settings<'a> {
    metadata: &'a Metadata,
    prefix: &'a str,
}

impl Settings<'_> {
    fn read(&self, architecture: Architecture, file: &GgufFile) -> Result<LlamaConfig> {
        let gemma = architecture == Architecture::Gemma3;
        let (hidden, layers) = (self.size("embedding_length")?, self.size("block_count")?);
        let heads = self.size("attention.head_count")?;
        let head_dim = self.head_dim(hidden, heads)?;
        self.refuse_partly_turning(head_dim)?;
        let sliding_window = self.sliding_window(architecture)?;
        let (rope, rope_local) = self.ropes(architecture, file)?;
        let has = |name: &str| file.tensors.info(name).is_some();
        let embeddings = file.tensors.info("token_embd.weight");
        Ok(LlamaConfig {
            architecture,
            hidden_size: hidden,
            intermediate_size: self.size("feed_forward_length")?,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: self.optional_size("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            vocab_size: embeddings.and_then(|info| info.shape.first().copied()).unwrap_or(0),
            max_position_embeddings: self.size("context_length")?.min(LARGEST),
            rms_norm_eps: f64::from(self.metadata.f32(&self.key("attention.layer_norm_rms_epsilon"))?),
            tie_word_embeddings: !has("output.weight"),
            layer_types: self.layer_types(architecture, layers, sliding_window)?,
            sliding_window,
            rope,
            rope_local,
            attention_scale: match layers {
                GEMMA_27B_LAYERS if gemma => default_scale(hidden / heads.max(1)),
                _ => default_scale(head_dim),
            },
            attn_logit_softcapping: self.positive("attn_logit_softcapping")?,
            final_logit_softcapping: self.positive("final_logit_softcapping")?,
            embedding_scale: gemma.then(|| (hidden as f32).sqrt()),
            bias: Biases::new(
                ["attn_q", "attn_output", "ffn_up"].map(|part| has(&format!("blk.0.{part}.bias"))),
            ),
            hidden_act: if gemma { Gate::GeluTanh } else { Gate::Silu },
            // The converter reorders the rows of these queries and keys.
            pairs: if architecture == Architecture::Llama { Pairs::Adjacent } else { Pairs::Halves },
        })
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn size(&self, name: &str) -> Result<usize> {
        let key = self.key(name);
        match self.metadata.u32(&key) {
            Ok(size) => Ok(size as usize),
            // One for each layer, perhaps.
            Err(_) if self.metadata.contains(&key) => {
                Err(unsupported(&key, format!("{key} is not one number.")))
            }
            Err(error) => Err(error),
        }
    }

    fn optional_size(&self, name: &str) -> Result<Option<usize>> {
        self.metadata.contains(&self.key(name)).then(|| self.size(name)).transpose()
    }

    fn number(&self, name: &str) -> Result<Option<f32>> {
        self.metadata.optional(&self.key(name), Metadata::f32)
    }

    /// A number of which 0 means none.
    fn positive(&self, name: &str) -> Result<Option<f32>> {
        Ok(self.number(name)?.filter(|number| *number != 0.0))
    }

    fn head_dim(&self, hidden: usize, heads: usize) -> Result<usize> {
        let default = hidden / heads.max(1);
        let key = self.optional_size("attention.key_length")?.unwrap_or(default);
        let value = self.optional_size("attention.value_length")?.unwrap_or(default);
        if key != value {
            let message = format!("Keys of {key} and values of {value} elements are not supported.");
            return Err(unsupported(&self.key("attention.value_length"), message));
        }
        Ok(key)
    }

    /// Heads of which a part turns are those of other architectures.
    fn refuse_partly_turning(&self, head_dim: usize) -> Result<()> {
        match self.optional_size("rope.dimension_count")? {
            Some(turning) if turning != head_dim => {
                let key = self.key("rope.dimension_count");
                let message =
                    format!("{turning} of {head_dim} elements of a head turn, which is not supported.");
                Err(unsupported(&key, message))
            }
            _ => Ok(()),
        }
    }

    fn sliding_window(&self, architecture: Architecture) -> Result<Option<usize>> {
        let window = self.optional_size("attention.sliding_window")?.filter(|window| *window != 0);
        if window.is_some() && matches!(architecture, Architecture::Qwen2 | Architecture::Qwen3) {
            let key = self.key("attention.sliding_window");
            return Err(unsupported(
                &key,
                format!("{key} is not supported: the file does not say in which layers."),
            ));
        }
        Ok(window)
    }

    fn layer_types(
        &self,
        architecture: Architecture,
        layers: usize,
        window: Option<usize>,
    ) -> Result<Vec<LayerType>> {
        let layers = layers.min(LARGEST);
        Ok(match (architecture, window) {
            (_, None) => vec![LayerType::Full; layers],
            (Architecture::Gemma3, _) => {
                let period = self.optional_size("attention.sliding_window_pattern")?.unwrap_or(GEMMA_PERIOD);
                every(period, layers)
            }
            _ => vec![LayerType::Sliding; layers],
        })
    }

    /// The angles of full layers and of sliding ones.
    fn ropes(&self, architecture: Architecture, file: &GgufFile) -> Result<(RopeConfig, RopeConfig)> {
        let theta = f64::from(self.number("rope.freq_base")?.unwrap_or(DEFAULT_THETA));
        let scaling = match file.tensors.info("rope_freqs.weight") {
            Some(_) => RopeScaling::Factors,
            None => self.rope_scaling()?,
        };
        let rope = RopeConfig { theta, scaling };
        if architecture != Architecture::Gemma3 {
            return Ok((rope.clone(), rope));
        }
        let theta = f64::from(self.number("rope.freq_base_swa")?.unwrap_or(DEFAULT_THETA));
        Ok((rope, RopeConfig { theta, scaling: RopeScaling::None }))
    }

    fn rope_scaling(&self) -> Result<RopeScaling> {
        let key = self.key("rope.scaling.type");
        let kind = self.metadata.optional(&key, Metadata::str)?;
        let factor = self.positive("rope.scaling.factor")?.or(self.positive("rope.scale_linear")?);
        match (kind, factor) {
            (Some("none"), _) | (None | Some("linear"), None) => Ok(RopeScaling::None),
            (None | Some("linear"), Some(factor)) => Ok(RopeScaling::Linear(factor)),
            (Some(kind), _) => Err(unsupported(&key, format!("The rope scaling {kind} is not supported."))),
        }
    }

    /// Settings that change what a model computes, and that none of these models has.
    fn refuse_what_is_ignored(&self) -> Result<()> {
        let refuse = |name: &str, is: &dyn core::fmt::Display| -> Error {
            let key = self.key(name);
            unsupported(&key, format!("{key} is {is}, which is not supported."))
        };
        for name in ["expert_count", "attention.max_alibi_bias", "rope.dimension_sections"] {
            match self.optional_size(name)? {
                None | Some(0) => {}
                Some(is) => return Err(refuse(name, &is)),
            }
        }
        for name in [
            "rope.scaling.attn_factor",
            "attention.scale",
            "attention.temperature_scale",
            "embedding_scale",
            "residual_scale",
            "logit_scale",
        ] {
            match self.number(name)? {
                None | Some(0.0 | 1.0) => {}
                Some(is) => return Err(refuse(name, &is)),
            }
        }
        match self.metadata.optional(&self.key("attention.causal"), Metadata::bool)? {
            Some(false) => Err(refuse("attention.causal", &false)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorCode,
        formats::{
            gguf::fixture::{Gguf, Tensor},
            open_gguf,
        },
    };

    fn f32(file: Gguf, key: &str, value: f32) -> Gguf {
        file.entry(key, 6, &value.to_le_bytes())
    }

    /// A file of `architecture` with one table of 100 rows.
    fn file(architecture: &str) -> Gguf {
        file_with(architecture, 128)
    }

    fn file_with(architecture: &str, context_length: u32) -> Gguf {
        let sizes = [
            ("embedding_length", 64),
            ("feed_forward_length", 96),
            ("block_count", 7),
            ("attention.head_count", 4),
            ("attention.head_count_kv", 2),
            ("context_length", context_length),
        ];
        let file = Gguf::default().text("general.architecture", architecture);
        let key = |name: &str| format!("{architecture}.{name}");
        let file = sizes.into_iter().fold(file, |file, (name, size)| file.u32(&key(name), size));
        let file = f32(file, &key("attention.layer_norm_rms_epsilon"), 1e-5);
        file.tensor(Tensor::new("token_embd.weight", &[64, 100], 24, vec![0; 6400]))
    }

    fn config(file: &Gguf) -> Result<LlamaConfig> {
        LlamaConfig::from_gguf(&open_gguf(file.bytes()).unwrap())
    }

    #[test]
    fn what_is_missing_has_the_default_of_its_architecture() {
        let llama = config(&file("llama")).unwrap();
        assert_eq!((llama.head_dim, llama.rope.theta), (16, 10_000.0));
        assert_eq!((llama.vocab_size, llama.pairs), (100, Pairs::Adjacent));
        assert!(llama.tie_word_embeddings && llama.bias == Biases::new([false; 3]));
        let qwen = file("qwen2").tensor(Tensor::new("blk.0.attn_q.bias", &[64], 0, vec![0; 256]));
        let qwen = config(&qwen).unwrap();
        assert_eq!((qwen.pairs, qwen.bias), (Pairs::Halves, Biases::new([true, false, false])));
    }

    #[test]
    fn gemma_slides_in_five_of_six_layers() {
        let gemma = config(&f32(file("gemma3"), "gemma3.rope.freq_base", 1e6)).unwrap();
        assert_eq!(gemma.layer_types, [LayerType::Full; 7]);
        let gemma = file("gemma3").u32("gemma3.attention.sliding_window", 16);
        let gemma = config(&f32(gemma, "gemma3.rope.scaling.factor", 8.0)).unwrap();
        let full = gemma.layer_types.iter().filter(|kind| **kind == LayerType::Full).count();
        assert_eq!((full, gemma.layer_types[5], gemma.hidden_act), (1, LayerType::Full, Gate::GeluTanh));
        assert_eq!(
            (gemma.rope.scaling, gemma.rope_local.scaling),
            (RopeScaling::Linear(8.0), RopeScaling::None)
        );
    }

    #[test]
    fn what_cannot_be_computed_is_refused_by_name() {
        let llama = || file("llama");
        for (file, setting) in [
            (file("qwen3moe"), "qwen3moe"),
            (file("mamba"), "mamba"),
            (llama().u32("llama.expert_count", 8), "llama.expert_count"),
            (llama().u32("llama.attention.key_length", 32), "llama.attention.value_length"),
            (llama().text("llama.rope.scaling.type", "yarn"), "llama.rope.scaling.type"),
            (llama().u32("llama.rope.dimension_count", 8), "llama.rope.dimension_count"),
            (llama().u32("llama.rope.dimension_count", 0), "llama.rope.dimension_count"),
            (llama().i32s("llama.rope.dimension_sections", &[1]), "llama.rope.dimension_sections"),
            (f32(llama(), "llama.rope.freq_base", f32::NAN), "rope_theta"),
            (f32(llama(), "llama.rope.scaling.factor", -1.0), "rope_scaling"),
            (f32(llama(), "llama.rope.scaling.attn_factor", 2.0), "llama.rope.scaling.attn_factor"),
            (f32(llama(), "llama.logit_scale", 2.0), "llama.logit_scale"),
            (f32(llama(), "llama.attn_logit_softcapping", -1.0), "attn_logit_softcapping"),
            (llama().entry("llama.attention.causal", 7, &[0]), "llama.attention.causal"),
            (file("qwen2").u32("qwen2.attention.sliding_window", 9), "qwen2.attention.sliding_window"),
            (file("gemma3").u32("gemma3.attention.sliding_window", u32::MAX), "sliding_window"),
        ] {
            let error = config(&file).unwrap_err();
            let found = (error.code, error.detail.as_deref());
            assert_eq!(found, (ErrorCode::UnsupportedModel, Some(setting)), "{error:?}");
        }
    }

    #[test]
    fn sizes_that_no_model_has_are_refused() {
        for (name, sizes) in [
            ("block_count", &[0, u32::MAX][..]),
            ("attention.head_count", &[0, u32::MAX]),
            ("context_length", &[0]),
        ] {
            for size in sizes {
                let bytes = file("llama").bytes();
                let key = format!("llama.{name}");
                let at = bytes.windows(key.len()).position(|window| window == key.as_bytes()).unwrap();
                let mut bytes = bytes;
                assert_eq!(bytes[at + key.len()..][..4], 4u32.to_le_bytes());
                bytes[at + key.len() + 4..][..4].copy_from_slice(&size.to_le_bytes());
                let error = LlamaConfig::from_gguf(&open_gguf(bytes).unwrap()).unwrap_err();
                assert_eq!(error.code, ErrorCode::UnsupportedModel, "{name} {size}");
            }
        }
        let error = config(&Gguf::default().text("general.architecture", "llama")).unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedFile);
    }

    #[test]
    fn a_context_longer_than_any_memory_is_cut() {
        for length in [LARGEST as u32, LARGEST as u32 + 1, 10_485_760, u32::MAX] {
            assert_eq!(config(&file_with("llama", length)).unwrap().max_position_embeddings, LARGEST);
        }
    }
}
