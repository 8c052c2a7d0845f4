//! Attention over what was read before.

use burn::tensor::{Device, Tensor};

use super::{super::LlamaConfig, Sight};
use crate::{
    Result,
    nn::{CachedHeads, Causal, KvCache, Linear, RmsNorm, Weights, attention_cached},
};

#[derive(Clone, Debug)]
pub(super) struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    /// Of queries and of keys, head by head, where the architecture has them.
    norms: Option<[RmsNorm; 2]>,
    num_attention_heads: usize,
    num_key_value_heads: usize,
}

impl Attention {
    pub(super) fn load(
        config: &LlamaConfig,
        weights: &impl Weights,
        name: &str,
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
        Ok(Self {
            q_proj: linear("q", [wide, hidden], config.bias.qkv)?,
            k_proj: linear("k", [kv_heads * config.head_dim, hidden], config.bias.qkv)?,
            v_proj: linear("v", [kv_heads * config.head_dim, hidden], config.bias.qkv)?,
            o_proj: linear("o", [hidden, wide], config.bias.output)?,
            norms: match config.architecture.normalises_heads() {
                true => Some([norm("q")?, norm("k")?]),
                false => None,
            },
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
        })
    }

    /// Appends the keys and values of `x: [tokens, hidden]` to layer `i` of the cache. Gives the tokens' queries, and the
    /// layer.
    pub(super) fn remember<'a>(
        &self,
        x: Tensor<2>,
        sight: &Sight,
        cache: &'a mut KvCache,
        i: usize,
    ) -> Result<(Tensor<2>, &'a CachedHeads)> {
        let [query, key, value] = Linear::forward_each([&self.q_proj, &self.k_proj, &self.v_proj], x);
        let [query, key] = match &self.norms {
            Some([queries, keys]) => [queries.forward_heads(query), keys.forward_heads(key)],
            None => [query, key],
        };
        let query = sight.rotation.apply(query, self.num_attention_heads);
        let key = sight.rotation.apply(key, self.num_key_value_heads);
        Ok((query, cache.append(i, key, value)?))
    }

    /// What the tokens with these queries, remembered already, see: `[tokens, heads · width]` → `[tokens, hidden]`.
    pub(super) fn see(&self, query: Tensor<2>, causal: &Causal, cached: &CachedHeads) -> Tensor<2> {
        self.o_proj.forward(attention_cached(query, cached, causal))
    }
}
