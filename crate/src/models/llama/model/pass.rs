//! Tokens on their way through the layers.

use burn::tensor::Tensor;

use super::{Llama, Logits, Sight, no_sight};
use crate::{Result, models::llama::LayerType, nn::KvCache};

/// Tokens that are being read, and the layer that they have come to: a long text takes a while, and something else may
/// have to be done meanwhile.
pub struct Pass {
    tokens: usize,
    /// Layers that are behind.
    layer: usize,
    /// `[tokens, hidden]`
    x: Tensor<2>,
    sights: Vec<Sight>,
}

impl Llama {
    /// Reads `ids` after what is in `cache`, and appends them to it: `[tokens]` → `[wanted tokens, vocabulary]`, or
    /// `[tokens, hidden]` of unspecified values where no logits are wanted.
    ///
    /// # Errors
    /// `invalid-input` for no ids, or one that is not in the vocabulary; `out-of-memory`. The cache is then as it was.
    pub fn forward(&self, ids: &[u32], cache: &mut KvCache, which: Logits) -> Result<Tensor<2>> {
        let pass = self.begin(ids, cache)?;
        let pass = self.advance(pass, cache, self.layers.len())?;
        Ok(self.finish(pass, which))
    }

    /// Begins to read `ids` after what is in `cache`, where they will be once they are through all layers. Until then
    /// nothing else may be read into it.
    ///
    /// # Errors
    /// Those of [`Llama::forward`].
    pub fn begin(&self, ids: &[u32], cache: &mut KvCache) -> Result<Pass> {
        self.check(ids)?;
        cache.reserve(ids.len())?;
        let embeddings = self.embed_tokens.forward(ids);
        let x = match self.config.embedding_scale {
            Some(scale) => embeddings * scale,
            None => embeddings,
        };
        let sights = self.sights.iter().map(|rules| self.sight(rules, ids.len(), cache)).collect();
        Ok(Pass { tokens: ids.len(), layer: 0, x, sights })
    }

    /// Goes on through at most `layers` layers.
    ///
    /// # Errors
    /// `internal` where the cache is not the one that the pass began with.
    pub fn advance(&self, mut pass: Pass, cache: &mut KvCache, layers: usize) -> Result<Pass> {
        let end = self.layers.len().min(pass.layer.saturating_add(layers));
        for (i, layer) in self.layers.iter().enumerate().take(end).skip(pass.layer) {
            // Where no layer slides, there is one sight.
            let sight = match layer.kind {
                LayerType::Full => pass.sights.first(),
                LayerType::Sliding => pass.sights.last(),
            };
            pass.x = layer.forward(pass.x, sight.ok_or_else(no_sight)?, cache, i)?;
        }
        if pass.layer < end && end == self.layers.len() {
            cache.advance(pass.tokens);
        }
        pass.layer = end;
        Ok(pass)
    }

    /// How many layers the tokens have before them.
    pub fn layers_left(&self, pass: &Pass) -> usize {
        self.layers.len() - pass.layer
    }

    /// How many layers there are.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// The logits of tokens that are through all layers: `[wanted tokens, vocabulary]`, or `[tokens, hidden]` of
    /// unspecified values where none are wanted.
    pub fn finish(&self, pass: Pass, which: Logits) -> Tensor<2> {
        match which {
            Logits::None => pass.x,
            Logits::Last => self.logits(pass.x.narrow(0, pass.tokens - 1, 1)),
            Logits::All => self.logits(pass.x),
        }
    }
}
