//! Queries, keys and values.

use burn::tensor::Tensor;

use super::{CachedHeads, KvCache, Linear, RmsNorm, Rotation};
use crate::Result;
#[cfg(feature = "gpu")]
use crate::kernels::{
    attention_cached_f32::remember_heads,
    biased_f32::biased_f32,
    linear_q::{
        PackedWeight, linear_q_joined,
        step::{Around, StepCache, linear_steps, remember_step},
    },
};

/// The layers that make queries, keys and values of the input of a block, up to the cache.
#[derive(Clone, Debug)]
pub(crate) struct Projections {
    map: Map,
    /// Of queries and of keys, head by head, where the architecture has them.
    norms: Option<[RmsNorm; 2]>,
    /// Query heads and key-value heads.
    heads: [usize; 2],
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a model has few, all of one variant
enum Map {
    Apart([Linear; 3]),
    #[cfg(feature = "gpu")]
    Stacked(Stacked),
}

/// On a GPU, the rows of all three.
#[cfg(feature = "gpu")]
#[derive(Clone, Debug)]
struct Stacked {
    /// One where they are of one kind.
    weights: Vec<PackedWeight>,
    bias: Option<Tensor<1>>,
    /// The weight of the norm before, then the bias.
    constants: Tensor<1>,
    /// The weights of the norms of queries and of keys.
    gamma: Option<Tensor<1>>,
}

impl Projections {
    /// Joins the layers `[query, key, value]`, whose input `norm` normalises.
    pub(crate) fn new(
        layers: [Linear; 3],
        norms: Option<[RmsNorm; 2]>,
        heads: [usize; 2],
        norm: &RmsNorm,
    ) -> Self {
        #[cfg(feature = "gpu")]
        if let Some(stacked) = Stacked::of(&layers, norms.as_ref(), heads, norm) {
            return Self { map: Map::Stacked(stacked), norms, heads };
        }
        let _ = norm;
        Self { map: Map::Apart(layers), norms, heads }
    }

    /// Whether kernels of a step can compute it.
    #[cfg(feature = "gpu")]
    pub(crate) fn has_step(&self) -> bool {
        matches!(self.map, Map::Stacked(_))
    }

    /// Appends the keys and values of `norm(x)`, `x: [tokens, in]`, to `layer` of the cache. Gives the tokens' queries,
    /// and the layer.
    ///
    /// # Errors
    /// Those of [`KvCache::append`].
    pub(crate) fn remember<'a>(
        &self,
        norm: &RmsNorm,
        x: Tensor<2>,
        rotation: &Rotation,
        cache: &'a mut KvCache,
        layer: usize,
    ) -> Result<(Tensor<2>, &'a CachedHeads)> {
        match &self.map {
            Map::Apart(layers) => {
                let [query, key, value] = Linear::forward_each(layers.each_ref(), norm.forward(x));
                let [query, key] = match &self.norms {
                    Some([queries, keys]) => [queries.forward_heads(query), keys.forward_heads(key)],
                    None => [query, key],
                };
                let query = rotation.apply(query, self.heads[0]);
                let key = rotation.apply(key, self.heads[1]);
                Ok((query, cache.append(layer, key, value)?))
            }
            #[cfg(feature = "gpu")]
            Map::Stacked(stacked) => {
                let cached = cache.own(layer)?;
                Ok((stacked.remember(self, norm, x, rotation, cached)?, cached))
            }
        }
    }
}

#[cfg(feature = "gpu")]
impl Stacked {
    /// Where kernels of a step can multiply each, and turn and see heads of their width.
    fn of(
        layers: &[Linear; 3],
        norms: Option<&[RmsNorm; 2]>,
        [queries, _]: [usize; 2],
        norm: &RmsNorm,
    ) -> Option<Self> {
        let [q, k, v] = layers.each_ref().map(Linear::packed);
        let ((q, q_bias), (k, k_bias), (v, v_bias)) = (q?, k?, v?);
        let biases: Vec<_> = [q_bias, k_bias, v_bias].into_iter().flatten().cloned().collect();
        if !matches!(biases.len(), 0 | 3) || !(q.outputs() / queries).is_multiple_of(4) {
            return None;
        }
        let weights = PackedWeight::stack(&[q, k, v]);
        let bias = (!biases.is_empty()).then(|| Tensor::cat(biases, 0));
        let gamma = norm.parts().0.clone();
        let constants = match &bias {
            Some(bias) => Tensor::cat(vec![gamma, bias.clone()], 0),
            None => gamma,
        };
        let gamma =
            norms.map(|norms| Tensor::cat(norms.iter().map(|norm| norm.parts().0.clone()).collect(), 0));
        Some(Self { weights, bias, constants, gamma })
    }

    fn remember(
        &self,
        of: &Projections,
        norm: &RmsNorm,
        x: Tensor<2>,
        rotation: &Rotation,
        cached: &CachedHeads,
    ) -> Result<Tensor<2>> {
        let (step, angles) = rotation.step().ok_or_else(no_step)?;
        let (one, (_, epsilon)) = (x.dims()[0] == 1, norm.parts());
        let around = Around { norm: Some(epsilon), bias: self.bias.is_some(), constants: &self.constants };
        let heads = cached.heads(of.heads[0], rotation.which(), *angles);
        if let (true, None, [weight], true) =
            (one, &self.gamma, &self.weights[..], heads.width.is_multiple_of(8))
        {
            let (keys, values) = cached.parts();
            let cache = StepCache { keys, values, heads };
            return remember_step(x, weight, around, &step.words, cache).ok_or_else(no_step);
        }
        let y = if one {
            linear_steps(x, self.weights.iter(), around)
        } else {
            let y = match &self.weights[..] {
                [weight] => weight.normed_rows(&x, norm.parts().0, epsilon),
                _ => None,
            };
            let y = y.unwrap_or_else(|| linear_q_joined(norm.forward(x), &self.weights));
            match &self.bias {
                Some(bias) => biased_f32(y, bias.clone()),
                None => y,
            }
        };
        let norms = of.norms.as_ref().zip(self.gamma.as_ref());
        let norms = norms.map(|([queries, _], gamma)| (gamma, queries.parts().1));
        Ok(remember_heads(y, step, cached, heads, norms))
    }
}

#[cfg(feature = "gpu")]
fn no_step() -> crate::Error {
    crate::Error::new(crate::ErrorCode::Internal, "The cache has no step.")
}
