//! The backend extension that brings the decoder's CPU kernels to Flex tensors.
//!
//! A Flex tensor is a view of a shared buffer: inputs are made contiguous first and read from their own offset.

use burn::{
    backend::{Backend, Flex, backend_extension, tensor::FloatTensor},
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    attention_cached_f32::Scores,
    cpu::{
        attention_cached_f32::{Group, Layout, attend_cached, scratch},
        pool::split,
        rms_norm_f32::rms_normalise,
        rope_f32::rotate,
        rows::{Rows, RowsMut, split_rows},
        strip_f32::STRIP,
    },
    flex::{contiguous, dims, gate_by, values, values_mut},
    gated_f32::Gate,
    rope_f32::Pairs,
};

/// The operations of a decoder, for the backends that have kernels of their own.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"))]
pub(crate) trait DecoderOps: Backend {
    /// See [`super::rms_norm_f32::rms_norm_f32`].
    fn rms_norm_f32(x: FloatTensor<Self>, gamma: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self>;

    /// See [`super::rope_f32::rope_f32`].
    fn rope_f32(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        heads: usize,
        pairs: Pairs,
    ) -> FloatTensor<Self>;

    /// See [`super::gated_f32::gated_f32`].
    fn gated_f32(gate: FloatTensor<Self>, up: FloatTensor<Self>, by: Gate) -> FloatTensor<Self>;

    /// See [`super::attention_cached_f32::CachedHeads::append`]: keys and values, first of the cache, then new.
    fn append_f32(
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        position: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`super::attention_cached_f32::attention_cached_f32`]; `shape` is key-value heads and their width.
    fn attention_cached_f32(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        shape: [usize; 2],
        position: usize,
        rules: Scores,
    ) -> FloatTensor<Self>;
}

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

impl DecoderOps for Flex {
    fn rms_norm_f32(x: FlexTensor, gamma: FlexTensor, epsilon: f32) -> FlexTensor {
        let (x, gamma) = (contiguous(x), contiguous(gamma));
        let [rows, width] = dims(&x);
        let mut y = vec![0.0; rows * width];
        split_rows(&mut y, width, 4 * rows * width, |first, y| {
            let x = values(&x)[first * width..].chunks_exact(width);
            for (row, out) in x.zip(y.chunks_exact_mut(width)) {
                rms_normalise(row, values(&gamma), epsilon, out);
            }
        });
        matrix(y, [rows, width])
    }

    fn rope_f32(x: FlexTensor, cos: FlexTensor, sin: FlexTensor, heads: usize, pairs: Pairs) -> FlexTensor {
        let (mut x, cos, sin) = (contiguous(x), contiguous(cos), contiguous(sin));
        let ([_, all], [_, half]) = (dims(&x), dims(&cos));
        let angles = values(&cos).chunks_exact(half).zip(values(&sin).chunks_exact(half));
        for (token, (cos, sin)) in values_mut(&mut x).chunks_exact_mut(all).zip(angles) {
            token.chunks_exact_mut(all / heads).for_each(|head| rotate(head, cos, sin, pairs));
        }
        x
    }

    fn gated_f32(gate: FlexTensor, up: FlexTensor, by: Gate) -> FlexTensor {
        let (mut gate, up) = (contiguous(gate), contiguous(up));
        gate_by(values_mut(&mut gate), values(&up), by);
        gate
    }

    fn append_f32(
        mut key_cache: FlexTensor,
        mut value_cache: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        heads: usize,
        position: usize,
    ) -> (FlexTensor, FlexTensor) {
        let (key, value) = (contiguous(key), contiguous(value));
        let [_, all] = dims(&key);
        let layout = Layout { capacity: dims(&key_cache)[1] * STRIP, width: all / heads };
        let rows = |x| values(x).chunks_exact(all).enumerate();
        let of = |head: usize, size: usize| head * size..(head + 1) * size;
        let (keys, values) = (values_mut(&mut key_cache), values_mut(&mut value_cache));
        for (token, row) in rows(&key) {
            for (head, key) in row.chunks_exact(layout.width).enumerate() {
                layout.write_key(&mut keys[of(head, layout.keys())], position + token, key);
            }
        }
        for (token, row) in rows(&value) {
            for (head, value) in row.chunks_exact(layout.width).enumerate() {
                layout.write_value(&mut values[of(head, layout.values())], position + token, value);
            }
        }
        (key_cache, value_cache)
    }

    fn attention_cached_f32(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        [heads, width]: [usize; 2],
        position: usize,
        rules: Scores,
    ) -> FlexTensor {
        let query = contiguous(query);
        let [tokens, all] = dims(&query);
        let (layout, group) = (Layout { capacity: dims(&key)[1] * STRIP, width }, all / (heads * width));
        let mut y = vec![0.0; tokens * all];
        let out = RowsMut::new(&mut y, all);
        // Query heads that are computed together: one token's share what they read.
        let together = if tokens == 1 { group } else { 1 };
        let cost = 2 * tokens * (position + tokens) * all;
        split(all / (together * width), cost, |parts| {
            let mut scores = scratch(together, tokens, position);
            for part in parts {
                let columns = part * together * width..(part + 1) * together * width;
                let head = part * together / group;
                let group = Group {
                    queries: Rows { data: &values(&query)[columns.start..], stride: all },
                    heads: together,
                    tokens,
                    position,
                    keys: &values(&key)[head * layout.keys()..][..layout.keys()],
                    values: &values(&value)[head * layout.values()..][..layout.values()],
                    layout,
                };
                // SAFETY: every part has columns of its own.
                let mut out = unsafe { out.part(0..tokens, columns) };
                attend_cached(&group, rules, &mut scores, &mut out);
            }
        });
        matrix(y, [tokens, all])
    }
}
