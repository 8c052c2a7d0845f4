//! Attention over what was read before.

use burn::tensor::{Device, Tensor};

use super::{super::LlamaConfig, Sight};
use crate::{
    Result,
    nn::{CachedHeads, Causal, KvCache, Linear, Projections, RmsNorm, Weights, attention_cached},
};

#[derive(Clone, Debug)]
pub(super) struct Attention {
    qkv_proj: Projections,
    o_proj: Linear,
}

impl Attention {
    /// The input is normalised by `before`.
    pub(super) fn load(
        config: &LlamaConfig,
        weights: &impl Weights,
        name: &str,
        before: &RmsNorm,
        device: &Device,
    ) -> Result<Self> {
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let (hidden, wide) = (config.hidden_size, heads * config.head_dim);
        let linear = |part: &str, shape, bias| {
            Linear::load_stored(weights, &format!("{name}.{part}_proj"), shape, bias, device)
        };
        let norm = |part: &str| {
            let name = format!("{name}.{part}_norm");
            RmsNorm::load(weights, &name, config.head_dim, config.rms_norm_eps, device)
        };
        let layers = [
            linear("q", [wide, hidden], config.bias.qkv)?,
            linear("k", [kv_heads * config.head_dim, hidden], config.bias.qkv)?,
            linear("v", [kv_heads * config.head_dim, hidden], config.bias.qkv)?,
        ];
        let norms = match config.architecture.normalises_heads() {
            true => Some([norm("q")?, norm("k")?]),
            false => None,
        };
        Ok(Self {
            qkv_proj: Projections::new(layers, norms, [heads, kv_heads], before),
            o_proj: linear("o", [hidden, wide], config.bias.output)?,
        })
    }

    /// Whether a GPU can do a step of it by itself.
    #[cfg(feature = "gpu")]
    pub(super) fn has_step(&self) -> bool {
        self.qkv_proj.has_step()
    }

    /// Appends the keys and values of `before(x)`, `x: [tokens, hidden]`, to layer `i` of the cache. Gives the tokens'
    /// queries, and the layer.
    pub(super) fn remember<'a>(
        &self,
        before: &RmsNorm,
        x: Tensor<2>,
        sight: &Sight,
        cache: &'a mut KvCache,
        i: usize,
    ) -> Result<(Tensor<2>, &'a CachedHeads)> {
        self.qkv_proj.remember(before, x, &sight.rotation, cache, i)
    }

    /// What the tokens with these queries, remembered already, see: `[tokens, heads · width]` → `[tokens, hidden]`.
    pub(super) fn see(&self, query: Tensor<2>, causal: &Causal, cached: &CachedHeads) -> Tensor<2> {
        self.o_proj.forward(attention_cached(query, cached, causal))
    }

    /// The same, added to `x: [tokens, hidden]`.
    pub(super) fn see_add(
        &self,
        x: Tensor<2>,
        query: Tensor<2>,
        causal: &Causal,
        cached: &CachedHeads,
    ) -> Tensor<2> {
        self.o_proj.forward_add(attention_cached(query, cached, causal), x)
    }
}
