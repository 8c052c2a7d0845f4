//! What a model stores its matrices in.

use crate::{formats::Dtype, models::llama::GgufWeights};

/// The matrices of a block, in the order in which it reads them.
pub(super) const MATRICES: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// In which types the matrices of a model are stored, which decides what kernels multiply them: what [`run`] is to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of the vocabulary, as it is read and as it is written.
    pub(super) vocabulary: [Dtype; 2],
    /// Of the matrices of a block, for every kind of block once.
    pub(super) layers: Vec<[Dtype; MATRICES.len()]>,
}

impl Stored {
    /// As `weights` have them, for a model of `layers` blocks.
    pub fn of(weights: &GgufWeights<'_>, layers: usize) -> Self {
        let dtype = |name: &str| weights.dtype(&format!("{name}.weight"));
        let embedding = dtype("model.embed_tokens").unwrap_or(Dtype::F32);
        let mut kinds = Vec::new();
        for i in 0..layers {
            let of = |matrix| dtype(&format!("model.layers.{i}.{matrix}")).unwrap_or(Dtype::F32);
            let kind = MATRICES.map(of);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Self { vocabulary: [embedding, dtype("lm_head").unwrap_or(embedding)], layers: kinds }
    }

    /// The type of the tensor of this name.
    pub(super) fn dtype(&self, name: &str) -> Dtype {
        let [read, written] = self.vocabulary;
        let place = name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
        let Some((layer, rest)) = place else {
            return if name.starts_with("lm_head") { written } else { read };
        };
        let matrix = MATRICES.iter().position(|matrix| rest.starts_with(matrix));
        let layer = layer.parse::<usize>().unwrap_or(0) % self.layers.len().max(1);
        self.layers.get(layer).and_then(|kinds| kinds.get(matrix?)).copied().unwrap_or(Dtype::F32)
    }
}
