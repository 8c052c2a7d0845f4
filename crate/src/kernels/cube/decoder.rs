//! The operations of a decoder on the GPU.

use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{attention_cached_f32, gated_f32, rms_norm_f32, rope_f32};
use crate::kernels::{
    attention_cached_f32::Scores, decoder_ops::DecoderOps, gated_f32::Gate, rope_f32::Pairs,
};

impl DecoderOps for CubeBackend {
    fn rms_norm_f32(x: CubeTensor, gamma: CubeTensor, epsilon: f32) -> CubeTensor {
        rms_norm_f32::rms_norm(x, gamma, epsilon)
    }

    fn rope_f32(x: CubeTensor, cos: CubeTensor, sin: CubeTensor, heads: usize, pairs: Pairs) -> CubeTensor {
        rope_f32::rope(x, cos, sin, heads, pairs)
    }

    fn gated_f32(gate: CubeTensor, up: CubeTensor, by: Gate) -> CubeTensor {
        gated_f32::gated(gate, up, by)
    }

    fn append_f32(
        keys: CubeTensor,
        values: CubeTensor,
        key: CubeTensor,
        value: CubeTensor,
        _: usize,
        position: usize,
    ) -> (CubeTensor, CubeTensor) {
        // Two dispatches: key and value may be one tensor, and a dispatch cannot bind one twice.
        (
            attention_cached_f32::append(keys, key, position),
            attention_cached_f32::append(values, value, position),
        )
    }

    fn attention_cached_f32(
        query: CubeTensor,
        key: CubeTensor,
        value: CubeTensor,
        shape: [usize; 2],
        position: usize,
        rules: Scores,
    ) -> CubeTensor {
        attention_cached_f32::attention(query, key, value, shape, position, rules)
    }
}
