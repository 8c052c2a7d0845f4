//! Tokens on their way through the layers.

use burn::tensor::Tensor;

use super::{DecoderLayer, Llama, Logits, Sight, no_sight};
use crate::{
    Error, ErrorCode, Result,
    models::llama::LayerType,
    nn::{CachedHeads, Causal, KvCache},
};

/// Tokens that are being read, and the layer that they have come to: a long text takes a while, and something else may
/// have to be done meanwhile.
pub struct Pass {
    tokens: usize,
    /// Layers that are behind.
    layer: usize,
    /// `[tokens, hidden]`
    x: Tensor<2>,
    sights: Vec<Sight>,
    /// After the last layer has remembered them: their queries, and what it remembers. Only tokens whose logits are
    /// wanted go through the rest of it.
    end: Option<(Tensor<2>, CachedHeads)>,
}

/// What tokens see in `layer`.
pub(super) fn sight_in<'a>(sights: &'a [Sight], layer: &DecoderLayer) -> Result<&'a Sight> {
    // Where no layer slides, there is one sight.
    let sight = match layer.kind {
        LayerType::Full => sights.first(),
        LayerType::Sliding => sights.last(),
    };
    sight.ok_or_else(no_sight)
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
        self.finish(pass, which)
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
        let sights = self.sights(ids, cache);
        Ok(Pass { tokens: ids.len(), layer: 0, x, sights, end: None })
    }

    /// Goes on through at most `layers` layers.
    ///
    /// # Errors
    /// `out-of-memory` where the cache is shared with a clone that cannot be copied; `internal` where it is not the one
    /// that the pass began with.
    pub fn advance(&self, pass: Pass, cache: &mut KvCache, layers: usize) -> Result<Pass> {
        let Pass { tokens, layer: begun, mut x, sights, mut end } = pass;
        let reached = self.layers.len().min(begun.saturating_add(layers));
        for (i, layer) in self.layers.iter().enumerate().take(reached).skip(begun) {
            let sight = sight_in(&sights, layer)?;
            if i + 1 < self.layers.len() {
                x = layer.forward(x, sight, cache, i)?;
            } else {
                let (query, cached) = layer.remember(&x, sight, cache, i)?;
                end = Some((query, cached.clone()));
                cache.advance(tokens);
            }
        }
        Ok(Pass { tokens, layer: reached, x, sights, end })
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
    ///
    /// # Errors
    /// `internal` where the tokens are not through.
    pub fn finish(&self, pass: Pass, which: Logits) -> Result<Tensor<2>> {
        let before = match which {
            Logits::None => return Ok(pass.x),
            Logits::Last => pass.tokens - 1,
            Logits::All => 0,
        };
        let layer = self.layers.last().ok_or_else(no_sight)?;
        let seen = &sight_in(&pass.sights, layer)?.causal;
        let causal = if before == 0 { seen.clone() } else { Causal::new(seen.position + before, seen.rules) };
        let (query, cached) = pass.end.ok_or_else(not_through)?;
        let wanted = |x: Tensor<2>| x.narrow(0, before, pass.tokens - before);
        Ok(self.logits(layer.see(wanted(pass.x), wanted(query), &causal, &cached)))
    }
}

fn not_through() -> Error {
    Error::new(ErrorCode::Internal, "The tokens are not through all layers.")
}
