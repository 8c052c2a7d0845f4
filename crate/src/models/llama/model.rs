//! The decoder, with the module names of the Hugging Face checkpoint.

mod attention;
mod mlp;
mod pass;
#[cfg(feature = "gpu")]
mod step;

use burn::tensor::{Device, Tensor};

pub use self::pass::Pass;
use self::{attention::Attention, mlp::Mlp};
use super::{LayerType, LlamaConfig, RopeConfig};
use crate::{
    Error, ErrorCode, Result,
    nn::{
        Bias, CachedHeads, Causal, KvCache, Linear, RmsNorm, Rope, RopeScaling, Rotation, Scores,
        StoredEmbedding, Weights,
    },
};

/// Which tokens' logits are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// None's: the tokens are only read.
    None,
    /// The last one's.
    Last,
    /// Every token's.
    All,
}

/// The decoder: token ids in, logits of the next token out.
#[derive(Clone, Debug)]
pub struct Llama {
    config: LlamaConfig,
    embed_tokens: StoredEmbedding,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    lm_head: Linear,
    /// Full layers' angles and scores, then sliding ones'; only the first where no layer slides.
    sights: Vec<(Rope, Scores)>,
    device: Device,
}

impl Llama {
    /// Reads every weight of `config` from `weights` onto `device`.
    ///
    /// # Errors
    /// What [`Weights`] gives for the first tensor that cannot be read, `out-of-memory`, `unsupported-model` where
    /// there is a tensor that this model does not have.
    pub fn load(config: &LlamaConfig, weights: &impl Weights, device: &Device) -> Result<Self> {
        Self::load_watched(config, weights, device, || {})
    }

    /// The same; `on_layer` is called whenever another block is read.
    ///
    /// # Errors
    /// Those of [`Llama::load`].
    pub fn load_watched(
        config: &LlamaConfig,
        weights: &impl Weights,
        device: &Device,
        mut on_layer: impl FnMut(),
    ) -> Result<Self> {
        let shape = [config.vocab_size, config.hidden_size];
        let embed_tokens = StoredEmbedding::load(weights, "model.embed_tokens", shape, device)?;
        let layer = |i| DecoderLayer::load(config, weights, i, device).inspect(|_| on_layer());
        let llama = Self {
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            norm: RmsNorm::load(weights, "model.norm", config.hidden_size, config.rms_norm_eps, device)?,
            lm_head: match config.tie_word_embeddings {
                true => Linear::tied(&embed_tokens),
                false => Linear::load_stored(weights, "lm_head", shape, Bias::Absent, device)?,
            },
            sights: sights(config, weights)?,
            embed_tokens,
            config: config.clone(),
            device: device.clone(),
        };
        match weights.left_over() {
            Some(name) => {
                let message = format!("The file has a tensor {name}, which this architecture has not.");
                Err(Error::new(ErrorCode::UnsupportedModel, message).about(name))
            }
            None => Ok(llama),
        }
    }

    /// An empty cache for this model.
    pub fn cache(&self) -> KvCache {
        let config = &self.config;
        KvCache::new(config.num_hidden_layers, [config.num_key_value_heads, config.head_dim], &self.device)
    }

    fn check(&self, ids: &[u32]) -> Result<()> {
        if ids.is_empty() {
            return Err(Error::new(ErrorCode::InvalidInput, "There are no tokens to read."));
        }
        match ids.iter().find(|id| **id as usize >= self.config.vocab_size) {
            Some(id) => {
                let message = format!("The vocabulary of {} has no token {id}.", self.config.vocab_size);
                Err(Error::new(ErrorCode::InvalidInput, message))
            }
            None => Ok(()),
        }
    }

    /// What the new tokens `ids` see in each kind of layer, and how far they turn.
    fn sights(&self, ids: &[u32], cache: &mut KvCache) -> Vec<Sight> {
        let sights = self.plain_sights(ids.len(), cache);
        #[cfg(feature = "gpu")]
        if let Some(step) = ids.first().and_then(|id| cache.begin_step(*id, self.ropes())) {
            return self.on_step(sights, step);
        }
        sights
    }

    /// The same where no device has them.
    fn plain_sights(&self, tokens: usize, cache: &KvCache) -> Vec<Sight> {
        let position = cache.len();
        let sight = |(rope, scores): &(Rope, Scores)| Sight {
            rotation: rope.at(position, tokens, &self.device),
            causal: Causal::new(position, *scores),
        };
        self.sights.iter().map(sight).collect()
    }

    /// `[rows, hidden]` → `[rows, vocabulary]`.
    fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        let logits = self.lm_head.forward_normed(&self.norm, x);
        match self.config.final_logit_softcapping {
            Some(cap) => (logits / cap).tanh() * cap,
            None => logits,
        }
    }
}

/// What the tokens of one pass see in layers of one type.
struct Sight {
    rotation: Rotation,
    causal: Causal,
}

fn sights(config: &LlamaConfig, weights: &impl Weights) -> Result<Vec<(Rope, Scores)>> {
    let factors = |scaling: &_| match scaling {
        RopeScaling::Factors => weights.read("rope_freqs.weight", &[config.head_dim / 2]).map(Some),
        _ => Ok(None),
    };
    let sight = |rope: &RopeConfig, factors: Option<&[f32]>, window| {
        let scores = Scores { scale: config.attention_scale, cap: config.attn_logit_softcapping, window };
        (Rope::new(rope.theta, config.head_dim, &rope.scaling, factors, config.pairs), scores)
    };
    let factors = factors(&config.rope.scaling)?;
    let mut sights = Vec::new();
    if config.layer_types.contains(&LayerType::Full) {
        sights.push(sight(&config.rope, factors.as_deref(), None));
    }
    if config.layer_types.contains(&LayerType::Sliding) {
        let factors = factors.as_deref().filter(|_| config.rope_local.scaling == config.rope.scaling);
        sights.push(sight(&config.rope_local, factors, config.sliding_window));
    }
    Ok(sights)
}

fn no_sight() -> Error {
    Error::new(ErrorCode::Internal, "The model has no layers.")
}

#[derive(Clone, Debug)]
struct DecoderLayer {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    /// Gemma's: before and after the second half. The norm after attention then belongs to the first half.
    feedforward_layernorms: Option<[RmsNorm; 2]>,
    mlp: Mlp,
    kind: LayerType,
}

impl DecoderLayer {
    fn load(config: &LlamaConfig, weights: &impl Weights, i: usize, device: &Device) -> Result<Self> {
        let name = format!("model.layers.{i}");
        let norm = |part: &str| {
            let name = format!("{name}.{part}_layernorm");
            RmsNorm::load(weights, &name, config.hidden_size, config.rms_norm_eps, device)
        };
        let outputs = config.architecture.normalises_outputs();
        let input_layernorm = norm("input")?;
        Ok(Self {
            self_attn: Attention::load(
                config,
                weights,
                &format!("{name}.self_attn"),
                &input_layernorm,
                device,
            )?,
            input_layernorm,
            post_attention_layernorm: norm("post_attention")?,
            feedforward_layernorms: match outputs {
                true => Some([norm("pre_feedforward")?, norm("post_feedforward")?]),
                false => None,
            },
            mlp: Mlp::load(config, weights, &format!("{name}.mlp"), device)?,
            kind: config.layer_types.get(i).copied().unwrap_or(LayerType::Full),
        })
    }

    /// `[tokens, hidden]` → the same. The tokens' keys and values are appended to layer `i` of the cache.
    fn forward(&self, x: Tensor<2>, sight: &Sight, cache: &mut KvCache, i: usize) -> Result<Tensor<2>> {
        let (query, cached) = self.remember(&x, sight, cache, i)?;
        Ok(self.see(x, query, &sight.causal, cached))
    }

    /// Appends the keys and values of `x: [tokens, hidden]` to layer `i` of the cache. Gives the tokens' queries, and the
    /// layer.
    fn remember<'a>(
        &self,
        x: &Tensor<2>,
        sight: &Sight,
        cache: &'a mut KvCache,
        i: usize,
    ) -> Result<(Tensor<2>, &'a CachedHeads)> {
        self.self_attn.remember(&self.input_layernorm, x.clone(), sight, cache, i)
    }

    /// What is made of tokens that are remembered, `x` and their queries: `[tokens, hidden]`.
    fn see(&self, x: Tensor<2>, query: Tensor<2>, causal: &Causal, cached: &CachedHeads) -> Tensor<2> {
        match &self.feedforward_layernorms {
            None => {
                let x = self.self_attn.see_add(x, query, causal, cached);
                self.mlp.forward_add(&self.post_attention_layernorm, x)
            }
            Some([before, after]) => {
                let attention = self.self_attn.see(query, causal, cached);
                let x = x + self.post_attention_layernorm.forward(attention);
                let y = self.mlp.forward(before, x.clone());
                x + after.forward(y)
            }
        }
    }
}
