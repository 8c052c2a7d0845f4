//! The operations of an encoder on the GPU.

use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{attention_f32, dims, layer_norm_f32, pool_f32, upload};
use crate::kernels::encoder_ops::EncoderOps;

impl EncoderOps for CubeBackend {
    fn embed_f32(
        ids: Vec<u32>,
        tokens: usize,
        words: CubeTensor,
        places: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        epsilon: f32,
    ) -> CubeTensor {
        let ids = upload(ids, dims(&words)[0], &words);
        layer_norm_f32::embed(ids, tokens, [words, places], [gamma, beta], epsilon)
    }

    fn add_layer_norm_f32(
        x: CubeTensor,
        residual: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        epsilon: f32,
    ) -> CubeTensor {
        layer_norm_f32::add_layer_norm([x, residual], [gamma, beta], epsilon)
    }

    fn attention_f32(packed: CubeTensor, lengths: CubeTensor, heads: usize) -> CubeTensor {
        attention_f32::attention(packed, lengths, heads)
    }

    fn pool_f32(states: CubeTensor, lengths: CubeTensor, most: usize, normalise: bool) -> CubeTensor {
        pool_f32::pool(states, lengths, most, normalise)
    }
}
